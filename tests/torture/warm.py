"""Runs commands in processes that fork from one that has imported TensorFlow, which takes seconds each time.

python tests/torture/warm.py, one JSON list a line: [log file, argument, ...] of `gradsr`. Answers with the
process's id, then, when it has ended, with its status. Forking is safe because only one thread runs, which
is checked each time: TensorFlow starts its own with the first operation, in the child.
"""

import json
import os
import sys
from pathlib import Path

from tf_gradsr.__main__ import main
from tf_gradsr.tensorflow_start import start_tensorflow

start_tensorflow()
# What the commands import late.
import tensorflow_datasets  # noqa: E402, F401

import tf_gradsr.inference  # noqa: E402
import tf_gradsr.training.trainer  # noqa: E402, F401


def serve() -> None:
    """Answers requests until standard input ends."""
    for line in sys.stdin:
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            sys.exit(f"{threads} threads: forking would not be safe")
        child = os.fork()
        if child == 0:
            _run(*json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(log, *arguments):
    """Is the command from here on: its own output, and no way back."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(0)
    status = 1
    try:
        sys.argv = ["gradsr", *arguments]
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    serve()
