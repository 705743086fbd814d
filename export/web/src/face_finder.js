/** From a photograph to its faces: tf_gradsr/faces/finding.py again. */
import { cut } from './resampling.js';
import { resizeBicubic } from './scaling.js';
import { apply, distance } from './similarity.js';

export class FaceFinder {
  /**
   * @param {import('./mtcnn.js').Mtcnn} detector
   * @param {import('./frame.js').Frame} frame
   * @param {object} search what finder.json says about it
   */
  constructor(detector, frame, search) {
    this.detector = detector;
    this.frame = frame;
    this.search = search;
  }

  /**
   * Each face is looked at twice: in the photograph, then cut out and turned upright, at the size at which the
   * training faces were measured.
   *
   * @param {{width: number, height: number, data: ArrayLike<number>}} photo RGBA, opaque
   * @returns {Promise<import('./frame.js').Face[]>} the largest first
   */
  async find(photo) {
    const { min_size: least, min_confidence: surest } = this.search;
    const faces = [];
    for (const face of this.#eachOnce(await this.#look(photo))) faces.push(await this.#lookAgain(photo, face));
    return this.#eachOnce(faces.filter(({ size, confidence }) => size >= least && confidence >= surest)).sort(
      (one, other) => other.size - one.size,
    );
  }

  async #look(photo) {
    const { min_size: least, easy, enlarged_pixels: enlarged, most_pixels: most } = this.search;
    const { width, height } = photo;
    const pixels = width * height;
    const zoom = Math.min(easy / Math.max(least, 1), Math.sqrt(Math.max(enlarged, Math.min(pixels, most)) / pixels));
    const size = [width, height].map((length) => Math.max(Math.round(length * zoom), 1));
    const boxes = await this.#detect(resizeBicubic(withoutAlpha(photo), ...size));
    const [across, down] = [size[0] / width, size[1] / height];
    return boxes.map(({ sides, points, score }) =>
      this.frame.face(
        points.map(([x, y]) => [x / across, y / down]),
        sides.map((place, n) => place / (n % 2 ? down : across)),
        score,
      ),
    );
  }

  /** The face as found in its aligned picture; as it was, if it is not found there. */
  async #lookAgain(photo, face) {
    const { second_look: side, same } = this.search;
    const boxes = await this.#detect(cut(photo, face.matrix, side));
    const middle = ({ sides: [left, top, right, bottom] }) => [(left + right) / 2 / side, (top + bottom) / 2 / side];
    // Parts of faces beside this one are in the picture, too.
    const found = boxes.filter((box) => distance(middle(box), [0.5, 0.5]) < same);
    if (!found.length) return face;
    const best = found.reduce((one, other) => (other.score > one.score ? other : one));
    const points = best.points.map(([x, y]) => apply(face.matrix, [x / side, y / side]));
    return this.frame.face(points, face.box, Math.max(face.confidence, best.score));
  }

  async #detect(picture) {
    if (Math.min(picture.width, picture.height) < this.search.least_side) return [];
    return this.detector.detect(picture);
  }

  /** The faces without those that were found twice; the surer one stays. */
  #eachOnce(faces) {
    const kept = [];
    for (const face of [...faces].sort((one, other) => other.confidence - one.confidence)) {
      const apart = (other) => distance(face.centre, other.centre) >= this.search.same * Math.max(face.size, other.size);
      if (kept.every(apart)) kept.push(face);
    }
    return kept;
  }
}

function withoutAlpha({ width, height, data }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4) {
    rgb[to++] = data[from];
    rgb[to++] = data[from + 1];
    rgb[to++] = data[from + 2];
  }
  return { width, height, rgb };
}
