// @ts-check
// Sums of prices, in whole hundredths: sums of fractions would be off by cents.

/** @typedef {"usd"|"eur"|"tix"} Currency */

/** @type {readonly Currency[]} */
export const CURRENCIES = ["usd", "eur", "tix"];

/**
 * Hundredths of a price such as "0.25"; null if there is none.
 *
 * @param {string|null|undefined} price
 */
export function hundredths(price) {
  const value = price ? Number(price) : Number.NaN;
  return Number.isFinite(value) ? Math.round(100 * value) : null;
}

/**
 * The sum of those prices that are known; null if none is.
 *
 * @param {(number|null)[]} prices Hundredths.
 */
export function total(prices) {
  const known = prices.filter((price) => price !== null);
  return known.length ? known.reduce((sum, price) => sum + price, 0) : null;
}

/**
 * A sum as people write it; a dash for none.
 *
 * @param {number|null} sum Hundredths.
 * @param {Currency} currency
 * @param {string} [locale]
 */
export function written(sum, currency, locale) {
  if (sum === null) return "–";
  const value = sum / 100;
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  if (currency === "tix") return `${value.toLocaleString(locale, digits)} tix`;
  return value.toLocaleString(locale, { style: "currency", currency: currency.toUpperCase() });
}
