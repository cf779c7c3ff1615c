// @ts-check
// The camera's page: a live picture, and the cards that were taken.

import { ask, ApiError, nameOf, patiently, pause } from "./api.js";
import { belongsToField, counted, el, find, presses, remember, remembered } from "./dom.js";
import {
  answered,
  frameSize,
  measure,
  MOST_ON_THE_WAY,
  newWatch,
  sent,
  wanted,
} from "./frames.js";
import { draw } from "./outline.js";
import { choosePile, refreshPiles, whenPiles } from "./piles.js";
import { allowSound, soundTaken } from "./sound.js";
import { attempt, complain, say } from "./status.js";
import { addTaken, loadTaken, showTaken, undo } from "./taken.js";
import { hasCameras, openCamera, whyNot } from "./webcam.js";

/** @typedef {import("./api.js").Look} Look */

/** Milliseconds between two glances at the live picture. */
const GLANCE_MS = 70;

/** Pixels of the longer side at which frames are compared with each other. */
const GLANCE_SIDE = 384;

/**
 * JPEG quality of frames. Of 96 frames of demo cards, 0.75 and 0.95 read the same printings; at 0.85
 * a frame of 1920 x 1080 has some 350 kB, at 0.95 some 600 kB.
 */
const QUALITY = 0.85;

/** Milliseconds after which outlines disappear when the picture has changed. */
const STALE_MS = 250;

const video = find("#video", HTMLVideoElement);
const view = find("#view", HTMLElement);
const outlines = find("#outlines", SVGSVGElement);
const welcome = find("#welcome", HTMLElement);
const chip = find("#chip", HTMLElement);
const start = find("#start", HTMLButtonElement);
const stop = find("#stop", HTMLButtonElement);
const shutter = find("#shutter", HTMLButtonElement);
const choice = find("#choice", HTMLSelectElement);
const mode = find("#mode", HTMLSelectElement);
const sound = find("#sound", HTMLInputElement);
const mirror = find("#mirror", HTMLInputElement);

/** @type {import("./webcam.js").Webcam|null} */
let camera = null;
let watch = newWatch();
let takeNext = false;
/** How many frames were sent and not answered yet. */
let onTheWay = 0;
/** How many may be: one alone, once the server said that it has too many pictures. */
let room = MOST_ON_THE_WAY;
/** How many frames were sent, and which of them was shown last. */
let numbered = 0;
let shownLast = 0;
/** Whether the last look had no answer. */
let failing = false;
let seenAt = -1;
let pile = 1;

const small = el("canvas");
const frame = el("canvas");

/**
 * The name of this camera's session. It outlives a reload, so that a card that lies before the
 * camera is not taken a second time.
 */
const session = (() => {
  let name = null;
  try {
    name = sessionStorage.getItem("mtg-db-camera");
    name ??= crypto.randomUUID();
    sessionStorage.setItem("mtg-db-camera", name);
  } catch {
    name ??= String(Math.random()).slice(2);
  }
  return name;
})();

/** @param {boolean} on Whether a reload of the page starts the camera again. */
function keepRunning(on) {
  try {
    sessionStorage.setItem("mtg-db-running", on ? "yes" : "");
  } catch {
    // Then a person starts it again.
  }
}

async function begin() {
  start.disabled = true;
  try {
    camera?.stop();
    camera = await openCamera(video, remembered("camera") ?? "", ended);
  } catch (error) {
    camera = null;
    explain(whyNot(error));
    show();
    return;
  } finally {
    start.disabled = false;
  }
  keepRunning(true);
  watch = newWatch();
  room = MOST_ON_THE_WAY;
  const { cameras, chosen } = camera;
  choice.replaceChildren(
    ...cameras.map((one, at) =>
      el("option", { value: one.deviceId }, one.label || `Camera ${at + 1}`),
    ),
  );
  choice.value = chosen;
  mirror.checked = (remembered("mirror") ?? (camera.facesUser ? "yes" : "")) === "yes";
  showAbilities();
  show();
}

/** The camera was unplugged, or another program took it. */
function ended() {
  halt();
  explain({
    title: "The camera stopped",
    text: "It was unplugged, or another program uses it now. What was taken is kept. Start it again.",
  });
}

