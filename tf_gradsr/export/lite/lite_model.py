"""Runs a file of `gradsr export tflite` in Python, and says which file another size needs."""

import json
from pathlib import Path

import numpy as np

from tf_gradsr.cli import missing_extra
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.export.lite.paths import description_path


class LiteModel:
    """A LiteRT file, with its description beside it.

    Args:
        path: of the `.tflite` file. threads: of the CPU.

    Attributes:
        lr_shape: (height, width) of the LR pictures that it was made for.
        z_size: length m of z; None for a file that gives one answer for each picture.

    Raises:
        ConfigError: the file or its description cannot be read, or LiteRT is not installed.
    """

    def __init__(self, path, threads: int = 1):
        self.path = Path(path).expanduser()
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise missing_extra("mobile", "ai-edge-litert", "which runs the file") from None
        try:
            self.description = json.loads(description_path(self.path).read_text(encoding="utf-8"))
            interpreter = Interpreter(model_path=str(self.path), num_threads=threads)
            self._runners = {
                name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()
            }
            lr = self._runners["reconstruct"].get_input_details()["lr"]
        # The interpreter may raise anything for a broken file.
        except Exception as error:
            raise ConfigError(
                "model: a file of gradsr export tflite, with its description (.tflite.json) beside it. "
                f"Received: {self.path} ({reason_of(error)})"
            ) from error
        self.lr_shape = tuple(int(side) for side in lr["shape"][1:3])
        inputs = self._runners["hallucinate"].get_input_details() if "hallucinate" in self._runners else {}
        self.z_size = int(inputs["z"]["shape"][1]) if inputs else None

    def reconstruct(self, lr) -> tuple:
        """`G(LR, 0)`, the most likely picture of each input.

        Args:
            lr: uint8 `[B, h, w, 3]`, RGB; h and w as the file was made for, B any: a file is made for one
                picture, so they are run one after the other.

        Returns:
            Pictures, uint8 `[B, H, W, 3]`, and image gradients, float32 `[B, H, W, 3 or 1]`.

        Raises:
            ValueError: another shape or type; says how to export a file for it.
        """
        return self._run("reconstruct", lr=self._checked(lr))

    def hallucinate(self, lr, z) -> tuple:
        """`G(LR, z)`, as `reconstruct`.

        Args:
            lr: as for `reconstruct`. z: float32 `[B, m]`, normal with mean 0 and standard deviation 1.

        Raises:
            ValueError: another shape or type, or a file that gives one answer for each picture.
        """
        if self.z_size is None:
            raise ValueError(
                f"hallucinate needs a model that samples. Received: {self.path}; see reconstruct."
            )
        lr, z = self._checked(lr), np.asarray(z, np.float32)
        if z.shape != (len(lr), self.z_size):
            raise ValueError(
                f"z must be float32 [{len(lr)}, {self.z_size}]. Received: shape {list(z.shape)}."
            )
        return self._run("hallucinate", lr=lr, z=z)

    def _checked(self, lr):
        lr = np.asarray(lr)
        height, width = self.lr_shape
        if lr.ndim == 4 and lr.shape[3] == 3 and len(lr) and lr.dtype == np.uint8:
            if lr.shape[1:3] == self.lr_shape:
                return lr
            sides = f"[{lr.shape[1]},{lr.shape[2]}]"
            remedy = f'; make a file for it: gradsr export tflite --lr_size "{sides}"'
        else:
            remedy = ""
        raise ValueError(
            f"lr must be uint8 [B, {height}, {width}, 3], B >= 1, as {self.path.name} was made for. "
            f"Received: {lr.dtype} of shape {list(lr.shape)}{remedy}."
        )

    def _run(self, signature, **inputs):
        answers = []
        for number in range(len(inputs["lr"])):
            answer = self._runners[signature](**{name: x[number : number + 1] for name, x in inputs.items()})
            answers.append((answer["image"].copy(), answer["gradient"].copy()))
        images, gradients = zip(*answers)
        return np.concatenate(images), np.concatenate(gradients)
