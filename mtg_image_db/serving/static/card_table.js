// @ts-check
// The collection's table on the page: its lines, and which of them are picked and opened.

import { nameOf, sentence } from "./api.js";
import { el, find, keepingFocus, when } from "./dom.js";
import { written } from "./money.js";
import { sums } from "./table.js";

/** @typedef {import("./api.js").Entry} Entry */
/** @typedef {import("./table.js").Row} Row */
/** @typedef {import("./table.js").Column} Column */

/** Lines that are shown at first, and at each press of "more". */
const PAGE = 200;

/** @type {[Column, string][]} */
const COLUMNS = [
  ["quantity", "Copies"],
  ["name", "Name"],
  ["label", "Printing"],
  ["finish", "Finish"],
  ["condition", "Condition"],
  ["lang", "Language"],
  ["pile", "Pile"],
  ["price", "Price"],
  ["total", "Sum"],
];

/** Columns that a narrow screen shows; it has the others under the name. */
const NARROW = ["quantity", "name", "total"];
const NUMBERS = ["quantity", "price", "total"];

/**
 * What the table shows.
 * @typedef {object} Shown
 * @property {Row[]} rows
 * @property {"collection"|"review"|"skipped"} status
 * @property {import("./money.js").Currency} currency
 * @property {((pile: number) => string)|null} pileName null if all are of one pile.
 * @property {(code: string) => string} spelled The words of a code.
 * @property {boolean} filtered
 */

export class CardTable {
  /**
   * @param {() => void} changed Called when the table has to be shown anew.
   * @param {(entry: Entry) => void} opened Called when a card is opened.
   * @param {(entry: Entry, quantity: number) => Promise<boolean>} counted Called for a new quantity;
   *   false if that failed.
   */
  constructor(changed, opened, counted) {
    this.changed = changed;
    this.opened = opened;
    this.counted = counted;
    /** @type {[Column, boolean]|null} */
    this.order = null;
    /** @type {Set<number>} */
    this.picked = new Set();
    /** Lines whose cards are shown one by one. @type {Set<string>} */
    this.spread = new Set();
    this.limit = PAGE;
    find("#more", HTMLElement).addEventListener("click", () => {
      this.limit += PAGE;
      changed();
    });
  }

  /** Other cards are shown. */
  restart() {
    this.picked.clear();
    this.limit = PAGE;
  }

  /** @param {Shown} shown */
  render(shown) {
    const { rows } = shown;
    const frame = find("#table-frame", HTMLElement);
    frame.hidden = !rows.length;
    keepingFocus(frame, () => {
      find("#heads", HTMLElement).replaceChildren(this.head(shown));
      find("#rows", HTMLElement).replaceChildren(
        ...rows.slice(0, this.limit).flatMap((row) => this.lines(row, shown)),
      );
      find("#foot", HTMLElement).replaceChildren(
        ...(shown.status === "collection" ? [this.foot(shown)] : []),
      );
    });
    const more = find("#more", HTMLElement);
    more.hidden = rows.length <= this.limit;
    more.textContent = `Show more (${rows.length - this.limit} lines are left)`;
    find("#picked", HTMLElement).hidden = this.picked.size === 0;
    find("#picked-count", HTMLElement).textContent = `${this.picked.size} picked`;
  }

  /**
   * A box that picks entries.
   *
   * @param {number[]} ids
   * @param {string} words
   * @param {string} key
   */
  box(ids, words, key) {
    const every = ids.length > 0 && ids.every((id) => this.picked.has(id));
    const box = el("input", {
      ...{ type: "checkbox", "aria-label": words, "data-focus": `pick ${key}`, checked: every },
      onchange: () => {
        for (const id of ids) {
          if (every) this.picked.delete(id);
          else this.picked.add(id);
        }
        this.changed();
      },
    });
    box.indeterminate = !every && ids.some((id) => this.picked.has(id));
    return el("td", { class: "pick" }, box);
  }

  /** @param {Shown} shown */
  head({ rows, status, pileName }) {
    const ids = rows.flatMap((row) => row.entries.map((entry) => entry.id));
    const box = this.box(ids, "Pick all lines", "all");
    if (status !== "collection") {
      const titles = ["Name", "Printing", "Why"];
      return el("tr", {}, box, ...titles.map((title) => el("th", { scope: "col" }, title)));
    }
    const columns = COLUMNS.filter(([column]) => column !== "pile" || pileName !== null);
    return el("tr", {}, box, ...columns.map(([column, title]) => this.headOf(column, title)));
  }

  /**
   * @param {Column} column
   * @param {string} title
   */
  headOf(column, title) {
    const down = this.order?.[0] === column ? this.order[1] : null;
    const now = down === null ? null : down ? "descending" : "ascending";
    const sort = () => {
      // Up, down, and again as they were taken.
      this.order = down === null ? [column, false] : down ? null : [column, true];
      this.changed();
    };
    const arrow = el("span", { "aria-hidden": "true" }, down === null ? "" : down ? " ↓" : " ↑");
    return el(
      "th",
      { scope: "col", class: classOf(column), "aria-sort": now },
      el("button", { type: "button", onclick: sort, "data-focus": `sort ${column}` }, title, arrow),
    );
  }

