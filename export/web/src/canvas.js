/** Paints pictures onto canvases and saves canvases. */
import { toImageData } from './pixels.js';
import { withWords } from './png.js';
import { colour } from './spread.js';

/**
 * Gives a canvas a picture's size and pixels.
 *
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {import('./pixels.js').Picture} picture
 */
export function paint(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const { data, width, height } = toImageData(picture);
  canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
}

/** Fills a canvas with the colours of a scale, from left to right. */
export function paintRamp(canvas) {
  const context = canvas.getContext('2d');
  for (let x = 0; x < canvas.width; x++) {
    context.fillStyle = `rgb(${colour(x, canvas.width - 1).join(' ')})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}

/**
 * Lets the browser save a canvas as a PNG file.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {string} name of the file, without its ending
 * @param {Record<string, string>} words that the file holds
 */
export async function save(canvas, name, words) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  const png = withWords(new Uint8Array(await blob.arrayBuffer()), words);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([png], { type: 'image/png' }));
  link.download = `${name}.png`;
  link.click();
  // The browser reads it after this.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
