/** One picture and what the model makes of it: which runs are due and what they gave. */
import { scaled, slerp } from './latent.js';
import { noiseVector } from './noise.js';
import { inconsistency } from './pixels.js';
import { TaskQueue } from './task_queue.js';

/**
 * @typedef {object} Sample
 * @property {Float32Array} z
 * @property {import('./pixels.js').Picture | null} picture null until it has been made
 */

export class Session {
  /** @type {import('./pixels.js').Picture | null} */
  lr = null;
  /** @type {import('./pixels.js').Picture | null} */
  reconstruction = null;
  /** @type {Sample[]} */
  samples = [];
  /** What the sliders choose. */
  pair = [0, 1];
  morph = 0;
  strength = 1;
  #queue = new TaskQueue(['between', 'reconstruction', 'samples']);

  /**
   * @param {import('./engine.js').Engine} engine with the model loaded
   * @param {{lr: {width: number, height: number}, z_size: number, scale: number}} model
   * @param {object} show what to do with results: reconstruction(picture), between(picture), sample(number),
   *     complete({milliseconds, inconsistency}), failed(error)
   */
  constructor(engine, model, show) {
    this.engine = engine;
    this.model = model;
    this.show = show;
  }

  /** Sets another input; its pictures follow, its samples only when `sample` is called. */
  setInput(lr) {
    this.lr = lr;
    this.#queue.put('samples', []);
    this.#queue.put('reconstruction', [
      this.#step(null, (picture) => {
        this.reconstruction = picture;
        this.show.reconstruction(picture);
      }),
    ]);
    this.between();
  }

  /**
   * Draws the noise of new samples and makes their pictures.
   *
   * @param {{seed: number, temperature: number, count: number}} settings
   */
  sample({ seed, temperature, count }) {
    const z = (number) => scaled(noiseVector(seed, number, this.model.z_size), temperature);
    this.samples = Array.from({ length: count }, (_, number) => ({ z: z(number), picture: null }));
    this.between();
    this.#makeSamples();
  }

  #makeSamples() {
    if (!this.lr) return;
    const times = [];
    this.#queue.put(
      'samples',
      this.samples.map((sample, number) =>
        this.#step(sample.z, (picture, milliseconds) => {
          sample.picture = picture;
          this.show.sample(number);
          times.push(milliseconds);
          if (times.length === this.samples.length) this.#complete(times);
        }),
      ),
    );
  }

  /** Makes the picture that the sliders choose. */
  between() {
    if (!this.lr || !this.samples.length) return;
    const [start, end] = this.pair.map((number) => this.samples[number].z);
    const z = scaled(slerp(start, end, this.morph), this.strength);
    this.#queue.put('between', [this.#step(z, (picture) => this.show.between(picture))]);
  }

  #complete(times) {
    const off = this.samples.map(({ picture }) => inconsistency(picture, this.lr));
    const milliseconds = times.reduce((sum, time) => sum + time, 0) / times.length;
    this.show.complete({ milliseconds, inconsistency: Math.max(...off) });
  }

  /** A task of the queue: one picture, given to `done`. */
  #step(z, done) {
    const { lr } = this;
    return async () => {
      try {
        const { rgb, milliseconds } = await this.engine.run(lr, z);
        const [width, height] = [lr.width * this.model.scale, lr.height * this.model.scale];
        return () => done({ width, height, rgb }, milliseconds);
      } catch (error) {
        return () => this.show.failed(error);
      }
    };
  }
}
