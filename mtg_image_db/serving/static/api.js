// @ts-check
// The server's API, as /api/openapi.json describes it.

/**
 * @typedef {object} Printing
 * @property {string} scryfall_id
 * @property {string} face_id
 * @property {string} oracle_id
 * @property {string} name
 * @property {string} printed_name
 * @property {string} set
 * @property {string} set_name
 * @property {string} collector_number
 * @property {string} label Set and number: "FIC 230".
 * @property {string} lang
 * @property {string} released_at
 * @property {string[]} finishes
 */

/** @typedef {Record<import("./money.js").Currency, string|null>} Prices */
/** @typedef {{quantity: number, finish: string, condition: string, lang: string}} Copies */
/** @typedef {Printing & Copies & {prices: Prices, image: string|null}} Card */
/** @typedef {Printing & {image: string|null, probability?: number|null}} Candidate */
/** @typedef {Copies & {scryfall_id: string|null, skip: boolean}} Answer */
/** @typedef {[number, number][]} Quad Corners in pixels of the picture, from the card's top left. */

/**
 * A card that was seen.
 * @typedef {object} Entry
 * @property {number} id
 * @property {number} pile
 * @property {string} photo
 * @property {number} index
 * @property {string} taken
 * @property {"collection"|"review"|"skipped"} status
 * @property {"confident"|"likely"|"none"} verdict
 * @property {string} reason
 * @property {Card|null} card
 * @property {Candidate[]} candidates
 * @property {string} read
 * @property {Quad|null} quad
 * @property {string|null} picture
 * @property {string|null} strip
 * @property {Answer|null} answer
 */

/**
 * @typedef {object} LookCard
 * @property {Quad} quad
 * @property {string|null} name
 * @property {string|null} label
 * @property {string|null} image
 * @property {"seen"|"taken"|"held"} state
 */

/**
 * @typedef {object} Look
 * @property {[number, number]} size
 * @property {LookCard[]} cards
 * @property {Entry[]} taken
 * @property {boolean} more Whether another look may settle something, though nothing changes.
 */

/**
 * @typedef {object} Pile
 * @property {number} id
 * @property {string} name
 * @property {number} entries
 * @property {number} cards
 * @property {number} review
 * @property {Prices} prices
 * @property {string} finish
 * @property {string} condition
 * @property {string} lang
 */

/** What the server, or the way to it, says has gone wrong. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 if there was no answer.
   * @param {{message: string, details?: string, suggestion?: string}} said
   * @param {number} retryAfter Seconds; 0 if the server does not ask for a pause.
   */
  constructor(status, said, retryAfter = 0) {
    super(said.message);
    this.status = status;
    this.details = said.details ?? "";
    this.suggestion = said.suggestion ?? "";
    this.retryAfter = retryAfter;
  }

  /** All that it says, as one line. */
  get text() {
    const parts = [this.details ? `${this.message}: ${this.details}` : this.message];
    if (this.suggestion) parts.push(this.suggestion);
    return parts.map(sentence).join(" ");
  }
}

/**
 * A text as a sentence.
 *
 * @param {string} text
 */
export function sentence(text) {
  return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
}

/**
 * Ask the server.
 *
 * @param {string} method
 * @param {string} path
 * @param {Blob|object} [body] A picture, or what is sent as JSON.
 * @returns {Promise<any>} The answer's JSON; null if it is empty.
 * @throws {ApiError}
 */
export async function ask(method, path, body) {
  const binary = body instanceof Blob;
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: body === undefined ? undefined : binary ? body : JSON.stringify(body),
      headers: {
        ...(body === undefined
          ? {}
          : { "Content-Type": binary ? body.type || "image/jpeg" : "application/json" }),
      },
    });
  } catch {
    throw new ApiError(0, {
      message: "The server does not answer",
      suggestion: "Look whether mtg-db serve still runs on its computer.",
    });
  }
  const text = await answer.text().catch(() => "");
  /** @type {any} */
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    json = null;
  }
  if (answer.ok) return json;
  const said = json?.error ?? { message: `The server answered ${answer.status}` };
  throw new ApiError(answer.status, said, Number(answer.headers.get("Retry-After")) || 0);
}

/**
 * Ask for entries until none has changed meanwhile: what was on its way then may be older.
 *
 * @param {() => string} asked What to ask for.
 * @param {() => number} changes How many changes the page has made or heard of.
 * @throws {ApiError}
 */
export async function askUntilStill(asked, changes) {
  for (;;) {
    const before = changes();
    const answer = await ask("GET", asked());
    if (changes() === before) return answer;
  }
}

/**
 * Ask again after the pause that a busy server asks for.
 *
 * @template T
 * @param {() => Promise<T>} request
 * @returns {Promise<T>}
 */
export async function patiently(request) {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      await pause(1000 * (error.retryAfter || 1));
    }
  }
}

/**
 * Words for any error.
 *
 * @param {unknown} error
 */
export function reasonOf(error) {
  return error instanceof ApiError ? error.text : String(error);
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * What a card is, or most probably is; null if nothing resembles it enough to say so.
 *
 * @param {Entry} entry
 */
export function guessOf(entry) {
  return entry.card ?? (entry.verdict === "none" ? null : (entry.candidates[0] ?? null));
}

/**
 * The name by which an entry is called.
 *
 * @param {Entry} entry
 */
export function nameOf(entry) {
  return guessOf(entry)?.name ?? "A card without a name";
}

/**
 * What the events say of an entry while it is answered: null if it is no longer in the collection,
 * undefined as long as they say nothing.
 *
 * @type {Map<number, Entry|null|undefined>}
 */
const heard = new Map();

/**
 * Answer what a card is.
 *
 * @param {Entry} entry
 * @param {object} said
 * @returns {Promise<Entry>} The entry as it is now. What an event says of it meanwhile counts more
 *   than the server's answer, which may have been taken back by then.
 * @throws {ApiError}
 */
export async function answerEntry(entry, said) {
  heard.set(entry.id, undefined);
  try {
    const after = await ask("POST", `/api/entries/${entry.id}/answer`, said);
    const told = heard.get(entry.id);
    if (told === null) throw new ApiError(404, { message: "The card was taken out meanwhile" });
    return told ?? after;
  } finally {
    heard.delete(entry.id);
  }
}

/**
 * Hear of every change of the collection, by this page or another.
 *
 * After `undone` the entry is no longer in the collection; after the others it is as given.
 *
 * A browser has few connections to one server, so a page that nobody sees gives its own back, and
 * loads anew when it is seen again. It also loads anew when it begins to listen: what changed
 * before that, no event tells.
 *
 * @param {(kind: "taken"|"changed"|"undone", entry: Entry) => void} hear
 * @param {() => void} reload
 * @param {{always?: boolean}} [options] `always`: also while the page is not seen.
 */
export function listen(hear, reload, { always = false } = {}) {
  /** @type {EventSource|null} */
  let source = null;
  let missed = true;
  const open = () => {
    source = new EventSource("/api/events");
    for (const kind of /** @type {const} */ (["taken", "changed", "undone"])) {
      source.addEventListener(kind, (event) => {
        /** @type {Entry} */
        const entry = JSON.parse(event.data);
        if (heard.has(entry.id)) heard.set(entry.id, kind === "undone" ? null : entry);
        hear(kind, entry);
      });
    }
    source.onopen = () => {
      if (missed) reload();
      missed = false;
    };
    source.onerror = () => (missed = true);
  };
  const follow = () => {
    if (document.hidden && !always) {
      source?.close();
      source = null;
      missed = true;
    } else if (source === null) open();
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