/** @param {{title: string, text: string}} why Why there is no live picture, and what to do. */
function explain(why) {
  find("#welcome-title", HTMLElement).textContent = why.title;
  find("#welcome-text", HTMLElement).textContent = why.text;
  welcome.setAttribute("role", "alert");
}

function halt() {
  camera?.stop();
  camera = null;
  keepRunning(false);
  showTaken([], null);
  show();
  start.focus();
}

/** Show what belongs to a camera that runs, or to one that does not. */
function show() {
  const on = camera !== null;
  video.hidden = chip.hidden = stop.hidden = !on;
  welcome.hidden = on;
  shutter.hidden = !on || mode.value !== "key";
  view.classList.toggle("mirrored", mirror.checked);
  if (!on) draw(outlines, 1, 1, []);
}

function showAbilities() {
  const zoomField = find("#zoom-field", HTMLElement);
  const zoom = find("#zoom", HTMLInputElement);
  find("#torch-field", HTMLElement).hidden = !camera?.torch;
  find("#torch", HTMLInputElement).checked = false;
  zoomField.hidden = !camera?.zoom;
  if (camera?.zoom) {
    const { min, max, step, now } = camera.zoom;
    Object.assign(zoom, { min: String(min), max: String(max), step: String(step || "any") });
    zoom.value = String(now);
  }
}

/** Look at the live picture, and send it if it is worth that. */
function glance() {
  if (!camera || video.readyState < 2 || document.hidden || video.currentTime === seenAt) return;
  seenAt = video.currentTime;
  const shrink = GLANCE_SIDE / Math.max(video.videoWidth, video.videoHeight);
  small.width = Math.round(video.videoWidth * shrink);
  small.height = Math.round(video.videoHeight * shrink);
  const pencil = small.getContext("2d", { willReadFrequently: true });
  if (!pencil) return;
  pencil.drawImage(video, 0, 0, small.width, small.height);
  const sample = measure(pencil.getImageData(0, 0, small.width, small.height), performance.now());
  const send = wanted(watch, sample, onTheWay, room);
  // Outlines of a picture that is gone would lie.
  const stale = watch.changedSince > 0 && sample.time - watch.changedSince > STALE_MS;
  view.classList.toggle("stale", stale);
  if (onTheWay >= room || !(send || takeNext)) return;
  const take = takeNext ? "now" : mode.value === "auto" ? "auto" : "never";
  takeNext = false;
  sent(watch, sample);
  void look(take);
}

/** @param {"auto"|"never"|"now"} take */
async function look(take) {
  onTheWay += 1;
  const number = ++numbered;
  Object.assign(frame, frameSize(video.videoWidth, video.videoHeight));
  frame.getContext("2d")?.drawImage(video, 0, 0, frame.width, frame.height);
  /** @type {Blob|null} */
  const jpeg = await new Promise((resolve) => frame.toBlob(resolve, "image/jpeg", QUALITY));
  const asked = `/api/look?pile=${pile}&camera=${encodeURIComponent(session)}&take=${take}`;
  try {
    if (jpeg === null) throw new ApiError(0, { message: "The browser gave no picture" });
    /** @type {Look} */
    const found = await ask("POST", asked, jpeg);
    answered(watch, found.more);
    if (failing) say("The server answers again.");
    failing = false;
    if (found.taken.length && sound.checked)
      soundTaken(found.taken.every((entry) => entry.status === "collection"));
    if (!camera) showTaken(found.taken, null);
    else if (number > shownLast) showLook(found, take);
    else addTaken(found.taken);
    shownLast = Math.max(number, shownLast);
  } catch (error) {
    answered(watch, false, true);
    const refused = error instanceof ApiError ? error : null;
    if (refused?.status === 503) {
      room = 1;
      chip.textContent = "The server is busy; waiting";
    } else {
      chip.textContent = "No answer; trying again";
      failing = true;
      complain(error);
    }
    await pause(1000 * (refused?.retryAfter || 1));
  }
  onTheWay -= 1;
}

/**
 * @param {Look} found
 * @param {"auto"|"never"|"now"} take
 */
