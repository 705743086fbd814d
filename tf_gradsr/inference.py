"""The `Hallucinator`: makes large uint8 pictures from small ones with a trained generator."""

import functools
import numbers
from typing import Optional

import numpy as np
import tensorflow as tf

import tf_gradsr
from tf_gradsr import ops
from tf_gradsr.config import Config
from tf_gradsr.config_checks import check_consistency
from tf_gradsr.config_files import load_config
from tf_gradsr.errors import ConfigError, nearest
from tf_gradsr.files import sha256_of
from tf_gradsr.models.clean_lr import load_clean_lr
from tf_gradsr.picture_input import as_pictures
from tf_gradsr.precision import usable_precision
from tf_gradsr.process import check_process
from tf_gradsr.registry import load_generator
from tf_gradsr.results import Reconstruction, Samples
from tf_gradsr.run_folder import DEFAULT_PRESET, PRESETS, RunFolder, preset_names
from tf_gradsr.sampling import mean_and_stddev, noise_vectors
from tf_gradsr.tiles import area, windows

# HR pixels of one forward pass: about 1 GB of features at the default widths.
PIXELS_AT_ONCE = 2**21
# HR pixels of the pictures that share a forward pass on a CPU: more only fall out of its caches
# (benchmarks/sampling.py). A larger picture has one for itself.
BATCH_PIXELS_ON_CPUS = 2**14
# LR pixels. Deep baselines see further than a tile can be large; their overlap is cut to this.
LARGEST_OVERLAP = 64
CONSISTENCY = ("exact", "none")
INPUT_QUALITIES = ("clean", "photo")
PRECISIONS = ("float32", "mixed_bfloat16")


