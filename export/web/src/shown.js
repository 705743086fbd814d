/** What a photo really shows of a face, in plain words. */

// Widths of the frame, in units of the input's, between which the photo and the input show about the same.
const ABOUT = [0.9, 1.5];

/**
 * @param {number} width of the frame in the photo's pixels
 * @param {number} lr width of the input
 * @param {number} scale
 * @returns {string}
 */
export function shownOf(width, lr, scale) {
  const pixels = Math.round(width);
  const share = width / lr;
  const start = `The photo shows this face in ${pixels} ${pixels === 1 ? 'pixel' : 'pixels'} across the frame`;
  if (share < ABOUT[0]) return `${start}, fewer than the ${lr} that the model takes: it has to be enlarged even for that. Take a larger photo, if there is one.`;
  if (share <= ABOUT[1]) return `${start}, about the ${lr} that the model takes: this is what it was made for.`;
  if (share < scale) {
    return `${start}, ${share.toFixed(1)} times the ${lr} that the model takes: it is made small first, and what the photo shows beyond that is not used.`;
  }
  return `${start}, more than the model’s pictures have: it is made small to ${lr}, as an experiment. The photo itself is sharper than anything below.`;
}
