"""From the graphs of a trained model to the bytes of a LiteRT file, in each kind of number."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from export.keras_archive import write_saved_model
from export.lite_operators import with_quantized_borders

KINDS = ("none", "float16", "dynamic", "int8")


def converted(generator, signatures: dict, quantize: str, representative=None) -> bytes:
    """The LiteRT file of some graphs; pictures are uint8 in and out, z and gradients float32, in every kind.

    Args:
        generator: the network whose weights the file holds, once for all signatures.
        signatures: as `LiteGraph.signatures` gives them.
        quantize: one of `KINDS`.
        representative: for int8: function without arguments that yields (signature, {input: NumPy array}).

    Raises:
        ValueError: int8 without representative inputs.
    """
    if (quantize == "int8") != (representative is not None):
        raise ValueError(f"int8 alone needs representative inputs. Received: quantize={quantize!r}.")
    with tempfile.TemporaryDirectory() as folder, _without_chatter():
        # A converter that reads Keras' functions themselves leaves the weights out without a word.
        write_saved_model(folder, generator, signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.representative_dataset = representative
        return with_quantized_borders(converter.convert())


@contextmanager
def _without_chatter():
    """The converter's C++ notes on every start would bury our own lines."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
