/** Takes one picture with the camera. */

const REFUSED = {
  NotAllowedError:
    "The camera was refused. Allow it in the browser's settings for this page, or choose a photo instead.",
  NotFoundError: 'No camera was found. Choose a photo instead.',
  OverconstrainedError: 'No camera was found. Choose a photo instead.',
  NotReadableError: 'The camera is in use by another program.',
};

export class Camera {
  #stream = null;

  /**
   * @param {{dialog: HTMLDialogElement, video: HTMLVideoElement, shutter: HTMLButtonElement}} elements
   * @param {(photo: Blob) => void} taken
   */
  constructor({ dialog, video, shutter }, taken) {
    this.dialog = dialog;
    this.video = video;
    this.shutter = shutter;
    dialog.addEventListener('close', () => this.#stop());
    shutter.addEventListener('click', async () => {
      const photo = await this.#frame();
      dialog.close();
      taken(photo);
    });
  }

  /** @throws {Error} whose message is for people */
  async open() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error('The camera needs a page from https:// or localhost. Choose a photo instead.');
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user' }, audio: false });
    } catch (error) {
      throw new Error(REFUSED[error.name] ?? `The camera did not start: ${error.message}`);
    }
    this.video.srcObject = this.#stream;
    this.shutter.disabled = true;
    this.dialog.showModal();
    // It fails only if the dialog is closed before the first frame.
    await this.video.play().catch(() => {});
    this.shutter.disabled = !this.video.videoWidth;
  }

  #frame() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d').drawImage(this.video, 0, 0);
    return canvas.convertToBlob();
  }

  #stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }
}
