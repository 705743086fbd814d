"""Every setting of a training run, as dataclasses. The defaults are the paper's values.

`gradsr train` builds its options, `--help` and `--print_config` from these
classes, so each field's type states what is allowed and its docstring is its help text.
Where the paper gives no value, it says "not stated in the paper". A help text that begins with model names
applies to those models only; the baselines' values are in `configs/baselines/`.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import List, Literal, Optional, Union

from jsonargparse.typing import (
    ClosedUnitInterval,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    restricted_number_type,
    restricted_string_type,
)

# The docstrings are what error messages print; they follow the library's own wording.
Seed = restricted_number_type(
    "Seed", int, [(">=", 0), ("<", 2**31)], docstring="int restricted to be ≥0 and <2147483648"
)
# Far above 100, z overflows.
Temperature = restricted_number_type(
    "Temperature", float, [(">=", 0), ("<=", 100)], docstring="float restricted to be ≥0 and ≤100"
)
Momentum = restricted_number_type(
    "Momentum", float, [(">=", 0), ("<", 1)], docstring="float restricted to be ≥0 and <1"
)


Extension = restricted_string_type(
    "Extension", r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", docstring="module:name, a Python object of yours"
)


# From 0.5 on the posterior terms have no bound.
SpreadWeight = restricted_number_type(
    "SpreadWeight", float, [(">=", 0), ("<=", 0.49)], docstring="float restricted to be ≥0 and ≤0.49"
)


Quality = restricted_number_type(
    "Quality", int, [(">=", 1), ("<=", 100)], docstring="int restricted to be ≥1 and ≤100"
)
# Beyond this, three standard deviations turn a picture upside down, or leave nothing of it.
TurnDeviation = restricted_number_type(
    "TurnDeviation", float, [(">=", 0), ("<=", 60)], docstring="float restricted to be ≥0 and ≤60"
)
ScaleDeviation = restricted_number_type(
    "ScaleDeviation", float, [(">=", 0), ("<=", 20)], docstring="float restricted to be ≥0 and ≤20"
)


# tf.image.ssim's window; smaller pictures cannot be measured.
SSIM_WINDOW = 11


@dataclass
class DataConfig:
    """Where the pictures come from and how they are resized."""

    source: Union[Literal["faces", "celeb_a", "folder"], Extension] = "celeb_a"
    """faces: the embedded faces. celeb_a: CelebA, by TFDS or from data.path. folder: your own pictures. module:name: your own code, see docs/extending.md (paper 4.1: celeb_a)."""
    path: Optional[str] = None
    """folder: the folder of pictures. celeb_a: img_align_celeba.zip or its folder; if left out, TFDS downloads it."""
    lr_size: Union[PositiveInt, List[PositiveInt]] = 16
    """Side of the LR pictures in pixels, or [height, width]. HR pictures are model.scale times larger."""
    crop: Optional[PositiveInt] = None
    """Side of the centre crop taken before resizing, in pixels; if left out, the largest one of the HR shape that fits."""
    flip: bool = True
    """Mirror half of the training pictures (not stated in the paper)."""
    augment: bool = False
    """Shift, turn and scale training pictures at random before LR is made, as inaccurately as a face aligner cuts (not in the paper)."""
    augment_shift: NonNegativeFloat = 0.06
    """data.augment: standard deviation of the shift along each axis, in LR pixels; errors beyond three standard deviations are cut off."""
    augment_turn: TurnDeviation = 0.83
    """data.augment: standard deviation of the turn, in degrees."""
    augment_scale: ScaleDeviation = 2.5
    """data.augment: standard deviation of the scale, in per cent. Without turn and scale, pictures move by whole HR pixels and stay as sharp as they are."""
    cache: Literal["memory", "file"] = "memory"
    """Where the resized pictures are kept: in memory, or in a file under data.cache_dir (for large sets)."""
    cache_dir: str = "~/.cache/tf_gradsr"
    """Folder of the cache files, used by data.cache: file."""
    downscale: Literal["area", "bicubic"] = "area"
    """DS: how LR is made from HR, in the data, the model and the metrics."""
    degrade: bool = False
    """Make the LR that models see look like a face in a photograph: another kernel, another pixel grid, JPEG, noise, drawn for each picture (not in the paper)."""
    degrade_kernels: List[Literal["box", "bilinear", "bicubic", "lanczos"]] = field(
        default_factory=lambda: ["box", "bilinear", "bicubic", "lanczos"]
    )
    """data.degrade: kernels by which photographs are resized, all equally likely."""
    degrade_aliased: ClosedUnitInterval = 0.1
    """data.degrade: share of photographs that are resized without antialiasing."""
    degrade_frame: List[PositiveFloat] = field(default_factory=lambda: [1.0, 2.0])
    """data.degrade: [least, most] side of the face in the photograph, in LR sides; at most model.scale."""
    degrade_jpeg: Optional[List[Quality]] = field(default_factory=lambda: [60, 100])
    """data.degrade: [least, most] quality of the photograph's JPEG file; null: no JPEG."""
    degrade_noise: NonNegativeFloat = 2.0
    """data.degrade: largest standard deviation of the photograph's noise, in grey levels."""
    limit: Optional[PositiveInt] = None
    """Use only this many pictures of each split, the first ones."""


