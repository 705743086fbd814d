"""GradSR: one-to-many face super-resolution that downscales back to its input."""

__version__ = "0.1.0"
__all__ = ["Hallucinator", "__version__"]


def __dir__():
    return __all__


def __getattr__(name):
    # Late, so that command lines can refuse a setting before TensorFlow's slow import.
    if name == "Hallucinator":
        from tf_gradsr.inference import Hallucinator

        return Hallucinator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
