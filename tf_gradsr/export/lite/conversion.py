"""Converts the graphs of a trained model to the bytes of a LiteRT file, with floats or integers."""

import os
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from tf_gradsr.export.keras_archive import write_saved_model
from tf_gradsr.export.lite.operators import picture_tensors, with_quantized_borders, without_inner_names

KINDS = ("none", "float16", "dynamic", "int8")


def converted(generator, signatures: dict, quantize: str, representative=None) -> bytes:
    """Converts graphs to a LiteRT file; in every kind, pictures are uint8, z and gradients float32.

    Args:
        generator: the network whose weights the file holds, once for all signatures.
        signatures: as `LiteGraph.signatures` gives them.
        quantize: one of `KINDS`.
        representative: for int8: function without arguments that yields (signature, {input: NumPy array}).

    Raises:
        ValueError: int8 without representative inputs, or the other way round.
    """
    if (quantize == "int8") != (representative is not None):
        raise ValueError(f"only int8 needs representative inputs. Received: quantize={quantize!r}.")
    with converter_of(generator, signatures) as converter:
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        model = in_integers(converter, representative) if representative else converter.convert()
    return without_inner_names(with_quantized_borders(model))


@contextmanager
def converter_of(generator, signatures: dict):
    """Gives a `tf.lite.TFLiteConverter` of some graphs, which works while the block lasts."""
    with tempfile.TemporaryDirectory() as folder, _without_chatter():
        # A converter that reads Keras' functions themselves silently leaves the weights out.
        write_saved_model(folder, generator, signatures)
        yield tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))


def in_integers(converter, representative):
    """Converts to 8-bit integers, with a scale for each channel of the weights; pictures stay float32.

    If the pictures between the blocks had 8 bits too, a picture would add up a dozen roundings, and the
    division that keeps it consistent with its input has no range that 8 bits could hold.
    """
    converter.representative_dataset = representative
    # The converter has no other way to exclude single operations.
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=lambda: iter(()))
    kept = picture_tensors(debugger.calibrated_model)
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept)
    return debugger.get_nondebug_quantized_model()


@contextmanager
def _without_chatter():
    """Hides the converter's C++ notes and its warnings to its own callers, which would bury our lines."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
