// @ts-check
// Outlines of cards over a picture: an SVG that scales as the picture does.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {object} Outline
 * @property {import("./api.js").Quad} quad
 * @property {string} kind Its class: how sure it is.
 * @property {string} label
 * @property {boolean} [inside] Whether the label stands in the card's middle, large, and not above it.
 */

/**
 * @param {string} tag
 * @param {Record<string, string|number>} attributes
 */
function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/**
 * Draw outlines in place of those that were drawn before.
 *
 * @param {SVGSVGElement} drawing It lies over the picture, and fits as `object-fit: contain` does.
 * @param {number} width Of the picture in which the corners were found.
 * @param {number} height
 * @param {Outline[]} outlines
 * @param {boolean} [mirrored] The drawing is shown mirrored; its words must not be.
 */
export function draw(drawing, width, height, outlines, mirrored = false) {
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const size = Math.max(width, height) / 45;
  drawing.replaceChildren(
    ...outlines.map(({ quad, kind, label, inside = false }) => {
      const points = quad.map((corner) => corner.join(",")).join(" ");
      const group = shape("g", { class: `outline ${kind}` });
      group.append(shape("polygon", { points, class: "halo" }), shape("polygon", { points }));
      if (label) {
        const x = quad.reduce((sum, corner) => sum + corner[0], 0) / 4;
        const middle = quad.reduce((sum, corner) => sum + corner[1], 0) / 4;
        const above = Math.min(...quad.map((corner) => corner[1])) - size * 0.6;
        const words = shape("text", {
          x: mirrored ? -x : x,
          y: inside ? middle + size * 0.8 : Math.max(size * 1.2, above),
          "font-size": inside ? 2.2 * size : size,
          "text-anchor": "middle",
          ...(mirrored ? { transform: "scale(-1 1)" } : {}),
        });
        words.textContent = label;
        group.append(words);
      }
      return group;
    }),
  );
}
