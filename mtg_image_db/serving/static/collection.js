// @ts-check
// The collection's page: piles, and a table of their cards.

import { answerEntry, ask, listen, nameOf } from "./api.js";
import { CardTable } from "./card_table.js";
import { belongsToField, counted, el, find, remember, remembered } from "./dom.js";
import { cardDialog } from "./editor.js";
import { PileList } from "./pile_list.js";
import { refreshPiles } from "./piles.js";
import { attempt, complain, load, say, takeBack } from "./status.js";
import { matching, rowsOf, sorted } from "./table.js";

/** @typedef {import("./api.js").Entry} Entry */

const status = find("#status-filter", HTMLSelectElement);
const filter = find("#filter", HTMLInputElement);
const currency = find("#currency", HTMLSelectElement);
const moveTo = find("#move-to", HTMLSelectElement);
const form = find("#pile-form", HTMLFormElement);

/** @type {Entry[]} */
let entries = [];
let loaded = false;
/** How often entries have changed, but for loading them; or which of them are wanted. */
let changes = 0;
/** Of how many steps the last action was. */
let steps = 1;

/** The words of codes, as the page's choices have them. @type {Map<string, string>} */
const words = new Map(
  [...form.querySelectorAll("option")].map((option) => [option.value, option.textContent ?? ""]),
);
const grades = [...find("[name=condition]", HTMLSelectElement, form).options].map(
  (one) => one.value,
);
const spelled = (/** @type {string} */ code) => words.get(code) ?? code;

const openCard = cardDialog((entry) => {
  steps = 1;
  replaceEntry(entry);
});
const table = new CardTable(render, openCard, setQuantity);
const piles = new PileList(
  () => {
    table.restart();
    changes += 1;
    void reload();
  },
  () => {
    const before = moveTo.value;
    const others = piles.piles.filter((pile) => pile.id !== piles.pile);
    moveTo.replaceChildren(...others.map((pile) => el("option", { value: pile.id }, pile.name)));
    if (others.some((pile) => String(pile.id) === before)) moveTo.value = before;
    find("#move", HTMLButtonElement).disabled = others.length === 0;
  },
  () => void undo(),
);

function render() {
  const money = /** @type {import("./money.js").Currency} */ (currency.value);
  const found = matching(rowsOf(entries, money), filter.value, spelled);
  const orders = { condition: grades, pile: piles.piles.map((pile) => String(pile.id)) };
  const rows = table.order ? sorted(found, ...table.order, orders) : found;
  table.render({
    ...{ rows, spelled, currency: money, filtered: filter.value.trim() !== "" },
    status: /** @type {Entry["status"]} */ (status.value),
    pileName: piles.several ? (id) => piles.nameOf(id) : null,
  });
  find("#shown", HTMLElement).textContent = filter.value
    ? `${counted(rows.length, "line")} with “${filter.value}”.`
    : "";
  const empty = find("#empty", HTMLElement);
  empty.hidden = rows.length > 0 || !loaded;
  if (!empty.hidden) empty.replaceChildren(...whyEmpty());
}

function whyEmpty() {
  if (filter.value) return [el("p", {}, "No card here has these words in it.")];
  if (status.value === "review") return [el("p", {}, "Nothing waits for a review.")];
  if (status.value === "skipped") return [el("p", {}, "No card was skipped.")];
  const camera = el("a", { class: "button main", href: "/camera" }, "Hold cards before the camera");
  const photos = el("a", { class: "button", href: "/photos" }, "Add photos");
  return [el("p", {}, "There are no cards here yet."), el("p", { class: "row" }, camera, photos)];
}

async function reload() {
  if (piles.pile === undefined) return; // not chosen yet
  const of = () => (piles.pile === null ? "" : `&pile=${piles.pile}`);
  const answer = await load(
    () => `/api/entries?status=${status.value}${of()}`,
    () => changes,
  );
  if (answer === null) return;
  entries = answer.entries;
  loaded = true;
  const there = new Set(entries.map((entry) => entry.id));
  for (const id of table.picked) if (!there.has(id)) table.picked.delete(id);
  render();
}

/**
 * An entry is as this one now: here, or no longer here.
 *
 * @param {Entry} entry
 */
function replaceEntry(entry) {
  changes += 1;
  const here = entry.status === status.value && (piles.pile === null || piles.pile === entry.pile);
  entries = entries.filter((one) => one.id !== entry.id);
  if (here) entries = [...entries, entry].sort((one, other) => one.id - other.id);
  else table.picked.delete(entry.id);
  refreshPiles();
  render();
}

/** @param {Entry} entry */
function dropEntry(entry) {
  changes += 1;
  entries = entries.filter((one) => one.id !== entry.id);
  table.picked.delete(entry.id);
  refreshPiles();
  render();
}

/**
 * @param {Entry} entry
 * @param {number} quantity
 */
async function setQuantity(entry, quantity) {
  const said = { scryfall_id: null, finish: "", condition: "", lang: "", ...entry.answer };
  const after = await attempt(() =>
    answerEntry(entry, { ...said, skip: false, quantity }),
  );
  if (after === null) return false;
  steps = 1;
  replaceEntry(after);
  say(`${nameOf(after)}: ${after.card?.quantity ?? quantity} now.`, () => void undo());
  return true;
}

async function undo() {
  await takeBack(steps);
  steps = 1;
  await reload();
}

/**
 * Do something with each picked card.
 *
 * @param {(id: number) => Promise<unknown>} action
 * @param {string} done What is said of it afterwards.
 */
async function withPicked(action, done) {
  const ids = [...table.picked];
  let count = 0;
  /** @type {unknown} */
  let failed = null;
  for (const id of ids) {
    try {
      await action(id);
      table.picked.delete(id);
      count += 1;
    } catch (error) {
      failed = error;
      break;
    }
  }
  steps = Math.max(1, count);
  await reload();
  refreshPiles();
  if (failed) complain(failed);
  else say(`${count} ${count === 1 ? "card is" : "cards are"} ${done}.`, () => void undo());
  filter.focus();
}

find("#move", HTMLElement).addEventListener("click", () => {
  const to = Number(moveTo.value);
  const move = (/** @type {number} */ id) => ask("POST", `/api/entries/${id}/move`, { pile: to });
  void withPicked(move, `in ${piles.nameOf(to)} now`);
});
find("#remove", HTMLElement).addEventListener("click", () => {
  void withPicked((id) => ask("DELETE", `/api/entries/${id}`), "removed");
});
find("#unpick", HTMLElement).addEventListener("click", () => {
  table.picked.clear();
  render();
});
find("#undo", HTMLElement).addEventListener("click", () => void undo());
filter.addEventListener("input", render);
status.addEventListener("change", () => {
  table.restart();
  changes += 1;
  void reload();
});
currency.addEventListener("change", () => {
  remember("currency", currency.value);
  showCurrency();
});
document.addEventListener("keydown", (event) => {
  if (belongsToField(event) || document.querySelector("dialog[open]")) return;
  if (event.key.toLowerCase() === "z") void undo();
  else if (event.key === "/") filter.focus();
  else return;
  event.preventDefault();
});

function showCurrency() {
  piles.currency = /** @type {import("./money.js").Currency} */ (currency.value);
  piles.render();
  render();
}

const saved = remembered("currency");
if (saved) currency.value = saved;
if (currency.selectedIndex < 0) currency.selectedIndex = 0;
showCurrency();
listen(
  (kind, entry) => (kind === "undone" ? dropEntry(entry) : replaceEntry(entry)),
  () => {
    changes += 1;
    refreshPiles();
    void reload();
  },
);
