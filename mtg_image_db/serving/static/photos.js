// @ts-check
// The photos' page: many photos, two on their way at a time, each with its cards outlined.

import { ask, ApiError, listen, nameOf, patiently, reasonOf } from "./api.js";
import { belongsToField, counted, el, find } from "./dom.js";
import { cardDialog } from "./editor.js";
import { draw } from "./outline.js";
import { choosePile, refreshPiles } from "./piles.js";
import { load, say, takeBack } from "./status.js";

/** @typedef {import("./api.js").Entry} Entry */

/** Photos on their way at a time: one is sent while the other is read. */
const AT_ONCE = 2;

/** Pixels of the longer side at which a photo is shown: a phone's photos in full would fill memory. */
const SHOWN_SIDE = 1200;

/**
 * A photo that was added.
 * @typedef {object} Shot
 * @property {File} file
 * @property {string} name
 * @property {number} pile
 * @property {"waiting"|"sending"|"done"|"again"|"failed"} state
 * @property {string} text What is said of its state.
 * @property {boolean} anyway Whether it is added though it is in the collection.
 * @property {number} width
 * @property {number} height
 * @property {Entry[]} entries
 * @property {HTMLElement} card
 */

/** @type {Shot[]} */
const shots = [];
let active = 0;
let pile = 1;
/** How many changes the page has heard of. */
let changes = 0;

const place = find("#photos", HTMLElement);
const drop = find("#drop", HTMLElement);
const openCard = cardDialog(changed);

/** @param {Iterable<File>} files */
function add(files) {
  const cards = [...files].map((file) => {
    const name = file.name || "photo";
    const card = el("article", { class: "photo", "aria-label": name });
    /** @type {Shot} */
    const shot = {
      ...{ file, name, pile, card, anyway: false, entries: [], width: 0, height: 0 },
      ...{ state: "waiting", text: "" },
    };
    shots.push(shot);
    render(shot);
    return card;
  });
  place.prepend(...cards);
  find("#empty", HTMLElement).hidden = shots.length > 0;
  pump();
}

/** Send as many as may be on their way. */
function pump() {
  for (const shot of shots) {
    if (active >= AT_ONCE) break;
    if (shot.state === "waiting") void send(shot);
  }
  const open = shots.filter((shot) => shot.state === "waiting" || shot.state === "sending").length;
  const failed = shots.filter((shot) => shot.state === "failed").length;
  const known = shots.filter((shot) => shot.state === "again").length;
  const cards = shots.reduce((sum, shot) => sum + shot.entries.length, 0);
  const bar = find("#bar", HTMLProgressElement);
  bar.max = Math.max(1, shots.length);
  bar.value = shots.length - open;
  bar.hidden = open === 0;
  find("#progress", HTMLElement).hidden = shots.length === 0;
  const parts = [
    `${shots.length - open} of ${counted(shots.length, "photo")}`,
    counted(cards, "card"),
  ];
  if (known) parts.push(`${known} added before`);
  if (failed) parts.push(`${failed} failed`);
  find("#progress-text", HTMLElement).textContent = parts.join(", ");
  find("#retry-all", HTMLElement).hidden = failed < 2 || open > 0;
  if (shots.length && !open && !active) {
    const heard = `All photos are read: ${parts.slice(1).join(", ")}.`;
    if (heard !== told) say(heard);
    told = heard;
  } else told = "";
}

let told = "";

/** @param {Shot} shot */
async function send(shot) {
  active += 1;
  shot.state = "sending";
  render(shot);
  if (!shot.width) await preview(shot);
  const asked = `/api/photos?pile=${shot.pile}&name=${encodeURIComponent(shot.name)}${shot.anyway ? "&anyway=1" : ""}`;
  try {
    const answer = await patiently(() => ask("POST", asked, shot.file));
    Object.assign(shot, { width: answer.photo.width, height: answer.photo.height });
    shot.entries = answer.entries;
    shot.state = answer.again === null ? "done" : "again";
    shot.text = answer.again === null ? "" : answer.again;
  } catch (error) {
    shot.state = "failed";
    shot.text = reasonOf(error);
    if (!(error instanceof ApiError)) console.error(error);
  }
  active -= 1;
  render(shot);
  refreshPiles();
  pump();
}

/**
 * Draw the photo small. What the browser cannot show may still be read (HEIC).
 *
 * @param {Shot} shot
 */
async function preview(shot) {
  const canvas = el("canvas", { role: "img", "aria-label": `Photo ${shot.name}` });
  try {
    const whole = await createImageBitmap(shot.file);
    const shrink = Math.min(1, SHOWN_SIDE / Math.max(whole.width, whole.height));
    Object.assign(shot, { width: whole.width, height: whole.height });
    canvas.width = Math.max(1, Math.round(whole.width * shrink));
    canvas.height = Math.max(1, Math.round(whole.height * shrink));
    const pencil = canvas.getContext("2d");
    if (pencil) pencil.imageSmoothingQuality = "high";
    pencil?.drawImage(whole, 0, 0, canvas.width, canvas.height);
    whole.close();
    find(".view", HTMLElement, shot.card).prepend(canvas);
  } catch {
    find(".view", HTMLElement, shot.card).classList.add("blank");
  }
}

