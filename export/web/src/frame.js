/** Where a face's frame lies, by its points: tf_gradsr/faces/frame.py and found_face.py again. */
import { apply, compose, distance, fitSimilarity, invert, meanOf, scaleOf } from './similarity.js';

/**
 * @typedef {object} Face
 * @property {number[]} box left, top, right, bottom
 * @property {number[][]} points both eyes, nose, both corners of the mouth
 * @property {import('./similarity.js').Matrix} matrix from the unit square to the photograph
 * @property {number[]} centre of the frame
 * @property {number} size side of the frame in the photograph's pixels
 * @property {number} confidence 0 to 1
 * @property {boolean} profile whether five points mislead
 */

export class Frame {
  /** @param {{frame: object, rule: {across: number, down: number, centre: number}}} facts of finder.json */
  constructor({ frame, rule }) {
    this.values = frame;
    this.rule = rule;
  }

  /** @returns {Face} the face that has these five points */
  face(points, box, confidence) {
    const { scale, shift } = this.values;
    const matrix = compose(this.#square(points), [
      [scale, 0, shift[0]],
      [0, scale, shift[1]],
    ]);
    const size = scaleOf(matrix);
    return { box, points, matrix, centre: apply(matrix, [0.5, 0.5]), size, confidence, profile: this.#isProfile(points) };
  }

  /** FFHQ's rule: the side is this many distances between the eyes, or from the eyes to the mouth; matrix of the square. */
  #square(points) {
    const [left, right] = points;
    const eyes = meanOf([left, right]);
    const mouth = meanOf(points.slice(3));
    const across = [right[0] - left[0], right[1] - left[1]];
    const down = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
    const side = Math.max(this.rule.across * Math.hypot(...across), this.rule.down * Math.hypot(...down));
    // Both say what is to the right.
    const direction = [across[0] + down[1], across[1] - down[0]];
    const length = Math.hypot(...direction);
    const [a, b] = direction.map((part) => (part / length) * side);
    const centre = eyes.map((at, axis) => at + this.rule.centre * down[axis]);
    return [
      [a, -b, centre[0] - (a - b) / 2],
      [b, a, centre[1] - (a + b) / 2],
    ];
  }

  #isProfile(points) {
    return this.#turn(points) > this.values.turn_limit || this.#residual(points) > this.values.residual_limit;
  }

  /** How far the nose lies beside the line from the middle of the eyes to that of the mouth. */
  #turn(points) {
    const back = invert(this.#square(points));
    const [left, right, nose, ...mouth] = points.map((point) => apply(back, point)[0]);
    return Math.abs(nose - (left + right + mouth[0] + mouth[1]) / 4);
  }

  /** RMS distance of the points from a frontal face's, in units of the frame's side. */
  #residual(points) {
    const matrix = fitSimilarity(this.values.points, points);
    const squares = points.map((point, n) => distance(apply(matrix, this.values.points[n]), point) ** 2);
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / points.length) / scaleOf(matrix);
  }
}
