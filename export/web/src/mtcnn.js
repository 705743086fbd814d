/**
 * MTCNN (Zhang et al. 2016): what the PyPI package `mtcnn` 1.0.0 does around its three networks, so that both find
 * the same. P-Net proposes boxes at every size, R-Net sifts and moves them, O-Net does so again and gives five points.
 */
import { resizeArea } from './scaling.js';

// Side of P-Net's window, of the smallest face, and from each level of the pyramid to the next.
const WINDOW = 12;
const SMALLEST_FACE = 20;
const FACTOR = 0.709;
const STRIDE = 2;
const NEVER = -1e9;
const LEAST_SCORE = { propose: 0.6, refine: 0.7, output: 0.8 };
// Boxes that share more than this of their union, or for the last one of the smaller box, are one.
const OVERLAP = { level: 0.5, propose: 0.7, refine: 0.7, output: 0.7 };

/**
 * @typedef {object} Box
 * @property {number[]} sides left, top, right, bottom
 * @property {number} score 0 to 1
 * @property {number[][]} [points]
 */

export class Mtcnn {
  /**
   * @param {Record<string, Record<string, number[]>>} shapes of the networks' inputs
   * @param {(name: string, inputs: Record<string, Float32Array>) => Promise<Record<string, Float32Array>>} run one of
   *     the networks
   */
  constructor(shapes, run) {
    this.shapes = shapes;
    this.run = run;
  }

