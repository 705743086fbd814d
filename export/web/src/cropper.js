/**
 * A photo with a crop over it, moved and resized by mouse, touch, wheel and keyboard.
 *
 * The crop has the shape of the model's input and sides that are whole multiples of it, so that each input pixel is
 * the mean of a whole block of the photo's pixels.
 */

// CSS pixels around a corner in which a drag resizes.
const CORNER = 24;
const HIGHEST_STAGE = 400;

export class Cropper {
  #photo = null;
  #x = 0;
  #y = 0;
  #factor = 1;
  #pointers = new Map();
  #gesture = null;

  /**
   * @param {{stage: HTMLElement, canvas: HTMLCanvasElement, frame: HTMLElement, zoom: HTMLInputElement,
   *     state: HTMLElement}} elements
   * @param {(rect: {x: number, y: number, width: number, height: number, factor: number}) => void} changed
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
    this.zoom.addEventListener('input', () => this.#resize(Number(this.zoom.value)));
  }

  /**
   * Shows a photo with the largest crop in its middle.
   *
   * @param {ImageData} photo no smaller than `unit`
   * @param {{width: number, height: number}} unit the model's input
   */
  show(photo, unit) {
    this.#photo = photo;
    this.unit = unit;
    this.most = Math.floor(Math.min(photo.width / unit.width, photo.height / unit.height));
    this.canvas.width = photo.width;
    this.canvas.height = photo.height;
    this.canvas.getContext('2d').putImageData(photo, 0, 0);
    this.stage.style.aspectRatio = `${photo.width} / ${photo.height}`;
    this.stage.style.maxWidth = `${(HIGHEST_STAGE * photo.width) / photo.height}px`;
    this.zoom.max = this.most;
    this.zoom.disabled = this.most === 1;
    this.#largest();
  }

  get rect() {
    const [width, height] = this.#sides();
    return { x: this.#x, y: this.#y, width, height, factor: this.#factor };
  }

  #sides(factor = this.#factor) {
    return [this.unit.width * factor, this.unit.height * factor];
  }

  #largest() {
    const [width, height] = this.#sides(this.most);
    this.#place((this.#photo.width - width) / 2, (this.#photo.height - height) / 2, this.most);
  }

  /** Puts the crop at a place, or as near to it as the photo allows. */
  #place(x, y, factor) {
    this.#factor = Math.min(Math.max(Math.round(factor), 1), this.most);
    const [width, height] = this.#sides();
    this.#x = Math.min(Math.max(Math.round(x), 0), this.#photo.width - width);
    this.#y = Math.min(Math.max(Math.round(y), 0), this.#photo.height - height);
    this.#draw();
    this.changed(this.rect);
  }

  #draw() {
    const { x, y, width, height } = this.rect;
    const percent = (part, whole) => `${(100 * part) / whole}%`;
    Object.assign(this.frame.style, {
      left: percent(x, this.#photo.width),
      top: percent(y, this.#photo.height),
      width: percent(width, this.#photo.width),
      height: percent(height, this.#photo.height),
    });
    this.zoom.value = this.#factor;
    this.zoom.setAttribute('aria-valuetext', `${width} by ${height} pixels`);
    this.state.textContent = `${width}×${height} pixels at ${x}, ${y}`;
  }

  /** Changes the size around the same middle. */
  #resize(factor) {
    const [width, height] = this.#sides();
    const [newWidth, newHeight] = this.#sides(Math.min(Math.max(Math.round(factor), 1), this.most));
    this.#place(this.#x + (width - newWidth) / 2, this.#y + (height - newHeight) / 2, factor);
  }

  #keyDown(event) {
    if (!this.#photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = Math.max(Math.round((this.#factor * this.unit.width) / 32), 1) * (event.shiftKey ? 4 : 1);
    const zoom = Math.max(Math.round(this.#factor / 12), 1);
    const acts = {
      ArrowLeft: () => this.#place(this.#x - step, this.#y, this.#factor),
      ArrowRight: () => this.#place(this.#x + step, this.#y, this.#factor),
      ArrowUp: () => this.#place(this.#x, this.#y - step, this.#factor),
      ArrowDown: () => this.#place(this.#x, this.#y + step, this.#factor),
      '+': () => this.#resize(this.#factor + zoom),
      '=': () => this.#resize(this.#factor + zoom),
      '-': () => this.#resize(this.#factor - zoom),
      Home: () => this.#largest(),
    };
    if (!Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  }

  #wheel(event) {
    // A page that scrolls past must not get stuck here: only if the stage has the focus, or for a trackpad pinch.
    if (!this.#photo || (document.activeElement !== this.stage && !event.ctrlKey)) return;
    event.preventDefault();
    this.#resize(this.#factor - Math.sign(event.deltaY) * Math.max(Math.round(this.#factor / 16), 1));
  }

  // ---------------------------------------------------------------- pointers

  #pointerDown(event) {
    if (!this.#photo) return;
    this.stage.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#inPhoto(event));
    this.#begin();
  }

  #pointerUp(event) {
    this.#pointers.delete(event.pointerId);
    this.#begin();
  }

  /** Begins the gesture of the fingers that are down: one moves the crop or drags a corner of it, two pinch. */
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
    const { x, y } = this.rect;
    return ([point]) => this.#place(x + point.x - start.x, y + point.y - start.y, this.#factor);
  }

  /** A drag of the corner near a point that keeps the opposite corner in place; undefined if none is near. */
  #cornerAt(point) {
    const { x, y, width, height } = this.rect;
    const near = (CORNER * this.#photo.width) / this.canvas.getBoundingClientRect().width;
    // A small crop must still have a middle to move it by.
    const reach = Math.min(near, width / 3, height / 3);
    for (const right of [0, 1]) {
      for (const low of [0, 1]) {
        const corner = { x: x + right * width, y: y + low * height };
        if (Math.hypot(point.x - corner.x, point.y - corner.y) > reach) continue;
        const still = { x: x + (1 - right) * width, y: y + (1 - low) * height };
        return ([to]) => this.#dragCorner(still, right, low, to);
      }
    }
    return undefined;
  }

  #dragCorner(still, right, low, to) {
    const across = (right ? to.x - still.x : still.x - to.x) / this.unit.width;
    const down = (low ? to.y - still.y : still.y - to.y) / this.unit.height;
    const room = Math.min(
      (right ? this.#photo.width - still.x : still.x) / this.unit.width,
      (low ? this.#photo.height - still.y : still.y) / this.unit.height,
    );
    const factor = Math.min(Math.max(Math.round((across + down) / 2), 1), Math.floor(room));
    const [width, height] = this.#sides(factor);
    this.#place(still.x - (1 - right) * width, still.y - (1 - low) * height, factor);
  }

  #pinchFrom([first, second]) {
    const { x, y, width, height, factor } = this.rect;
    const apart = Math.max(Math.hypot(first.x - second.x, first.y - second.y), 1);
    const middle = { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 };
    return ([one, other]) => {
      // Fingers that spread enlarge the face, so the crop shrinks.
      const next = factor * (apart / Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1));
      const [newWidth, newHeight] = this.#sides(Math.min(Math.max(Math.round(next), 1), this.most));
      const moved = { x: (one.x + other.x) / 2 - middle.x, y: (one.y + other.y) / 2 - middle.y };
      this.#place(x + moved.x + (width - newWidth) / 2, y + moved.y + (height - newHeight) / 2, next);
    };
  }
}
