/**
 * A photo with a frame over it, moved, sized and turned by mouse, touch, wheel and keyboard.
 *
 * The frame has the shape of the model's input and may lie anywhere, between pixels and at any angle.
 */
import { degreesOf, scaleOf } from './similarity.js';

// CSS pixels around a corner in which a drag resizes.
const CORNER = 24;
const HIGHEST_STAGE = 400;
// In the photo's pixels, the width of one of the input's.
const LEAST_STEP = 0.5;
// How far the frame may be larger than the photo.
const BEYOND = 1.25;
// What a key does: pixels of the input, share of the size, radians.
const KEY = { move: 0.5, size: 1.02, turn: Math.PI / 180 };
const SHIFT = 4;
const WHEEL = 1.05;
const NOTCHES = 1000;

export class Cropper {
  #photo = null;
  // Centre, in the photo's pixels; width of one of the input's; radians, clockwise.
  #at = { x: 0, y: 0, step: 1, turn: 0 };
  #pointers = new Map();
  #gesture = null;

  /**
   * @param {{stage: HTMLElement, canvas: HTMLCanvasElement, frame: HTMLElement, size: HTMLInputElement,
   *     turn: HTMLInputElement, state: HTMLElement}} elements
   * @param {() => void} changed
   */
  constructor(elements, changed) {
    Object.assign(this, elements);
    this.changed = changed;
    this.stage.addEventListener('keydown', (event) => this.#keyDown(event));
    this.stage.addEventListener('pointerdown', (event) => this.#pointerDown(event));
    this.stage.addEventListener('pointermove', (event) => this.#pointerMove(event));
    for (const end of ['pointerup', 'pointercancel']) {
      this.stage.addEventListener(end, (event) => this.#pointerUp(event));
    }
    this.stage.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.size.max = NOTCHES;
    this.size.addEventListener('input', () => this.#put({ step: this.#stepOf(Number(this.size.value)) }));
    this.turn.addEventListener('input', () => this.#put({ turn: (Number(this.turn.value) * Math.PI) / 180 }));
  }

  /**
   * Shows a photo, for now without a frame.
   *
   * @param {ImageData} photo no smaller than `unit`
   * @param {{width: number, height: number}} unit the model's input
   */
  show(photo, unit) {
    this.#photo = photo;
    this.unit = unit;
    this.most = BEYOND * Math.max(photo.width / unit.width, photo.height / unit.height, LEAST_STEP);
    this.canvas.width = photo.width;
    this.canvas.height = photo.height;
    this.canvas.getContext('2d').putImageData(photo, 0, 0);
    this.stage.style.aspectRatio = `${photo.width} / ${photo.height}`;
    this.stage.style.maxWidth = `${(HIGHEST_STAGE * photo.width) / photo.height}px`;
    this.#enable(false);
  }

  /** Lays the largest frame in the photo's middle whose pixels are whole blocks of the photo's. */
  whole() {
    const { width, height } = this.#photo;
    const step = Math.floor(Math.min(width / this.unit.width, height / this.unit.height));
    const middle = (length, unit) => Math.round((length - unit * step) / 2) + (unit * step) / 2;
    this.#begun({ x: middle(width, this.unit.width), y: middle(height, this.unit.height), step, turn: 0 });
  }

  /**
   * Lays the frame over a face; where the input is not square, the face's frame is the square in its middle.
   *
   * @param {import('./frame.js').Face} face
   */
  lay({ matrix, centre: [x, y] }) {
    const step = scaleOf(matrix) / Math.min(this.unit.width, this.unit.height);
    this.#begun({ x, y, step, turn: (degreesOf(matrix) * Math.PI) / 180 });
  }

  /** @returns {import('./similarity.js').Matrix} from the square as wide as the frame to the photo, see `cut` */
  get matrix() {
    const { x, y } = this.#at;
    const [a, b] = this.#axis().map((part) => part * this.unit.width);
    return [
      [a, -b, x - (a - b) / 2],
      [b, a, y - (a + b) / 2],
    ];
  }

  /** Width of the frame in the photo's pixels. */
  get width() {
    return this.#at.step * this.unit.width;
  }

  /**
   * @returns {{x: number, y: number, width: number, height: number, factor: number} | null} the frame, where its pixels
   *     are whole blocks of the photo's
   */
  get blocks() {
    const { step: factor, turn } = this.#at;
    const [width, height] = [this.unit.width * factor, this.unit.height * factor];
    const [x, y] = [this.#at.x - width / 2, this.#at.y - height / 2];
    const inside = x >= 0 && y >= 0 && x + width <= this.#photo.width && y + height <= this.#photo.height;
    return turn === 0 && inside && [x, y, factor].every(Number.isInteger) ? { x, y, width, height, factor } : null;
  }

  #axis() {
    const { step, turn } = this.#at;
    return [step * Math.cos(turn), step * Math.sin(turn)];
  }

  #begun(at) {
    this.#enable(true);
    this.#put(at);
  }

  #enable(there) {
    this.ready = there;
    this.#gesture = null;
    this.frame.hidden = !there;
    this.size.disabled = this.turn.disabled = !there;
  }

  /** Changes some of the frame's numbers, as far as the photo allows. */
  #put(change) {
    const next = { ...this.#at, ...change };
    const within = (value, low, high) => Math.min(Math.max(value, low), high);
    this.#at = {
      x: within(next.x, 0, this.#photo.width),
      y: within(next.y, 0, this.#photo.height),
      step: within(next.step, LEAST_STEP, this.most),
      turn: Math.atan2(Math.sin(next.turn), Math.cos(next.turn)),
    };
    this.#draw();
    this.changed();
  }

  #draw() {
    const { x, y, step, turn } = this.#at;
    const [width, height] = [this.unit.width * step, this.unit.height * step];
    const percent = (part, whole) => `${(100 * part) / whole}%`;
    Object.assign(this.frame.style, {
      left: percent(x - width / 2, this.#photo.width),
      top: percent(y - height / 2, this.#photo.height),
      width: percent(width, this.#photo.width),
      height: percent(height, this.#photo.height),
      transform: `rotate(${turn}rad)`,
    });
    const degrees = ((turn * 180) / Math.PI).toFixed(1);
    this.size.value = (NOTCHES * Math.log(step / LEAST_STEP)) / Math.log(this.most / LEAST_STEP);
    this.size.setAttribute('aria-valuetext', `${width.toFixed(1)} pixels wide`);
    this.turn.value = degrees;
    this.turn.setAttribute('aria-valuetext', `${degrees} degrees`);
    this.state.textContent = `${width.toFixed(1)} pixels wide around ${x.toFixed(1)}, ${y.toFixed(1)}, turned by ${degrees}°`;
  }

  #stepOf(notch) {
    return LEAST_STEP * (this.most / LEAST_STEP) ** (notch / NOTCHES);
  }

  #keyDown(event) {
    if (!this.ready || event.ctrlKey || event.metaKey || event.altKey) return;
    const { x, y, step, turn } = this.#at;
    const far = KEY.move * step * (event.shiftKey ? SHIFT : 1);
    const changes = {
      ArrowLeft: { x: x - far },
      ArrowRight: { x: x + far },
      ArrowUp: { y: y - far },
      ArrowDown: { y: y + far },
      '+': { step: step * KEY.size },
      '=': { step: step * KEY.size },
      '-': { step: step / KEY.size },
      ',': { turn: turn - KEY.turn },
      '.': { turn: turn + KEY.turn },
    };
    if (event.key !== 'Home' && !Object.hasOwn(changes, event.key)) return;
    event.preventDefault();
    if (event.key === 'Home') this.whole();
    else this.#put(changes[event.key]);
  }

  #wheel(event) {
    // A page that scrolls past must not get stuck here: only if the stage has the focus, or for a trackpad pinch.
    if (!this.ready || (document.activeElement !== this.stage && !event.ctrlKey)) return;
    event.preventDefault();
    this.#put({ step: this.#at.step * WHEEL ** -Math.sign(event.deltaY) });
  }

  // ---------------------------------------------------------------- pointers

  #pointerDown(event) {
    // What lies over the photo to be clicked must get its click.
    if (!this.ready || event.target.closest('button')) return;
    this.stage.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#inPhoto(event));
    this.#begin();
  }

  #pointerUp(event) {
    this.#pointers.delete(event.pointerId);
    if (this.ready) this.#begin();
  }

  /** Begins the gesture of the fingers that are down: one moves the frame or drags a corner of it, two pinch. */
  #begin() {
    const points = [...this.#pointers.values()];
    this.#gesture = null;
    if (points.length === 1) this.#gesture = this.#cornerAt(points[0]) ?? this.#moveFrom(points[0]);
    if (points.length === 2) this.#gesture = this.#pinchFrom(points);
  }

  #pointerMove(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, this.#inPhoto(event));
    this.#gesture?.([...this.#pointers.values()]);
  }

  #inPhoto(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.#photo.width,
      y: ((event.clientY - box.top) / box.height) * this.#photo.height,
    };
  }

