/** How much samples differ, as numbers and as colours; as in tf_gradsr/sampling.py and gallery/heat_map.py. */

// From low to high; their luminance rises, so that the order survives printing in grey.
export const RAMP = [
  [8, 8, 32],
  [84, 20, 110],
  [188, 55, 84],
  [246, 134, 40],
  [252, 250, 170],
];
// The share of pixels that the scale's end covers, in percent.
const SHARE = 99.5;

/**
 * @param {import('./pixels.js').Picture[]} pictures two or more, of one size
 * @returns {Float32Array} height * width: the root of the unbiased variance, mean over colours, grey levels
 */
export function standardDeviation(pictures) {
  const count = pictures.length;
  return Float32Array.from({ length: pictures[0].rgb.length / 3 }, (_, pixel) => {
    let deviation = 0;
    for (let at = pixel * 3; at < pixel * 3 + 3; at++) {
      let sum = 0;
      let squares = 0;
      for (const { rgb } of pictures) {
        sum += rgb[at];
        squares += rgb[at] * rgb[at];
      }
      deviation += Math.sqrt((count * squares - sum * sum) / (count * (count - 1)));
    }
    return deviation / 3;
  });
}

/** The end of a scale: a high percentile, rounded up to 1, 2 or 5 times a power of ten; at least 1. */
export function roundedTop(values) {
  const sorted = Float32Array.from(values).sort();
  const place = ((sorted.length - 1) * SHARE) / 100;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  const percentile = sorted[below] + (sorted[above] - sorted[below]) * (place - below);
  const top = Math.max(percentile, 1);
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 5, 10].map((step) => step * power).find((end) => end >= top * (1 - 1e-9));
}

/** @returns {number[]} the colour of a value from 0 to `top`; those above look like `top` */
export function colour(value, top) {
  const place = Math.min(value / top, 1) * (RAMP.length - 1);
  const below = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[below].map((level, n) => Math.round(level + (RAMP[below + 1][n] - level) * (place - below)));
}

/** @returns {import('./pixels.js').Picture} */
export function heatMap(values, width, top) {
  const rgb = new Uint8Array(values.length * 3);
  values.forEach((value, pixel) => rgb.set(colour(value, top), pixel * 3));
  return { width, height: values.length / width, rgb };
}
