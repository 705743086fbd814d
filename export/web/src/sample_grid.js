/** The samples as buttons; two of them are A and B. */
import { paint } from './canvas.js';

const NAMES = ['A', 'B'];

export class SampleGrid {
  #tiles = [];

  /**
   * @param {{list: HTMLElement, slots: HTMLInputElement[]}} elements list of the samples; the two radio buttons
   * @param {(pair: number[]) => void} chosen
   */
  constructor({ list, slots }, chosen) {
    this.list = list;
    this.slots = slots;
    this.chosen = chosen;
    this.pair = [0, 1];
  }

  /** Makes this many tiles, unless they exist. */
  resize(count) {
    if (this.#tiles.length === count) return;
    this.#tiles = Array.from({ length: count }, (_, number) => this.#tile(number));
    this.list.replaceChildren(...this.#tiles.map(({ item }) => item));
    this.#mark();
  }

  canvas(number) {
    return this.#tiles[number].canvas;
  }

  paint(number, picture) {
    paint(this.canvas(number), picture);
    this.#tiles[number].button.classList.remove('stale');
  }

  /** Fades the tiles: they no longer show what was asked for. */
  fade() {
    for (const { button } of this.#tiles) button.classList.add('stale');
  }

  #tile(number) {
    const item = document.createElement('li');
    const button = document.createElement('button');
    const canvas = document.createElement('canvas');
    const badge = document.createElement('span');
    button.type = 'button';
    button.className = 'sample stale';
    badge.className = 'badge';
    button.append(canvas, badge);
    button.addEventListener('click', () => this.#choose(number));
    item.append(button);
    return { item, button, canvas, badge };
  }

  #choose(number) {
    const slot = this.slots.findIndex((radio) => radio.checked);
    this.pair[slot] = number;
    // So that two choices in a row set the two ends.
    this.slots[1 - slot].checked = true;
    this.#mark();
    this.chosen([...this.pair], slot);
  }

  #mark() {
    this.#tiles.forEach(({ button, badge }, number) => {
      const names = NAMES.filter((_, slot) => this.pair[slot] === number);
      badge.textContent = names.join(' ');
      badge.hidden = !names.length;
      const role = names.length ? `, ${names.join(' and ')}` : '';
      button.setAttribute('aria-label', `Sample ${number + 1}${role}`);
      button.setAttribute('aria-pressed', String(names.length > 0));
    });
  }
}
