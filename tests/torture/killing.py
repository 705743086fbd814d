"""Starts commands and kills them with SIGKILL: at a moment, or when a file under a temporary name appears."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
# Of a command that does not end by itself.
TIMEOUT = 900


@dataclass
class Life:
    """How one process ended.

    Attributes:
        killed: whether SIGKILL reached it in time. status: its exit status. seconds: how long it lived.
        log: what it wrote. writing: names of the unfinished files that it left behind.
    """

    killed: bool
    status: int
    seconds: float
    log: str
    writing: list


class Commands:
    """Makes processes that run `gradsr`.

    Args:
        folder: `pathlib.Path` for logs.
        warm: the process of `warm.py` to fork from; None: each process is a new interpreter.
    """

    def __init__(self, folder, warm=None):
        self.log, self.warm = folder / "log.txt", warm

    def live(self, arguments, watched, after=None, until=None, delay=0.0) -> Life:
        """Runs a command until it ends or is killed.

        Args:
            arguments: of `gradsr`. watched: folders in which unfinished files appear.
            after: seconds after which it is killed; None: not by the clock.
            until: called again and again; as soon as it is true, and `delay` seconds later, it is killed.
        """
        # One that is killed at once writes none: the former's must not be taken for its own.
        self.log.unlink(missing_ok=True)
        start = time.monotonic()
        process = self._start([str(argument) for argument in arguments])
        killed = False
        while (status := process.status()) is None:
            lived = time.monotonic() - start
            due = after is not None and lived >= after
            if not due and until is not None and until():
                time.sleep(delay)
                due = True
            if due or lived > TIMEOUT:
                killed = process.kill()
                status = process.wait()
                break
            # Short when a writing is to be met, which takes milliseconds.
            time.sleep(0.0002 if until is not None else 0.005)
        writing = unfinished(watched)
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return Life(killed and status == -signal.SIGKILL, status, time.monotonic() - start, text, writing)

    def _start(self, arguments):
        if self.warm:
            return _Forked(self.warm, [str(self.log), *arguments])
        return _Fresh(self.log, arguments)


class _Fresh:
    """A command in its own interpreter, as users start it."""

    def __init__(self, log, arguments):
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tf_gradsr", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=ENVIRONMENT,
            )

    def status(self):
        return self.process.poll()

    def kill(self):
        self.process.kill()
        return True

    def wait(self):
        return self.process.wait()


class _Forked:
    """A command in a process that `warm.py` forks."""

    def __init__(self, warm, request):
        self.warm = warm
        warm.stdin.write(f"{json.dumps(request)}\n".encode())
        warm.stdin.flush()
        self.pid = int(warm.stdout.readline())
        os.set_blocking(warm.stdout.fileno(), False)
        self.ended = None

    def status(self):
        if self.ended is None and (line := self.warm.stdout.readline()):
            self.ended = int(line)
            os.set_blocking(self.warm.stdout.fileno(), True)
        return self.ended

    def kill(self):
        if self.status() is None:
            os.kill(self.pid, signal.SIGKILL)
            return True
        return False

    def wait(self):
        while self.status() is None:
            time.sleep(0.002)
        return self.ended


@contextmanager
def warm_process():
    """The process of `warm.py`, ended with the block."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "warm.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        try:
            yield process
        finally:
            process.stdin.close()


def unfinished(folders) -> list:
    """Names of the files and folders that are being written, or were when their writer was killed."""
    names = []
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                names += [e.name for e in entries if e.name.startswith((".partial-", ".replaced-"))]
        except (FileNotFoundError, NotADirectoryError):
            continue
    return names
