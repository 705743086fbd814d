"""One input's folder of results: its reconstruction, samples, spread, gradients, walk and sheet."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import numpy as np

from tf_gradsr import metrics, ops
from tf_gradsr.config import SSIM_WINDOW
from tf_gradsr.files import folder_when_complete
from tf_gradsr.gallery.grid import cell_size, gradient_picture, resize_to_cell, titled_cells
from tf_gradsr.gallery.heat_map import colour, colour_bar, heat_map, rounded_top
from tf_gradsr.gallery.input_figures import InputFigures
from tf_gradsr.gallery.overview import BAR_WIDTH, SAMPLES_IN_ROW, Overview, fitted
from tf_gradsr.gallery.reading import Picture, upscale_alpha
from tf_gradsr.gallery.spread import legend
from tf_gradsr.gallery.walk import closed_walk
from tf_gradsr.gallery.writing import about_noise, about_picture, save_png, save_walk
from tf_gradsr.lr_input import BYTES_A_PIXEL, TooLarge, check_room, read_lr
from tf_gradsr.sampling import RunningSpread

# On the sheet; further samples are written, but not shown.
SAMPLES_SHOWN = 24
# An LR picture this many times larger than in training shows the network little that it knows.
MUCH_LARGER = 4
# The longest side that an animation's format can hold.
LONGEST_SIDE = {"webp": 16383, "gif": 65535}
ESTIMATED = "exact to the estimated clean LR, not to the damaged input"


class ResultFolders:
    """Makes the folder of results of one input after another.

    Args:
        hallucinator: a `Hallucinator`.
        settings: the command line's settings, by its names: `output`, `num_samples`, `seed`, `temperature`,
            `consistency`, `downscale`, `lr_size`, `interpolate`, `interpolate_format`, `tile`.
        progress: called with a few words about what is being made.
        advise: called with a sentence, before the work, about an input that the model adds little to or whose
            pixels had to be interpreted.
        cut: with `downscale`, called with the `Picture` that was read, for the part of it to make LR from.

    Attributes:
        overview: the `Overview` of what has been made.
    """

    def __init__(
        self,
        hallucinator,
        settings,
        progress=lambda words: None,
        advise=lambda words: None,
        cut=lambda picture: picture,
    ):
        self.hallucinator = hallucinator
        self.advise, self.cut = advise, cut
        self.overview = Overview()
        self.settings = settings
        self.progress = progress
        self.z = np.zeros((0, hallucinator.z_size), np.float32)
        if hallucinator.stochastic and settings.num_samples:
            self.z = settings.temperature * hallucinator.noise(settings.num_samples, settings.seed)

    def make(self, file, name: str) -> InputFigures:
        """Makes `output/name/` from a picture file; all of it or, when something fails, nothing.

        Raises:
            one of `FAILURES`: see there.
        """
        picture, truth = self.read(file)
        with folder_when_complete(Path(self.settings.output) / name) as folder:
            return self.fill(folder, name, picture, truth)

    def fill(self, folder, name: str, picture: Picture, truth: Optional[Picture] = None) -> InputFigures:
        """Makes the results of one LR picture in an existing folder.

        Args:
            folder: path. name: on the overview.
            picture: LR. truth: HR, which the reconstruction is compared with, or None.

        Raises:
            one of `FAILURES`: see there.
        """
        self._check_size(picture)
        for note in (*picture.doubts, *self.size_notes(picture.rgb)):
            self.advise(note)
        making = _Making(self, folder, picture, truth)
        report = making.make()
        self.overview.add(making.row, making.stddev, "\n".join([name, *map(" ".join, report.figures())]))
        return report

    def read(self, file) -> tuple:
        """(LR, HR or None) of a picture file, both `Picture`."""
        return read_lr(file, self.hallucinator.config, self.settings, self.cut)

    def generate(self, lr, z) -> tuple:
        """Generates one picture, by itself so that its bytes do not depend on what else is made.

        Args:
            lr: uint8 `[h, w, 3]`. z: float32 `[m]`.

        Returns:
            (uint8 `[H, W, 3]`, gradient float32 `[H, W, 3 or 1]`).
        """
        images, gradients = self.hallucinator.generate(
            lr[np.newaxis], z[np.newaxis], self.settings.consistency
        )
        return images[0], gradients[0]

    def legend(self) -> str:
        """What the numbers of these samples' uncertainty maps count."""
        settings = self.settings
        return legend(self.hallucinator.calibration, settings.temperature, settings.consistency)

    def size_notes(self, lr) -> tuple:
        """Notes on an LR picture, uint8 `[h, w, 3]`, too large for the model to find a face of its size."""
        height, width = self.hallucinator.config.lr_shape
        if lr.shape[0] < MUCH_LARGER * height or lr.shape[1] < MUCH_LARGER * width:
            return ()
        size = min(height, width)
        return (
            f"much larger than the {width}x{height} that the model knows, so it adds little: "
            f"--downscale --lr_size {size} makes a small LR of it first",
        )

    def _check_size(self, picture):
        """Refuses what would fill the memory or does not fit the animation's format."""
        height, width = (side * self.hallucinator.scale for side in picture.rgb.shape[:2])
        frames = (self.settings.interpolate + 1) * len(self.z) if self.settings.interpolate else 0
        longest = LONGEST_SIDE[self.settings.interpolate_format]
        if frames and max(height, width) > longest:
            raise TooLarge(
                f"a result of {width}x{height} is too large for {self.settings.interpolate_format} "
                f"(sides up to {longest}); leave out --interpolate"
            )
        check_room(self.hallucinator, picture.rgb, BYTES_A_PIXEL + 4 * frames)


