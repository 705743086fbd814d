/** What the page knows about its model: gradsr.json, checked against the file. */

/**
 * @param {string} folder URL of the page's folder, ending in /
 * @returns {Promise<object>} what gradsr.json holds, and `lr`, the input's width and height
 * @throws {Error} whose message is for people
 */
export async function readModel(folder) {
  if (location.protocol === 'file:') {
    throw new Error('Open this page from a web server, for example with: gradsr web serve');
  }
  const response = await fetch(`${folder}gradsr.json`).catch(() => null);
  if (!response?.ok) throw new Error('gradsr.json is missing beside this page: build it again.');
  const model = await response.json();
  return { ...model, lr: { height: model.lr_shape[0], width: model.lr_shape[1] } };
}

/**
 * Checks that the model's shapes are those that the page was built for.
 *
 * @throws {Error} whose message is for people
 */
export function checkSignatures(model, signatures) {
  const { lr, scale, z_size, file } = model;
  const shapes = (signature) => JSON.stringify([signature?.inputs, signature?.outputs.image]);
  const image = [1, lr.height * scale, lr.width * scale, 3];
  const inputs = { lr: [1, lr.height, lr.width, 3] };
  const fits =
    shapes(signatures.reconstruct) === JSON.stringify([inputs, image]) &&
    (!signatures.hallucinate ||
      shapes(signatures.hallucinate) === JSON.stringify([{ ...inputs, z: [1, z_size] }, image]));
  if (!fits) throw new Error(`gradsr.json does not describe ${file}: build the page again.`);
}

/** @returns {string} which model it is */
export function identityOf({ name, weights, version }) {
  return `${name}, weights ${weights}, version ${version}`;
}
