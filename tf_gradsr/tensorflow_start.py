"""TensorFlow's process-wide switches, for commands only: the library never touches them."""

import importlib
import os
import sys
import tempfile
from contextlib import contextmanager


def start_tensorflow(verbose: bool = False) -> None:
    """Imports TensorFlow, without the lines that it prints when it starts.

    They come from its C++ side, before it reads its own setting for them, so standard error is held back. If
    the import fails, they are shown.

    Args:
        verbose: let them through.
    """
    if verbose:
        importlib.import_module("tensorflow")
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:
        with standard_error_held_back():
            importlib.import_module("tensorflow")
    # Notes of its loaders, writers and converters.
    sys.modules["tensorflow"].get_logger().setLevel("ERROR")


def use_full_float32() -> None:
    """Computes in full float32 on GPUs that would otherwise round factors to 10 bits."""
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(False)


def use_deterministic_kernels() -> None:
    """Makes results the same every time on the same machine."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    # This pass reorders sums in each process: most differences between runs came from it.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


@contextmanager
def standard_error_held_back(shown_on=BaseException):
    """Hides from the user what C and C++ code in the block writes to standard error.

    Args:
        shown_on: exception, or tuple of them, on which it is shown after all.

    Yields:
        A function that writes a line of text to standard error all the same.
    """
    sys.stderr.flush()
    kept = os.dup(2)

    def say(text):
        os.write(kept, f"{text}\n".encode())

    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield say
        except shown_on:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
