// @ts-check
// The piles of the collection: what they hold, and which one cards go into.

import { ask } from "./api.js";
import { el, find, remember, remembered } from "./dom.js";

/** @typedef {import("./api.js").Pile} Pile */

/** @type {((piles: Pile[], pricesOf: string|null) => void)[]} */
const listeners = [];
/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;

/**
 * Hear of the piles now, and whenever they may have changed.
 *
 * @param {(piles: Pile[], pricesOf: string|null) => void} listener
 */
export function whenPiles(listener) {
  listeners.push(listener);
  refreshPiles();
}

/** Ask for the piles: soon, and once for many calls. */
export function refreshPiles() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const answer = await ask("GET", "/api/piles").catch(() => null);
    if (answer !== null) for (const listener of listeners) listener(answer.piles, answer.prices_of);
  }, 50);
}

/**
 * Keep a choice of piles fresh. The last choice is remembered on this device.
 *
 * @param {HTMLSelectElement} select
 * @param {(pile: number|null) => void} changed Called for the first choice as well.
 * @param {string} [all] The word for all piles, if they can be chosen; that is null.
 */
export function choosePile(select, changed, all) {
  /** @type {number|null|undefined} */
  let told;
  const name = all === undefined ? "pile" : "pile-shown";
  const tell = () => {
    const value = select.value === "" ? null : Number(select.value);
    if (value !== told) changed(value);
    told = value;
  };
  select.addEventListener("change", () => {
    remember(name, select.value);
    tell();
  });
  whenPiles((piles) => {
    const before = select.options.length ? select.value : (remembered(name) ?? "");
    select.replaceChildren(
      ...(all === undefined ? [] : [el("option", { value: "" }, all)]),
      ...piles.map((pile) => el("option", { value: pile.id }, pile.name)),
    );
    select.value = before;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    tell();
  });
}

const reviewLink = find("#nav-review", HTMLAnchorElement);

whenPiles((piles) => {
  const waiting = piles.reduce((sum, pile) => sum + pile.review, 0);
  const words = el("span", { class: "unseen" }, " waiting");
  const badge = waiting ? el("span", { class: "badge" }, String(waiting), words) : null;
  reviewLink.replaceChildren("Review", ...(badge ? [" ", badge] : []));
});
