/** The page's side of the worker that runs the model and finds faces. */

const CALL_FAILED = {
  model: (reason) =>
    `The model could not be loaded: ${reason}. If this is your page, build it again (gradsr web build).`,
  runtime: (reason) =>
    'This browser could not start LiteRT, which runs the model: it needs WebAssembly with SIMD, which current ' +
    `versions of Chrome, Edge, Firefox and Safari have, and the page's folder wasm. (${reason})`,
  run: (reason) => `The model failed: ${reason}.`,
  loadFinder: (reason) => `The face finder could not be loaded: ${reason}.`,
  find: (reason) => `The search for faces failed: ${reason}.`,
};

export class Engine {
  #worker;
  #calls = new Map();
  #count = 0;

  /**
   * @param {string} folder URL of the page's folder, ending in /
   * @param {(share: number) => void} progress of the model's download
   */
  constructor(folder, progress) {
    this.folder = folder;
    this.progress = progress;
  }

  /**
   * Starts the worker and loads the model.
   *
   * @param {string} file name of the .tflite file
   * @param {number} bytes its size
   * @returns {Promise<{threads: number, signatures: object}>}
   * @throws {Error} whose message is for people
   */
  load(file, bytes) {
    if (typeof WebAssembly !== 'object' || typeof Worker !== 'function') {
      throw new Error(CALL_FAILED.runtime('it has no WebAssembly'));
    }
    this.#worker = new Worker(`${this.folder}worker.js`);
    this.#worker.onmessage = ({ data }) => this.#answered(data);
    this.#worker.onerror = (event) => this.#broken(event);
    return this.#call('load', { model: this.folder + file, bytes, wasm: `${this.folder}wasm/` });
  }

  /**
   * @param {import('./pixels.js').Picture} lr
   * @param {Float32Array | null} z null for the reconstruction
   * @returns {Promise<{rgb: Uint8Array, milliseconds: number}>}
   */
  run(lr, z) {
    return this.#call('run', { lr: lr.rgb, shape: [1, lr.height, lr.width, 3], z });
  }

  /**
   * Loads the face finder; after `load`.
   *
   * @param {object} facts what finder.json holds
   */
  loadFinder(facts) {
    return this.#call('loadFinder', { model: this.folder + facts.file, facts });
  }

  /**
   * @param {ImageData} photo opaque
   * @returns {Promise<import('./frame.js').Face[]>} the largest first
   */
  find(photo) {
    return this.#call('find', { photo });
  }

  #call(call, settings) {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, ...settings });
    });
  }

  #answered({ id, answer, error, progress }) {
    if (progress !== undefined) return this.progress(progress);
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    if (!error) return resolve(answer);
    return reject(new Error(CALL_FAILED[error.about === 'load' ? 'runtime' : error.about](error.reason)));
  }

  #broken(event) {
    event.preventDefault();
    const reason = event.message || 'worker.js cannot be loaded';
    for (const { reject } of this.#calls.values()) reject(new Error(CALL_FAILED.runtime(reason)));
    this.#calls.clear();
  }
}
