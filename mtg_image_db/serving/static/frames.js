// @ts-check
// Which frames of a live picture are worth sending. Pure functions: no camera, no page.

/** Columns and rows of the coarse grid on which two frames are compared. */
export const GRID = { columns: 24, rows: 14 };

/**
 * Grey levels (of 255) by which a grid cell must differ to count as changed. Averaged over a cell,
 * a webcam's noise and the flicker of lamps stay below 5. Chosen by hand.
 */
const CHANGED_LEVELS = 9;

/**
 * In a noisy picture it must differ by so many times what most cells differ from one glance to the
 * next: 4 times the standard deviation of that difference. A hand or a card changes fewer than half
 * of the cells, and light that changes everywhere shows nothing new.
 */
const NOISE_TIMES = 6;

/** Cells that must have changed. One alone is a reflection that wanders. Chosen by hand. */
const CHANGED_CELLS = 2;

/** A frame is sharp if it has this share of the sharpness of the best one of late. */
const SHARP_SHARE = 0.7;

/** Sharper than the frame that was sent, by this factor: the camera has found its focus. */
const REFOCUSED = 1.4;

/** Milliseconds for which the best sharpness is remembered. */
const REMEMBERED_MS = 1000;

/** Milliseconds after which a changed scene is sent even if it never holds still. */
const PATIENCE_MS = 700;

/** How often a still scene is sent: a card counts once it was named alike in two looks. */
const LOOKS = 2;

/**
 * Frames that may be on their way at once. The two looks that take a card go together: one after
 * the other, they last a second on two cores, beside a browser that shows a camera's picture.
 */
export const MOST_ON_THE_WAY = 2;

/** How often it is sent at most while the server says that another look may settle something. */
const LOOKS_WHILE_OPEN = 6;

/**
 * @typedef {object} Sample
 * @property {number} time Milliseconds.
 * @property {Float32Array} cells Mean grey level of each grid cell.
 * @property {number} sharpness Variance of the Laplacian.
 */

/**
 * What is remembered between frames.
 * @typedef {object} Watch
 * @property {Sample|null} previous The last sample, sent or not.
 * @property {Sample|null} sent The last sample that was sent.
 * @property {number} levels Grey levels by which a cell must differ now to count as changed.
 * @property {number} looks How often the scene of `sent` was sent.
 * @property {boolean} open Whether another look may settle something.
 * @property {number} changedSince When the scene began to differ from `sent`; 0 if it does not.
 * @property {Sample[]} recent The samples of the last second.
 */

/** @returns {Watch} */
export function newWatch() {
  return { previous: null, sent: null, levels: CHANGED_LEVELS, looks: 0, open: false, changedSince: 0, recent: [] };
}

/**
 * Mean grey level of each grid cell, and the variance of the Laplacian.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} image RGBA.
 * @param {number} time Milliseconds.
 * @returns {Sample}
 */
export function measure(image, time) {
  const { data, width, height } = image;
  const grey = new Float32Array(width * height);
  const sums = new Float32Array(GRID.columns * GRID.rows);
  const counts = new Float32Array(sums.length);
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor((y * GRID.rows) / height) * GRID.columns;
    for (let x = 0; x < width; x++, at++) {
      const level = 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2];
      const cell = row + Math.floor((x * GRID.columns) / width);
      grey[at] = level;
      sums[cell] += level;
      counts[cell] += 1;
    }
  }
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * width + 1, end = at + width - 2; at < end; at++) {
      const bend = 4 * grey[at] - grey[at - 1] - grey[at + 1] - grey[at - width] - grey[at + width];
      sum += bend;
      squares += bend * bend;
    }
  }
  const inner = Math.max(1, (width - 2) * (height - 2));
  const sharpness = squares / inner - (sum / inner) ** 2;
  return { time, cells: sums.map((total, cell) => total / Math.max(1, counts[cell])), sharpness };
}

/**
 * By how many grey levels each cell differs.
 *
 * @param {Sample} one
 * @param {Sample} other
 */
function differences(one, other) {
  return one.cells.map((level, cell) => Math.abs(level - other.cells[cell]));
}

/**
 * Whether two samples show different scenes.
 *
 * @param {Sample} one
 * @param {Sample} other
 * @param {number} levels
 */
function differ(one, other, levels) {
  return differences(one, other).filter((level) => level > levels).length >= CHANGED_CELLS;
}

/**
 * Whether to send this frame. Call it for each frame, and `sent` or `answered` when that happens.
 *
 * @param {Watch} watch
 * @param {Sample} sample
 * @param {number} onTheWay How many frames were sent and not answered yet.
 * @param {number} [room] How many may be on their way.
 * @returns {boolean}
 */
export function wanted(watch, sample, onTheWay, room = MOST_ON_THE_WAY) {
  if (watch.previous !== null) {
    const noise = differences(sample, watch.previous).sort();
    watch.levels = Math.max(CHANGED_LEVELS, NOISE_TIMES * noise[noise.length >> 1]);
  }
  const moving = watch.previous !== null && differ(sample, watch.previous, watch.levels);
  watch.recent = watch.recent.filter((one) => sample.time - one.time < REMEMBERED_MS);
  watch.recent.push(sample);
  watch.previous = sample;
  const changed = watch.sent === null || differ(sample, watch.sent, watch.levels);
  if (!changed) watch.changedSince = 0;
  else if (!watch.changedSince) watch.changedSince = sample.time;
  if (onTheWay >= room) return false;
  if (changed || watch.sent === null) {
    const best = Math.max(...watch.recent.map((one) => one.sharpness));
    const waited = sample.time - watch.changedSince >= PATIENCE_MS;
    return !moving || sample.sharpness >= SHARP_SHARE * best || waited;
  }
  if (sample.sharpness > REFOCUSED * watch.sent.sharpness) return true;
  // A frame on its way may settle what is open.
  return watch.looks < (watch.open && !onTheWay ? LOOKS_WHILE_OPEN : LOOKS);
}

/**
 * A frame is on its way.
 *
 * @param {Watch} watch
 * @param {Sample} sample
 */
export function sent(watch, sample) {
  const same =
    watch.sent !== null &&
    !differ(sample, watch.sent, watch.levels) &&
    sample.sharpness <= REFOCUSED * watch.sent.sharpness;
  watch.looks = same ? watch.looks + 1 : 1;
  watch.sent = sample;
  watch.changedSince = 0;
}

/**
 * A frame was answered, or lost.
 *
 * @param {Watch} watch
 * @param {boolean} open Whether another look may settle something.
 * @param {boolean} lost Whether there was no answer; the scene is then sent again.
 */
export function answered(watch, open, lost = false) {
  watch.open = open;
  if (lost) watch.looks = Math.max(0, watch.looks - 1);
}

/**
 * The size at which a frame is sent: that of the video, up to 1920 pixels of its longer side.
 *
 * A collector line is read surely on cards of 500 pixels height and more (docs/printings.md). In
 * 1920 x 1080 that is a card of half the picture's height, in 1280 x 720 of two thirds. The larger
 * frame costs the server 5 to 25 % more time.
 *
 * @param {number} width
 * @param {number} height
 */
export function frameSize(width, height) {
  const smaller = Math.min(1, 1920 / Math.max(width, height, 1));
  return { width: Math.round(width * smaller), height: Math.round(height * smaller) };
}
