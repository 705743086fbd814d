/** Paths through the space of z. */

/** @returns {Float32Array} the vector times a number */
export function scaled(z, factor) {
  return z.map((value) => value * factor);
}

/**
 * The noise vector at `share` of the way from one to another: direction along the great circle, length in
 * proportion, as `tf_gradsr.gallery.walk.slerp`.
 *
 * @param {Float32Array} start
 * @param {Float32Array} end
 * @param {number} share in [0, 1]
 * @returns {Float32Array}
 */
export function slerp(start, end, share) {
  const lengths = [Math.hypot(...start), Math.hypot(...end)];
  let weights = [1 - share, share];
  if (Math.min(...lengths) > 0) {
    const product = start.reduce((sum, value, n) => sum + value * end[n], 0);
    const angle = Math.acos(Math.min(Math.max(product / (lengths[0] * lengths[1]), -1), 1));
    // Parallel and opposite vectors have no angle to follow; they are mixed.
    if (Math.sin(angle) >= 1e-6) {
      const length = (1 - share) * lengths[0] + share * lengths[1];
      weights = [1 - share, share].map(
        (part, n) => (length * Math.sin(part * angle)) / (Math.sin(angle) * lengths[n]),
      );
    }
  }
  return start.map((value, n) => weights[0] * value + weights[1] * end[n]);
}
