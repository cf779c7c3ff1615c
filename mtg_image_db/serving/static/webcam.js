// @ts-check
// The camera of the device: opening it, what it can do, and why it may not work.

/**
 * A camera that runs.
 * @typedef {object} Webcam
 * @property {MediaDeviceInfo[]} cameras All cameras of the device.
 * @property {string} chosen The id of this one.
 * @property {boolean} facesUser Whether it looks at the person, so that a mirror feels right.
 * @property {boolean} torch Whether it has a light.
 * @property {{min: number, max: number, step: number, now: number}|null} zoom
 * @property {(wish: {torch?: boolean, zoom?: number}) => Promise<void>} set
 * @property {() => void} stop
 */

/** Whether the browser gives cameras to this page at all. */
export function hasCameras() {
  return navigator.mediaDevices?.getUserMedia !== undefined;
}

/**
 * Show a camera's picture in a video element.
 *
 * @param {HTMLVideoElement} video
 * @param {string} wanted The id of a camera; any, if it is empty or no longer there.
 * @param {() => void} ended Called when the camera ends by itself.
 * @returns {Promise<Webcam>}
 * @throws {unknown} What `whyNot` explains.
 */
export async function openCamera(video, wanted, ended) {
  if (!hasCameras()) throw new Error("no cameras here");
  // Cards of half the picture's height can be read at 1080 lines (see frameSize).
  const size = { width: { ideal: 1920 }, height: { ideal: 1080 } };
  const open = (/** @type {MediaTrackConstraints} */ which) =>
    navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } });
  const away = { facingMode: { ideal: "environment" } };
  const stream = wanted
    ? await open({ deviceId: { exact: wanted } }).catch((error) => {
        if (error.name !== "OverconstrainedError") throw error;
        return open(away);
      })
    : await open(away);
  const [track] = stream.getVideoTracks();
  video.srcObject = stream;
  await video.play();
  track.addEventListener("ended", ended);
  // Torch and zoom are not in TypeScript's list yet.
  const abilities = /** @type {any} */ (track.getCapabilities?.() ?? {});
  const settings = /** @type {any} */ (track.getSettings());
  /** @type {WakeLockSentinel|undefined} */
  let awake;
  void navigator.wakeLock?.request("screen").then(
    (lock) => (awake = lock),
    () => {}, // a low battery forbids it; the camera works all the same
  );
  const devices = await navigator.mediaDevices.enumerateDevices();
  return {
    cameras: devices.filter((device) => device.kind === "videoinput"),
    chosen: settings.deviceId ?? "",
    facesUser: settings.facingMode === "user",
    torch: Boolean(abilities.torch),
    zoom: abilities.zoom ? { ...abilities.zoom, now: settings.zoom ?? abilities.zoom.min } : null,
    set: (wish) =>
      track.applyConstraints(/** @type {MediaTrackConstraints} */ ({ advanced: [wish] })),
    stop: () => {
      track.removeEventListener("ended", ended);
      track.stop();
      video.srcObject = null;
      void awake?.release();
    },
  };
}

/**
 * What happened, and what to do.
 *
 * @param {unknown} error
 * @returns {{title: string, text: string}}
 */
export function whyNot(error) {
  const name = error instanceof Error ? error.name : "";
  if (!window.isSecureContext) {
    return {
      title: "Take photos here",
      text:
        "This address is without https, and browsers give a live picture to https and localhost only. Photos " +
        "need no permission. For the live picture, open the https address that mtg-db serve --lan prints, or " +
        "localhost on the computer that runs it.",
    };
  }
  if (name === "NotAllowedError") {
    return {
      title: "The browser may not use the camera",
      text:
        "Press the sign left of the page's address, allow the camera, and start it again. On a phone, the " +
        "system's settings must allow it to the browser too. Or take photos: they need no permission.",
    };
  }
  if (name === "NotFoundError" || name === "OverconstrainedError" || name === "Error") {
    return {
      title: "There is no camera",
      text: "Plug one in and start again, open this page on a phone, or choose photos.",
    };
  }
  return {
    title: "The camera cannot be used now",
    text: `Perhaps another program has it: close that one, and start again. The browser said: ${error}.`,
  };
}