function showLook(found, take) {
  const { cards, taken } = found;
  const named = cards.filter((card) => card.name);
  draw(
    outlines,
    ...found.size,
    cards.map((card) => ({
      quad: card.quad,
      kind: !card.name ? "unnamed" : card.state === "seen" ? "seen" : "settled",
      label: cards.length > 1 ? (card.name ?? "") : "",
    })),
    mirror.checked,
  );
  const seen = named.find((card) => card.state === "seen") ?? null;
  if (!cards.length) chip.textContent = "No card in the picture";
  else if (taken.length || named.some((card) => card.state === "taken")) chip.textContent = "Taken";
  else if (seen) chip.textContent = mode.value === "auto" ? "Hold still" : "Press space to take it";
  else if (named.length) chip.textContent = "Taken already; show the next card";
  else chip.textContent = "No name yet: nearer, flatter, more light";
  if (take === "now" && !taken.length) {
    say(
      named.length
        ? "Nothing new to take: this card was taken."
        : "No card was named, so nothing was taken.",
    );
  }
  showTaken(taken, seen);
}

function takeNow() {
  if (camera && mode.value === "key") takeNext = true;
}

/** A photo in place of the live picture: where there is no camera, or the browser refuses it. */
async function sendPhoto() {
  const input = find("#photo", HTMLInputElement);
  const file = input.files?.[0];
  if (!file) return;
  say("The photo is sent and read …");
  const name = encodeURIComponent(file.name || "photo");
  const answer = await attempt(() =>
    patiently(() => ask("POST", `/api/photos?pile=${pile}&name=${name}`, file)),
  );
  input.value = "";
  if (answer === null) return;
  const names = answer.entries.map(nameOf).join("; ");
  if (answer.again !== null) say(`This photo is in the collection already, as ${answer.again}.`);
  else if (!names) say("No card was found in the photo.");
  else say(`Taken: ${names}.`, () => void undo());
  refreshPiles();
  await loadTaken();
}

video.addEventListener("resize", () => {
  // Also when a phone is turned.
  view.style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
});
start.addEventListener("click", () => {
  allowSound();
  void begin();
});
stop.addEventListener("click", halt);
shutter.addEventListener("click", takeNow);
choice.addEventListener("change", () => {
  remember("camera", choice.value);
  if (camera) void begin();
});
mode.addEventListener("change", () => {
  remember("mode", mode.value);
  watch = newWatch();
  show();
});
mirror.addEventListener("change", () => {
  remember("mirror", mirror.checked ? "yes" : "");
  draw(outlines, 1, 1, []);
  show();
});
sound.addEventListener("change", () => {
  remember("sound", sound.checked ? "" : "off");
  allowSound();
});
find("#torch", HTMLInputElement).addEventListener("change", (event) => {
  const on = /** @type {HTMLInputElement} */ (event.target).checked;
  void attempt(async () => camera?.set({ torch: on }));
});
find("#zoom", HTMLInputElement).addEventListener("input", (event) => {
  const zoom = /** @type {HTMLInputElement} */ (event.target).valueAsNumber;
  void attempt(async () => camera?.set({ zoom }));
});
find("#photo", HTMLInputElement).addEventListener("change", () => void sendPhoto());
find("#undo", HTMLButtonElement).addEventListener("click", () => void undo());
document.addEventListener("keydown", (event) => {
  if (belongsToField(event)) return;
  if (event.key.toLowerCase() === "z") void undo();
  else if (event.key === " " && camera && mode.value === "key" && !presses(event)) takeNow();
  else return;
  event.preventDefault();
});
document.addEventListener("pointerdown", allowSound, { once: true });

mode.value = remembered("mode") ?? "auto";
sound.checked = remembered("sound") !== "off";
// On a phone, the picture and the last card need the room.
find("#controls", HTMLDetailsElement).open = matchMedia("(min-width: 60rem)").matches;
choosePile(find("#pile", HTMLSelectElement), (value) => {
  pile = value ?? 1;
  void loadTaken(pile);
});
whenPiles((piles) => {
  const here = piles.find((one) => one.id === pile);
  find("#count", HTMLElement).textContent = here
    ? `${counted(here.cards, "card")} in ${here.name}${here.review ? `, ${here.review} to review` : ""}`
    : "";
});
setInterval(glance, GLANCE_MS);
if (!hasCameras()) {
  explain(whyNot(null));
  start.hidden = true;
  find(".welcome .button", HTMLElement).classList.add("main");
}
try {
  if (sessionStorage.getItem("mtg-db-running")) void begin();
} catch {
  // Then a person starts it.
}
