// @ts-check
// The collection's page: piles, and a table of their cards.

import { ask, listen, nameOf } from "./api.js";
import { belongsToField, counted, el, find, remember, remembered, when } from "./dom.js";
import { cardDialog } from "./editor.js";
import { written } from "./money.js";
import { refreshPiles, whenPiles } from "./piles.js";
import { attempt, complain, say, takeBack } from "./status.js";
import { matching, rowsOf, sorted, sums } from "./table.js";

/** @typedef {import("./api.js").Entry} Entry */
/** @typedef {import("./api.js").Pile} Pile */
/** @typedef {import("./table.js").Row} Row */
/** @typedef {import("./table.js").Column} Column */

/** Rows that are shown at first, and at each press of "more". */
const PAGE = 200;

/** @type {[Column, string][]} */
const COLUMNS = [
  ["quantity", "Number"],
  ["name", "Name"],
  ["label", "Printing"],
  ["finish", "Finish"],
  ["condition", "Condition"],
  ["lang", "Language"],
  ["pile", "Pile"],
  ["price", "Price"],
  ["total", "Sum"],
];

/** @type {Pile[]} */
let piles = [];
/** @type {string|null} */
let pricesOf = null;
/** @type {number|null} */
let pile = Number(remembered("collection-pile")) || null;
/** @type {Entry[]} */
let entries = [];
/** @type {[Column, boolean]|null} */
let order = null;
let rowsShown = PAGE;
let loaded = false;
/** @type {Set<number>} */
let picked = new Set();
/** @type {Set<string>} */
const opened = new Set();

const status = find("#status-filter", HTMLSelectElement);
const filter = find("#filter", HTMLInputElement);
const currency = find("#currency", HTMLSelectElement);
const moveTo = find("#move-to", HTMLSelectElement);
const dialog = find("#pile-dialog", HTMLDialogElement);
const form = find("#pile-form", HTMLFormElement);
const openCard = cardDialog((entry) => {
  replaceEntry(entry);
  if (entry.status !== "review") say(`${nameOf(entry)} is changed.`, () => void undo());
});

/** The words of the codes, as the page's choices have them. @type {Record<string, string>} */
const words = Object.fromEntries(
  [...document.querySelectorAll("#pile-form option")].map((option) => [
    /** @type {HTMLOptionElement} */ (option).value,
    option.textContent ?? "",
  ]),
);
const grades = [...find("[name=condition]", HTMLSelectElement, form).options].map((one) => one.value);
const spelled = (/** @type {string} */ code) => words[code] ?? code;
const money = (/** @type {number|null} */ sum) => written(sum, currencyNow());
const currencyNow = () => /** @type {import("./money.js").Currency} */ (currency.value);

// ---- What is shown

function visible() {
  const rows = rowsOf(entries, currencyNow());
  const found = matching(rows, filter.value, spelled);
  return order ? sorted(found, ...order, { condition: grades, pile: piles.map((one) => String(one.id)) }) : found;
}

