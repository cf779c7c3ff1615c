// @ts-check
// The line at the foot of each page that says what happened, and takes it back.

import { ask, askUntilStill, nameOf, reasonOf } from "./api.js";
import { find } from "./dom.js";
import { refreshPiles } from "./piles.js";

const bar = find("#status", HTMLElement);
const polite = find("#status-text", HTMLElement);
const urgent = find("#status-error", HTMLElement);
const button = find("#status-undo", HTMLButtonElement);
const closing = find("#status-close", HTMLButtonElement);

/** Milliseconds for which a message stays. An error stays until it is closed. */
const SHOWN_MS = 8000;

/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;
/** @type {(() => void)|null} */
let onUndo = null;

function close() {
  clearTimeout(timer);
  // A dialog makes all that is outside of it silent.
  (document.querySelector("dialog[open]") ?? document.body).append(bar);
  // It stays in the page: a screen reader hears only what changes in a part that is there.
  bar.className = "";
  button.hidden = closing.hidden = true;
  polite.textContent = urgent.textContent = "";
}

/**
 * Say what happened.
 *
 * @param {string} text
 * @param {(() => void)|null} [undo] What takes it back.
 */
export function say(text, undo = null) {
  close();
  bar.className = "shown";
  polite.textContent = text;
  button.hidden = undo === null;
  closing.hidden = false;
  onUndo = undo;
  timer = setTimeout(close, SHOWN_MS);
}

/**
 * Say what went wrong.
 *
 * @param {unknown} error
 */
export function complain(error) {
  close();
  bar.className = "shown failed";
  urgent.textContent = typeof error === "string" ? error : reasonOf(error);
  closing.hidden = false;
}

/**
 * Do something, and say why if it fails.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T|null>} null if it failed.
 */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    complain(error);
    return null;
  }
}

/**
 * Ask for entries, and say why if it fails; see `askUntilStill`.
 *
 * @param {() => string} asked
 * @param {() => number} changes
 */
export function load(asked, changes) {
  return attempt(() => askUntilStill(asked, changes));
}

/** What is said of a step that was taken back. */
const TAKEN_BACK = {
  take: "is out of the collection again",
  answer: "is as it was before your answer",
  move: "is back in its pile",
  remove: "is in the collection again",
};

/**
 * Take back the last steps, whichever page they were done on.
 *
 * @param {number} [steps]
 * @returns {Promise<import("./api.js").Entry|null>} The card of the last step; null if there was
 *   none, or if it failed.
 */
export async function takeBack(steps = 1) {
  /** @type {{undone: import("./api.js").Entry|null, what: keyof typeof TAKEN_BACK|null}|null} */
  let answer = null;
  for (let step = 0; step < steps; step++) {
    answer = await attempt(() => ask("POST", "/api/undo"));
    if (answer === null || answer.undone === null) break;
  }
  if (answer === null) return null;
  if (answer.undone === null) say("There is nothing to undo.");
  else if (steps > 1) say(`${steps} cards are as they were before.`);
  else say(`Undone: ${nameOf(answer.undone)} ${TAKEN_BACK[answer.what ?? "answer"]}.`);
  refreshPiles();
  return answer.undone;
}

button.addEventListener("click", () => onUndo?.());
closing.addEventListener("click", close);
