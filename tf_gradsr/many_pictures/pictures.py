"""Makes the results of one picture after another, in batches that suit the device."""

import io
from dataclasses import dataclass, replace
from typing import Iterable, Iterator

import numpy as np
import tensorflow as tf

from tf_gradsr import metrics
from tf_gradsr.errors import reason_of
from tf_gradsr.faces.aligned_input import AlignedInput
from tf_gradsr.files import sha256_of
from tf_gradsr.gallery.reading import Picture, upscale_alpha
from tf_gradsr.gallery.writing import about_noise, about_picture, save_png
from tf_gradsr.inference import Hallucinator
from tf_gradsr.lr_input import FAILURES, check_room, read_lr
from tf_gradsr.many_pictures.block_files import RECONSTRUCTION, Made
from tf_gradsr.many_pictures.plan import Source
from tf_gradsr.many_pictures.request import Request

# Pairs of LR and z in a forward pass. One by one, the bytes are those of `gradsr hallucinate`, which costs a
# CPU little (benchmarks/batched_bytes.py); a GPU is idle most of the time with one.
ON_CPU, ON_GPU = 1, 128


@dataclass(frozen=True)
class _Read:
    made: Made
    picture: Picture


class PictureMaker:
    """Makes reconstructions and samples, with the bytes that `gradsr hallucinate` writes.

    Args:
        hallucinator: a `Hallucinator`.
        request: a `Request`.

    Attributes:
        batch_size: pairs of LR and z in a forward pass; halved when the device's memory is too small. With
            1, the bytes are those of `gradsr hallucinate`; with more, about one value in 100,000 differs
            by one grey level, since sums are taken in another order.
    """

    def __init__(self, hallucinator: Hallucinator, request: Request):
        self.hallucinator, self.request = hallucinator, request
        self.batch_size = request.batch_size or (ON_GPU if tf.config.list_physical_devices("GPU") else ON_CPU)
        config, scale = hallucinator.config, hallucinator.scale
        self._cut = AlignedInput((request.lr_size or min(config.lr_shape)) * scale, request.align)
        # By index, `RECONSTRUCTION` first.
        self._z = {RECONSTRUCTION: np.zeros(hallucinator.z_size, np.float32)}
        if hallucinator.stochastic and request.num_samples:
            samples = request.temperature * hallucinator.noise(request.num_samples, request.seed)
            self._z.update(enumerate(samples))

    @classmethod
    def load(cls, request: Request) -> "PictureMaker":
        """Loads the model.

        Raises:
            ConfigError: see `Hallucinator.load`.
        """
        quality = request.input_quality
        return cls(Hallucinator.load(request.run, input_quality=quality, trust=request.trust), request)

    def make(self, sources: Iterable[Source]) -> Iterator[Made]:
        """Makes the results of pictures, in their order; what fails with one becomes its error.

        Raises:
            ConfigError: see `Hallucinator.generate`.
        """
        at_once, waiting = max(1, self.batch_size // len(self._z)), []
        for source in sources:
            read = self._read(source)
            fits = isinstance(read, _Read) and (
                not waiting or read.picture.rgb.shape == waiting[0].picture.rgb.shape
            )
            if waiting and not (fits and len(waiting) < at_once):
                yield from self._made(waiting)
                waiting = []
            if isinstance(read, Made):
                yield read
            else:
                waiting.append(read)
        yield from self._made(waiting)

    def _read(self, source):
        """A `_Read`, or a `Made` with its error."""
        made = Made(source.name, source.folder)
        try:
            if isinstance(source.content, Exception):
                raise source.content
            picture, _ = read_lr(source.content, self.hallucinator.config, self.request, self._cut)
            made = replace(made, lr_sha256=sha256_of(picture.rgb.tobytes()), notes="; ".join(picture.notes))
            check_room(self.hallucinator, picture.rgb)
        except FAILURES as error:
            return replace(made, error=reason_of(error))
        return _Read(made, picture)

    def _made(self, batch):
        """The results of pictures of one size."""
        images = self._images([(read.picture.rgb, z) for read in batch for z in self._z.values()])
        for read in batch:
            pictures, errors = [], []
            for index in self._z:
                image = next(images)
                if isinstance(image, Exception):
                    errors.append(reason_of(image))
                elif not errors:
                    png = self._png(read.picture, image, index)
                    pictures.append((index, png, self._lr_psnr(read.picture, image)))
            if errors:
                yield replace(read.made, error=errors[0])
            else:
                yield replace(read.made, pictures=tuple(pictures))

    def _images(self, pairs):
        """An image for each pair, uint8 `[H, W, 3]`, or what kept it from being made."""
        start = 0
        while start < len(pairs):
            batch = pairs[start : start + self.batch_size]
            lr, z = (np.stack(part) for part in zip(*batch))
            try:
                images, _ = self.hallucinator.generate(lr, z, self.request.consistency)
            except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                if len(batch) > 1:
                    self.batch_size = len(batch) // 2
                    continue
                images = [error]
            yield from images
            start += len(batch)

    def _png(self, picture, image, index):
        request, identity = self.request, self.hallucinator.identity
        alpha = None if picture.alpha is None else upscale_alpha(picture.alpha, self.hallucinator.scale)
        noise = {}
        if index != RECONSTRUCTION:
            noise = {"z_index": str(index), **about_noise(request.seed, request.temperature)}
        content = io.BytesIO()
        about = about_picture(identity, request.consistency, **noise)
        save_png(content, image, alpha, about, picture.icc_profile)
        return content.getvalue()

    def _lr_psnr(self, picture, image):
        config = self.hallucinator.config
        pair = image[np.newaxis], picture.rgb[np.newaxis]
        return float(metrics.lr_psnr(*pair, config.model.scale, config.data.downscale)[0])
