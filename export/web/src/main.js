/** The page: its elements and what happens when they are used. */
import { Camera } from './camera.js';
import { paint, paintRamp, save } from './canvas.js';
import { Cropper } from './cropper.js';
import { Engine } from './engine.js';
import { randomSeed } from './noise.js';
import { readPhoto } from './photo.js';
import { bicubic, downscale } from './pixels.js';
import { SampleGrid } from './sample_grid.js';
import { Session } from './session.js';
import { drawSheet } from './sheet.js';
import { heatMap, roundedTop, standardDeviation } from './spread.js';

const COUNT = 12;
const LARGEST_SEED = 2 ** 31 - 1;
// Milliseconds of rest after which the samples follow a moved crop or slider.
const REST = 200;
const FIRST_SEED = 0;

const $ = (id) => document.getElementById(id);

const page = {
  /** @type {{lr: {width: number, height: number}, scale: number, z_size: number, ...} | null} */
  model: null,
  /** @type {Session | null} null until the model has been loaded */
  session: null,
  /** @type {ImageData | null} */
  photo: null,
  /** @type {Blob | null} the file chosen last, which may still be read */
  chosen: null,
  lr: null,
  seed: FIRST_SEED,
  rest: 0,
  frame: 0,
};

const cropper = new Cropper(
  { stage: $('stage'), canvas: $('photo'), frame: $('crop'), zoom: $('zoom'), state: $('crop-state') },
  () => {
    cancelAnimationFrame(page.frame);
    page.frame = requestAnimationFrame(cropMoved);
  },
);
const grid = new SampleGrid(
  { list: $('samples'), slots: [...document.querySelectorAll('[name=slot]')] },
  (pair, slot) => {
    if (!page.session) return;
    page.session.pair = pair;
    $('morph').value = slot;
    slidersMoved();
  },
);
const camera = new Camera(
  { dialog: $('camera'), video: $('video'), shutter: $('shutter') },
  (photo) => usePhoto(photo, "The camera's picture"),
);

// ---------------------------------------------------------------- messages

function say(words) {
  $('status').textContent = words;
}

function complain(error) {
  $('error').textContent = error.message;
  $('error').hidden = false;
  $('error').scrollIntoView({ block: 'nearest' });
}

function clearComplaint() {
  $('error').hidden = true;
}

// ---------------------------------------------------------------- the photo

async function usePhoto(file, name) {
  page.chosen = file;
  try {
    const photo = await readPhoto(file, name, page.model.lr);
    // Another one has been chosen in the meantime.
    if (page.chosen !== file) return;
    clearComplaint();
    page.photo = photo;
    $('empty').hidden = true;
    $('crop').hidden = false;
    cropper.show(photo, page.model.lr);
  } catch (error) {
    complain(error);
  }
}

function cropMoved() {
  const { rect } = cropper;
  page.lr = downscale(page.photo, rect.factor, rect);
  paint($('lr'), page.lr);
  paint($('bicubic'), bicubic(page.lr, page.model.scale));
  if (!page.session) return;
  page.session.setInput(page.lr);
  if (!page.session.samples.length) return;
  outdate();
  // After the same rest as for the sliders, whose wait this one replaces.
  afterRest(sample);
}

function afterRest(act) {
  clearTimeout(page.rest);
  page.rest = setTimeout(act, REST);
}

// ---------------------------------------------------------------- samples

/** Marks the pictures as out of date: they no longer match the settings and must not be saved under their name. */
function outdate() {
  grid.fade();
  for (const id of ['save', 'save-sheet']) $(id).disabled = true;
}

function sample() {
  outdate();
  page.session.sample({ seed: page.seed, temperature: Number($('temperature').value), count: COUNT });
}

function showSettings() {
  $('seed').value = page.seed;
  $('temperature-value').textContent = Number($('temperature').value).toFixed(2);
  $('strength-value').textContent = Number($('strength').value).toFixed(2);
  $('morph-value').textContent = Number($('morph').value).toFixed(2);
}

function slidersMoved() {
  page.session.strength = Number($('strength').value);
  page.session.morph = Number($('morph').value);
  showSettings();
  page.session.between();
}

function seedTyped() {
  const seed = $('seed').valueAsNumber;
  if (Number.isInteger(seed) && seed >= 0 && seed <= LARGEST_SEED) page.seed = seed;
  showSettings();
  sample();
}

function complete({ milliseconds, inconsistency }) {
  const values = standardDeviation(page.session.samples.map(({ picture }) => picture));
  const top = roundedTop(values);
  paint($('uncertainty'), heatMap(values, page.lr.width * page.model.scale, top));
  $('half').textContent = top / 2;
  $('top').textContent = top;
  for (const id of ['save', 'save-sheet']) $(id).disabled = false;
  const threads = page.model.threads > 1 ? `${page.model.threads} threads` : 'one thread';
  const levels = inconsistency === 0 ? 'exactly' : `within ${inconsistency} of 255 levels`;
  say(`${COUNT} samples, ${milliseconds.toFixed(0)} ms each on ${threads}. Each downscales to the input ${levels}.`);
}

// ---------------------------------------------------------------- saving

function savePicture() {
  const [a, b] = page.session.pair.map((number) => number + 1);
  const [strength, morph] = [$('strength'), $('morph')].map(({ value }) => Number(value).toFixed(2));
  const temperature = Number($('temperature').value).toFixed(2);
  const samples = `samples${a}to${b}_at${morph}_strength${strength}`;
  save($('between'), `gradsr_seed${page.seed}_${samples}_temperature${temperature}`);
}

