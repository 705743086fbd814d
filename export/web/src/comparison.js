/** Two pictures of the same size, one over the other, and a slider that uncovers the lower one. */
import { paint } from './canvas.js';

export class Comparison {
  #pictures = new Map();

  /**
   * @param {{before: HTMLCanvasElement, after: HTMLCanvasElement, edge: HTMLElement, slider: HTMLInputElement,
   *     ofBefore: HTMLSelectElement, ofAfter: HTMLSelectElement}} elements; the values of the selects are names of pictures
   */
  constructor(elements) {
    Object.assign(this, elements);
    this.slider.addEventListener('input', () => this.#uncover());
    for (const select of [this.ofBefore, this.ofAfter]) select.addEventListener('change', () => this.#paint());
    this.#uncover();
  }

  /**
   * @param {string} name
   * @param {import('./pixels.js').Picture} picture
   */
  set(name, picture) {
    this.#pictures.set(name, picture);
    if ([this.ofBefore.value, this.ofAfter.value].includes(name)) this.#paint();
  }

  #paint() {
    for (const [canvas, { value }] of [
      [this.before, this.ofBefore],
      [this.after, this.ofAfter],
    ]) {
      const picture = this.#pictures.get(value);
      if (picture) paint(canvas, picture);
    }
    this.before.classList.toggle('pixels', this.ofBefore.value === 'input');
  }

  #uncover() {
    const share = `${this.slider.value}%`;
    this.before.style.clipPath = `inset(0 ${100 - this.slider.value}% 0 0)`;
    this.edge.style.left = share;
    this.slider.setAttribute('aria-valuetext', `${share} before`);
  }
}