  /**
   * @param {import('./pixels.js').Picture} picture no side below 20
   * @returns {Promise<Box[]>} with points; in no order
   */
  async detect(picture) {
    const values = Float32Array.from(picture.rgb, (level) => (level - 127.5) / 128);
    const picture32 = { width: picture.width, height: picture.height, rgb: values };
    let boxes = [];
    for (const scale of scalesOf(picture)) boxes.push(...(await this.#proposeAt(picture32, scale)));
    boxes = withoutRepeats(boxes, OVERLAP.propose).map(squared);
    boxes = withoutRepeats(await this.#judge('refine', picture32, boxes), OVERLAP.refine).map(squared);
    return withoutRepeats(await this.#judge('output', picture32, boxes), OVERLAP.output, true);
  }

  /** The boxes that P-Net proposes at one level of the pyramid, in the picture's pixels. */
  async #proposeAt(picture, scale) {
    const level = resizeArea(picture, Math.floor(picture.width * scale), Math.floor(picture.height * scale));
    const side = this.shapes.propose.pictures[1];
    const places = (side - WINDOW) / STRIDE + 1;
    const [columns, rows] = [level.width, level.height].map((length) => Math.ceil((length - WINDOW) / STRIDE) + 1);
    const boxes = [];
    for (let top = 0; top < rows; top += places) {
      for (let left = 0; left < columns; left += places) {
        const { scores, moves } = await this.run('propose', {
          pictures: tileOf(level, left * STRIDE, top * STRIDE, side),
          columns: endOf(level.width - left * STRIDE, side),
          rows: endOf(level.height - top * STRIDE, side),
        });
        for (let y = 0; y < Math.min(places, rows - top); y++) {
          for (let x = 0; x < Math.min(places, columns - left); x++) {
            const at = y * places + x;
            if (!(scores[at] > LEAST_SCORE.propose)) continue;
            const corner = [(left + x) * STRIDE, (top + y) * STRIDE];
            // MTCNN counts pixels from 1, and boxes include their last one.
            const sides = [corner[0] + 1, corner[1] + 1, corner[0] + WINDOW, corner[1] + WINDOW];
            boxes.push({
              sides: sides.map((place, n) => (place + (WINDOW - 1) * moves[at * 4 + n]) / scale),
              score: scores[at],
              place: (top + y) * columns + left + x,
            });
          }
        }
      }
    }
    // In the order of the whole level's windows, which decides between equally sure ones.
    return withoutRepeats(
      boxes.sort((one, other) => one.place - other.place),
      OVERLAP.level,
    );
  }

  /** The boxes that R-Net or O-Net takes for faces, moved as it says. */
  async #judge(name, picture, boxes) {
    const [count, side] = this.shapes[name].pictures;
    const judged = [];
    for (let first = 0; first < boxes.length; first += count) {
      const some = boxes.slice(first, first + count);
      const pictures = new Float32Array(count * side * side * 3);
      some.forEach((box, n) => pictures.set(patchOf(picture, box.sides, side), n * side * side * 3));
      const { scores, moves, points } = await this.run(name, { pictures });
      some.forEach(({ sides: [left, top, right, bottom] }, n) => {
        if (!(scores[n] > LEAST_SCORE[name])) return;
        // As above.
        const [width, height] = [right - left + 1, bottom - top + 1];
        const sides = [left, top, right, bottom].map(
          (place, side4) => place + moves[n * 4 + side4] * (side4 % 2 ? height : width),
        );
        const box = { sides, score: scores[n] };
        if (points) {
          const one = points.subarray(n * 10, n * 10 + 10);
          box.points = Array.from({ length: 5 }, (_, p) => [
            width * one[p] + left - 1,
            height * one[p + 5] + top - 1,
          ]);
        }
        judged.push(box);
      });
    }
    return judged;
  }
}

/** The sizes at which a picture is looked at, as shares of its own. */
function scalesOf({ width, height }) {
  const smaller = Math.log(Math.min(width, height) / WINDOW) / Math.log(FACTOR);
  const count = Math.max(Math.round(-(smaller + 1)), 0);
  return Array.from({ length: count }, (_, n) => (WINDOW / SMALLEST_FACE) * FACTOR ** n);
}

/** A square part of a picture, black where it ends. */
function tileOf({ width, height, rgb }, left, top, side) {
  const tile = new Float32Array(side * side * 3);
  const end = Math.min(left + side, width);
  for (let y = top; y < Math.min(top + side, height); y++) {
    tile.set(rgb.subarray((y * width + left) * 3, (y * width + end) * 3), (y - top) * side * 3);
  }
  return tile;
}

/** For each row or column of P-Net's first features 0, or, where the level has ended, what keeps it out of a maximum. */
function endOf(length, side) {
  return Float32Array.from({ length: side - 2 }, (_, n) => (n < length - 2 ? 0 : NEVER));
}

/** A box of a picture at another size, bilinear, 0 beyond the border: `tf.image.crop_and_resize`. */
function patchOf({ width, height, rgb }, [left, top, right, bottom], side) {
  const patch = new Float32Array(side * side * 3);
  const xs = placesOf(left, right, width, side);
  const ys = placesOf(top, bottom, height, side);
  let to = 0;
  for (const y of ys) {
    for (const x of xs) {
      if (x < 0 || y < 0 || x > width - 1 || y > height - 1) {
        to += 3;
        continue;
      }
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const [x1, y1] = [Math.ceil(x), Math.ceil(y)];
      const [right1, low] = [x - x0, y - y0];
      for (let colour = 0; colour < 3; colour++) {
        const value = (column, row) => rgb[(row * width + column) * 3 + colour];
        const above = value(x0, y0) + (value(x1, y0) - value(x0, y0)) * right1;
        const below = value(x0, y1) + (value(x1, y1) - value(x0, y1)) * right1;
        patch[to++] = above + (below - above) * low;
      }
    }
  }
  return patch;
}

function placesOf(start, end, length, count) {
  const share = (length - 1) / length;
  return Array.from({ length: count }, (_, n) => (start + ((end - start) * n) / (count - 1)) * share);
}

/** Boxes of the same centres that are as wide as high. */
function squared({ sides: [left, top, right, bottom], ...rest }) {
  const side = Math.max(right - left, bottom - top);
  const [x, y] = [(left + right - side) / 2, (top + bottom - side) / 2];
  return { ...rest, sides: [x, y, x + side, y + side] };
}

/**
 * The boxes that no surer one overlaps by more than a share, the surest first. As in the package, that one need not be
 * kept itself, and of boxes that are equally sure, as P-Net's often are (a score of exactly 1), the last comes first.
 */
export function withoutRepeats(boxes, share, ofSmaller = false) {
  const sorted = [...boxes].reverse().sort((one, other) => other.score - one.score);
  return sorted.filter((box, number) => {
    for (let surer = 0; surer < number; surer++) {
      if (overlap(sorted[surer].sides, box.sides, ofSmaller) > share) return false;
    }
    return true;
  });
}

function overlap(one, other, ofSmaller) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const shared = Math.max(width, 0) * Math.max(height, 0);
  const [a, b] = [one, other].map(([left, top, right, bottom]) => (right - left) * (bottom - top));
  return shared / (ofSmaller ? Math.min(a, b) : a + b - shared);
}
