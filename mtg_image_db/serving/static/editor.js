// @ts-check
// What a card is, and a person's word about it.

import { answerEntry, ask, guessOf, nameOf, sentence } from "./api.js";
import { belongsToField, cardPicture, counted, el, find, when } from "./dom.js";
import { NameSearch } from "./name_search.js";
import { attempt, complain, say, takeBack } from "./status.js";

/** @typedef {import("./api.js").Entry} Entry */
/** @typedef {import("./api.js").Candidate} Candidate */

/** More printings than this get a field that narrows them. */
const MANY_PRINTINGS = 12;

export class CardEditor {
  /**
   * @param {HTMLElement} place
   * @param {(entry: Entry) => void} answered Called with the entry as it is after the answer.
   */
  constructor(place, answered) {
    const template = find("#editor", HTMLTemplateElement);
    place.append(template.content.cloneNode(true));
    const root = find(".editor", HTMLElement, place);
    this.answered = answered;
    this.root = root;
    this.crop = find(".crop", HTMLElement, root);
    this.strip = find(".strip", HTMLImageElement, root);
    this.where = find(".where", HTMLElement, root);
    this.read = find(".read", HTMLElement, root);
    this.heading = find(".editor-name", HTMLElement, root);
    this.turn = find(".turn", HTMLButtonElement, root);
    this.reason = find(".reason", HTMLElement, root);
    this.candidates = find(".candidates", HTMLElement, root);
    this.all = find(".all-printings", HTMLDetailsElement, root);
    this.of = find(".of", HTMLElement, this.all);
    this.printings = find(".candidates", HTMLElement, this.all);
    this.narrow = find(".narrow", HTMLElement, this.all);
    this.narrowing = find("input", HTMLInputElement, this.narrow);
    this.search = new NameSearch(
      find(".by-name", HTMLElement, root),
      (found) => void this.pick(found.oracle_id, found.name),
      () => this.focus(),
    );
    this.quantity = find("[name=quantity]", HTMLInputElement, root);
    this.finish = find("[name=finish]", HTMLSelectElement, root);
    this.condition = find("[name=condition]", HTMLSelectElement, root);
    this.lang = find("[name=lang]", HTMLSelectElement, root);
    this.take = find(".take", HTMLButtonElement, root);
    this.skip = find(".skip", HTMLButtonElement, root);
    this.verb = find(".verb", HTMLElement, root);
    this.named = find(".chosen", HTMLElement, root);
    /** @type {Entry|null} */
    this.entry = null;
    /** @type {Candidate|null} */
    this.chosen = null;
    /** The card whose printings are listed. */
    this.listed = "";

    this.turn.addEventListener("click", () => {
      this.crop.classList.toggle("turned");
      this.focus(); // Enter takes the card then, and does not turn it again.
    });
    this.take.addEventListener("click", () => void this.answer(false));
    this.skip.addEventListener("click", () => void this.answer(true));
    this.all.addEventListener("toggle", () => {
      if (this.all.open && this.chosen) void this.list(this.chosen.oracle_id, this.chosen.name);
    });
    this.narrowing.addEventListener("input", () => this.narrowDown());
  }

  /** @param {Entry} entry */
  show(entry) {
    this.entry = entry;
    const guess = guessOf(entry);
    this.heading.textContent = guess ? guess.name : "No name was found";
    this.crop.replaceChildren(
      cardPicture(entry.picture, "There is no picture of this card", "The card in the photo"),
    );
    this.crop.classList.remove("turned");
    // Which way up a card is, its name tells.
    this.turn.hidden = guess !== null || entry.picture === null;
    this.strip.hidden = entry.strip === null;
    if (entry.strip) this.strip.src = entry.strip;
    const photo =
      entry.photo === "camera" ? "From the camera" : `Card ${entry.index} of ${entry.photo}`;
    this.where.textContent = `${photo}, ${when(entry)}`;
    this.read.textContent = sentence(entry.read);
    this.reason.textContent = sentence(entry.reason);
    this.reason.hidden = !entry.reason;

    this.candidates.replaceChildren(
      ...entry.candidates.map((one, at) => this.option(one, at < 9 ? at + 1 : null)),
    );
    if (!entry.candidates.length) {
      this.candidates.append(
        el("p", { class: "soft" }, "Nothing like it was found. Search its name below."),
      );
    }
    this.all.open = false;
    this.listed = "";
    this.printings.replaceChildren();
    this.search.clear();

    this.quantity.value = String(entry.answer?.quantity || entry.card?.quantity || 1);
    this.finish.value = entry.answer?.finish ?? "";
    this.condition.value = entry.answer?.condition ?? "";
    this.lang.value = entry.answer?.lang ?? "";
    this.verb.textContent = entry.status === "collection" ? "Save" : "Take";
    const answered = entry.candidates.find((one) => one.scryfall_id === entry.answer?.scryfall_id);
    this.choose(entry.card ?? answered ?? guess);
  }

  /** Put the focus where a screen reader begins to read the card. */
  focus() {
    this.heading.focus();
  }

