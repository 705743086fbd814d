"""The columns of the table: what each one means, its unit, how it is written."""

from dataclasses import dataclass
from typing import Callable, Optional

from tf_gradsr.metrics import MEAN_OF, right_gain

# LR-PSNR that counts as consistent in the NTIRE 2021 challenge (Lugmayr, Danelljan, Timofte 2021).
CONSISTENT_DB = 45.0
# The rows of a stochastic model.
Z_ZERO, Z_RANDOM = "z = 0", "z != 0"
# What a face recognition network measures.
FACE_COLUMNS = ("face_distance", "face_kid", "faces_apart")
# Shown for LPIPS, KID and faces if their weights are missing.
NO_WEIGHTS = "no weights"


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    """In results.json and results.csv."""
    title: str
    """In the tables."""
    unit: str
    decimals: int
    better: Optional[str]
    """"higher", "lower", or None if neither is better."""
    meaning: str
    value: Optional[Callable] = None
    """For a user's own metric (`--metric`): `(images, truth, lr)`, uint8 `[B, H, W, 3]`, LR smaller, to float
    `[B]`; for samples, the mean over them is taken. None: this package measures it."""

    def described(self) -> dict:
        """What results.json says about it."""
        names = ("title", "unit", "decimals", "better", "meaning")
        return {name: getattr(self, name) for name in names}


QUALITY = (
    Column("psnr", "PSNR", "dB", 2, "higher", "against the truth; 100 at most, for equal pictures too"),
    Column("ssim", "SSIM", "", 3, "higher", "11x11 Gaussian window (Wang et al. 2004)"),
    Column("lpips_alex", "LPIPS alex", "", 3, "lower", "learned distance, AlexNet (Zhang et al. 2018)"),
    Column("lpips_vgg", "LPIPS vgg", "", 3, "lower", "learned distance, VGG-16 (Zhang et al. 2018)"),
    Column(
        "lr_psnr", "LR-PSNR", "dB", 1, "higher", "of the downscaled picture against its input; 100 at most"
    ),
    Column(
        "consistent_share",
        f"LR-PSNR>={CONSISTENT_DB:.0f}",
        "% of pictures",
        1,
        "higher",
        f"share of pictures with an LR-PSNR of {CONSISTENT_DB:.0f} dB or more (NTIRE 2021)",
    ),
    Column(
        "better_than_bicubic",
        "above bicubic",
        "% of pictures",
        1,
        "higher",
        "share of pictures with a higher PSNR than bicubic upscaling of the same input",
    ),
    Column(
        "gradient_error",
        "gradient error",
        "grey levels",
        2,
        "lower",
        "mean absolute error of the picture's image gradient against the truth's (eq. 7)",
    ),
    Column(
        "own_gradient_error",
        "G's gradient",
        "grey levels",
        2,
        "lower",
        "mean absolute error of the gradient that the generator outputs against its picture's",
    ),
    Column(
        "sharpness", "sharpness", "% of truth", 1, None, "mean image gradient as a share of the truth's mean"
    ),
    Column(
        "crps",
        "CRPS",
        "grey levels",
        2,
        "lower",
        "continuous ranked probability score over the samples, fair (Gneiting and Raftery 2007, Ferro 2014); "
        "of a model with one answer and of z = 0, the mean absolute error",
    ),
    Column(
        "kid",
        "KID",
        "x 1000",
        1,
        "lower",
        "kernel distance of the pictures, as a set, from the truths (Binkowski et al. 2018), by "
        "EfficientNet-Lite0's pooled features at 224x224; of samples, the mean of the first two; 0 is right",
    ),
    Column(
        "face_distance",
        "face distance",
        "",
        3,
        "lower",
        "of the face's descriptor, by a face recognition network, from the true person's: of unit vectors, 0 "
        "to 2; of samples, the mean of the first two",
    ),
    Column(
        "face_kid",
        "face KID",
        "x 1000",
        1,
        "lower",
        "kernel distance, as for KID, of the face descriptors; 0 is right",
    ),
)

DIVERSITY = (
    Column("sample_std", "sample std", "grey levels", 2, None, "mean over pixels, over the samples"),
    Column(
        "reconstruction_distance",
        "dist. to z = 0",
        "grey levels",
        2,
        None,
        "mean absolute difference of the samples from the picture at z = 0",
    ),
    Column(
        "diversity_lpips",
        "div. LPIPS",
        "%",
        2,
        "higher",
        "(global best - local best) / global best of LPIPS maps, AlexNet (NTIRE 2021)",
    ),
    Column(
        "diversity_squared_error",
        "div. sq. error",
        "%",
        2,
        "higher",
        "the same score from squared errors; not comparable with the one from LPIPS",
    ),
    Column(
        "faces_apart",
        "faces apart",
        "",
        3,
        None,
        "distance of the face descriptors of two samples of one input",
    ),
    Column(
        "spread_error",
        "spread/error",
        "",
        2,
        None,
        "RMS standard deviation of the samples over the RMSE of z = 0; 1 is right, less is too sure",
    ),
    Column(
        "gain_of_mean",
        "gain of mean",
        "dB",
        2,
        None,
        f"of the mean of {MEAN_OF} samples (of all, if fewer) over one, in mean squared error; 10 log10(2P / "
        f"(P + 1)) is right for P samples, {right_gain(MEAN_OF):.2f} dB for {MEAN_OF}, less is too little "
        "spread",
    ),
)

COST = (
    Column("pictures_per_second", "speed", "pictures/s", 1, "higher", "generation alone, uint8 in and out"),
    Column(
        "gflop",
        "work",
        "GFLOP/picture",
        2,
        "lower",
        "of one forward pass, except for resizing; a multiply-add is two FLOP",
    ),
    Column("parameters", "parameters", "", 0, None, "of the generator"),
    Column(
        "training_cpu_minutes", "training", "CPU min", 0, None, "all stages, minutes of all cores together"
    ),
    Column(
        "training_gpu_minutes", "training", "GPU min", 0, None, "all stages, minutes of all GPUs together"
    ),
    Column("weights_megabytes", "weights file", "MB", 2, None, "generator.weights.h5, 10^6 bytes"),
)

MEASURED = QUALITY + DIVERSITY