  #moveFrom(start) {
    const { x, y } = this.#at;
    return ([point]) => this.#put({ x: x + point.x - start.x, y: y + point.y - start.y });
  }

  /** A drag of the corner near a point that keeps the opposite corner in place; undefined if none is near. */
  #cornerAt(point) {
    const { x, y, step } = this.#at;
    const { width, height } = this.unit;
    const near = (CORNER * this.#photo.width) / this.canvas.getBoundingClientRect().width;
    // A small frame must still have a middle to move it by.
    const reach = Math.min(near, (step * width) / 3, (step * height) / 3);
    const [a, b] = this.#axis();
    for (const [right, low] of [
      [-1, -1],
      [1, -1],
      [-1, 1],
      [1, 1],
    ]) {
      const half = [(right * width * a - low * height * b) / 2, (right * width * b + low * height * a) / 2];
      if (Math.hypot(point.x - x - half[0], point.y - y - half[1]) > reach) continue;
      return this.#cornerFrom([x - half[0], y - half[1]], half.map((part) => (2 * part) / step));
    }
    return undefined;
  }

  /** A drag of a corner; `diagonal` leads from the still one to it, for a step of 1. */
  #cornerFrom(still, diagonal) {
    const square = diagonal[0] ** 2 + diagonal[1] ** 2;
    return ([to]) => {
      const along = ((to.x - still[0]) * diagonal[0] + (to.y - still[1]) * diagonal[1]) / square;
      const step = Math.min(Math.max(along, LEAST_STEP), this.most);
      this.#put({ x: still[0] + (diagonal[0] * step) / 2, y: still[1] + (diagonal[1] * step) / 2, step });
    };
  }

  /** Fingers hold the frame as they would a sheet of paper: it follows their distance, direction and middle. */
  #pinchFrom([first, second]) {
    const { x, y, step, turn } = this.#at;
    const apart = Math.max(Math.hypot(second.x - first.x, second.y - first.y), 1);
    const direction = Math.atan2(second.y - first.y, second.x - first.x);
    const middle = { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 };
    return ([one, other]) => {
      const wider = Math.hypot(other.x - one.x, other.y - one.y) / apart;
      const by = Math.atan2(other.y - one.y, other.x - one.x) - direction;
      const [cosine, sine] = [wider * Math.cos(by), wider * Math.sin(by)];
      const [dx, dy] = [x - middle.x, y - middle.y];
      this.#put({
        x: (one.x + other.x) / 2 + cosine * dx - sine * dy,
        y: (one.y + other.y) / 2 + sine * dx + cosine * dy,
        step: step * wider,
        turn: turn + by,
      });
    };
  }
}
