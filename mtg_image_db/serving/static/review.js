// @ts-check
// The review: one card after the other, by keyboard, mouse or touch.

import { listen, nameOf, sentence } from "./api.js";
import { belongsToField, find } from "./dom.js";
import { CardEditor, outcome } from "./editor.js";
import { choosePile, refreshPiles, whenPiles } from "./piles.js";
import { load, say, takeBack } from "./status.js";

/** @typedef {import("./api.js").Entry} Entry */

const place = find("#place", HTMLElement);
const done = find("#done", HTMLElement);
const left = find("#left", HTMLElement);

/** @type {Entry[]} */
let queue = [];
let at = 0;
let answered = 0;
/** null for all piles; undefined until it is chosen. @type {number|null|undefined} */
let pile;
/** The entry that is shown. */
let shown = 0;
/** How often the queue has changed, but for loading it. */
let changes = 0;

const editor = new CardEditor(place, (entry) => {
  if (entry.status === "review") {
    queue = queue.map((one) => (one.id === entry.id ? entry : one));
    if (entry.id !== shown) return;
    editor.show(entry);
    say(`${nameOf(entry)} still needs an answer. ${sentence(entry.reason)}`);
    return;
  }
  changes += 1;
  // If the event came first, the next card has the focus already, or something a person chose since.
  const waited = queue.some((one) => one.id === entry.id);
  queue = queue.filter((one) => one.id !== entry.id);
  answered += 1;
  say(`${outcome(entry)} ${queue.length} left.`, () => void undo());
  refreshPiles();
  render(waited);
});

/** @param {boolean} focus Whether the card that is shown gets the focus. */
function render(focus) {
  at = Math.max(0, Math.min(at, queue.length - 1));
  const entry = queue[at];
  place.hidden = entry === undefined;
  done.hidden = entry !== undefined;
  left.textContent = entry ? `Card ${at + 1} of ${queue.length}` : "";
  for (const [id, step] of /** @type {const} */ ([
    ["#previous", -1],
    ["#next", 1],
  ])) {
    find(id, HTMLButtonElement).disabled = queue[at + step] === undefined;
  }
  find("#done-title", HTMLElement).textContent = answered ? "All reviewed" : "Nothing to review";
  if (entry && entry.id !== shown) editor.show(entry);
  shown = entry?.id ?? 0;
  if (focus) (entry ? editor : done).focus();
}

/** @param {number} step */
function go(step) {
  if (queue[at + step] === undefined) return;
  at += step;
  render(true);
}

async function undo() {
  const entry = await takeBack();
  if (entry) await reload(entry.id);
}

/**
 * Load the queue, and show one of its cards.
 *
 * @param {number} [wanted] The card that is shown then, if it is left out.
 */
async function reload(wanted) {
  if (pile === undefined) return;
  const of = () => (pile === null ? "" : `&pile=${pile}`);
  const answer = await load(
    () => `/api/entries?status=review${of()}`,
    () => changes,
  );
  if (answer === null) return;
  queue = answer.entries;
  const found = queue.findIndex((one) => one.id === (wanted ?? shown));
  if (found >= 0) at = found;
  render(false);
}

find("#previous", HTMLButtonElement).addEventListener("click", () => go(-1));
find("#next", HTMLButtonElement).addEventListener("click", () => go(1));
find("#undo", HTMLButtonElement).addEventListener("click", () => void undo());
document.addEventListener("keydown", (event) => {
  if (belongsToField(event) || editor.key(event)) return;
  if (event.key === "ArrowRight") go(1);
  else if (event.key === "ArrowLeft") go(-1);
  else if (event.key.toLowerCase() === "z") void undo();
  else return;
  event.preventDefault();
});

choosePile(
  find("#pile", HTMLSelectElement),
  (value) => {
    pile = value;
    changes += 1;
    void reload();
  },
  "All piles",
);
whenPiles((piles) => {
  find("#of", HTMLElement).hidden = piles.length < 2;
});
listen(
  (kind, entry) => {
    refreshPiles();
    changes += 1;
    if (pile === undefined) return;
    const waits = kind !== "undone" && entry.status === "review";
    const here = waits && (pile === null || pile === entry.pile);
    queue = [...queue.filter((one) => one.id !== entry.id), ...(here ? [entry] : [])];
    queue.sort((one, other) => one.id - other.id);
    const found = queue.findIndex((one) => one.id === shown);
    if (found >= 0) at = found;
    render(found < 0 && entry.id === shown && editor.busy);
  },
  () => {
    changes += 1;
    refreshPiles();
    void reload();
  },
);