@dataclass
class ModelConfig:
    """The networks (paper 3.2, figures 2 and 3)."""

    name: Literal["gradsr", "srgan", "esrgan"] = "gradsr"
    """gradsr: the paper's. srgan (Ledig et al. 2017), esrgan (Wang et al. 2018): baselines with one answer per picture."""
    generator: Optional[Extension] = None
    """gradsr: module:name of your own function that builds the generator from the config, see docs/extending.md; if left out, the paper's."""
    scale: Literal[2, 4, 8, 16] = 8
    """How many times larger HR is than LR (paper 4.1: 8)."""
    blocks: NonNegativeInt = 8
    """Blocks at LR size in the generator. gradsr: residual (paper 3.2: 8). srgan: residual (its paper: 16). esrgan: RRDBs (23)."""
    widths: List[PositiveInt] = field(default_factory=lambda: [64, 48, 32, 16])
    """Channels at LR size, then after each doubling; cut, or its last entry repeated, to fit the scale (not stated in the paper; srgan and esrgan: [64])."""
    growth_channels: PositiveInt = 32
    """esrgan: channels that each convolution of a dense block adds (Wang et al.: 32)."""
    z_size: PositiveInt = 64
    """m, the length of the noise vector z (not stated in the paper); srgan and esrgan ignore z."""
    z_injection: Literal["concat", "modulate"] = "concat"
    """gradsr. concat: z enters beside LR. modulate (not in the paper): z also scales and shifts the features of every block."""
    gradient_channels: Literal[1, 3] = 3
    """gradsr. 3: one image gradient for each colour. 1: the gradient of the mean of the colours (not stated in the paper)."""
    consistency: Literal["learned", "exact"] = "learned"
    """gradsr. learned: F (eq. 12) steers D_I, as in the paper. exact: each scale's picture is projected onto LR inside the generator."""
    discriminator: Literal["mirror", "projected", "both"] = "mirror"
    """gradsr: D_I. mirror: the paper's. projected: heads on frozen features (Sauer et al. 2021); needs the extra [features]. both: one of each."""
    features: Literal["lite0", "lite1"] = "lite1"
    """gradsr: the EfficientNet-Lite that model.discriminator projected and loss.perceptual efficientnet use."""
    features_side: PositiveInt = 224
    """gradsr: shorter side to which pictures are enlarged for the projected D_I (Sauer et al.: 224)."""
    face_features: Optional[str] = None
    """gradsr: folder of the unpacked npm package @vladmandic/face-api, whose face recognition network loss.faces and loss.identity use."""
    discriminator_blocks: NonNegativeInt = 8
    """gradsr: residual blocks at LR size in each discriminator (paper 3.2: the generator's mirror)."""
    discriminator_widths: Optional[List[PositiveInt]] = None
    """gradsr: as model.widths, for both discriminators; if left out, the generator's. srgan, esrgan: at HR size, then after each halving; if left out, [64, 128, 256, 512]."""
    discriminator_input: Literal["pictures", "details"] = "pictures"
    """gradsr. pictures: D_I sees them as they are, as in the paper. details: it sees what they add to upscaled LR, amplified, and LR beside F."""


