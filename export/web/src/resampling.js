/** One resampling from a photograph to a turned rectangle of it: tf_gradsr/faces/resampling.py again. */
import { scaleOf } from './similarity.js';

// Where blocks are averaged first, at least this many lie along a pixel's side.
const FINE = 2;
// How many pixels the interpolation reaches beyond a position.
const REACH = 3;
const TOLERANCE = 1e-6;

/**
 * The mean over each pixel's area of the photograph, which is interpolated between its pixels (Keys 1981, a = -1/2).
 * Beyond its borders, the photograph repeats its border pixels.
 *
 * @param {{width: number, height: number, data: ArrayLike<number>}} photo RGBA, opaque
 * @param {import('./similarity.js').Matrix} matrix from the square around the result to the photograph: (0, 0) to
 *     (1, 1) is a square as wide and as high as the result is wide, around the same middle
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @returns {import('./pixels.js').Picture}
 */
export function cut(photo, matrix, width, height = width) {
  let step = scaleOf(matrix) / width;
  const coarse = Math.max(1, Math.floor((step + TOLERANCE) / FINE));
  const last = { width: Math.ceil(photo.width / coarse), height: Math.ceil(photo.height / coarse) };
  step /= coarse;
  const fine = Math.max(1, Math.ceil(step - TOLERANCE));
  const [[a, b, x0], [c, d, y0]] = matrix.map(([across, down, shift]) => [
    across / coarse / (width * fine),
    down / coarse / (width * fine),
    // A result that is not square begins at the square's `offset`.
    (shift + (down * (1 - height / width)) / 2) / coarse,
  ]);
  const [columns, rows] = [width * fine, height * fine];
  const region = regionOf(photo, coarse, last, { a, b, x0, c, d, y0, columns, rows });
  const sums = new Float64Array(width * height * 3);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = a * (column + 0.5) + b * (row + 0.5) + x0 - region.left;
      const y = c * (column + 0.5) + d * (row + 0.5) + y0 - region.top;
      addInterpolated(region, x, y, sums, (Math.floor(row / fine) * width + Math.floor(column / fine)) * 3);
    }
  }
  const rgb = new Uint8Array(sums.length);
  sums.forEach((sum, at) => {
    rgb[at] = Math.min(Math.max(Math.floor(sum / (fine * fine) + 0.5), 0), 255);
  });
  return { width, height, rgb };
}

/** The block means that a cut needs: {left, top, width, rgb}, repeated beyond the borders. */
function regionOf(photo, coarse, last, { a, b, x0, c, d, y0, columns, rows }) {
  const corners = [
    [0, 0],
    [columns, 0],
    [0, rows],
    [columns, rows],
  ];
  const xs = corners.map(([x, y]) => a * x + b * y + x0);
  const ys = corners.map(([x, y]) => c * x + d * y + y0);
  const [left, top] = [xs, ys].map((all) => Math.floor(Math.min(...all)) - REACH);
  const [right, bottom] = [xs, ys].map((all) => Math.ceil(Math.max(...all)) + REACH);
  const width = right - left;
  const rgb = new Uint8Array(width * (bottom - top) * 3);
  const inside = (at, length) => Math.min(Math.max(at, 0), length - 1);
  let [previous, from] = [-1, 0];
  for (let y = top; y < bottom; y++) {
    const line = (y - top) * width * 3;
    const row = inside(y, last.height);
    // Above and below the photograph, its border is repeated.
    if (row === previous) {
      rgb.copyWithin(line, from, from + width * 3);
      continue;
    }
    [previous, from] = [row, line];
    for (let x = left; x < right; x++) {
      if (x > left && inside(x, last.width) === inside(x - 1, last.width)) {
        rgb.copyWithin(line + (x - left) * 3, line + (x - left - 1) * 3, line + (x - left) * 3);
      } else {
        blockMean(photo, inside(x, last.width) * coarse, row * coarse, coarse, rgb, line + (x - left) * 3);
      }
    }
  }
  return { left, top, width, rgb };
}

/** Writes a block's mean; what the right and the lower border cut off is left out. */
function blockMean({ data, width, height }, x, y, side, rgb, to) {
  const [right, bottom] = [Math.min(x + side, width), Math.min(y + side, height)];
  const count = (right - x) * (bottom - y);
  let [red, green, blue] = [0, 0, 0];
  for (let row = y; row < bottom; row++) {
    for (let at = (row * width + x) * 4, end = (row * width + right) * 4; at < end; at += 4) {
      red += data[at];
      green += data[at + 1];
      blue += data[at + 2];
    }
  }
  rgb[to] = Math.floor(red / count + 0.5);
  rgb[to + 1] = Math.floor(green / count + 0.5);
  rgb[to + 2] = Math.floor(blue / count + 0.5);
}

const across = new Float64Array(4);
const down = new Float64Array(4);

function addInterpolated({ width, rgb }, x, y, sums, to) {
  const left = weigh(x, across);
  const top = weigh(y, down);
  for (let row = 0; row < 4; row++) {
    let at = ((top + row) * width + left) * 3;
    for (let column = 0; column < 4; column++, at += 3) {
      const weight = down[row] * across[column];
      sums[to] += weight * rgb[at];
      sums[to + 1] += weight * rgb[at + 1];
      sums[to + 2] += weight * rgb[at + 2];
    }
  }
}

/** Sets the weights of the four pixels that a position is interpolated from; returns the first of them. */
function weigh(place, weights) {
  const first = Math.floor(place - 0.5);
  const t = place - 0.5 - first;
  weights[0] = (((2 - t) * t - 1) * t) / 2;
  weights[1] = ((3 * t - 5) * t * t + 2) / 2;
  weights[2] = (((4 - 3 * t) * t + 1) * t) / 2;
  weights[3] = ((t - 1) * t * t) / 2;
  return first - 1;
}
