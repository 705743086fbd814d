/** Decodes and checks photos and gives their pixels. */

// More than this does not help, and phones have no canvases for it.
const MOST_PIXELS = 12e6;

/**
 * Decodes a picture: upright (EXIF), in sRGB, over white where it is transparent. Very large ones are made smaller.
 *
 * @param {Blob} file
 * @param {string} name for messages
 * @param {{width: number, height: number}} least the smallest size that the model takes
 * @returns {Promise<ImageData>} opaque
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
  const share = Math.min(Math.sqrt(MOST_PIXELS / (width * height)), 1);
  const pixels = pixelsOf(
    photo,
    Math.max(Math.floor(width * share), least.width),
    Math.max(Math.floor(height * share), least.height),
  );
  photo.close();
  return pixels;
}

function pixelsOf(photo, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(photo, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