@dataclass
class LossConfig:
    """The objective (paper 2.1 to 2.3). The baselines': gamma * perceptual + beta * adversarial + pixel * pixel loss."""

    gamma: NonNegativeFloat = 10.0
    """Weight of the perceptual and the gradient loss in the reconstruction, eq. 10 (paper 4.1: 10). srgan, esrgan: of the perceptual loss (1)."""
    beta: NonNegativeFloat = 0.1
    """Weight of the adversarial losses in the reconstruction, eq. 10 (paper 4.1: 0.1). srgan: of the adversarial loss (1e-3); esrgan: lambda (5e-3)."""
    alpha: NonNegativeFloat = 1.0
    """gradsr: weight of the diversity loss L_z in the hallucination, eq. 11 (paper 4.1: 1)."""
    tau: PositiveFloat = 10.0
    """gradsr: upper bound of the diversity ratio, eq. 8 (not stated in the paper)."""
    epsilon: NonNegativeFloat = 0.1
    """gradsr: slack of the consistency residual F, in grey levels, eq. 12 (paper 4.1: 0.1)."""
    pixel: NonNegativeFloat = 0.0
    """Weight of the mean absolute error of the reconstruction at every scale (not in the paper: 0). esrgan: eta (1e-2); srgan: of the mean squared error (0)."""
    coupling: NonNegativeFloat = 0.0
    """gradsr: weight of the mean absolute difference between a hallucination's own image gradient and the one G outputs (not in the paper: 0)."""
    mean: NonNegativeFloat = 0.0
    """gradsr: weight of the posterior terms: error of the mean of two samples, minus s times their distance (not in the paper: 0; Bendel et al. 2023, rcGAN)."""
    spread: SpreadWeight = 0.45
    """gradsr: initial value of s in the posterior terms; training moves it until MSE(one sample) / MSE(mean of two) is 4/3."""
    crps: NonNegativeFloat = 0.0
    """gradsr: weight of the fair CRPS of two samples, over pixels and scales (not in the paper: 0; Lang et al. 2024, AIFS-CRPS)."""
    feature_crps: NonNegativeFloat = 0.0
    """gradsr: weight of the same score of the features that each projected D_I sees, times the weight of its adversarial loss (not in the paper: 0)."""
    projected: NonNegativeFloat = 1.0
    """gradsr: weight of the projected D_I's adversarial loss, if model.discriminator has one."""
    faces: NonNegativeFloat = 0.0
    """gradsr: weight of the adversarial loss of a second projected D_I, on the features of model.face_features (not in the paper: 0)."""
    identity: NonNegativeFloat = 0.0
    """gradsr: weight of the reconstruction's distance from the truth in the features of model.face_features (not in the paper: 0)."""
    distillation: NonNegativeFloat = 0.0
    """gradsr: weight of the distance from the pictures and gradients that train.teacher makes from the same LR and z (not in the paper: 0)."""
    mirror: NonNegativeFloat = 1.0
    """gradsr: weight of the adversarial losses of the paper's D_I and D_g, eq. 10 and 11 (paper: 1); 0 leaves both out."""
    perceptual: Literal["vgg16", "vgg19", "efficientnet", "discriminator", "none"] = "vgg16"
    """Features of the perceptual loss: of VGG-16 (gradsr, eq. 6) or VGG-19 (srgan, esrgan); gradsr: of EfficientNet-Lite (no download), of D_I (Larsen et al. 2016); or none."""
    vgg_weights: str = "imagenet"
    """imagenet: Keras downloads them. random: none are needed (Liu et al. 2021). Or the path of a Keras weights file (.h5) of the network that loss.perceptual names."""
    adversarial: Literal["logistic", "relativistic"] = "logistic"
    """gradsr. logistic: as in the paper. relativistic: D compares a fake with the truth of the same LR picture (Huang et al. 2024, R3GAN)."""
    r1: NonNegativeFloat = 10.0
    """gradsr: gamma_R1: the penalty is r1 / 2 * E||grad D||^2 on real data (paper 2.3 names R1, but not its weight)."""
    r2: NonNegativeFloat = 0.0
    """gradsr: weight of the same penalty on fakes (not in the paper: 0; Huang et al. 2024, R3GAN)."""
    r1_interval: PositiveInt = 1
    """gradsr: steps between two computations of R1 and R2, which are weighted by the interval (paper: 1; StyleGAN2: 16)."""


