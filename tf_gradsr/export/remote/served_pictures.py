"""Sends picture files to a server and writes folders of results, named as `gradsr hallucinate` names them."""

import io
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from PIL import Image

from tf_gradsr.export.remote.retries import Retries
from tf_gradsr.export.remote.server_errors import ServerError
from tf_gradsr.files import folder_when_complete
from tf_gradsr.gallery.reading import Picture, make_pair, read_picture, upscale_alpha
from tf_gradsr.gallery.writing import save_png

SOFTWARE = "tf_gradsr.client"
# {signature: outputs to ask for}.
OUTPUTS = {
    "sample_encoded": ["images_bytes"],
    "sample": ["images", "mean"],
    "reconstruct": ["image"],
}
# By which models enlarge.
_SCALES = range(2, 17)
# LR side of the picture that a model's scale is measured with.
_PROBE = 8


@dataclass
class Answer:
    """What a server made of one picture."""

    lr: Picture
    truth: Optional[Picture]
    """With `downscale`, the picture that LR was made from."""
    images: dict
    """{name of the file, without its ending: uint8 `[H, W, 3]`}."""
    version: Optional[int]
    """The model's; None over REST, unless a version was asked for."""


class ServedPictures:
    """Asks a server for pictures and writes its answers.

    Args:
        server: a `GrpcServer` or `RestServer`.
        settings: the command line's settings, by its names: `output`, `model`, `signature`, `num_samples`,
            `seed`, `temperature`, `downscale`, `lr_size`.
        retries: how requests are repeated.
    """

    def __init__(self, server, settings, retries: Retries):
        self.server = server
        self.settings = settings
        self.retries = retries
        self.scale = None

    def measure_scale(self) -> None:
        """Asks for a small picture, to find out how much larger than LR the model's pictures are.

        Raises:
            ServerError: see `GrpcServer.predict`.
        """
        lr = np.zeros([1, _PROBE, _PROBE, 3], np.uint8)
        image = _levels(self._predict("reconstruct", {"lr": lr})[0], "image", (1, None, None, 3))
        self.scale = _scale(image.shape[1:3], lr.shape[1:3])

    def ask(self, file) -> Answer:
        """Reads a file and asks for it; may be called from several threads.

        Raises:
            UnreadablePicture: see `read_picture`, `make_pair`.
            ServerError: see `GrpcServer.predict`; or the answer is not what the signature gives.
        """
        picture, truth = read_picture(file, reduced=self.settings.downscale), None
        if self.settings.downscale:
            picture, truth = make_pair(picture, self.scale, lr_size=self.settings.lr_size)
        outputs, version = self._predict(self.settings.signature, self._inputs(picture.rgb))
        return Answer(picture, truth, self._images(outputs, picture.rgb.shape[:2]), version)

    def write(self, answer: Answer, name: str) -> str:
        """Makes `output/name/`, all of it or nothing; not from two threads at a time.

        Returns:
            A line that says what was written.
        """
        lr, height = answer.lr, next(iter(answer.images.values())).shape[0]
        alpha = None if lr.alpha is None else upscale_alpha(lr.alpha, height // lr.rgb.shape[0])
        with folder_when_complete(Path(self.settings.output) / name) as folder:
            save_png(folder / "lr.png", lr.rgb, lr.alpha, icc_profile=lr.icc_profile)
            if answer.truth is not None:
                truth = answer.truth
                save_png(folder / "truth.png", truth.rgb, truth.alpha, icc_profile=truth.icc_profile)
            for key, image in answer.images.items():
                about = self._about(key, answer)
                save_png(folder / f"{key}.png", image, alpha, about, lr.icc_profile)
        return self._report(answer, name)

    # ---------------------------------------------------------------- inside

    def _predict(self, signature, inputs):
        outputs = OUTPUTS[signature]
        return self.retries.call(lambda: self.server.predict(signature, inputs, outputs))

    def _inputs(self, lr):
        settings = self.settings
        if settings.signature == "sample_encoded":
            pictures = {"image_bytes": np.array([as_png(lr)], object)}
        else:
            pictures = {"lr": lr[np.newaxis]}
        if settings.signature == "reconstruct":
            return pictures
        return {
            **pictures,
            "num_samples": np.array(settings.num_samples, np.int32),
            "seed": np.array([settings.seed, 0], np.int32),
            "temperature": np.array(settings.temperature, np.float32),
        }

    def _images(self, outputs, lr_shape):
        """The pictures of an answer by the names of their files, once they are of one possible size."""
        count = self.settings.num_samples
        if self.settings.signature == "reconstruct":
            image = _levels(outputs, "image", (1, None, None, 3))[0]
            _scale(image.shape, lr_shape)
            return {"reconstruction": image}
        if self.settings.signature == "sample_encoded":
            files = _output(outputs, "images_bytes", (1, count))[0]
            scales = {_scale(_size(file), lr_shape) for file in files}
            if len(scales) > 1:
                raise ServerError("INTERNAL", "pictures of different sizes; is it this model?")
            images = [_decoded(file) for file in files]
            return {f"sample_{index:02d}": image for index, image in enumerate(images)}
        images = _levels(outputs, "images", (1, count, None, None, 3))[0]
        _scale(images.shape[1:], lr_shape)
        mean = _levels(outputs, "mean", (1, *images.shape[1:]))[0]
        named = {f"sample_{index:02d}": image for index, image in enumerate(images)}
        return {**named, "mean": mean} if count > 1 else named

    def _about(self, key, answer):
        """Metadata of a picture, under the names that `gradsr hallucinate` gives them."""
        about = {"Software": SOFTWARE, "model": self.settings.model}
        if answer.version is not None:
            about["model_version"] = str(answer.version)
        if key == "reconstruction":
            return about
        noise = {"seed": str(self.settings.seed), "temperature": repr(float(self.settings.temperature))}
        if key == "mean":
            return {**about, "samples": str(self.settings.num_samples), **noise}
        return {**about, "z_index": str(int(key.removeprefix("sample_"))), **noise}

    def _report(self, answer, name):
        lr_height, lr_width = answer.lr.rgb.shape[:2]
        height, width = next(iter(answer.images.values())).shape[:2]
        made = [key for key in answer.images if key != "mean"]
        words = made[0] if len(made) == 1 else f"{len(made)} samples"
        sizes = f"{lr_width}x{lr_height} -> {width}x{height}, {words}"
        return "; ".join([sizes, *answer.lr.notes, str(Path(self.settings.output) / name)])


def _output(outputs, name, shape):
    """An output, once it has the shape; None stands for any side."""
    if name not in outputs:
        raise ServerError("INTERNAL", f"an answer without {name}; is it this model?")
    found = outputs[name].shape
    fits = len(found) == len(shape) and all(s in (None, f) for f, s in zip(found, shape))
    if not fits or 0 in found:
        raise ServerError("INTERNAL", f"{name} of shape {list(found)}; is it this model?")
    return outputs[name]


def _levels(outputs, name, shape):
    """An output of grey levels as uint8, rounded, once it has the shape; None stands for any side."""
    values = _output(outputs, name, shape)
    # NaN fails both comparisons.
    if values.dtype.kind not in "iuf" or not (values.min() >= 0 and values.max() <= 255):
        raise ServerError("INTERNAL", f"{name} holds values that are no grey levels; is it this model?")
    return np.uint8(np.round(values))


def _scale(shape, lr_shape):
    """How much larger than LR a picture is; shapes begin with height and width."""
    (height, width), (lr_height, lr_width) = shape[:2], lr_shape[:2]
    scale = height // lr_height
    if (scale * lr_height, scale * lr_width) != (height, width) or scale not in _SCALES:
        raise ServerError(
            "INTERNAL",
            f"{width}x{height} is not {_SCALES[0]} to {_SCALES[-1]} times LR's size; is it this model?",
        )
    return scale


def as_png(rgb):
    """Encodes a picture as PNG, whatever the file was: the model sees what `gradsr hallucinate` reads."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def _size(file):
    """(height, width) that a PNG says it has; nothing is decoded."""
    with _no_picture("images_bytes"):
        width, height = Image.open(io.BytesIO(file), formats=["PNG"]).size
        return height, width


def _decoded(file):
    with _no_picture("images_bytes"):
        return np.asarray(Image.open(io.BytesIO(file), formats=["PNG"]).convert("RGB"))


@contextmanager
def _no_picture(name):
    """Turns any error into one of the server's: the decoder may raise anything for a broken file."""
    try:
        with warnings.catch_warnings():
            # Sizes are checked against LR's, and fail before they are decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except Exception as error:
        words = "not a PNG" if isinstance(error, Image.UnidentifiedImageError) else error
        raise ServerError("INTERNAL", f"{name} does not hold a picture ({words})") from None
