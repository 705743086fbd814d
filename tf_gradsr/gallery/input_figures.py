"""What is said about one input's results."""

from dataclasses import dataclass, field
from typing import Optional

import numpy as np


@dataclass
class InputFigures:
    """What is said about one input when its folder is complete."""

    sizes: str
    """LR size -> HR size, width x height."""
    lr_psnr: float
    """Of the reconstruction, dB."""
    worst_lr_psnr: Optional[float] = None
    """The lowest of the samples, dB."""
    spread: Optional[float] = None
    """Standard deviation over samples, mean over pixels and colours, grey levels."""
    psnr: Optional[float] = None
    """Of the reconstruction against the truth, dB."""
    ssim: Optional[float] = None
    """Of the reconstruction against the truth."""
    notes: tuple = ()
    uncertainty: Optional[np.ndarray] = field(default=None, repr=False)
    """Standard deviation over samples, mean over colours, grey levels, float `[H, W]`."""

    def __str__(self):
        said = ", ".join([self.sizes, *(" ".join(figure) for figure in self.figures())])
        return "; ".join([said, *self.notes])

    def figures(self) -> list:
        """Every known figure, in words: (name, value with its unit) pairs."""
        worst = "" if self.worst_lr_psnr is None else f" (worst sample {self.worst_lr_psnr:.1f})"
        figures = [("LR-PSNR", f"{self.lr_psnr:.1f} dB{worst}")]
        if self.spread is not None:
            figures.append(("spread", f"{self.spread:.2f} grey levels"))
        if self.psnr is not None:
            figures.append(("PSNR", f"{self.psnr:.2f} dB"))
        if self.ssim is not None:
            figures.append(("SSIM", f"{self.ssim:.3f}"))
        return figures
