// @ts-check
// Finding and making elements. Text is only ever set as text.

/**
 * The element that matches; it must be there, and of the class.
 *
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} kind
 * @param {ParentNode} [root]
 * @returns {T}
 */
export function find(selector, kind, root = document) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`There is no ${kind.name} ${selector}`);
  return found;
}

/**
 * A new element.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [properties] Attributes; those of value null, undefined or
 *   false are left out. `onclick` and the like are listeners.
 * @param {...(Node|string|null)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") {
      made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * A picture of a card; its name stands in its place while there is none.
 *
 * @param {string|null} url
 * @param {string} name
 * @param {string} [described] What a screen reader says; empty where the name stands beside it.
 */
export function cardPicture(url, name, described = "") {
  const frame = el("span", { class: "card-picture" });
  const instead = () =>
    frame.replaceChildren(el("span", { class: "no-picture", "aria-hidden": "true" }, name));
  if (!url) instead();
  else frame.append(el("img", { src: url, alt: described, loading: "lazy", onerror: instead }));
  return frame;
}

/**
 * Whether a key belongs to what has the focus: text is typed, or a choice is made.
 *
 * @param {KeyboardEvent} event
 */
export function belongsToField(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !["checkbox", "radio", "file"].includes(target.type))
  );
}

/**
 * Whether Enter and space press what has the focus.
 *
 * @param {KeyboardEvent} event
 */
export function presses(event) {
  const target = event.target;
  return target instanceof Element && target.closest("button, a, input, summary, label") !== null;
}

/**
 * Make a part of the page anew; what had the focus in it has it again, by its `data-focus`, with
 * what was being typed.
 *
 * @param {HTMLElement} part
 * @param {() => void} make
 */
export function keepingFocus(part, make) {
  const focused = document.activeElement;
  const key = part.contains(focused) ? focused?.getAttribute("data-focus") : null;
  make();
  if (!key) return;
  const again = part.querySelector(`[data-focus="${CSS.escape(key)}"]`);
  if (again instanceof HTMLElement) again.focus();
  const typing = focused instanceof HTMLInputElement && focused.value !== focused.defaultValue;
  if (typing && again instanceof HTMLInputElement) again.value = focused.value;
}

/**
 * A number and its noun.
 *
 * @param {number} number
 * @param {string} noun
 */
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * When an entry was taken, as people write it.
 *
 * @param {{taken: string}} entry
 */
export function when(entry) {
  return new Date(entry.taken).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

/**
 * What a person chose on this device; null if nothing, or if the browser keeps nothing.
 *
 * @param {string} name
 */
export function remembered(name) {
  try {
    return localStorage.getItem(`mtg-db-${name}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(`mtg-db-${name}`, value);
  } catch {
    // Then it is chosen again next time.
  }
}
