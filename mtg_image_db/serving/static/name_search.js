// @ts-check
// Finding a card by a few letters of its name.

import { ask } from "./api.js";
import { cardPicture, counted, el, find } from "./dom.js";
import { attempt } from "./status.js";

/** @typedef {{name: string, oracle_id: string, printings: number, image: string|null}} Name */

/** Milliseconds without a key after which a name is searched. */
const TYPING_MS = 150;

export class NameSearch {
  /**
   * @param {HTMLElement} root
   * @param {(found: Name) => void} picked
   * @param {() => void} left Called when the search is given up.
   */
  constructor(root, picked, left) {
    this.picked = picked;
    this.left = left;
    this.field = find("input", HTMLInputElement, root);
    this.told = find(".found", HTMLElement, root);
    this.list = find(".results", HTMLElement, root);
    /** The words whose names are listed. */
    this.words = "";
    /** @type {Name[]} */
    this.names = [];
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.typing = undefined;
    this.field.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => void this.look(), TYPING_MS);
    });
    root.addEventListener("keydown", (event) => this.key(event));
  }

  /**
   * Empty the field and the list.
   *
   * @param {string} [said] What is said instead.
   */
  clear(said = "") {
    clearTimeout(this.typing);
    this.field.value = "";
    this.show([], "", said);
  }

  /** Search what stands in the field. */
  async look() {
    clearTimeout(this.typing);
    const words = this.field.value.trim();
    if (!words) {
      this.show([], "", "");
      return;
    }
    const asked = `/api/cards/search?limit=20&q=${encodeURIComponent(words)}`;
    const answer = await attempt(() => ask("GET", asked));
    if (answer === null || this.field.value.trim() !== words) return;
    const { length } = answer.cards;
    const said = length ? `Names like this: ${length}.` : "The database has no name like this.";
    this.show(answer.cards, words, said);
  }

  /**
   * @param {Name[]} names
   * @param {string} words
   * @param {string} said
   */
  show(names, words, said) {
    Object.assign(this, { names, words });
    this.told.textContent = said;
    const line = (/** @type {Name} */ one) =>
      el(
        "li",
        {},
        el(
          "button",
          { type: "button", onclick: () => this.picked(one) },
          cardPicture(one.image, ""),
          el("span", {}, one.name),
          el("span", { class: "soft" }, counted(one.printings, "printing")),
        ),
      );
    this.list.replaceChildren(...names.map(line));
  }

  /** Enter in the field takes the best name for what stands there now. */
  async enter() {
    if (this.words !== this.field.value.trim()) await this.look();
    if (this.names.length && this.words === this.field.value.trim()) this.picked(this.names[0]);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const buttons = [...this.list.querySelectorAll("button")];
    const at = buttons.findIndex((one) => one === document.activeElement);
    const inField = event.target === this.field;
    if (event.key === "ArrowDown") buttons[at + 1]?.focus();
    else if (event.key === "ArrowUp" && !inField) (buttons[at - 1] ?? this.field).focus();
    else if (event.key === "Enter" && inField) void this.enter();
    else if (event.key === "Escape" && (this.field.value || !inField)) {
      this.clear();
      this.left();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
