// @ts-check
// Two short sounds, made here: a card was taken, or it was taken and needs a review.

/** @type {AudioContext|null} */
let context = null;

/** Browsers let a page make sounds after the person has pressed something. */
export function allowSound() {
  context ??= new AudioContext();
  void context.resume();
}

/**
 * @param {number} hertz
 * @param {number} after Seconds from now.
 */
function tone(hertz, after) {
  if (context === null || context.state !== "running") return;
  const start = context.currentTime + after;
  const source = new OscillatorNode(context, { frequency: hertz, type: "sine" });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.25, start + 0.01);
  volume.gain.exponentialRampToValueAtTime(0.001, start + 0.16);
  source.connect(volume).connect(context.destination);
  source.start(start);
  source.stop(start + 0.18);
}

/** @param {boolean} settled Whether nothing is left to be reviewed. */
export function soundTaken(settled) {
  tone(settled ? 660 : 440, 0);
  tone(settled ? 880 : 370, 0.09);
}
