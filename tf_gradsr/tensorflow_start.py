"""TensorFlow's process-wide switches, for commands only: the library never touches them."""

import importlib
import os
import sys
import tempfile
from contextlib import contextmanager, suppress

from tf_gradsr.memory import check_memory

# Bytes that `import tensorflow` and the package's networks take (benchmarks/peak_memory.py).
MEMORY_TO_START = 0.6e9


def start_tensorflow(verbose: bool = False) -> None:
    """Imports TensorFlow, without the lines that it prints when it starts.

    They come from its C++ side, before it reads its own setting for them, so standard error is held back. If
    the import fails, they are shown.

    Args:
        verbose: let them through.

    Raises:
        NotEnoughMemory: it would be killed while it starts.
        ConfigError: this process has been forked from one that uses TensorFlow, see `check_process`.
    """
    if "tensorflow" not in sys.modules:
        check_memory(MEMORY_TO_START, "TensorFlow and a small network")
    if verbose:
        _import_tensorflow()
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:
        with standard_error_held_back():
            _import_tensorflow()
    else:
        _import_tensorflow()
    # Notes of its loaders, writers and converters.
    sys.modules["tensorflow"].get_logger().setLevel("ERROR")


def _import_tensorflow():
    importlib.import_module("tensorflow")
    importlib.import_module("tf_gradsr.process").check_process()


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
        with suppress(OSError):
            os.write(kept, f"{text}\n".encode())

    with _unnamed_file() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield say
        except shown_on:
            held.seek(0)
            say(held.read().decode(errors="replace").rstrip("\n"))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def _unnamed_file():
    """A file without a name: in memory, since a folder for temporary files may be full or missing."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("held_back"), "w+b")
    return tempfile.TemporaryFile()
