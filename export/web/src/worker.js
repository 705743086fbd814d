/**
 * Runs the model in a worker, so that the page stays responsive. A classic worker: LiteRT.js loads its own
 * script with importScripts, which module workers lack.
 */
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

// More threads than this no longer help a network of this size, and they take the phone's other cores.
const MOST_THREADS = 4;
// Bytes 4 to 8 of every .tflite file.
const IDENTIFIER = 'TFL3';

let model;

self.onmessage = async ({ data: { id, call, ...settings } }) => {
  try {
    const answer = await { load, run }[call](settings);
    self.postMessage({ id, answer });
  } catch (error) {
    self.postMessage({ id, error: { about: error.about ?? call, reason: error.message ?? String(error) } });
  }
};

/**
 * @param {{model: string, wasm: string}} urls of the .tflite file; of the folder with LiteRT's files, ending in /
 * @returns {Promise<{threads: number, signatures: object}>} {name: {inputs, outputs: {name: shape}}}
 */
async function load(urls) {
  const [bytes, threads] = await Promise.all([fetchModel(urls.model), startRuntime(urls.wasm)]);
  try {
    model = await loadAndCompile(bytes, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  } catch (error) {
    throw about('model', `LiteRT cannot load it: ${error.message ?? error}`);
  }
  return { threads, signatures: Object.fromEntries(Object.entries(model.signatures).map(describe)) };
}

function describe([name, signature]) {
  const shapes = (details) => Object.fromEntries(details.map((tensor) => [tensor.name, [...tensor.shape]]));
  return [name, { inputs: shapes(signature.getInputDetails()), outputs: shapes(signature.getOutputDetails()) }];
}

async function fetchModel(url) {
  const response = await fetch(url).catch((error) => {
    throw about('model', error.message);
  });
  if (!response.ok) throw about('model', `the server answers ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (String.fromCharCode(...bytes.subarray(4, 8)) !== IDENTIFIER) {
    throw about('model', 'it is not a .tflite file');
  }
  return bytes;
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

function about(what, reason) {
  return Object.assign(new Error(reason), { about: what });
}
