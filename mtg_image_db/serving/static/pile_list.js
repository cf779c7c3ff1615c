// @ts-check
// The list of piles beside the collection's table: choosing one, and adding, naming, removing it.

import { ask } from "./api.js";
import { counted, el, find, keepingFocus, remember, remembered } from "./dom.js";
import { CURRENCIES, hundredths, total, written } from "./money.js";
import { refreshPiles, whenPiles } from "./piles.js";
import { attempt, say } from "./status.js";

/** @typedef {import("./api.js").Pile} Pile */
/** @typedef {import("./money.js").Currency} Currency */

const list = find("#piles", HTMLElement);
const title = find("#pile-title", HTMLElement);
/** The id of the pile that is always there. */
const FIRST = 1;

const settings = find("#pile-settings", HTMLButtonElement);
const dialog = find("#pile-dialog", HTMLDialogElement);
const form = find("#pile-form", HTMLFormElement);

export class PileList {
  /**
   * @param {() => void} chosen Called when another pile is chosen, and for the first.
   * @param {() => void} known Called whenever the piles may have changed.
   * @param {() => void} undo What takes back a removal.
   */
  constructor(chosen, known, undo) {
    this.chosen = chosen;
    this.undo = undo;
    /** @type {Pile[]} */
    this.piles = [];
    /** The day of the prices. @type {string|null} */
    this.pricesOf = null;
    /** The pile that is shown; null for all. @type {number|null|undefined} */
    this.pile = undefined;
    /** @type {Currency} */
    this.currency = "usd";
    whenPiles((piles, pricesOf) => {
      Object.assign(this, { piles, pricesOf });
      // One pile needs no sum over all piles.
      const wanted = this.pile === undefined ? Number(remembered("collection-pile")) : this.pile;
      const there = piles.some((pile) => pile.id === wanted);
      const pile = there ? wanted : piles.length === 1 ? piles[0].id : null;
      if (pile !== this.pile) this.choose(pile ?? null);
      else this.render();
      known();
    });
    settings.addEventListener("click", () => this.edit());
    form.addEventListener("submit", (event) => void this.save(event));
    find("#pile-cancel", HTMLElement).addEventListener("click", () => dialog.close());
    find("#pile-remove", HTMLElement).addEventListener("click", () => void this.remove());
    find("#new-pile", HTMLElement).addEventListener("submit", (event) => void this.add(event));
  }

  /** The name of a pile. @param {number} id */
  nameOf(id) {
    return this.piles.find((pile) => pile.id === id)?.name ?? "";
  }

  /** Whether cards of several piles are shown together. */
  get several() {
    return this.pile === null && this.piles.length > 1;
  }

  /** @param {number|null} pile */
  choose(pile) {
    this.pile = pile;
    remember("collection-pile", String(pile ?? ""));
    this.render();
    this.chosen();
  }

  render() {
    const { piles, currency } = this;
    if (!piles.length) return; // not known yet
    const priceOf = (/** @type {Pile[]} */ some, /** @type {Currency} */ one) =>
      total(some.map((pile) => hundredths(pile.prices[one])));
    const item = (
      /** @type {number|null} */ id,
      /** @type {string} */ name,
      /** @type {Pile[]} */ some,
    ) => {
      const sum = (/** @type {"cards"|"review"} */ what) =>
        some.reduce((all, pile) => all + pile[what], 0);
      const price = priceOf(some, currency);
      const worth = price === null ? "" : ` · ${written(price, currency)}`;
      return el(
        "li",
        {},
        el(
          "button",
          {
            ...{ type: "button", "aria-current": id === this.pile ? "true" : null },
            ...{ "data-focus": `pile ${id}`, onclick: () => this.choose(id) },
          },
          el("span", { class: "name" }, name),
          el("span", { class: "soft" }, `${counted(sum("cards"), "card")}${worth}`),
          sum("review") ? el("span", { class: "tag" }, `${sum("review")} to review`) : null,
        ),
      );
    };
    keepingFocus(list, () =>
      list.replaceChildren(
        ...(piles.length > 1 ? [item(null, "All piles", piles)] : []),
        ...piles.map((pile) => item(pile.id, pile.name, [pile])),
      ),
    );
    const here = piles.find((pile) => pile.id === this.pile);
    const shown = here ? [here] : piles;
    title.textContent = here?.name ?? "All piles";
    settings.hidden = here === undefined;
    const worth = CURRENCIES.map((one) => /** @type {const} */ ([priceOf(shown, one), one]))
      .filter(([sum]) => sum !== null)
      .map(([sum, one]) => written(sum, one));
    const cards = counted(
      shown.reduce((all, pile) => all + pile.cards, 0),
      "card",
    );
    const day = { dateStyle: /** @type {const} */ ("long") };
    const date = this.pricesOf
      ? `Prices of ${new Date(this.pricesOf).toLocaleDateString(undefined, day)}.`
      : "The database has no prices; mtg-db update brings them.";
    find("#pile-sum", HTMLElement).textContent = `${[cards, ...worth].join(" · ")}. ${date}`;
    const exported = find("#export-pile", HTMLInputElement);
    exported.value = String(this.pile ?? "");
    exported.disabled = this.pile === null;
  }

  /** @param {SubmitEvent} event */
  async add(event) {
    event.preventDefault();
    const field = find("#new-pile input", HTMLInputElement);
    const made = await attempt(() => ask("POST", "/api/piles", { name: field.value.trim() }));
    if (made === null) return;
    field.value = "";
    say(`The pile ${made.name} is there. The camera's page can put cards into it.`);
    this.piles.push(made);
    this.choose(made.id);
    refreshPiles();
  }

  edit() {
    const here = this.piles.find((pile) => pile.id === this.pile);
    if (!here) return;
    for (const name of /** @type {const} */ (["name", "finish", "condition", "lang"])) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement)
        field.value = here[name];
    }
    const removal = find("#pile-remove", HTMLElement);
    removal.hidden = here.id === FIRST;
    removal.textContent = here.entries
      ? `Remove this pile and its ${counted(here.entries, "card")}`
      : "Remove this pile";
    dialog.showModal();
  }

  /** @param {SubmitEvent} event */
  async save(event) {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(form));
    const after = await attempt(() => ask("PATCH", `/api/piles/${this.pile}`, said));
    if (after === null) return;
    dialog.close();
    say(`The pile ${after.name} is saved.`);
    refreshPiles();
    this.chosen(); // what holds for all of its cards may have changed them
  }

  async remove() {
    const name = title.textContent;
    const gone = await attempt(async () => {
      await ask("DELETE", `/api/piles/${this.pile}?with_cards=1`);
      return true;
    });
    if (gone === null) return;
    dialog.close();
    say(`The pile ${name} is removed.`, this.undo);
    this.piles = this.piles.filter((pile) => pile.id !== this.pile);
    this.choose(this.piles.length === 1 ? this.piles[0].id : null);
    refreshPiles();
  }
}