@dataclass
class _Making:
    """The making of one folder."""

    results: ResultFolders
    folder: Path
    picture: Picture
    truth: Optional[Picture]
    cells: list = field(default_factory=list)
    bar: Optional[np.ndarray] = None
    row: dict = field(default_factory=dict)
    stddev: Optional[np.ndarray] = None

    def make(self):
        """Writes every file; returns the `InputFigures`."""
        lr, scale = self.picture.rgb, self.results.hallucinator.scale
        height, width = lr.shape[0] * scale, lr.shape[1] * scale
        self.cell = cell_size(height, width, tile=self.results.settings.tile)
        self.alpha = None if self.picture.alpha is None else upscale_alpha(self.picture.alpha, scale)
        self.report = InputFigures(
            f"{lr.shape[1]}x{lr.shape[0]} -> {width}x{height}",
            0.0,
            notes=self.picture.notes + ((ESTIMATED,) if self.results.hallucinator.clean_lr else ()),
        )
        self._save("lr", lr, self.picture.alpha)
        self._show(f"LR {lr.shape[1]}x{lr.shape[0]}", lr, "LR")
        self._show("bicubic", metrics.bicubic(ops.to_float(lr[np.newaxis]), scale)[0].numpy(), "bicubic")
        reconstruction = self._reconstruct()
        if len(self.results.z):
            self._sample((height, width, 3))
            self._walk()
        if self.truth is not None:
            self._compare(reconstruction)
        sheet = titled_cells(
            self.cells, "Hallucinated faces are inventions, not evidence of anybody's identity.", self.bar
        )
        self._save("sheet", sheet, None)
        return self.report

    def _reconstruct(self):
        self.results.progress("reconstruction")
        z = np.zeros(self.results.hallucinator.z_size, np.float32)
        image, gradient = self.results.generate(self.picture.rgb, z)
        about = self._about()
        self._save("reconstruction", image, self.alpha, about)
        self._save("gradient_reconstruction", gradient_picture(gradient[np.newaxis])[0].numpy(), None, about)
        self._show("reconstruction", image, "reconstruction")
        self.report.lr_psnr = self._lr_psnr(image)
        return image

    def _sample(self, shape):
        spread, lr_psnrs = RunningSpread(shape), []
        for index, z in enumerate(self.results.z):
            self.results.progress(f"sample {index + 1} of {len(self.results.z)}")
            image, gradient = self.results.generate(self.picture.rgb, z)
            about = self._about(z_index=str(index), **self._noise())
            self._save(f"sample_{index:02d}", image, self.alpha, about)
            self._save(
                f"gradient_{index:02d}", gradient_picture(gradient[np.newaxis])[0].numpy(), None, about
            )
            if index < SAMPLES_SHOWN:
                title = f"sample {index:02d}"
                self._show(title, image, title if index < SAMPLES_IN_ROW else None)
            spread.add(image)
            lr_psnrs.append(self._lr_psnr(image))
        self.report.worst_lr_psnr = min(lr_psnrs)
        if spread.count > 1:
            self._save_spread(spread)

    def _save_spread(self, spread):
        about = self._about(samples=str(spread.count), **self._noise())
        self._save("mean", np.uint8(np.round(spread.mean())), self.alpha, about)
        stddev = spread.stddev()
        self.report.spread = float(stddev.mean())
        self.report.uncertainty = stddev = stddev.mean(axis=-1)
        text = self.results.legend()
        self._save("uncertainty", heat_map(stddev, text), None, about)
        top = rounded_top(stddev)
        self._show("uncertainty", colour(stddev, top))
        self.bar = colour_bar(top, text, BAR_WIDTH, bool(stddev.max() > top))
        self.stddev = fitted(stddev, self.results.settings.tile)

    def _walk(self):
        frames = self.results.settings.interpolate
        if not frames:
            return
        self.results.progress("walk")
        lr = self.picture.rgb
        images = (self.results.generate(lr, z)[0] for z in closed_walk(self.results.z, frames))
        about = self._about(samples=str(len(self.results.z)), frames_between=str(frames), **self._noise())
        path = self.folder / f"walk.{self.results.settings.interpolate_format}"
        save_walk(path, images, self.alpha, about)

    def _compare(self, reconstruction):
        truth = self.truth.rgb
        self._save("truth", truth, self.truth.alpha)
        self._show("truth", truth, "truth")
        self.report.psnr = float(metrics.psnr(reconstruction[np.newaxis], truth[np.newaxis])[0])
        if min(truth.shape[:2]) >= SSIM_WINDOW:
            self.report.ssim = float(metrics.ssim(reconstruction[np.newaxis], truth[np.newaxis])[0])

    def _lr_psnr(self, image):
        config = self.results.hallucinator.config
        pair = image[np.newaxis], self.picture.rgb[np.newaxis]
        return float(metrics.lr_psnr(*pair, config.model.scale, config.data.downscale)[0])

    def _show(self, title, picture, column=None):
        """Keeps a small copy of a picture for the sheet and, if it has a column there, the overview."""
        self.cells.append((title, resize_to_cell(picture, self.cell)))
        if column:
            self.row[column] = fitted(picture, self.results.settings.tile)

    def _save(self, name, rgb, alpha, about=None):
        colours = None if name == "sheet" else self.picture.icc_profile
        save_png(self.folder / f"{name}.png", rgb, alpha, about, colours)

    def _about(self, **more):
        """Metadata of a picture that G made."""
        return about_picture(self.results.hallucinator.identity, self.results.settings.consistency, **more)

    def _noise(self):
        settings = self.results.settings
        return about_noise(settings.seed, settings.temperature)