  /**
   * A printing that can be chosen.
   *
   * @param {Candidate} one
   * @param {number|null} key
   */
  option(one, key) {
    const likely =
      one.probability === null || one.probability === undefined
        ? null
        : `${Math.min(99, Math.round(100 * one.probability))} %`;
    return el(
      "button",
      {
        type: "button",
        class: "candidate",
        "aria-pressed": "false",
        "data-printing": one.scryfall_id,
        "data-testid": key === null ? null : `candidate-${key}`,
        "data-words": `${one.label} ${one.set_name} ${one.collector_number}`.toLowerCase(),
        title: one.set_name,
        onclick: (/** @type {MouseEvent} */ event) => {
          // Enter on what is chosen already takes it; a mouse has no detail of 0.
          if (this.chosen?.scryfall_id === one.scryfall_id && event.detail === 0) this.take.click();
          else this.choose(one);
        },
      },
      key === null ? null : el("kbd", {}, String(key)),
      cardPicture(one.image, one.name),
      el("span", { class: "candidate-name" }, one.name),
      el(
        "span",
        { class: "line" },
        one.label,
        likely ? el("span", { class: "likely" }, ` ${likely}`) : null,
      ),
    );
  }

  /** @param {Candidate|null} one */
  choose(one) {
    this.chosen = one;
    for (const button of this.root.querySelectorAll("[data-printing]")) {
      const pressed = button.getAttribute("data-printing") === one?.scryfall_id;
      button.setAttribute("aria-pressed", String(pressed));
    }
    this.take.disabled = one === null;
    this.named.textContent = one ? one.label : "(choose a card first)";
    this.all.hidden = one === null || !one.oracle_id;
    if (!one) return;
    if (!this.listed) this.of.textContent = one.name;
    for (const option of this.finish.options) {
      option.disabled = option.value !== "" && !one.finishes.includes(option.value);
    }
    if (this.finish.selectedOptions[0]?.disabled) this.finish.value = "";
  }

  /**
   * List all printings of a card.
   *
   * @param {string} card Its oracle id.
   * @param {string} name
   */
  async list(card, name) {
    if (card === this.listed) return;
    const entry = this.entry;
    const answer = await attempt(() =>
      ask("GET", `/api/cards/${encodeURIComponent(card)}/printings`),
    );
    if (answer === null || this.entry !== entry) return;
    /** @type {Candidate[]} */
    const printings = answer.printings;
    this.listed = card;
    this.of.textContent = name;
    this.printings.replaceChildren(...printings.map((one) => this.option(one, null)));
    this.narrow.hidden = printings.length <= MANY_PRINTINGS;
    this.narrowing.value = "";
    this.choose(this.chosen);
    return printings;
  }

  narrowDown() {
    const words = this.narrowing.value.toLowerCase().split(/\s+/);
    for (const button of this.printings.querySelectorAll("button")) {
      const text = button.dataset.words ?? "";
      button.hidden = !words.every((word) => text.includes(word));
    }
  }

  /**
   * A name was found: list its printings, and choose the first.
   *
   * @param {string} card
   * @param {string} name
   */
  async pick(card, name) {
    this.listed = "";
    const printings = await this.list(card, name);
    if (!printings?.length) return;
    this.all.open = true;
    this.choose(printings[0]);
    const many = counted(printings.length, "printing");
    this.search.clear(`${name} is chosen, ${printings[0].label}. It has ${many}.`);
    this.printings.querySelector("button")?.focus();
  }

  /** Whether an answer is on its way to the server. */
  get busy() {
    return this.root.ariaBusy === "true";
  }

  /** @param {boolean} skip */
  async answer(skip) {
    const entry = this.entry;
    if (!entry || this.busy) return;
    if (!skip && !this.quantity.reportValidity()) return;
    if (!skip && !this.chosen) {
      complain("Choose a printing first, or skip the card.");
      return;
    }
    this.root.ariaBusy = "true";
    const after = await attempt(() =>
      answerEntry(entry, {
        scryfall_id: skip ? null : (this.chosen?.scryfall_id ?? null),
        skip,
        quantity: skip ? 1 : this.quantity.valueAsNumber,
        finish: this.finish.value,
        condition: this.condition.value,
        lang: this.lang.value,
      }),
    );
    this.root.ariaBusy = "false";
    if (after) this.answered(after);
  }

  /**
   * Whether a key was for the editor.
   *
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (this.entry === null || belongsToField(event)) return false;
    const target =
      event.target instanceof Element ? event.target.closest("button, a, summary") : null;
    if (/^[1-9]$/.test(event.key)) {
      const one = this.entry.candidates[Number(event.key) - 1];
      if (one) this.choose(one);
    } else if (event.key === "Enter" && target === null) this.take.click();
    else if (event.key.toLowerCase() === "s") this.skip.click();
    else if (event.key === "/") this.search.field.focus();
    else return false;
    event.preventDefault();
    return true;
  }
}

/**
 * What an answer came to.
 *
 * @param {Entry} entry
 */
export function outcome(entry) {
  if (entry.status === "skipped") return `Skipped: ${nameOf(entry)}.`;
  return `Taken: ${nameOf(entry)}, ${entry.card?.label ?? ""}.`;
}

/**
 * A function that opens a card in the page's dialog.
 *
 * @param {(entry: Entry) => void} answered
 * @returns {(entry: Entry) => void}
 */
export function cardDialog(answered) {
  const dialog = find("#card-dialog", HTMLDialogElement);
  const editor = new CardEditor(find("#card-dialog-body", HTMLElement), (entry) => {
    answered(entry);
    if (entry.status === "review") editor.show(entry);
    else {
      dialog.close();
      say(outcome(entry), () => void takeBack());
    }
  });
  dialog.addEventListener("keydown", (event) => {
    editor.key(event);
    event.stopPropagation();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return (entry) => {
    editor.show(entry);
    dialog.showModal();
    editor.focus();
  };
}
