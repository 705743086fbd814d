/** The page: its elements and what happens when they are used. */
import { Camera } from './camera.js';
import { paint, paintRamp } from './canvas.js';
import { Comparison } from './comparison.js';
import { Engine } from './engine.js';
import { checkSignatures, identityOf, readModel } from './model.js';
import { randomSeed } from './noise.js';
import { PicturePanel } from './picture_panel.js';
import { bicubic } from './pixels.js';
import { SampleGrid } from './sample_grid.js';
import { savePicture, saveSheet } from './saving.js';
import { Session } from './session.js';
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
  lr: null,
  seed: FIRST_SEED,
  rest: 0,
  /** Whether the page cannot work at all, so that the message stays. */
  broken: false,
};

const panel = new PicturePanel(
  {
    stage: $('stage'),
    canvas: $('photo'),
    empty: $('empty'),
    frame: $('crop'),
    size: $('size'),
    turn: $('turn'),
    state: $('crop-state'),
    looking: $('looking'),
    found: $('found'),
    boxes: $('boxes'),
    shown: $('shown'),
    byHand: $('by-hand'),
  },
  { changed: frameMoved, waiting, failed: complain },
);
const comparison = new Comparison({
  before: $('before'),
  after: $('after'),
  edge: $('edge'),
  slider: $('uncover'),
  ofBefore: $('of-before'),
  ofAfter: $('of-after'),
});
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
  (photo) => panel.use(photo, "The camera's picture"),
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
  $('error').hidden = !page.broken;
}

// ---------------------------------------------------------------- the photo

/** A photo can be used, and its faces are looked for; the pictures below are still those of the last one. */
function waiting() {
  clearComplaint();
  clearTimeout(page.rest);
  outdate();
  $('answers').classList.add('stale');
}

function frameMoved() {
  page.lr = panel.input();
  $('answers').classList.remove('stale');
  paint($('lr'), page.lr);
  const large = bicubic(page.lr, page.model.scale);
  paint($('bicubic'), large);
  comparison.set('input', page.lr);
  comparison.set('bicubic', large);
  comparison.set('photo', panel.original());
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

// ---------------------------------------------------------------- start

function listen() {
  const files = (list) => list?.length && panel.use(list[0], list[0].name);
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
    if (!event.dataTransfer.files.length && event.dataTransfer.types.includes('text/uri-list')) {
      complain(
        new Error(
          'That was a link to a picture, and this page asks no other server for anything. Save the picture first, then drop the file.',
        ),
      );
    }
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
  $('save').addEventListener('click', () => savePicture(page.model, page.seed, page.session.pair));
  $('save-sheet').addEventListener('click', () =>
    saveSheet(
      page.model,
      page.seed,
      Array.from({ length: COUNT }, (_, n) => grid.canvas(n)),
    ),
  );
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
    await panel.use(await (await fetch(url)).blob(), name);
  } catch (error) {
    complain(new Error(`${name} could not be loaded: ${error.message}`));
  }
}

function showSizes({ lr, scale }) {
  const texts = { lr: `${lr.width}×${lr.height}`, hr: `${lr.width * scale}×${lr.height * scale}` };
  for (const [name, text] of Object.entries(texts)) {
    for (const element of document.querySelectorAll(`[data-${name}]`)) element.textContent = text;
  }
}

async function loadModel(folder) {
  const engine = new Engine(folder, (share) => say(`Loading the model … ${Math.round(100 * share)} %`));
  const loaded = await engine.load(page.model.file, page.model.bytes);
  checkSignatures(page.model, loaded.signatures);
  page.model.threads = loaded.threads;
  page.session = new Session(engine, page.model, {
    reconstruction: (picture) => {
      paint($('reconstruction'), picture);
      comparison.set('reconstruction', picture);
    },
    between: (picture) => {
      paint($('between'), picture);
      comparison.set('between', picture);
    },
    sample: (number) => grid.paint(number, page.session.samples[number].picture),
    complete,
    failed: complain,
  });
  loadFinder(engine, folder);
  return 'hallucinate' in loaded.signatures;
}

/** Without it the page still works, with the frame laid by hand. */
async function loadFinder(engine, folder) {
  try {
    const response = await fetch(`${folder}finder.json`);
    if (!response.ok) throw new Error('The face finder is missing: finder.json beside this page.');
    await engine.loadFinder(await response.json());
    panel.setFinder((photo) => engine.find(photo));
  } catch (error) {
    panel.setFinder(null);
    complain(new Error(`${error.message} Lay the frame over faces by hand.`));
  }
}

async function start() {
  const folder = new URL('.', location.href).href;
  paintRamp($('ramp'));
  showSettings();
  page.model = await readModel(folder);
  panel.model = page.model;
  showSizes(page.model);
  showFaces(folder);
  listen();
  grid.resize(COUNT);
  $('about').textContent = `Model: ${identityOf(page.model)}. It runs with LiteRT.js (Apache-2.0). MTCNN (MIT) finds the faces.`;
  // It waits for the face finder, which comes after the model.
  if (page.model.faces.length) useFace(folder + page.model.faces[0], 'Sample face 1');
  const stochastic = await loadModel(folder);
  say('Choose a photo.');
  for (const element of document.querySelectorAll('[data-samples]')) element.hidden = !stochastic;
  if (stochastic) {
    listenToSamples();
    page.session.sample({ seed: page.seed, temperature: 1, count: COUNT });
  }
  if (panel.ready) frameMoved();
}

start().catch((error) => {
  say('');
  page.broken = true;
  panel.setFinder(null);
  complain(error);
});
