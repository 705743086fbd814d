"""What is to be made of every picture."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Request:
    """What is to be made of every picture; it travels to the workers.

    Attributes:
        run: the name of a model of the package, or a run folder's path. trust: see `Hallucinator.load`.
        input_quality, num_samples, seed, temperature, consistency, downscale, lr_size, align: as `gradsr
            hallucinate` has them.
        format: a key of `FORMATS`. output: folder of the blocks, an absolute path.
        home: folder that relative paths of pictures start from.
        picture_column: of Parquet files.
        batch_size: pairs of LR and z in a forward pass; None: by the device.
        verbose: whether TensorFlow's own messages are shown.
    """

    run: str
    trust: bool
    input_quality: str
    num_samples: int
    seed: int
    temperature: float
    consistency: str
    downscale: bool
    lr_size: Optional[int]
    align: str
    format: str
    output: str
    home: str
    picture_column: str
    batch_size: Optional[int]
    verbose: bool = False