  /**
   * @param {Row} row
   * @param {Shown} shown
   */
  lines(row, { status, currency, pileName, spelled }) {
    const [entry] = row.entries;
    const { card } = entry;
    const ids = row.entries.map((one) => one.id);
    const box = this.box(ids, `Pick ${row.name} ${row.label}`, row.key);
    const name = el(
      "button",
      {
        ...{ type: "button", class: "link name", "data-focus": `name ${row.key}` },
        onclick: () => this.opened(entry),
      },
      row.name,
    );
    if (status !== "collection" || !card) {
      const why = entry.status === "review" ? sentence(entry.reason) : "You skipped it.";
      const photo = el("span", { class: "under soft" }, entry.photo);
      const cells = [
        el("th", { scope: "row" }, name, photo),
        el("td", { class: "line" }, row.label),
      ];
      return [el("tr", {}, box, ...cells, el("td", {}, why))];
    }
    const several = row.entries.length > 1;
    const details = [card.finish, spelled(card.condition), spelled(card.lang)];
    const of = pileName && pileName(entry.pile);
    const under = [...details, ...(of ? [of] : [])].join(" · ");
    const line = el(
      "tr",
      {},
      box,
      el("td", { class: "number" }, several ? this.spreader(row) : this.quantity(entry)),
      el(
        "th",
        { scope: "row" },
        name,
        el(
          "span",
          { class: "under soft narrow-only" },
          el("span", { class: "line" }, row.label),
          ` ${under}`,
        ),
      ),
      el("td", { class: "wide line", title: card.set_name }, row.label),
      ...details.map((text) => el("td", { class: "wide" }, text)),
      of === null ? null : el("td", { class: "wide pile-name", title: of }, of),
      el("td", { class: "wide number" }, written(row.price, currency)),
      el("td", { class: "number" }, written(row.total, currency)),
    );
    const spread = several && this.spread.has(row.key);
    return [line, ...(spread ? row.entries.map((one) => this.single(one)) : [])];
  }

  /**
   * The number of several equal cards, which shows them one by one.
   *
   * @param {Row} row
   */
  spreader(row) {
    const open = this.spread.has(row.key);
    return el(
      "button",
      {
        ...{ type: "button", class: "quiet", "aria-expanded": String(open) },
        ...{
          "data-focus": `open ${row.key}`,
          "aria-label": `${row.quantity}, show them one by one`,
        },
        onclick: () => {
          if (open) this.spread.delete(row.key);
          else this.spread.add(row.key);
          this.changed();
        },
      },
      `${row.quantity} `,
      el("span", { "aria-hidden": "true" }, open ? "▾" : "▸"),
    );
  }

  /**
   * One of several equal cards.
   *
   * @param {Entry} entry
   */
  single(entry) {
    const where = entry.photo === "camera" ? "camera" : `${entry.photo}, card ${entry.index}`;
    const button = el(
      "button",
      {
        ...{ type: "button", class: "link", "data-focus": `one ${entry.id}` },
        onclick: () => this.opened(entry),
      },
      where,
    );
    return el(
      "tr",
      { class: "single" },
      this.box([entry.id], `Pick the one of ${where}`, String(entry.id)),
      el("td", { class: "number" }, this.quantity(entry)),
      el(
        "td",
        { colspan: COLUMNS.length - 1 },
        button,
        el("span", { class: "soft" }, ` ${when(entry)}`),
      ),
    );
  }

  /** @param {Entry} entry */
  quantity(entry) {
    const now = String(entry.card?.quantity ?? 1);
    const field = el("input", {
      ...{
        type: "number",
        min: "1",
        max: "999999",
        value: now,
        inputmode: "numeric",
        required: true,
      },
      ...{ "aria-label": `Copies of ${nameOf(entry)}`, "data-focus": `quantity ${entry.id}` },
      onchange: async () => {
        if (!field.reportValidity()) return;
        if (!(await this.counted(entry, field.valueAsNumber))) field.value = now;
      },
    });
    return field;
  }

  /** @param {Shown} shown */
  foot({ rows, currency, pileName, filtered }) {
    const all = sums(rows);
    return el(
      "tr",
      {},
      el("td", {}),
      el("td", { class: "number" }, String(all.cards)),
      el("th", { scope: "row" }, filtered ? "of these together" : "together"),
      el("td", { class: "wide", colspan: COLUMNS.length - (pileName ? 3 : 4) }),
      el("td", { class: "number" }, written(all.prices[currency], currency)),
    );
  }
}

/** @param {Column} column */
function classOf(column) {
  const classes = [NUMBERS.includes(column) ? "number" : "", NARROW.includes(column) ? "" : "wide"];
  return classes.filter(Boolean).join(" ") || null;
}
