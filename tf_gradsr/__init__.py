"""GradSR: one-to-many face super-resolution that downscales back to its input."""

import os
import sys

__version__ = "0.1.0"
__all__ = ["Hallucinator", "__version__"]


def _choose_keras_backend():
    """Makes Keras run on TensorFlow, whatever KERAS_BACKEND or keras.json say: a process has one backend."""
    keras = sys.modules.get("keras")
    if keras is None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    elif keras.backend.backend() != "tensorflow":
        raise ImportError(
            "tf_gradsr needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow, or import tf_gradsr before "
            f"keras. Received: keras imported with the backend {keras.backend.backend()}"
        )


_choose_keras_backend()


def __dir__():
    return __all__


def __getattr__(name):
    # Late, so that command lines can refuse a setting before TensorFlow's slow import.
    if name == "Hallucinator":
        from tf_gradsr.inference import Hallucinator

        return Hallucinator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
