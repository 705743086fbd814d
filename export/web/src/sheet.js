/** Draws everything on one picture, to be saved. */

const CELL = 192;
const GAP = 16;
const LINE = 22;
const COLUMNS = 4;

/**
 * @param {{title: string, canvas: HTMLCanvasElement, pixels?: boolean}[]} cells pixels: enlarged without smoothing
 * @param {string} note written below
 * @returns {HTMLCanvasElement}
 */
export function drawSheet(cells, note) {
  const canvas = document.createElement('canvas');
  const shape = cells[0].canvas.height / cells[0].canvas.width;
  const high = Math.round(CELL * shape) + LINE + GAP;
  canvas.width = COLUMNS * (CELL + GAP) + GAP;
  canvas.height = Math.ceil(cells.length / COLUMNS) * high + 2 * GAP + LINE;
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = 'black';
  context.font = '13px system-ui, sans-serif';
  cells.forEach((cell, number) => {
    const x = GAP + (number % COLUMNS) * (CELL + GAP);
    const y = GAP + Math.floor(number / COLUMNS) * high;
    context.fillText(cell.title, x, y + 13, CELL);
    context.imageSmoothingEnabled = !cell.pixels;
    context.imageSmoothingQuality = 'high';
    context.drawImage(cell.canvas, x, y + LINE, CELL, Math.round(CELL * shape));
  });
  context.fillText(note, GAP, canvas.height - GAP, canvas.width - 2 * GAP);
  return canvas;
}
