/** Decodes and checks photos and gives their pixels. */

// More than this does not help, and phones have no canvases for it.
const MOST_PIXELS = 12e6;
// More than this fills a phone's memory while it is decoded.
const MOST_DECODED = 150e6;

/**
 * Decodes a picture: upright (EXIF), in sRGB, over white where it is transparent. Very large ones are made smaller.
 * A BMP that is transparent everywhere is taken as opaque: many programs leave the fourth byte of a pixel at 0.
 *
 * @param {Blob} file
 * @param {string} name for messages
 * @param {{width: number, height: number}} least the smallest size that the model takes
 * @returns {Promise<ImageData>} opaque
 * @throws {Error} whose message is for people
 */
export async function readPhoto(file, name, least) {
  const size = await sizeOf(file);
  if (!size) {
    throw new Error(`${name} is not a picture that this browser can read. Try a PNG, JPEG or WebP file.`);
  }
  if (size.width * size.height > MOST_DECODED) throw tooLarge(name, size);
  const decoded = (content) =>
    createImageBitmap(content).catch(() => {
      throw new Error(
        `${name} could not be decoded: it is damaged, too large for this browser, or an SVG. Save it anew, as a PNG or JPEG.`,
      );
    });
  let photo = await decoded(file);
  if ((await isBmpWithAlpha(file)) && isClear(photo)) photo = await decoded(withoutAlpha(file));
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

const BMP_ALPHA_MASK = 66;

/** Whether the file is a BMP whose header, of 56 bytes or more, says which bits of a pixel are its alpha. */
async function isBmpWithAlpha(file) {
  const start = new DataView(await file.slice(0, BMP_ALPHA_MASK + 4).arrayBuffer());
  return (
    start.byteLength === BMP_ALPHA_MASK + 4 &&
    start.getUint16(0) === 0x424d &&
    start.getUint32(14, true) >= 56 &&
    start.getUint32(BMP_ALPHA_MASK, true) !== 0
  );
}

function withoutAlpha(bmp) {
  return new Blob([bmp.slice(0, BMP_ALPHA_MASK), new Uint8Array(4), bmp.slice(BMP_ALPHA_MASK + 4)]);
}

/** Whether a picture is transparent everywhere; looked at in strips, since it may be large. */
function isClear(photo) {
  const rows = 64;
  const canvas = new OffscreenCanvas(photo.width, rows);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  for (let top = 0; top < photo.height; top += rows) {
    context.clearRect(0, 0, photo.width, rows);
    context.drawImage(photo, 0, -top);
    const { data } = context.getImageData(0, 0, photo.width, rows);
    for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha]) return false;
  }
  return true;
}

/** Width and height as the file's header has them; null if it is not a picture. */
async function sizeOf(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

function tooLarge(name, { width, height }) {
  const megapixels = Math.round((width * height) / 1e6);
  return new Error(
    `${name} is too large: ${width}×${height}, ${megapixels} megapixels. Make it smaller first; ${MOST_PIXELS / 1e6} megapixels are enough.`,
  );
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