/** Show the table anew; what had the focus has it again. */
function render() {
  const focused = document.activeElement?.getAttribute("data-focus");
  const rows = visible();
  const inCollection = status.value === "collection";
  renderHeads(rows, inCollection);
  find("#rows", HTMLElement).replaceChildren(
    ...rows.slice(0, rowsShown).flatMap((row) => rowElements(row, inCollection)),
  );
  const all = sums(rows);
  const foot = find("#foot", HTMLElement);
  foot.hidden = !inCollection || !rows.length;
  foot.replaceChildren(
    el(
      "tr",
      {},
      el("td", {}),
      el("td", { class: "number" }, String(all.cards)),
      el("th", { scope: "row" }, filter.value ? "of these together" : "together"),
      el("td", { class: "wide", colspan: pile === null ? "6" : "5" }),
      el("td", { class: "number" }, money(all.prices[currencyNow()])),
    ),
  );
  find("#shown", HTMLElement).textContent = filter.value
    ? `${counted(rows.length, "line")} with “${filter.value}”.`
    : "";
  find("#table-frame", HTMLElement).hidden = !rows.length;
  const more = find("#more", HTMLElement);
  more.hidden = rows.length <= rowsShown;
  more.textContent = `Show more (${rows.length - rowsShown} lines are left)`;
  renderEmpty(rows.length === 0);
  renderPicked();
  if (focused) {
    const again = document.querySelector(`[data-focus="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
  }
}

/** @param {boolean} empty */
function renderEmpty(empty) {
  const place = find("#empty", HTMLElement);
  place.hidden = !empty || !loaded;
  if (!empty) return;
  const hint = filter.value
    ? [el("p", {}, "No card here has these words in it.")]
    : status.value === "collection"
      ? [
          el("p", {}, "There are no cards here yet."),
          el(
            "p",
            { class: "row" },
            el("a", { class: "button main", href: "/camera" }, "Hold cards before the camera"),
            el("a", { class: "button", href: "/photos" }, "Add photos"),
          ),
        ]
      : [el("p", {}, status.value === "review" ? "Nothing waits for a review." : "No card was skipped.")];
  place.replaceChildren(...hint);
}

/**
 * @param {Row[]} rows
 * @param {boolean} inCollection
 */
function renderHeads(rows, inCollection) {
  const ids = rows.flatMap((row) => row.entries.map((entry) => entry.id));
  const some = ids.some((id) => picked.has(id));
  const every = ids.length > 0 && ids.every((id) => picked.has(id));
  const box = el("input", {
    ...{ type: "checkbox", "aria-label": "Pick all lines", "data-focus": "all", checked: every },
    onchange: () => {
      for (const id of ids) every ? picked.delete(id) : picked.add(id);
      render();
    },
  });
  box.indeterminate = some && !every;
  const head = ([column, title] = COLUMNS[0]) => {
    const now = order?.[0] === column ? (order[1] ? "descending" : "ascending") : null;
    const sort = () => {
      order = now === null ? [column, false] : now === "ascending" ? [column, true] : null;
      render();
    };
    const arrow = el("span", { "aria-hidden": "true" }, now === null ? "" : now === "ascending" ? " ↑" : " ↓");
    return el(
      "th",
      { scope: "col", class: classOf(column), "aria-sort": now },
      el("button", { type: "button", onclick: sort, "data-focus": `sort ${column}` }, title, arrow),
    );
  };
  const columns = COLUMNS.filter(([column]) => column !== "pile" || pile === null);
  const others = ["Name", "Printing", "Why"].map((title) => el("th", { scope: "col" }, title));
  find("#heads", HTMLElement).replaceChildren(
    el("tr", {}, el("td", { class: "pick" }, box), ...(inCollection ? columns.map(head) : others)),
  );
}

/** @param {Column} column */
function classOf(column) {
  const number = ["quantity", "price", "total"].includes(column) ? "number" : "";
  return `${number} ${["quantity", "name", "total"].includes(column) ? "" : "wide"}`.trim() || null;
}

/**
 * @param {Row} row
 * @param {boolean} inCollection
 */
function rowElements(row, inCollection) {
  const [entry] = row.entries;
  const { card } = entry;
  const open = opened.has(row.key);
  const ids = row.entries.map((one) => one.id);
  const box = el("input", {
    ...{ type: "checkbox", "aria-label": `Pick ${row.name} ${row.label}`, "data-focus": `pick ${row.key}` },
    checked: ids.every((id) => picked.has(id)),
    onchange: () => {
      const every = ids.every((id) => picked.has(id));
      for (const id of ids) every ? picked.delete(id) : picked.add(id);
      render();
    },
  });
  const name = el(
    "button",
    {
      ...{ type: "button", class: "link name", "data-focus": `name ${row.key}` },
      onclick: () => openCard(entry),
    },
    row.name || "No name was found",
  );
  if (!inCollection || !card) {
    const why = entry.status === "review" ? entry.reason : "skipped by you";
    return [
      el(
        "tr",
        {},
        el("td", { class: "pick" }, box),
        el("th", { scope: "row" }, name, el("span", { class: "under soft" }, entry.photo)),
        el("td", { class: "line" }, row.label),
        el("td", {}, why),
      ),
    ];
  }
  const several = row.entries.length > 1;
  const expand = () => {
    open ? opened.delete(row.key) : opened.add(row.key);
    render();
  };
  const number = several
    ? el(
        "button",
        {
          ...{ type: "button", class: "quiet", "aria-expanded": String(open), onclick: expand },
          ...{ "data-focus": `open ${row.key}`, "aria-label": `${row.quantity}, show each of them` },
        },
        `${row.quantity} `,
        el("span", { "aria-hidden": "true" }, open ? "▾" : "▸"),
      )
    : quantityField(entry);
  const details = [card.finish, spelled(card.condition), spelled(card.lang)];
  const of = pile === null ? (piles.find((one) => one.id === entry.pile)?.name ?? "") : null;
  if (of) details.push(of);
  const main = el(
    "tr",
    { "data-row": row.key },
    el("td", { class: "pick" }, box),
    el("td", { class: "number" }, number),
    el(
      "th",
      { scope: "row" },
      name,
      el("span", { class: "under soft narrow-only" }, el("span", { class: "line" }, row.label), ` ${details.join(" · ")}`),
    ),
    el("td", { class: "wide line", title: card.set_name }, row.label),
    el("td", { class: "wide" }, card.finish),
    el("td", { class: "wide" }, spelled(card.condition)),
    el("td", { class: "wide" }, spelled(card.lang)),
    of === null ? null : el("td", { class: "wide pile-name", title: of }, of),
    el("td", { class: "wide number" }, money(row.price)),
    el("td", { class: "number" }, money(row.total)),
  );
  return [main, ...(several && open ? row.entries.map((one) => singleElement(one)) : [])];
}

/** @param {Entry} entry */
function singleElement(entry) {
  const where = entry.photo === "camera" ? "camera" : `${entry.photo}, card ${entry.index}`;
  const box = el("input", {
    ...{ type: "checkbox", "aria-label": `Pick the one of ${where}`, "data-focus": `pick ${entry.id}` },
    checked: picked.has(entry.id),
    onchange: () => {
      picked.has(entry.id) ? picked.delete(entry.id) : picked.add(entry.id);
      render();
    },
  });
  const open = () => openCard(entry);
  return el(
    "tr",
    { class: "single" },
    el("td", { class: "pick" }, box),
    el("td", { class: "number" }, quantityField(entry)),
    el(
      "td",
      { colspan: "8" },
      el("button", { type: "button", class: "link", "data-focus": `one ${entry.id}`, onclick: open }, where),
      el("span", { class: "soft" }, ` ${when(entry)}`),
    ),
  );
}

/** @param {Entry} entry */
function quantityField(entry) {
  const now = String(entry.card?.quantity ?? 1);
  const field = el("input", {
    ...{ type: "number", min: "1", max: "999999", value: now, inputmode: "numeric", required: true },
    ...{ "aria-label": `Number of ${nameOf(entry)}`, "data-focus": `quantity ${entry.id}` },
    onchange: async () => {
      if (!field.reportValidity()) return;
      const after = await attempt(() =>
        ask("POST", `/api/entries/${entry.id}/answer`, {
          ...{ scryfall_id: null, finish: "", condition: "", lang: "", ...entry.answer },
          ...{ skip: false, quantity: field.valueAsNumber },
        }),
      );
      if (after === null) field.value = now;
      else {
        replaceEntry(after);
        say(`${nameOf(after)}: ${after.card?.quantity ?? 1} now.`, () => void undo());
      }
    },
  });
  return field;
}

function renderPicked() {
  const bar = find("#picked", HTMLElement);
  bar.hidden = picked.size === 0;
  find("#picked-count", HTMLElement).textContent = `${picked.size} picked`;
}

function renderPiles() {
  const item = (
    /** @type {number|null} */ id,
    /** @type {string} */ name,
    /** @type {number} */ cards,
    /** @type {number} */ review,
    /** @type {string} */ price,
  ) =>
    el(
      "li",
      {},
      el(
        "button",
        {
          ...{ type: "button", "aria-current": id === pile ? "true" : null, "data-focus": `pile ${id}` },
          onclick: () => choosePile(id),
        },
        el("span", { class: "name" }, name),
        el("span", { class: "soft" }, `${counted(cards, "card")} · ${price}`),
        review ? el("span", { class: "tag" }, `${review} to review`) : null,
      ),
    );
  const price = (/** @type {Pile} */ one) => {
    const said = one.prices[currencyNow()];
    return money(said === null ? null : Math.round(100 * Number(said)));
  };
  const focused = document.activeElement?.getAttribute("data-focus");
  const total = piles.reduce((sum, one) => sum + Math.round(100 * Number(one.prices[currencyNow()] ?? 0)), 0);
  const count = (/** @type {(one: Pile) => number} */ of) => piles.reduce((sum, one) => sum + of(one), 0);
  find("#piles", HTMLElement).replaceChildren(
    ...(piles.length > 1
      ? [item(null, "All piles", count((one) => one.cards), count((one) => one.review), money(total))]
      : []),
    ...piles.map((one) => item(one.id, one.name, one.cards, one.review, price(one))),
  );
  if (focused?.startsWith("pile ")) {
    const again = document.querySelector(`[data-focus="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
  }
  const here = piles.find((one) => one.id === pile);
  find("#pile-title", HTMLElement).textContent = here?.name ?? "All piles";
  find("#pile-settings", HTMLElement).hidden = here === undefined;
  const shown = here ? [here] : piles;
  const parts = [counted(shown.reduce((sum, one) => sum + one.cards, 0), "card")];
  for (const one of /** @type {const} */ (["usd", "eur", "tix"])) {
    const said = shown.map((each) => each.prices[one]).filter((each) => each !== null);
    if (said.length) parts.push(written(said.reduce((sum, each) => sum + Math.round(100 * Number(each)), 0), one));
  }
  const date = pricesOf
    ? `Prices of ${new Date(pricesOf).toLocaleDateString(undefined, { dateStyle: "long" })}`
    : "The database has no prices: mtg-db update brings them";
  find("#pile-sum", HTMLElement).textContent = `${parts.join(" · ")}. ${date}.`;
  find("#export-pile", HTMLInputElement).value = pile === null ? "" : String(pile);
  find("#export-pile", HTMLInputElement).disabled = pile === null;
  const before = moveTo.value;
  moveTo.replaceChildren(
    ...piles.filter((one) => one.id !== pile).map((one) => el("option", { value: one.id }, one.name)),
  );
  if (before && [...moveTo.options].some((one) => one.value === before)) moveTo.value = before;
  find("#move", HTMLButtonElement).disabled = moveTo.options.length === 0;
}

// ---- What is done

/** @param {number|null} id */
function choosePile(id) {
  pile = id;
  remember("collection-pile", String(id ?? ""));
  picked = new Set();
  rowsShown = PAGE;
  renderPiles();
  void load();
}

async function load() {
  const of = pile === null ? "" : `&pile=${pile}`;
  const answer = await attempt(() => ask("GET", `/api/entries?status=${status.value}${of}`));
  if (answer === null) return;
  entries = answer.entries;
  loaded = true;
  const there = new Set(entries.map((entry) => entry.id));
  picked = new Set([...picked].filter((id) => there.has(id)));
  render();
}

/**
 * An entry is as this one now: here, or no longer here.
 *
 * @param {Entry} entry
 */
function replaceEntry(entry) {
  const here = entry.status === status.value && (pile === null || pile === entry.pile);
  const at = entries.findIndex((one) => one.id === entry.id);
  if (at >= 0 && here) entries[at] = entry;
  else if (at >= 0) entries.splice(at, 1);
  else if (here) entries = [...entries, entry].sort((one, other) => one.id - other.id);
  if (!here) picked.delete(entry.id);
  refreshPiles();
  render();
}

/** @param {number} id */
function dropEntry(id) {
  entries = entries.filter((one) => one.id !== id);
  picked.delete(id);
  refreshPiles();
  render();
}

/** How many steps the last action was. */
let steps = 1;

async function undo() {
  await takeBack(steps);
  steps = 1;
  await load();
}

/**
 * Do something with each picked card.
 *
 * @param {(id: number) => Promise<unknown>} action
 * @param {string} done What is said of it afterwards.
 */
async function withPicked(action, done) {
  const ids = [...picked];
  let count = 0;
  /** @type {unknown} */
  let failed = null;
  for (const id of ids) {
    try {
      await action(id);
      count += 1;
    } catch (error) {
      failed = error;
      break;
    }
  }
  picked = new Set(ids.slice(count));
  steps = Math.max(1, count);
  await load();
  refreshPiles();
  if (failed) complain(failed);
  else say(`${count} ${count === 1 ? "card is" : "cards are"} ${done}.`, () => void undo());
  filter.focus();
}

find("#move", HTMLButtonElement).addEventListener("click", () => {
  const to = Number(moveTo.value);
  const name = moveTo.selectedOptions[0]?.textContent ?? "";
  void withPicked((id) => ask("POST", `/api/entries/${id}/move`, { pile: to }), `in ${name} now`);
});
find("#remove", HTMLButtonElement).addEventListener("click", () => {
  void withPicked((id) => ask("DELETE", `/api/entries/${id}`), "removed");
});
find("#unpick", HTMLButtonElement).addEventListener("click", () => {
  picked = new Set();
  render();
});
find("#undo", HTMLButtonElement).addEventListener("click", () => void undo());
find("#more", HTMLButtonElement).addEventListener("click", () => {
  rowsShown += PAGE;
  render();
});
filter.addEventListener("input", () => {
  rowsShown = PAGE;
  render();
});
status.addEventListener("change", () => {
  picked = new Set();
  void load();
});
currency.addEventListener("change", () => {
  remember("currency", currency.value);
  renderPiles();
  render();
});
document.addEventListener("keydown", (event) => {
  if (belongsToField(event) || dialog.open) return;
  if (event.key.toLowerCase() === "z") void undo();
  else if (event.key === "/") filter.focus();
  else return;
  event.preventDefault();
});

// ---- Piles

find("#new-pile", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = find("#new-pile input", HTMLInputElement);
  const made = await attempt(() => ask("POST", "/api/piles", { name: field.value.trim() }));
  if (made === null) return;
  field.value = "";
  say(`The pile ${made.name} is there. The camera's page can put cards into it.`);
  refreshPiles();
  choosePile(made.id);
});
find("#pile-settings", HTMLButtonElement).addEventListener("click", () => {
  const here = piles.find((one) => one.id === pile);
  if (!here) return;
  for (const name of /** @type {const} */ (["name", "finish", "condition", "lang"])) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = here[name];
  }
  dialog.showModal();
});
find("#pile-cancel", HTMLButtonElement).addEventListener("click", () => dialog.close());
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const after = await attempt(() =>
    ask("PATCH", `/api/piles/${pile}`, Object.fromEntries(new FormData(form))),
  );
  if (after === null) return;
  dialog.close();
  say(`The pile ${after.name} is saved.`);
  refreshPiles();
  void load();
});
find("#pile-remove", HTMLButtonElement).addEventListener("click", async () => {
  const name = find("#pile-title", HTMLElement).textContent;
  const gone = await attempt(async () => (await ask("DELETE", `/api/piles/${pile}`), true));
  if (gone === null) return;
  dialog.close();
  say(`The pile ${name} is removed.`);
  pile = null;
  refreshPiles();
  choosePile(null);
});

// ---- Beginning

const saved = remembered("currency");
if (saved) currency.value = saved;
whenPiles((all, date) => {
  [piles, pricesOf] = [all, date];
  // One pile needs no sum over all piles.
  if (piles.length === 1 || (pile !== null && !piles.some((one) => one.id === pile))) {
    const before = pile;
    pile = piles.length === 1 ? piles[0].id : null;
    if (before !== pile && loaded) void load();
  }
  renderPiles();
  if (!loaded) void load();
});
listen(
  (kind, entry) => {
    if (kind === "undone") dropEntry(entry.id);
    else replaceEntry(entry);
  },
  () => void load(),
);
