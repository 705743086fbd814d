"""Writes what the page finds faces with: MTCNN's networks as a LiteRT file, and the training faces' frame.

They are the networks of `tf_gradsr.faces`, so that the page finds what `gradsr align` finds and cuts it by
the same numbers. What `mtcnn` and `tf_gradsr.faces` do around them is written again in `export/web/src`.
"""

import json
import shutil
from dataclasses import asdict
from importlib import metadata

import keras
import numpy as np
import tensorflow as tf

from tf_gradsr.cli import missing_extra
from tf_gradsr.errors import ConfigError
from tf_gradsr.export.lite.conversion import converted
from tf_gradsr.faces import detection, finding, frame
from tf_gradsr.tensorflow_start import standard_error_held_back

NETWORKS, FACTS, LICENCE = "finder.tflite", "finder.json", "finder.LICENSE.txt"
# Side of the tiles that the first network sees, and pictures that the other two see at once: small, so that a
# few candidates do not wait for many empty places.
TILE, CANDIDATES, FACES = 138, 16, 4
# Largest difference that rounding may make between a network's answers here and in the file.
CLOSE = 1e-4


def write_face_finder(folder) -> dict:
    """Writes the networks, their licence and `finder.json` into a folder.

    Args:
        folder: `pathlib.Path`, of the page.

    Returns:
        What `finder.json` holds.

    Raises:
        ConfigError: the extra [photos] or [mobile] is not installed, or the file's answers differ from the
            networks'.
    """
    networks = Networks(detection.the_detector().networks)
    data = converted(networks, networks.signatures(), "none")
    _compare(data, networks)
    (folder / NETWORKS).write_bytes(data)
    shutil.copyfile(_licence(), folder / LICENCE)
    facts = {
        "file": NETWORKS,
        "name": detection.Detector.name,
        "frame": asdict(frame.the_frame()),
        "rule": {
            "across": frame.SIDES_ACROSS,
            "down": frame.SIDES_DOWN,
            "centre": frame.CENTRE_DOWN,
        },
        "search": {
            "least_side": detection.SMALLEST_SIDE,
            "min_size": finding.MIN_SIZE,
            "min_confidence": finding.MIN_CONFIDENCE,
            "easy": finding.EASY,
            "enlarged_pixels": finding.ENLARGED_PIXELS,
            "most_pixels": finding.MOST_PIXELS,
            "second_look": finding.SECOND_LOOK,
            "same": finding.SAME,
        },
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


class Networks(keras.Model):
    """MTCNN's three networks, for pictures of fixed numbers and sizes.

    Args:
        networks: the package's P-Net, R-Net and O-Net.
    """

    def __init__(self, networks):
        super().__init__()
        self.propose_net, self.refine_net, self.output_net = networks
        self.built = True

    def signatures(self) -> dict:
        """{name: (function, list of its inputs' `tf.TensorSpec`)}; pictures are (level - 127.5) / 128."""
        inputs = {
            "propose": {
                "pictures": (1, TILE, TILE, 3),
                "rows": (1, TILE - 2, 1, 1),
                "columns": (1, 1, TILE - 2, 1),
            },
            "refine": {"pictures": (CANDIDATES, 24, 24, 3)},
            "output": {"pictures": (FACES, 48, 48, 3)},
        }
        return {
            name: (
                getattr(self, name),
                [tf.TensorSpec(shape, tf.float32, key) for key, shape in shapes.items()],
            )
            for name, shapes in inputs.items()
        }

    def propose(self, pictures, rows, columns):
        """P-Net: `scores` `[1, s, s]` and `moves` `[1, s, s, 4]` of windows of 12 pixels, 2 apart.

        Its pooling takes what there is at the border of a level of odd sides. So that it does the same where
        such a level ends within a tile, `rows` and `columns` are 0 for its first features and -1e9 beyond.
        """
        net = self.propose_net
        x = net.prelu1(net.conv1(pictures)) + rows + columns
        x = net.prelu2(net.conv2(net.maxpool1(x)))
        x = net.prelu3(net.conv3(x))
        return {"moves": net.conv4_1(x), "scores": net.conv4_2(x)[..., 1]}

    def refine(self, pictures):
        """R-Net: `scores` `[n]` and `moves` `[n, 4]`, in units of the box's sides."""
        moves, scores = self.refine_net(pictures)
        return {"moves": moves, "scores": scores[:, 1]}

    def output(self, pictures):
        """O-Net: as R-Net, and `points` `[n, 10]`, five x, then five y."""
        moves, points, scores = self.output_net(pictures)
        return {"moves": moves, "points": points, "scores": scores[:, 1]}


def _compare(data, networks):
    """Refuses a file with other answers than the networks': a converter may leave weights out silently."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing_extra("mobile", "ai-edge-litert", "which checks the file that finds faces") from error

    rng = np.random.default_rng(0)
    with standard_error_held_back():
        interpreter = Interpreter(model_content=data)
    for name, (function, specs) in networks.signatures().items():
        inputs = {s.name: rng.uniform(-1, 1, s.shape).astype(np.float32) for s in specs}
        right = function(**{key: tf.constant(value) for key, value in inputs.items()})
        found = interpreter.get_signature_runner(name)(**inputs)
        off = max(float(np.abs(right[key] - found[key]).max()) for key in right)
        if not off <= CLOSE:
            raise ConfigError(
                f"{NETWORKS}: answers within {CLOSE:g} of MTCNN's. Received: {off:.3g} off in {name}"
            )


def _licence():
    """Path of the licence that comes with MTCNN's package."""
    files = metadata.files("mtcnn") or ()
    return next(file.locate() for file in files if file.name.startswith("LICENSE"))