function saveSheet() {
  const cells = [
    { title: `input, ${page.lr.width}×${page.lr.height}`, canvas: $('lr'), pixels: true },
    { title: 'bicubic', canvas: $('bicubic') },
    { title: 'most likely, z = 0', canvas: $('reconstruction') },
    { title: `standard deviation, 0 to ${$('top').textContent} grey levels`, canvas: $('uncertainty') },
    ...Array.from({ length: COUNT }, (_, n) => ({ title: `sample ${n + 1}`, canvas: grid.canvas(n) })),
  ];
  const temperature = Number($('temperature').value).toFixed(2);
  const note = `Invented faces, not evidence of anybody's identity. Seed ${page.seed}, temperature ${temperature}, ${identity()}`;
  save(drawSheet(cells, note), `gradsr_seed${page.seed}`);
}

function identity() {
  const { name, weights, version } = page.model;
  return `${name}, weights ${weights}, version ${version}`;
}

// ---------------------------------------------------------------- start

function listen() {
  const files = (list) => list?.length && usePhoto(list[0], list[0].name);
  $('file').addEventListener('change', ({ target }) => {
    files(target.files);
    // So that choosing the same file again counts as a change.
    target.value = '';
  });
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    $('stage').classList.add('dropping');
  });
  document.addEventListener('dragleave', () => $('stage').classList.remove('dropping'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    $('stage').classList.remove('dropping');
    files(event.dataTransfer.files);
  });
  document.addEventListener('paste', (event) => files(event.clipboardData.files));
  $('use-camera').addEventListener('click', async ({ target }) => {
    clearComplaint();
    // Not twice while the browser asks for permission.
    target.disabled = true;
    await camera.open().catch(complain);
    target.disabled = false;
  });
}

function listenToSamples() {
  $('again').addEventListener('click', () => {
    page.seed = randomSeed();
    showSettings();
    sample();
  });
  $('seed').addEventListener('change', seedTyped);
  $('temperature').addEventListener('input', () => {
    showSettings();
    afterRest(sample);
  });
  for (const slider of ['strength', 'morph']) $(slider).addEventListener('input', slidersMoved);
  $('save').addEventListener('click', savePicture);
  $('save-sheet').addEventListener('click', saveSheet);
}

function showFaces(folder) {
  for (const [number, file] of page.model.faces.entries()) {
    const button = document.createElement('button');
    const image = new Image();
    button.type = 'button';
    image.src = folder + file;
    image.alt = `Sample face ${number + 1}`;
    button.append(image);
    button.addEventListener('click', () => useFace(folder + file, image.alt));
    $('faces').append(button);
  }
}

async function useFace(url, name) {
  try {
    await usePhoto(await (await fetch(url)).blob(), name);
  } catch (error) {
    complain(new Error(`${name} could not be loaded: ${error.message}`));
  }
}

async function readModel(folder) {
  if (location.protocol === 'file:') {
    throw new Error('Open this page from a web server, for example with: gradsr web serve');
  }
  const response = await fetch(`${folder}gradsr.json`).catch(() => null);
  if (!response?.ok) throw new Error('gradsr.json is missing beside this page: build it again.');
  const model = await response.json();
  return { ...model, lr: { height: model.lr_shape[0], width: model.lr_shape[1] } };
}

function showSizes({ lr, scale }) {
  const texts = { lr: `${lr.width}×${lr.height}`, hr: `${lr.width * scale}×${lr.height * scale}` };
  for (const [name, text] of Object.entries(texts)) {
    for (const element of document.querySelectorAll(`[data-${name}]`)) element.textContent = text;
  }
}

/** Checks that the model's shapes are those that the page was built for. */
function checkSignatures({ signatures }) {
  const { lr, scale, z_size } = page.model;
  const shapes = (signature) => JSON.stringify([signature?.inputs, signature?.outputs.image]);
  const image = [1, lr.height * scale, lr.width * scale, 3];
  const inputs = { lr: [1, lr.height, lr.width, 3] };
  const fits =
    shapes(signatures.reconstruct) === JSON.stringify([inputs, image]) &&
    (!signatures.hallucinate ||
      shapes(signatures.hallucinate) === JSON.stringify([{ ...inputs, z: [1, z_size] }, image]));
  if (!fits) throw new Error(`gradsr.json does not describe ${page.model.file}: build the page again.`);
}

async function loadModel(folder) {
  const engine = new Engine(folder);
  const loaded = await engine.load(page.model.file);
  checkSignatures(loaded);
  page.model.threads = loaded.threads;
  page.session = new Session(engine, page.model, {
    reconstruction: (picture) => paint($('reconstruction'), picture),
    between: (picture) => paint($('between'), picture),
    sample: (number) => grid.paint(number, page.session.samples[number].picture),
    complete,
    failed: complain,
  });
  return 'hallucinate' in loaded.signatures;
}

async function start() {
  const folder = new URL('.', location.href).href;
  paintRamp($('ramp'));
  showSettings();
  page.model = await readModel(folder);
  showSizes(page.model);
  showFaces(folder);
  listen();
  grid.resize(COUNT);
  $('about').textContent = `Model: ${identity()}. It runs with LiteRT.js (Apache-2.0).`;
  if (page.model.faces.length) await useFace(folder + page.model.faces[0], 'Sample face 1');
  const stochastic = await loadModel(folder);
  say('Choose a photo.');
  for (const element of document.querySelectorAll('[data-samples]')) element.hidden = !stochastic;
  if (stochastic) {
    listenToSamples();
    page.session.sample({ seed: page.seed, temperature: 1, count: COUNT });
  }
  if (page.photo) cropMoved();
}

start().catch((error) => {
  say('');
  complain(error);
});
