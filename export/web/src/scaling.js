/** Whole pictures made larger and smaller: as Pillow does it for the search, and as TensorFlow does it for MTCNN. */

/**
 * Bicubic (a = -1/2), antialiased where it reduces, as Pillow's `resize`: columns first, 8 bits in between.
 *
 * @param {import('./pixels.js').Picture} picture
 * @param {number} width whole
 * @param {number} height whole
 * @returns {import('./pixels.js').Picture}
 */
export function resizeBicubic(picture, width, height) {
  let { rgb } = picture;
  if (width !== picture.width) {
    rgb = alongRows(rgb, picture.height, picture.width, bicubicTaps(picture.width, width), Uint8ClampedArray);
  }
  if (height !== picture.height) {
    rgb = alongColumns(rgb, width, bicubicTaps(picture.height, height), Uint8ClampedArray);
  }
  return { width, height, rgb };
}

/**
 * Area means, of fractions of pixels too, as `tf.image.resize(method="area")`.
 *
 * @param {{width: number, height: number, rgb: ArrayLike<number>}} picture
 * @param {number} width whole
 * @param {number} height whole
 * @returns {{width: number, height: number, rgb: Float32Array}}
 */
export function resizeArea(picture, width, height) {
  const narrow = alongRows(picture.rgb, picture.height, picture.width, areaTaps(picture.width, width), Float32Array);
  return { width, height, rgb: alongColumns(narrow, width, areaTaps(picture.height, height), Float32Array) };
}

function bicubicTaps(length, newLength) {
  const scale = length / newLength;
  const widened = Math.max(scale, 1);
  return Array.from({ length: newLength }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(Math.floor(centre - 2 * widened + 0.5), 0);
    const end = Math.min(Math.floor(centre + 2 * widened + 0.5), length);
    const weights = Array.from({ length: end - first }, (__, n) => keys(Math.abs(n + first - centre + 0.5) / widened));
    return { first, weights: normal(weights) };
  });
}

function keys(distance) {
  if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1;
  if (distance < 2) return ((-0.5 * distance + 2.5) * distance - 4) * distance + 2;
  return 0;
}

function areaTaps(length, newLength) {
  const scale = length / newLength;
  return Array.from({ length: newLength }, (_, place) => {
    const [start, end] = [place * scale, Math.min((place + 1) * scale, length)];
    const first = Math.floor(start);
    const count = Math.max(Math.ceil(end) - first, 1);
    const weights = Array.from(
      { length: count },
      (__, n) => Math.min(first + n + 1, end) - Math.max(first + n, start),
    );
    return { first, weights: normal(weights) };
  });
}

function normal(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float64Array.from(weights, (weight) => weight / sum);
}

/** Weighted sums along each row, of three colours, as values of a kind. */
function alongRows(values, height, width, taps, Kind) {
  const result = new Kind(height * taps.length * 3);
  const half = halfOf(Kind);
  for (let y = 0, to = 0; y < height; y++) {
    for (const { first, weights } of taps) {
      let [red, green, blue] = [half, half, half];
      for (let n = 0, at = (y * width + first) * 3; n < weights.length; n++, at += 3) {
        red += weights[n] * values[at];
        green += weights[n] * values[at + 1];
        blue += weights[n] * values[at + 2];
      }
      result[to++] = half ? Math.floor(red) : red;
      result[to++] = half ? Math.floor(green) : green;
      result[to++] = half ? Math.floor(blue) : blue;
    }
  }
  return result;
}

function alongColumns(values, width, taps, Kind) {
  const line = new Float64Array(width * 3);
  const result = new Kind(taps.length * line.length);
  const half = halfOf(Kind);
  taps.forEach(({ first, weights }, y) => {
    line.fill(half);
    for (let n = 0; n < weights.length; n++) {
      const start = (first + n) * line.length;
      const weight = weights[n];
      for (let at = 0; at < line.length; at++) line[at] += weight * values[start + at];
    }
    result.set(half ? line.map(Math.floor) : line, y * line.length);
  });
  return result;
}

/** What makes the floor of a sum its rounding, where values are whole. */
function halfOf(Kind) {
  return Kind === Float32Array ? 0 : 0.5;
}
