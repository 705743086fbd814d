/** What the page saves: the picture that the sliders choose, and all pictures on one sheet. */
import { save } from './canvas.js';
import { identityOf } from './model.js';
import { drawSheet } from './sheet.js';

const $ = (id) => document.getElementById(id);
const fixed = (id) => Number($(id).value).toFixed(2);

/**
 * @param {object} model what gradsr.json holds
 * @param {number} seed
 * @param {number[]} pair numbers of samples A and B
 */
export function savePicture(model, seed, pair) {
  const [a, b] = pair.map((number) => number + 1);
  const samples = `samples${a}to${b}_at${fixed('morph')}_strength${fixed('strength')}`;
  save($('between'), `gradsr_seed${seed}_${samples}_temperature${fixed('temperature')}`, wordsOf(model, seed));
}

/**
 * @param {object} model what gradsr.json holds
 * @param {number} seed
 * @param {HTMLCanvasElement[]} samples
 */
export function saveSheet(model, seed, samples) {
  const cells = [
    { title: `input, ${model.lr.width}×${model.lr.height}`, canvas: $('lr'), pixels: true },
    { title: 'bicubic', canvas: $('bicubic') },
    { title: 'most likely, z = 0', canvas: $('reconstruction') },
    { title: `standard deviation, 0 to ${$('top').textContent} grey levels`, canvas: $('uncertainty') },
    ...samples.map((canvas, n) => ({ title: `sample ${n + 1}`, canvas })),
  ];
  const settings = `Seed ${seed}, temperature ${fixed('temperature')}, ${identityOf(model)}`;
  const note = `Invented faces, not evidence of anybody's identity. ${settings}`;
  save(drawSheet(cells, note), `gradsr_seed${seed}`, wordsOf(model, seed));
}

/** What a file says about itself; nothing about the photo. */
function wordsOf({ name, weights, version, disclaimer }, seed) {
  const temperature = fixed('temperature');
  return {
    Software: 'tf_gradsr.web',
    model: name,
    weights,
    version,
    seed: String(seed),
    temperature,
    Disclaimer: disclaimer,
  };
}
