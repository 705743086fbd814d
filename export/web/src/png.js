/** Words in PNG files, by which pictures say how they were made. */

// After the signature and the header, which has 13 bytes.
const FIRST_CHUNK = 8 + 12 + 13;

/**
 * @param {Uint8Array} png a PNG file
 * @param {Record<string, string>} words by keyword of 1 to 79 letters; letters beyond Latin-1 become "?"
 * @returns {Uint8Array} the file with the words as tEXt chunks
 */
export function withWords(png, words) {
  const chunks = Object.entries(words).map(([key, value]) => chunk('tEXt', [...latin1(key), 0, ...latin1(value)]));
  const parts = [png.subarray(0, FIRST_CHUNK), ...chunks, png.subarray(FIRST_CHUNK)];
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

function latin1(text) {
  return Array.from(text, (letter) => (letter.codePointAt(0) < 256 ? letter.codePointAt(0) : 63));
}

function chunk(name, bytes) {
  const typed = Uint8Array.from([...latin1(name), ...bytes]);
  const result = new Uint8Array(typed.length + 8);
  const view = new DataView(result.buffer);
  view.setUint32(0, bytes.length);
  result.set(typed, 4);
  view.setUint32(typed.length + 4, crc32(typed));
  return result;
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