@dataclass
class OptimizerConfig:
    """Adam for both sides with two time scales, TTUR (paper 4.1), and the average of G's weights."""

    g_learning_rate: PositiveFloat = 1e-4
    """Learning rate of the generator (paper 4.1: 1e-4)."""
    d_learning_rate: PositiveFloat = 4e-4
    """Learning rate of the discriminators (not stated in the paper; the ratio of LAG)."""
    beta_1: Momentum = 0.0
    """Adam's beta1 (paper 4.1: 0)."""
    beta_2: Momentum = 0.9
    """Adam's beta2 (paper 4.1: 0.9)."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: after the warm-up, each rate falls to 0 along half a cosine until train.steps (paper: constant)."""
    warmup_steps: NonNegativeInt = 0
    """Each rate rises linearly to its value over this many steps at the start (paper: 0)."""
    ema_half_life: NonNegativeFloat = 5541.0
    """Half-life of the average of G's weights, in pictures; 5541 is a decay of 0.999 at batch 8 (not stated in the paper)."""


@dataclass
class TrainConfig:
    """How long, how much at once, and how often to report."""

    steps: PositiveInt = 500000
    """Training steps in all, train.reconstruction_steps included (not stated in the paper)."""
    reconstruction_steps: NonNegativeInt = 0
    """Number of steps at the start that train G alone, without discriminators, at z = 0 (paper: 0); srgan, esrgan: on the pixel loss alone."""
    initial_weights: Optional[str] = None
    """A generator.weights.h5 that G starts from, from a run with the same model settings (not in the paper)."""
    initial_run: Optional[str] = None
    """The folder of a run with the same model settings, from whose newest checkpoint G, its average and the discriminators start; the optimizers start afresh (not in the paper)."""
    teacher: Optional[str] = None
    """gradsr, with loss.distillation: the folder of a trained run, or a model of the package, with the same scale, z_size and gradient_channels, which a smaller G learns from."""
    batch_size: PositiveInt = 8
    """Pictures in a step, over all devices together (paper 4.1: 8)."""
    seed: Seed = 0
    """Seed of the initial weights, of the order and flips of the pictures, and of every z."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """gradsr. mixed_*: convolutions in 16 bits; pixels, losses, the average and the optimizers in float32. mixed_float16 is for GPUs older than bfloat16; it comes with loss scaling, and was not timed on one. A CPU or GPU that has not got the format uses float32, with a note."""
    jit_compile: Optional[bool] = None
    """Compile the whole step with XLA; if left out, on GPUs only, since CPUs are slower with it."""
    deterministic: bool = True
    """Use only deterministic kernels, so that a run can be repeated and resumed on the same machine, with weights that differ in the seventh digit at worst."""
    on_nonfinite: Literal["stop", "rollback"] = "stop"
    """If a loss, gradient or weight is NaN or infinite. stop: end the run. rollback: go back one checkpoint and on with other data; after three such times at one place, end it."""
    log_interval: PositiveInt = 50
    """Steps between two lines of metrics.jsonl; each holds the means since the last one."""
    sample_interval: PositiveInt = 1000
    """Steps between two sample sheets."""
    validation_interval: PositiveInt = 1000
    """Steps between two measurements on validation pictures."""
    validation_pictures: PositiveInt = 128
    """Validation pictures measured each time; the first ones of the split."""
    checkpoint_interval: PositiveInt = 1000
    """Steps between two checkpoints; one is also saved on Ctrl-C, on SIGTERM and at the end."""
    keep_checkpoints: PositiveInt = 2
    """How many of the newest checkpoints to keep; older ones are deleted."""
    summary_pictures: PositiveInt = 256
    """Test pictures measured at the end for summary.json; the first ones of the split."""


@dataclass
class Config:
    """A complete training run."""

    data: DataConfig = field(default_factory=DataConfig)
    """The pictures."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """The networks."""
    loss: LossConfig = field(default_factory=LossConfig)
    """The objective."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimizers."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """The run."""

    @property
    def lr_shape(self) -> tuple:
        """(height, width) of the LR pictures."""
        size = self.data.lr_size
        return (size, size) if isinstance(size, int) else tuple(size)

    @property
    def hr_shape(self) -> tuple:
        """(height, width) of the HR pictures."""
        return tuple(side * self.model.scale for side in self.lr_shape)

    def as_dict(self) -> dict:
        """Nested dict of plain values, as written to config.yaml."""
        return asdict(self)


def widths_for_scale(widths: List[int], scale: int) -> List[int]:
    """Channels at LR size and after each of the log2(scale) doublings.

    `widths` is cut, or its last entry repeated, to log2(scale) + 1 entries.
    """
    count = int(math.log2(scale)) + 1
    return (list(widths) + [widths[-1]] * count)[:count]
