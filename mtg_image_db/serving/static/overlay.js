// @ts-check
// The last card taken, on a transparent page, for a stream.

import { askUntilStill, guessOf, listen } from "./api.js";
import { cardPicture, find } from "./dom.js";

/** @typedef {import("./api.js").Entry} Entry */

const card = find("#card", HTMLElement);
let shown = 0;
/** How often something may have changed. */
let changes = 0;

/** @param {Entry|undefined} entry */
function show(entry) {
  const one = entry && guessOf(entry);
  card.hidden = !one;
  if (!one) return;
  find("#picture", HTMLElement).replaceChildren(cardPicture(one.image, one.name));
  find("#name", HTMLElement).textContent = one.name;
  // Without a settled printing, only the name is sure.
  find("#label", HTMLElement).textContent = entry.card ? `${one.label} · ${one.set_name}` : "";
  if (entry.id !== shown) {
    card.classList.remove("arrives");
    void card.offsetWidth; // begins the movement anew
    card.classList.add("arrives");
  }
  shown = entry.id;
}

async function load() {
  const answer = await askUntilStill(
    () => "/api/entries?last=20",
    () => changes,
  ).catch(() => null);
  if (answer) show(answer.entries.find(guessOf));
}

listen(
  (kind, entry) => {
    changes += 1;
    if (kind === "taken" && guessOf(entry)) show(entry);
    else if (kind === "undone" || entry.id === shown) void load();
  },
  () => {
    changes += 1;
    void load();
  },
  { always: true },
);
void load();
