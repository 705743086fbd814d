/** The panel with the photo: it takes a photo in, has its faces found, and says where the frame lies. */
import { paint } from './canvas.js';
import { Cropper } from './cropper.js';
import { readPhoto } from './photo.js';
import { downscale } from './pixels.js';
import { cut } from './resampling.js';
import { shownOf } from './shown.js';

const THUMBNAIL = 64;

export class PicturePanel {
  /** @type {ImageData | null} */
  photo = null;
  /** @type {{lr: {width: number, height: number}, scale: number} | null} */
  model = null;
  #chosen = null;
  #faces = [];
  #frame = 0;
  #find = null;

  /**
   * @param {Record<string, HTMLElement>} elements of the panel
   * @param {{changed: () => void, waiting: () => void, failed: (error: Error) => void}} events the frame has been moved;
   *     a photo's faces are being looked for; a photo cannot be used
   */
  constructor(elements, events) {
    Object.assign(this, elements);
    this.events = events;
    // The face finder, once it has been loaded; null then, if it could not be.
    this.finder = new Promise((resolve) => {
      this.#find = resolve;
    });
    this.cropper = new Cropper(elements, () => {
      cancelAnimationFrame(this.#frame);
      this.#frame = requestAnimationFrame(() => this.#moved());
    });
  }

  /** @param {((photo: ImageData) => Promise<object[]>) | null} find null if faces cannot be found */
  setFinder(find) {
    this.#find(find);
  }

  /** @param {Blob} file @param {string} name for messages */
  async use(file, name) {
    this.#chosen = file;
    try {
      const photo = await readPhoto(file, name, this.model.lr);
      // Another one has been chosen in the meantime.
      if (this.#chosen !== file) return;
      cancelAnimationFrame(this.#frame);
      this.events.waiting();
      this.photo = photo;
      this.empty.hidden = true;
      this.cropper.show(photo, this.model.lr);
      this.#offer([]);
      this.shown.textContent = '';
      const faces = await this.#facesOf(photo, file);
      if (this.#chosen !== file) return;
      this.#offer(faces);
      this.#say(faces, name);
      if (faces.length) this.#choose(0);
      else this.cropper.whole();
    } catch (error) {
      this.events.failed(error);
    }
  }

  /** Whether a photo has its frame. */
  get ready() {
    return this.photo !== null && this.cropper.ready;
  }

  /** @returns {import('./pixels.js').Picture} the model's input */
  input() {
    const { blocks, matrix } = this.cropper;
    const { width, height } = this.model.lr;
    // As for pictures that are aligned already: the same numbers as in tf_gradsr, bit for bit.
    return blocks ? downscale(this.photo, blocks.factor, blocks) : cut(this.photo, matrix, width, height);
  }

  /** @returns {import('./pixels.js').Picture} what the photo shows there, as large as the model's pictures */
  original() {
    const { lr, scale } = this.model;
    return cut(this.photo, this.cropper.matrix, lr.width * scale, lr.height * scale);
  }

  /** @returns {Promise<object[] | null>} null: none were looked for */
  async #facesOf(photo, file) {
    if (this.#isAligned(photo)) {
      this.looking.textContent = 'As large as the model’s pictures, so it is taken as a cut-out face.';
      return [];
    }
    this.looking.textContent = 'Looking for faces …';
    const find = await this.finder;
    if (!find || this.#chosen !== file) return [];
    return find(photo).catch((error) => {
      if (this.#chosen === file) this.events.failed(error);
      return [];
    });
  }

  #isAligned({ width, height }) {
    const { lr, scale } = this.model;
    return width === lr.width * scale && height === lr.height * scale;
  }

  #say(faces, name) {
    if (this.#isAligned(this.photo)) return;
    if (!faces.length) {
      this.looking.textContent =
        `No face was found in ${name}. Lay the frame over one by hand: both eyes at the same height, in the frame’s ` +
        'middle, and the chin just inside it.';
      this.byHand.open = true;
    } else if (faces.length === 1) {
      this.looking.textContent = 'One face was found.';
    } else {
      this.looking.textContent = `${faces.length} faces were found; the largest is chosen. Choose another one:`;
    }
  }

  // ---------------------------------------------------------------- faces

  /** Offers faces, each as a button with its picture and as a box in the photo. */
  #offer(faces) {
    this.#faces = faces;
    this.profile = false;
    this.found.hidden = faces.length < 2;
    this.found.replaceChildren(...(faces.length > 1 ? faces.map((face, n) => this.#thumbnail(face, n)) : []));
    this.boxes.replaceChildren(...(faces.length > 1 ? faces.map((face, n) => this.#box(face, n)) : []));
  }

  #thumbnail(face, number) {
    const button = document.createElement('button');
    const canvas = document.createElement('canvas');
    button.type = 'button';
    button.setAttribute('aria-label', `Face ${number + 1}, ${Math.round(face.size)} pixels wide`);
    paint(canvas, cut(this.photo, face.matrix, THUMBNAIL));
    button.append(canvas);
    button.addEventListener('click', () => this.#choose(number));
    return button;
  }

  /** For the mouse and for fingers; the keyboard has the button with the picture. */
  #box({ matrix, size, centre: [x, y] }, number) {
    const box = document.createElement('button');
    const label = document.createElement('span');
    const percent = (part, whole) => `${(100 * part) / whole}%`;
    box.type = 'button';
    box.tabIndex = -1;
    label.textContent = number + 1;
    box.append(label);
    box.setAttribute('aria-hidden', 'true');
    Object.assign(box.style, {
      left: percent(x - size / 2, this.photo.width),
      top: percent(y - size / 2, this.photo.height),
      width: percent(size, this.photo.width),
      height: percent(size, this.photo.height),
      transform: `rotate(${Math.atan2(matrix[1][0], matrix[0][0])}rad)`,
    });
    box.addEventListener('click', () => this.#choose(number));
    return box;
  }

  #choose(number) {
    const chosen = (buttons, mark) => [...buttons.children].forEach((one, n) => mark(one, n === number));
    chosen(this.found, (button, is) => button.setAttribute('aria-pressed', String(is)));
    chosen(this.boxes, (box, is) => {
      box.hidden = is;
    });
    this.profile = this.#faces[number].profile;
    this.cropper.lay(this.#faces[number]);
  }

  #moved() {
    const { lr, scale } = this.model;
    const turned = this.profile ? ' It is turned far to the side; the model has seen few such faces.' : '';
    this.shown.textContent = shownOf(this.cropper.width, lr.width, scale) + turned;
    this.events.changed();
  }
}
