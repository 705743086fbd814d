/**
 * The noise vectors of a seed: those of `Hallucinator.noise` in Python, so that a seed means the same faces
 * there, in the server's `sample` and here. Philox 4x32-10 (Salmon et al. 2011), with seeds scrambled and numbers
 * made normal as TensorFlow does it, up to the last bits of sine, cosine and logarithm.
 */

const SCRAMBLE_KEY = [0x3ec8f720, 0x02461e29];

/**
 * @param {number} seed whole, in [0, 2^31)
 * @param {number} number of the sample; whole, >= 0
 * @param {number} size m
 * @returns {Float32Array} `[m]`, normal
 */
export function noiseVector(seed, number, size) {
  const mixed = philox([seed, 0, number, 0], SCRAMBLE_KEY);
  const values = new Float32Array(Math.ceil(size / 4) * 4);
  for (let block = 0; block * 4 < size; block++) {
    const bits = philox([block, 0, mixed[2], mixed[3]], [mixed[0], mixed[1]]);
    values.set([...boxMuller(bits[0], bits[1]), ...boxMuller(bits[2], bits[3])], block * 4);
  }
  return values.slice(0, size);
}

/** @returns {number} whole, in [0, 2^31) */
export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
}

function philox(counter, key) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64 bits of a product of two 32-bit numbers: [high, low]. */
function multiply(a, b) {
  const low = (a & 0xffff) * b;
  const high = (a >>> 16) * b;
  // Both are below 2^48, and so exact; so is the sum.
  const middle = high + Math.floor(low / 0x10000);
  return [Math.floor(middle / 0x10000), Math.imul(a, b) >>> 0];
}

function boxMuller(first, second) {
  const radius = Math.sqrt(-2 * Math.log(Math.max(uniform(first), Math.fround(1e-7))));
  const angle = 2 * Math.PI * uniform(second);
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}

/** In [0, 1), in steps of 2^-23. */
function uniform(bits) {
  return (bits & 0x7fffff) / 0x800000;
}