/** @param {Shot} shot */
function render(shot) {
  const { card } = shot;
  if (!card.firstChild) {
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("aria-hidden", "true");
    card.append(el("div", { class: "view" }, drawing), el("div", { class: "words" }));
  }
  card.dataset.state = shot.state;
  card.ariaBusy = String(shot.state === "sending");
  const retry = (/** @type {string} */ words, /** @type {boolean} */ anyway) =>
    el("button", { type: "button", onclick: () => again(shot, anyway) }, words);
  const many = shot.entries.length;
  const state = {
    waiting: "waits",
    sending: "is being read …",
    done: many === 0 ? "no card was found" : counted(many, "card"),
    again: "was not added",
    failed: "failed",
  }[shot.state];
  find(".words", HTMLElement, card).replaceChildren(
    el(
      "p",
      { class: "photo-head" },
      el("b", {}, shot.name),
      " ",
      el("span", { class: "soft" }, state),
    ),
    ...(shot.state === "again"
      ? [
          el("p", {}, `It is in the collection already, as ${shot.text}.`),
          retry("Add it anyway", true),
        ]
      : []),
    ...(shot.state === "failed"
      ? [el("p", { class: "why" }, shot.text), retry("Try again", shot.anyway)]
      : []),
    ...(shot.state === "done" && many === 0
      ? [
          el(
            "p",
            { class: "soft" },
            "Take it nearer, with all of the card in the picture and light from the side.",
          ),
        ]
      : []),
    el(
      "ol",
      { class: "slip" },
      ...shot.entries.map((entry) =>
        el(
          "li",
          { class: entry.status },
          el(
            "button",
            {
              ...{ type: "button", "data-testid": "photo-card", onclick: () => openCard(entry) },
              onmouseenter: () => point(shot, entry),
              onmouseleave: () => point(shot, null),
              onfocus: () => point(shot, entry),
              onblur: () => point(shot, null),
            },
            el("span", { class: "number" }, String(entry.index)),
            el("span", { class: "name" }, nameOf(entry)),
            entry.status === "collection"
              ? el("span", { class: "line" }, entry.card?.label ?? "")
              : el("span", { class: "tag" }, entry.status === "review" ? "to review" : "skipped"),
          ),
        ),
      ),
    ),
  );
  const drawing = find("svg", SVGSVGElement, card);
  const outlined = shot.entries.filter((entry) => entry.quad !== null);
  draw(
    drawing,
    shot.width || 1,
    shot.height || 1,
    outlined.map((entry) => ({
      quad: entry.quad ?? [],
      kind:
        entry.status === "collection" ? "settled" : entry.status === "review" ? "seen" : "unnamed",
      label: many > 1 ? String(entry.index) : "",
      inside: true,
    })),
  );
  outlined.forEach((entry, at) => {
    drawing.children[at].addEventListener("click", () => openCard(entry));
  });
}

/**
 * Show which outline a line of the list belongs to.
 *
 * @param {Shot} shot
 * @param {Entry|null} entry
 */
function point(shot, entry) {
  const outlined = shot.entries.filter((one) => one.quad !== null);
  outlined.forEach((one, at) => {
    find("svg", SVGSVGElement, shot.card).children[at]?.classList.toggle("pointed", one === entry);
  });
}

/**
 * @param {Shot} shot
 * @param {boolean} anyway
 */
function again(shot, anyway) {
  Object.assign(shot, { state: "waiting", text: "", anyway });
  render(shot);
  pump();
}

/** @param {Entry} entry */
function changed(entry) {
  for (const shot of shots) {
    const at = shot.entries.findIndex((one) => one.id === entry.id);
    if (at < 0) continue;
    const had = shot.card.contains(document.activeElement);
    shot.entries[at] = entry;
    render(shot);
    if (had) shot.card.querySelectorAll("li button")[at]?.dispatchEvent(new Event("focus"));
  }
  refreshPiles();
}

/** @param {Entry} entry */
function gone(entry) {
  for (const shot of shots) {
    const left = shot.entries.filter((one) => one.id !== entry.id);
    if (left.length === shot.entries.length) continue;
    shot.entries = left;
    render(shot);
  }
  refreshPiles();
}

/** Show all cards as they are now. */
async function reload() {
  refreshPiles();
  if (!shots.some((shot) => shot.entries.length)) return;
  const answer = await load(
    () => "/api/entries",
    () => changes,
  );
  if (answer === null) return;
  /** @type {Map<number, Entry>} */
  const now = new Map(answer.entries.map((/** @type {Entry} */ one) => [one.id, one]));
  for (const entry of shots.flatMap((shot) => shot.entries)) {
    const here = now.get(entry.id);
    if (here) changed(here);
    else gone(entry);
  }
}

for (const id of ["#files", "#shot"]) {
  const input = find(id, HTMLInputElement);
  input.addEventListener("change", () => {
    add(input.files ?? []);
    input.value = "";
  });
}
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return;
  event.preventDefault();
  add(files);
});
let over = 0;
document.addEventListener("dragenter", () => drop.classList.toggle("over", ++over > 0));
document.addEventListener("dragleave", () => drop.classList.toggle("over", --over > 0));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  over = 0;
  drop.classList.remove("over");
  add(event.dataTransfer?.files ?? []);
});
document.addEventListener("keydown", (event) => {
  if (belongsToField(event) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  void takeBack();
});
find("#undo", HTMLElement).addEventListener("click", () => void takeBack());
find("#retry-all", HTMLElement).addEventListener("click", () => {
  for (const shot of shots) if (shot.state === "failed") again(shot, shot.anyway);
});
addEventListener("beforeunload", (event) => {
  if (shots.some((shot) => shot.state === "waiting" || shot.state === "sending"))
    event.preventDefault();
});
choosePile(find("#pile", HTMLSelectElement), (value) => (pile = value ?? 1));
listen(
  (kind, entry) => {
    changes += 1;
    if (kind === "changed") changed(entry);
    else if (kind === "undone") gone(entry);
  },
  () => void reload(),
);
