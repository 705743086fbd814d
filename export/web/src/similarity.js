/**
 * Similarity transforms, as tf_gradsr/faces/similarity.py. A matrix has two rows of three and maps (x, y) to
 * (m[0][0] x + m[0][1] y + m[0][2], m[1][0] x + m[1][1] y + m[1][2]). (0, 0) is the outer corner of the first pixel.
 */

/** @typedef {number[][]} Matrix two rows of three */

/** @returns {number[]} the point (x, y) mapped */
export function apply(matrix, [x, y]) {
  return matrix.map((row) => row[0] * x + row[1] * y + row[2]);
}

/** @returns {Matrix} of the inverse map */
export function invert([[a, b, x], [c, d, y]]) {
  const area = a * d - b * c;
  return [
    [d / area, -b / area, (b * y - d * x) / area],
    [-c / area, a / area, (c * x - a * y) / area],
  ];
}

/** @returns {Matrix} that does `inner` first, then `outer` */
export function compose(outer, inner) {
  return outer.map(([a, b, shift]) => [
    a * inner[0][0] + b * inner[1][0],
    a * inner[0][1] + b * inner[1][1],
    a * inner[0][2] + b * inner[1][2] + shift,
  ]);
}

/** @returns {number} by how much a similarity enlarges */
export function scaleOf([[a, b], [c, d]]) {
  return Math.sqrt(Math.abs(a * d - b * c));
}

/** @returns {number} by how many degrees it turns, clockwise to the eye, in (-180, 180] */
export function degreesOf(matrix) {
  return (Math.atan2(matrix[1][0], matrix[0][0]) * 180) / Math.PI;
}

/**
 * The rotation, scale and shift that bring points nearest to others, in least squares (Umeyama 1991). In the plane,
 * without mirrors, that is one complex number: the sum of conj(source) * target over that of |source|^2.
 *
 * @param {number[][]} source at least two different points
 * @param {number[][]} target as many
 * @returns {Matrix}
 */
export function fitSimilarity(source, target) {
  const centre = meanOf(source);
  const aim = meanOf(target);
  let [real, imaginary, variance] = [0, 0, 0];
  source.forEach(([sx, sy], n) => {
    const [x, y] = [sx - centre[0], sy - centre[1]];
    const [u, v] = [target[n][0] - aim[0], target[n][1] - aim[1]];
    real += x * u + y * v;
    imaginary += x * v - y * u;
    variance += x * x + y * y;
  });
  const [a, b] = [real / variance, imaginary / variance];
  return [
    [a, -b, aim[0] - a * centre[0] + b * centre[1]],
    [b, a, aim[1] - b * centre[0] - a * centre[1]],
  ];
}

/** @returns {number[]} the mean of points */
export function meanOf(points) {
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}

export function distance(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}