class Hallucinator:
    """A trained generator that takes and returns uint8 NumPy pictures of any size.

    Pictures larger than `pixels_at_once` allows are processed in overlapping tiles; the overlap is the
    generator's receptive radius, so that a tile's inner part is what the whole picture would give.

    Args:
        generator: a generator as from `build_generator`, with trained weights.
        config: the `Config` that it was trained with.
        weights: str, names the weights in a picture's metadata.
        pixels_at_once: int, HR pixels of one forward pass; bounds the memory.
        calibration: dict, how far the spread of samples can be trusted, see `RunFolder.calibration`; None
            if it was not measured.
        clean_lr: a trained `CleanLR`, which estimates what each input was before it was damaged; the pictures
            then downscale to that estimate. None: the input is taken as it is.
        precision: str, that of the generator's convolutions, for a picture's metadata.

    Attributes:
        scale: int. z_size: int. stochastic: bool, whether z changes the picture.
        identity: dict of str, `model`, `weights` and `version`: what a picture was made with; also
            `input_quality` and `precision` if they are not the usual ones.
        overlap: int, LR pixels by which a tile overlaps its neighbour's inner part.
        batch_pixels: int, HR pixels up to which pictures share a forward pass: `pixels_at_once` on a GPU.
        calibration: as given.
    """

    def __init__(
        self,
        generator,
        config: Config,
        weights: str = "",
        pixels_at_once: int = PIXELS_AT_ONCE,
        calibration: Optional[dict] = None,
        clean_lr=None,
        precision: str = "float32",
    ):
        self.generator, self.clean_lr = generator, clean_lr
        self.config = config
        self.scale = config.model.scale
        self.z_size = config.model.z_size
        self.stochastic = generator.stochastic
        self.pixels_at_once = self.batch_pixels = pixels_at_once
        if not tf.config.list_physical_devices("GPU"):
            self.batch_pixels = min(pixels_at_once, BATCH_PIXELS_ON_CPUS)
        self.calibration = calibration
        seen = generator.receptive_radius + (clean_lr.receptive_radius if clean_lr else 0)
        self.overlap = min(seen + ops.CONSISTENCY_ROUNDS, LARGEST_OVERLAP)
        self.identity = {
            "model": f"{config.model.name} {self.scale}x",
            "weights": weights,
            "version": tf_gradsr.__version__,
            **({"input_quality": "photo"} if clean_lr else {}),
            **({} if precision == "float32" else {"precision": precision}),
        }
        picture = tf.TensorSpec([None, None, None, 3], tf.uint8)
        z = tf.TensorSpec([None, self.z_size], tf.float32)
        # One graph for every size: the same picture gives the same bytes, whatever came before it.
        self._forward = {
            kind: tf.function(functools.partial(self.forward, consistency=kind), input_signature=[picture, z])
            for kind in CONSISTENCY
        }

    @classmethod
    def load(
        cls,
        run_dir=None,
        pixels_at_once: int = PIXELS_AT_ONCE,
        input_quality: str = "clean",
        trust: bool = False,
        precision: str = "float32",
    ) -> "Hallucinator":
        """Loads the averaged generator of a run.

        Args:
            run_dir: path of a run folder with `config.yaml` and `generator.weights.h5`, or the name of a
                model of the package; None: `DEFAULT_PRESET`.
            pixels_at_once: see the class.
            input_quality: "clean", inputs were made as in training; "photo", their clean LR is
                estimated first, by the run's `clean_lr.weights.h5`.
            trust: whether code that the run's config.yaml names may be run, see docs/extending.md.
            precision: "float32"; or "mixed_bfloat16", G's convolutions in bfloat16, pixels within a few grey
                levels of float32's (docs/how_to/hallucinate.md). Where the device has no bfloat16, float32
                is used, which is said on standard error.

        Raises:
            ConfigError: there are no such weights, they do not fit the config, the run needs code and is not
                trusted, summary.json is damaged, or the model has one precision only.
            ValueError: another input_quality or precision.
        """
        if input_quality not in INPUT_QUALITIES:
            raise ValueError(f"input_quality must be one of {INPUT_QUALITIES}. Received: {input_quality!r}.")
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {PRECISIONS}. Received: {precision!r}.")
        folder = RunFolder.trained(run_dir)
        folder.check_input_quality(input_quality)
        config = load_config(folder.config, trust)
        precision = usable_precision(precision, "precision")
        generator = load_generator(folder, config, precision)
        digest = sha256_of(folder.weights)
        weights, calibration = f"sha256:{digest[:16]}", folder.calibration()
        # A run may have continued since it was measured.
        if calibration and calibration.get("weights") != weights:
            calibration = None
        if input_quality == "clean":
            return cls(generator, config, weights, pixels_at_once, calibration, precision=precision)
        # The calibration was measured on clean inputs.
        clean_lr = load_clean_lr(folder.clean_lr, config.model.z_size)
        return cls(generator, config, weights, pixels_at_once, clean_lr=clean_lr, precision=precision)

    @classmethod
    def from_preset(cls, name: str = DEFAULT_PRESET, pixels_at_once: int = PIXELS_AT_ONCE) -> "Hallucinator":
        """Loads a model that comes with the package; `gradsr models` lists them.

        Raises:
            ConfigError: there is no such model, or its files are damaged.
        """
        if name not in preset_names():
            hint = nearest(name, preset_names(), otherwise=f"one of {', '.join(preset_names())}.")
            raise ConfigError(f"name: a model of the package; {hint} Received: {name}")
        return cls.load(PRESETS / name, pixels_at_once)

    @property
    def networks(self) -> list:
        """What takes part: the generator, and before it `clean_lr`, if there is one."""
        return [network for network in (self.clean_lr, self.generator) if network is not None]

    def __call__(self, lr) -> Reconstruction:
        """As `reconstruct`."""
        return self.reconstruct(lr)

    def __repr__(self):
        return f"Hallucinator({self.identity['model']}, {self.identity['weights']})"

    # ---------------------------------------------------------------- pictures

    def reconstruct(self, lr, consistency: str = "exact") -> Reconstruction:
        """The most likely picture of each input, `G(LR, 0)` (paper eq. 1).

        Args:
            lr: a picture or several, see `as_pictures`.
            consistency: "exact", every picture downscales to its input (with a `clean_lr`, to the estimate),
                within half a grey level after rounding; "none", as the generator outputs it.

        Raises:
            ValueError: an argument is not as above. ConfigError: see `generate`.
        """
        lr = as_pictures(lr)
        return Reconstruction(*self.generate(lr, np.zeros((len(lr), self.z_size), np.float32), consistency))

    def sample(
        self, lr, num_samples: int = 8, seed: int = 0, temperature: float = 1.0, consistency: str = "exact"
    ) -> Samples:
        """Plausible pictures of each input, `G(LR, z)`, `z ~ N(0, temperature^2 I)` (paper eq. 2).

        Sample i has the same z for every input: see `noise`.

        Args:
            lr: a picture or several, see `as_pictures`.
            num_samples: N >= 1.
            seed: int in [0, 2^31).
            temperature: float >= 0; 0 gives the reconstruction, above 1 wilder pictures.
            consistency: see `reconstruct`.

        Raises:
            ValueError: an argument is not as above, or the model gives one answer per picture.
            ConfigError: see `generate`.
        """
        lr = as_pictures(lr)
        if not self.stochastic:
            raise ValueError(
                f"This model ({self.identity['model']}) gives one answer per picture: call reconstruct."
            )
        if not isinstance(temperature, numbers.Real) or not temperature >= 0:
            raise ValueError(f"temperature must be >= 0. Received: temperature={temperature!r}.")
        with np.errstate(over="ignore"):  # `generate` refuses it
            z = temperature * self.noise(num_samples, seed)
        images, gradients = self.generate(
            np.repeat(lr, num_samples, axis=0), np.tile(z, [len(lr), 1]), consistency
        )
        images, gradients = (x.reshape(len(lr), num_samples, *x.shape[1:]) for x in (images, gradients))
        return Samples(images, gradients, *mean_and_stddev(images))

    def noise(self, num_samples: int, seed: int = 0) -> np.ndarray:
        """The noise vectors of a seed, float32 `[num_samples, m]`; see `noise_vectors`."""
        return noise_vectors(num_samples, seed, self.z_size)

    def generate(self, lr, z, consistency: str = "exact") -> tuple:
        """`G(LR, z)`, one picture for each pair, in batches and tiles that fit `pixels_at_once`.

        Args:
            lr: uint8 `[B, h, w, 3]`, RGB.
            z: float32 `[B, m]`.
            consistency: see `reconstruct`.

        Returns:
            (uint8 `[B, H, W, 3]`, gradients float32 `[B, H, W, 3 or 1]`).

        Raises:
            ValueError: an argument is not as above.
            ConfigError: exact consistency with a model that was trained on bicubic LR pictures, or weights
                that give NaN or infinity.
        """
        lr, z = as_pictures(lr), np.asarray(z, np.float32)
        if z.shape != (len(lr), self.z_size):
            raise ValueError(f"z must be [{len(lr)}, {self.z_size}]. Received: z of shape {z.shape}.")
        if not np.isfinite(z).all():
            raise ValueError("z must be finite. Received: NaN or infinity; is the temperature too high?")
        if consistency not in CONSISTENCY:
            raise ValueError(f"consistency must be one of {CONSISTENCY}. Received: {consistency!r}.")
        check_consistency(consistency, self.config)
        check_process()
        images, gradients = self._empty(lr)
        tiles = list(windows(*lr.shape[1:3], self.scale, self.overlap, self.pixels_at_once))
        at_once = max(1, self.batch_pixels // (area(tiles[0].outer) * self.scale**2))
        for start in range(0, len(lr), at_once):
            batch = slice(start, start + at_once)
            for window in tiles:
                *results, is_finite = self._forward[consistency](lr[(batch, *window.outer)], z[batch])
                if not is_finite:
                    raise ConfigError(
                        "run: weights that give finite pictures; did its training diverge, or is the "
                        f"temperature too high (the largest number in z is {np.abs(z).max():.3g})? "
                        f"Received: {self.identity['weights']}, which give NaN or infinity"
                    )
                for whole, part in zip((images, gradients), results):
                    whole[(batch, *window.target)] = part.numpy()[(slice(None), *window.inner)]
        return images, gradients

    def forward(self, lr, z, consistency: str):
        """Runs one forward pass with TensorFlow operations only: for `generate`, and for what is exported.

        Args:
            lr: uint8 `[B, h, w, 3]`, RGB.
            z: float32 `[B, m]`.
            consistency: see `reconstruct`; whether the model can be "exact" is not checked here.

        Returns:
            (uint8 `[B, H, W, 3]`, gradient float32 `[B, H, W, 3 or 1]`, bool scalar: all pixels are finite).
        """
        lr = ops.to_float(lr)
        if self.clean_lr is not None:
            lr = self.clean_lr((lr, z))
        images, gradients = self.generator((lr, z))
        image = images[-1]
        if consistency == "exact":
            image = ops.enforce_consistency(image, lr, self.scale)
        # Clipped to uint8, a NaN would be black.
        is_finite = tf.reduce_all(tf.math.is_finite(image))
        if consistency == "exact":
            image = ops.clip_consistently(image, lr, self.scale)
        return ops.to_uint8(image), gradients[-1], is_finite

    # ---------------------------------------------------------------- inside

    def _empty(self, lr):
        """Unfilled arrays for the results: pictures and gradients."""
        shape = (len(lr), lr.shape[1] * self.scale, lr.shape[2] * self.scale)
        channels = self.config.model.gradient_channels
        return np.empty((*shape, 3), np.uint8), np.empty((*shape, channels), np.float32)
