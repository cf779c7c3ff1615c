// @ts-check
// The rows of the collection's table: equal cards together, found, sorted and summed. No page.

import { guessOf, nameOf } from "./api.js";
import { CURRENCIES, hundredths, total } from "./money.js";

/** @typedef {import("./api.js").Entry} Entry */
/** @typedef {import("./money.js").Currency} Currency */
/** @typedef {"quantity"|"name"|"label"|"finish"|"condition"|"lang"|"pile"|"price"|"total"} Column */

/**
 * Equal cards of one pile; of cards without a settled printing, one.
 * @typedef {object} Row
 * @property {string} key
 * @property {Entry[]} entries The last taken first.
 * @property {string} name
 * @property {string} label
 * @property {number} quantity
 * @property {number|null} price Hundredths, of one card.
 * @property {number|null} total
 */

/**
 * Rows, the last taken first.
 *
 * @param {Entry[]} entries In the order taken.
 * @param {Currency} currency
 * @returns {Row[]}
 */
export function rowsOf(entries, currency) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  for (const entry of [...entries].reverse()) {
    const { card } = entry;
    const key = card
      ? [entry.pile, card.scryfall_id, card.finish, card.condition, card.lang].join(" ")
      : `entry ${entry.id}`;
    const quantity = card?.quantity ?? 1;
    const row = rows.get(key);
    if (row) {
      row.entries.push(entry);
      row.quantity += quantity;
    } else {
      const price = hundredths(card?.prices[currency]);
      const [name, label] = [nameOf(entry), guessOf(entry)?.label ?? ""];
      rows.set(key, { key, entries: [entry], name, label, quantity, price, total: null });
    }
  }
  for (const row of rows.values()) {
    if (row.price !== null) row.total = row.price * row.quantity;
  }
  return [...rows.values()];
}

/**
 * The rows in which each word is found.
 *
 * @param {Row[]} rows
 * @param {string} text
 * @param {(code: string) => string} spelled The words of a code: "de" is German.
 */
export function matching(rows, text, spelled) {
  const words = plain(text).split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  return rows.filter(({ entries: [entry] }) => {
    const one = guessOf(entry);
    const texts = [
      one?.name,
      one?.printed_name,
      one?.label,
      one?.set_name,
      entry.photo,
      entry.reason,
    ];
    const { card } = entry;
    if (card) texts.push(card.finish, spelled(card.condition), spelled(card.lang));
    // "foil" must not find "nonfoil", so a word is looked for where words begin.
    const all = ` ${plain(texts.filter(Boolean).join(" "))}`;
    return words.every(
      (word) => all.includes(` ${word}`) || (word.length > 4 && all.includes(word)),
    );
  });
}

/** @param {string} text */
function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[-_/]/g, " ");
}

/** @type {Record<Column, (row: Row) => string|number|null>} */
const values = {
  quantity: (row) => row.quantity,
  name: (row) => row.name,
  label: (row) => row.label,
  finish: (row) => row.entries[0].card?.finish ?? "",
  condition: (row) => row.entries[0].card?.condition ?? "",
  lang: (row) => row.entries[0].card?.lang ?? "",
  pile: (row) => String(row.entries[0].pile),
  price: (row) => row.price,
  total: (row) => row.total,
};

/**
 * Sorted rows; those without a value come last in both directions.
 *
 * @param {Row[]} rows
 * @param {Column} column
 * @param {boolean} down
 * @param {Partial<Record<Column, readonly string[]>>} orders Of columns that are not sorted by their
 *   letters, the words in order.
 */
export function sorted(rows, column, down, orders) {
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const value = values[column];
  const listed = orders[column];
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    const by =
      typeof a === "number" && typeof b === "number"
        ? a - b
        : listed
          ? listed.indexOf(String(a)) - listed.indexOf(String(b))
          : order.compare(String(a), String(b));
    return down ? -by : by;
  });
}

/**
 * Cards, and what they cost together in each currency.
 *
 * @param {Row[]} rows
 */
export function sums(rows) {
  const cards = rows.reduce((sum, row) => sum + row.quantity, 0);
  const costs = (/** @type {Currency} */ currency) =>
    rows.map((row) => {
      const price = hundredths(row.entries[0].card?.prices[currency]);
      return price === null ? null : price * row.quantity;
    });
  const prices = CURRENCIES.map((currency) => [currency, total(costs(currency))]);
  return {
    cards,
    prices: /** @type {Record<Currency, number|null>} */ (Object.fromEntries(prices)),
  };
}
