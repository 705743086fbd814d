/** Picture arithmetic, with the same numbers as tf_gradsr/ops.py, rounding for rounding. */

// One grey level of a picture in [-1, 1].
const LEVEL = Math.fround(2 / 255);
const AS_FLOAT = Float32Array.from({ length: 256 }, (_, level) => Math.fround(level * LEVEL) - 1);

/**
 * @typedef {object} Picture
 * @property {number} width
 * @property {number} height
 * @property {Uint8Array} rgb height * width * 3 values
 */

/**
 * The mean of each block, rounded to the nearest of 256 levels.
 *
 * Sums in float32 and in TensorFlow's order: means halfway between two levels are common (one in 64 at a
 * factor of 8), and only in this way do they fall on the same side as in TensorFlow.
 *
 * @param {{width: number, height: number, data: ArrayLike<number>}} image RGBA, opaque
 * @param {number} factor whole, >= 1
 * @param {{x: number, y: number, width: number, height: number}} rect the part to use, in whole numbers; sides are
 *     multiples of factor
 * @returns {Picture}
 */
export function downscale(image, factor, rect = { x: 0, y: 0, ...sizeOf(image) }) {
  const width = rect.width / factor;
  const height = rect.height / factor;
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const start = (rect.y + y * factor) * image.width + rect.x + x * factor;
      rgb.set(blockMean(image, start, factor), to);
    }
  }
  return { width, height, rgb };
}

/** The mean level of each colour over the block whose first pixel is number `start`. */
function blockMean({ data, width }, start, factor) {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let row = 0; row < factor; row++) {
    const end = (start + row * width + factor) * 4;
    for (let at = end - factor * 4; at < end; at += 4) {
      red = Math.fround(red + AS_FLOAT[data[at]]);
      green = Math.fround(green + AS_FLOAT[data[at + 1]]);
      blue = Math.fround(blue + AS_FLOAT[data[at + 2]]);
    }
  }
  return [red, green, blue].map((sum) => toLevel(Math.fround(sum / (factor * factor))));
}

function sizeOf({ width, height }) {
  return { width, height };
}

function toLevel(value) {
  const level = Math.fround(Math.fround(value + 1) / LEVEL);
  return roundToEven(Math.min(Math.max(level, 0), 255));
}

/** Rounds; halves go to the even neighbour, as in NumPy and TensorFlow. */
export function roundToEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below + (below % 2);
  return rest < 0.5 ? below : below + 1;
}

/**
 * Bicubic upscaling (Keys, a = -0.5) by a whole factor, as `tf_gradsr.metrics.bicubic`.
 *
 * @param {Picture} picture
 * @param {number} scale
 * @returns {Picture}
 */
export function bicubic(picture, scale) {
  const columns = taps(picture.width, scale);
  const rows = taps(picture.height, scale);
  const width = picture.width * scale;
  const height = picture.height * scale;
  const rgb = new Uint8Array(width * height * 3);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      for (let colour = 0; colour < 3; colour++) {
        let sum = 0;
        for (const [y, ofRow] of row) {
          for (const [x, ofColumn] of column) {
            sum += ofRow * ofColumn * picture.rgb[(y * picture.width + x) * 3 + colour];
          }
        }
        rgb[to++] = roundToEven(Math.min(Math.max(sum, 0), 255));
      }
    }
  }
  return { width, height, rgb };
}

/** For each place of the larger side: [place in the smaller one, weight]; weights beyond the border are left out. */
function taps(length, scale) {
  return Array.from({ length: length * scale }, (_, place) => {
    const at = (place + 0.5) / scale - 0.5;
    const first = Math.floor(at) - 1;
    const inside = [0, 1, 2, 3]
      .map((step) => [first + step, keys(Math.abs(at - first - step))])
      .filter(([from]) => from >= 0 && from < length);
    const sum = inside.reduce((total, [, weight]) => total + weight, 0);
    return inside.map(([from, weight]) => [from, weight / sum]);
  });
}

function keys(distance) {
  if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1;
  if (distance < 2) return ((-0.5 * distance + 2.5) * distance - 4) * distance + 2;
  return 0;
}

/**
 * How far a picture, downscaled, is from its input.
 *
 * @param {Picture} picture
 * @param {Picture} lr
 * @returns {number} the largest difference, in grey levels after rounding
 */
export function inconsistency(picture, lr) {
  const down = downscale(toImageData(picture), picture.width / lr.width);
  return down.rgb.reduce((largest, level, n) => Math.max(largest, Math.abs(level - lr.rgb[n])), 0);
}

/** @returns {{width: number, height: number, data: Uint8ClampedArray}} RGBA, what a canvas takes */
export function toImageData({ width, height, rgb }) {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    data[to] = rgb[from];
    data[to + 1] = rgb[from + 1];
    data[to + 2] = rgb[from + 2];
  }
  return { width, height, data };
}
