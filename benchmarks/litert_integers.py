"""How much of a model LiteRT can compute in integers: python -m benchmarks.litert_integers RUN [PICTURES]

Converts one run in three ways: with everything in 8-bit integers, with pictures between the network's blocks
in float32 (what `gradsr export tflite --quantize int8` does), and with 16-bit activations. Prints how far
each is from the trained model: PSNR of samples, and the largest difference of a downscaled picture from its
input, in grey levels. PICTURES is the folder of the run's pictures, if they are not where config.yaml says.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tf_gradsr.export.lite import conversion as lite_conversion
from tf_gradsr.export.lite.graph import LiteGraph
from tf_gradsr.export.lite.lite_file import representative_inputs
from tf_gradsr.export.lite.operators import with_quantized_borders
from tf_gradsr.export.lite.sample_pictures import calibration_pictures
from tf_gradsr.export.lite.verification import compared
from tf_gradsr.inference import Hallucinator

COUNT = 100


def everything(converter, representative):
    """Converts to 8-bit integers wherever the converter has them."""
    converter.representative_dataset = representative
    return converter.convert()


def wide(converter, representative):
    """Converts to 16-bit activations and 8-bit weights."""
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    return everything(converter, representative)


def consistency_error(runner, lr, z, scale) -> float:
    """Largest difference of a downscaled picture from its input, in grey levels."""
    image = runner(lr=lr, z=z)["image"].astype(np.float64)
    _, height, width, _ = lr.shape
    down = image.reshape(1, height, scale, width, scale, 3).mean((2, 4))
    return np.abs(down - lr).max()


def main(run, path=None):
    """Prints a line for each way."""
    hallucinator = Hallucinator.load(run)
    config = hallucinator.config
    signatures = LiteGraph(hallucinator, "exact", config.lr_shape).signatures()
    training, test = calibration_pictures(config, config.lr_shape, path, COUNT)
    representative = representative_inputs(signatures, training, hallucinator.z_size)
    ways = {"everything": everything, "pictures in float32": lite_conversion.in_integers, "16 bits": wide}
    z = np.zeros((1, hallucinator.z_size), np.float32)
    for name, way in ways.items():
        with lite_conversion.converter_of(hallucinator.generator, signatures) as converter:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            model = with_quantized_borders(way(converter, representative))
        try:
            runner = Interpreter(model_content=model).get_signature_runner("hallucinate")
            found = compared(runner, "hallucinate", hallucinator, "exact", test)
            error = consistency_error(runner, test[:1], z, hallucinator.scale)
            print(f"{name}: {found.psnr:.1f} dB, {error:.2f} grey levels from its input, {len(model)} bytes")
        except (RuntimeError, ValueError) as error:
            print(f"{name}: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main(*sys.argv[1:])
