/** The page's side of the worker that runs the model. */

const CALL_FAILED = {
  model: (reason) =>
    `The model could not be loaded: ${reason}. If this is your page, build it again (gradsr web build).`,
  runtime: (reason) =>
    'This browser could not start LiteRT, which runs the model: it needs WebAssembly with SIMD, which current ' +
    `versions of Chrome, Edge, Firefox and Safari have, and the page's folder wasm. (${reason})`,
  run: (reason) => `The model failed: ${reason}.`,
};

export class Engine {
  #worker;
  #calls = new Map();
  #count = 0;

  /**
   * @param {string} folder URL of the page's folder, ending in /
   */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * Starts the worker and loads the model.
   *
   * @param {string} file name of the .tflite file
   * @returns {Promise<{threads: number, signatures: object}>}
   * @throws {Error} whose message is for people
   */
  load(file) {
    if (typeof WebAssembly !== 'object' || typeof Worker !== 'function') {
      throw new Error(CALL_FAILED.runtime('it has no WebAssembly'));
    }
    this.#worker = new Worker(`${this.folder}worker.js`);
    this.#worker.onmessage = ({ data }) => this.#answered(data);
    this.#worker.onerror = (event) => this.#broken(event);
    return this.#call('load', { model: this.folder + file, wasm: `${this.folder}wasm/` });
  }

  /**
   * @param {import('./pixels.js').Picture} lr
   * @param {Float32Array | null} z null for the reconstruction
   * @returns {Promise<{rgb: Uint8Array, milliseconds: number}>}
   */
  run(lr, z) {
    return this.#call('run', { lr: lr.rgb, shape: [1, lr.height, lr.width, 3], z });
  }

  #call(call, settings) {
    const id = this.#count++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, ...settings });
    });
  }

  #answered({ id, answer, error }) {
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) reject(new Error(CALL_FAILED[error.about === 'load' ? 'runtime' : error.about](error.reason)));
    else resolve(answer);
  }

  #broken(event) {
    event.preventDefault();
    const reason = event.message || 'worker.js cannot be loaded';
    for (const { reject } of this.#calls.values()) reject(new Error(CALL_FAILED.runtime(reason)));
    this.#calls.clear();
  }
}
