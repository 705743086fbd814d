/** Photos as they come: decoded, checked, and cut to the crop. */

// More than this helps nobody, and phones have no canvases for it.
const MOST_PIXELS = 12e6;

/**
 * Decodes a picture, upright (EXIF) and in sRGB.
 *
 * @param {Blob} file
 * @param {string} name for messages
 * @param {{width: number, height: number}} least the smallest size that the model takes
 * @returns {Promise<ImageBitmap>}
 * @throws {Error} whose message is for people
 */
export async function readPhoto(file, name, least) {
  const photo = await createImageBitmap(file).catch(() => {
    throw new Error(`${name} is not a picture that this browser can read. Try a PNG, JPEG or WebP file.`);
  });
  const { width, height } = photo;
  if (width < least.width || height < least.height) {
    throw new Error(
      `${name} is too small: ${width}×${height} pixels. The model needs at least ${least.width}×${least.height}.`,
    );
  }
  const share = Math.sqrt(MOST_PIXELS / (width * height));
  if (share >= 1) return photo;
  return createImageBitmap(photo, {
    resizeWidth: Math.max(Math.floor(width * share), least.width),
    resizeHeight: Math.max(Math.floor(height * share), least.height),
    resizeQuality: 'high',
  });
}

/**
 * A piece of a photo, pixel for pixel, over white where the photo is transparent.
 *
 * @param {CanvasImageSource} photo
 * @param {{x: number, y: number, width: number, height: number}} rect whole numbers, inside the photo
 * @returns {ImageData}
 */
export function cut(photo, { x, y, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.drawImage(photo, x, y, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
