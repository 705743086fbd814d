/**
 * Runs the model, and the search for faces, in a worker, so that the page stays responsive. A classic worker:
 * LiteRT.js loads its own script with importScripts, which module workers lack.
 */
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { FaceFinder } from './face_finder.js';
import { Frame } from './frame.js';
import { Mtcnn } from './mtcnn.js';

// More threads than this no longer help a network of this size, and they take the phone's other cores.
const MOST_THREADS = 4;
// Bytes 4 to 8 of every .tflite file.
const IDENTIFIER = 'TFL3';

let model;
let threads;
/** @type {FaceFinder} */
let finder;

self.onmessage = async ({ data: { id, call, ...settings } }) => {
  try {
    const answer = await { load, run, loadFinder, find }[call](settings);
    self.postMessage({ id, answer });
  } catch (error) {
    self.postMessage({ id, error: { about: error.about ?? call, reason: error.message ?? String(error) } });
  }
};

/**
 * @param {{model: string, bytes: number, wasm: string}} urls of the .tflite file, with its size; of the folder with
 *     LiteRT's files, ending in /
 * @returns {Promise<{threads: number, signatures: object}>} {name: {inputs, outputs: {name: shape}}}
 */
async function load(urls) {
  const [bytes, count] = await Promise.all([fetchModel(urls.model, urls.bytes), startRuntime(urls.wasm)]);
  threads = count;
  model = await compiled(bytes);
  return { threads, signatures: Object.fromEntries(Object.entries(model.signatures).map(describe)) };
}

async function compiled(bytes) {
  try {
    return await loadAndCompile(bytes, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  } catch (error) {
    throw about('model', `LiteRT cannot load it: ${error.message ?? error}`);
  }
}

function describe([name, signature]) {
  const shapes = (details) => Object.fromEntries(details.map((tensor) => [tensor.name, [...tensor.shape]]));
  return [name, { inputs: shapes(signature.getInputDetails()), outputs: shapes(signature.getOutputDetails()) }];
}

/** @param {number} [size] in bytes; if given, the page hears of the progress */
async function fetchModel(url, size) {
  const response = await fetch(url).catch((error) => {
    throw about('model', error.message);
  });
  if (!response.ok) throw about('model', `the server answers ${response.status}`);
  const bytes = await received(response, (count) => size && self.postMessage({ progress: count / size }));
  if (String.fromCharCode(...bytes.subarray(4, 8)) !== IDENTIFIER) {
    throw about('model', 'it is not a .tflite file');
  }
  return bytes;
}

async function received(response, arrived) {
  const parts = [];
  let count = 0;
  const reader = response.body.getReader();
  for (let part; !(part = await reader.read().catch(cutOff)).done; ) {
    parts.push(part.value);
    arrived((count += part.value.length));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function cutOff(error) {
  throw about('model', error.message);
}

/** @returns {Promise<number>} threads: one, unless the server isolates the page (COOP and COEP) */
async function startRuntime(folder) {
  withoutGpu();
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
  if (threads > 1) {
    try {
      await startVariant(folder, { threads: true });
      return threads;
    } catch {
      // Without relaxed SIMD there is no variant with threads.
    }
  }
  try {
    await startVariant(folder);
  } catch (error) {
    throw about('runtime', error.message ?? String(error));
  }
  return 1;
}

function startVariant(folder, options = {}) {
  // LiteRT's script would look for its other files beside this one.
  self.Module = {
    locateFile: (name) => folder + name,
    mainScriptUrlOrBlob: `${folder}litert_wasm_threaded_internal.js`,
    // LiteRT's notes arrive as errors too.
    printErr: (line) => (/^(INFO|WARNING)/.test(line) ? console.debug : console.error)(line),
  };
  return loadLiteRt(folder, options);
}

/** Hides the GPU: LiteRT.js asks for it even when the CPU is chosen, and warns if there is none. */
function withoutGpu() {
  const adapter = { limits: {}, features: new Set(), requestDevice: async () => null };
  Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => adapter } });
}

/**
 * @param {{lr: Uint8Array, shape: number[], z: Float32Array | null}} inputs; z is null for the reconstruction
 * @returns {Promise<{rgb: Uint8Array, milliseconds: number}>}
 */
async function run({ lr, shape, z }) {
  const start = performance.now();
  const inputs = { lr: new Tensor(lr, shape) };
  if (z) inputs.z = new Tensor(z, [1, z.length]);
  let outputs = {};
  try {
    outputs = await model.run(z ? 'hallucinate' : 'reconstruct', inputs);
    return { rgb: outputs.image.toTypedArray(), milliseconds: performance.now() - start };
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
  }
}

/** @param {{model: string, facts: object}} finder URL of the networks; what finder.json says */
async function loadFinder({ model: url, facts }) {
  try {
    const networks = await compiled(await fetchModel(url));
    const shapes = Object.fromEntries(
      Object.entries(networks.signatures).map((one) => [one[0], describe(one)[1].inputs]),
    );
    const detector = new Mtcnn(shapes, (name, inputs) => runNetwork(networks, name, inputs, shapes[name]));
    finder = new FaceFinder(detector, new Frame(facts), facts.search);
  } catch (error) {
    throw about('loadFinder', error.message ?? String(error));
  }
}

async function runNetwork(networks, name, values, shapes) {
  const tensors = Object.entries(values).map(([key, numbers]) => [key, new Tensor(numbers, shapes[key])]);
  const inputs = Object.fromEntries(tensors);
  let outputs = {};
  try {
    outputs = await networks.run(name, inputs);
    return Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [key, tensor.toTypedArray()]));
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
  }
}

/**
 * @param {{photo: ImageData}} photo opaque
 * @returns {Promise<import('./frame.js').Face[]>} the largest first
 */
function find({ photo }) {
  return finder.find(photo);
}

function about(what, reason) {
  return Object.assign(new Error(reason), { about: what });
}
