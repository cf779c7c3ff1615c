// @ts-check
// The cards that the camera took: the last one large, and the list of those before.

import { guessOf, listen, nameOf, sentence } from "./api.js";
import { cardPicture, el, find } from "./dom.js";
import { cardDialog } from "./editor.js";
import { refreshPiles } from "./piles.js";
import { load, takeBack } from "./status.js";

/** @typedef {import("./api.js").Entry} Entry */
/** @typedef {import("./api.js").LookCard} LookCard */

/** Cards in the list. */
const LISTED = 20;

const list = find("#taken-list", HTMLElement);
const heard = find("#heard", HTMLElement);
const panel = find("#last", HTMLElement);
const openCard = cardDialog(replaceEntry);

/** The pile whose cards are shown, once it is known. @type {number|undefined} */
let pile;
/** The last taken first. @type {Entry[]} */
let entries = [];
/** How often they have changed, but for loading them. */
let changes = 0;
/** A card that is in the picture, and not taken yet. @type {LookCard|null} */
let inSight = null;

/** @param {Entry} entry */
function stateOf(entry) {
  if (entry.status === "collection") return "Taken";
  return entry.status === "review" ? "Taken, to review" : "Skipped";
}

/** Show the card that counts now: one in the picture, or the last that was taken. */
function showLast() {
  const last = inSight === null ? entries[0] : undefined;
  const one = inSight ?? (last ? guessOf(last) : null);
  // A printing that needs a review is not said in large letters.
  const label = (inSight ?? last?.card)?.label ?? "";
  const state = inSight ? "In the picture" : last ? stateOf(last) : "Nothing taken yet";
  const name = one?.name ?? (last ? nameOf(last) : "");
  // It is asked for with each look; the picture would flicker.
  const key = [last?.id, state, name, label, one?.image].join(" ");
  if (panel.dataset.shown === key) return;
  panel.dataset.shown = key;
  if (inSight) heard.textContent = `In the picture: ${name}, ${label}`;
  panel.dataset.state = inSight ? "sight" : (last?.status ?? "");
  find("#last-state", HTMLElement).textContent = state;
  find("#last-name", HTMLElement).textContent = name;
  find("#last-label", HTMLElement).textContent = label;
  const picture = one ? [cardPicture(one.image, name)] : [];
  find("#last-picture", HTMLElement).replaceChildren(...picture);
  const card = last?.card;
  const more = card
    ? [card.set_name, card.finish, card.lang.toUpperCase()].join(" · ")
    : sentence(last?.reason ?? "");
  find("#last-more", HTMLElement).textContent = more;
}

function show() {
  entries.length = Math.min(entries.length, LISTED);
  const line = (/** @type {Entry} */ entry) =>
    el(
      "li",
      { class: entry.status },
      el(
        "button",
        { type: "button", onclick: () => openCard(entry) },
        el("span", { class: "name" }, nameOf(entry)),
        entry.status === "collection"
          ? el("span", { class: "line" }, entry.card?.label ?? "")
          : el("span", { class: "tag" }, entry.status === "review" ? "to review" : "skipped"),
      ),
    );
  list.replaceChildren(...entries.map(line));
  showLast();
}

/**
 * A look was answered.
 *
 * @param {Entry[]} taken
 * @param {LookCard|null} seen
 */
export function showTaken(taken, seen) {
  inSight = seen;
  addTaken(taken);
}

/** @param {Entry[]} taken */
export function addTaken(taken) {
  const fresh = taken.filter((entry) => !entries.some((one) => one.id === entry.id));
  if (fresh.length) {
    changes += 1;
    entries = [...fresh.reverse(), ...entries];
    const words = fresh.map((entry) => `${nameOf(entry)}, ${entry.card?.label ?? "to review"}`);
    heard.textContent = `Taken: ${words.join("; ")}`;
    refreshPiles();
    show();
  } else showLast();
}

/** @param {Entry} entry */
function replaceEntry(entry) {
  changes += 1;
  if (!entries.some((one) => one.id === entry.id)) return;
  entries = entries.map((one) => (one.id === entry.id ? entry : one));
  refreshPiles();
  show();
}

/** @param {Entry} entry */
function dropEntry(entry) {
  changes += 1;
  entries = entries.filter((one) => one.id !== entry.id);
  refreshPiles();
  show();
}

/**
 * Show the last cards of a pile.
 *
 * @param {number} [of] The one that was shown, if it is left out.
 */
export async function loadTaken(of = pile) {
  if (of === undefined) return;
  pile = of;
  const answer = await load(
    () => `/api/entries?pile=${of}&last=${LISTED}`,
    () => changes,
  );
  if (answer === null || pile !== of) return;
  entries = answer.entries;
  show();
}

/** Take back the last step. */
export async function undo() {
  inSight = null;
  if (await takeBack()) await loadTaken();
}

listen(
  (kind, entry) => {
    if (kind === "changed") replaceEntry(entry);
    else if (kind === "undone") dropEntry(entry);
  },
  () => {
    changes += 1;
    refreshPiles();
    void loadTaken();
  },
);
