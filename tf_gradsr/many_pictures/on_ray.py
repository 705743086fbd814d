"""Ray, started quietly or joined, and the blocks that its actors make."""

import io
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from typing import Callable, Iterable, Iterator, Optional

import psutil

from tf_gradsr.cli import CommandFailed
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.many_pictures.actors import BlockMaker
from tf_gradsr.many_pictures.plan import Block
from tf_gradsr.many_pictures.request import Request
from tf_gradsr.signals import ENDING
from tf_gradsr.tensorflow_start import standard_error_held_back

# Of a local Ray. Through its shared memory, in bytes, go lists of names; pictures go from disk to disk.
_LOCAL = {"address": "local", "include_dashboard": False, "object_store_memory": 100_000_000}
# Read when Ray is imported or started.
QUIET = {
    # Ray would tell its makers about this machine.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # Without a GPU for it, an actor still sees what its process sees.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
# A local Ray uses the loopback address alone, on every system, as it does where there are no Ray clusters.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# Times that blocks are given out without one being made, and seconds by which each waits longer: a cluster
# takes some to find out that a machine is gone.
ROUNDS_IN_VAIN = 4
PATIENCE = 5
SECONDS_TO_ANSWER = 10
# Times that a Ray of its own is tried to start.
STARTS = 3
# Blocks that an actor has at a time: it makes one, the next one waits.
IN_FLIGHT = 2


@dataclass(frozen=True)
class Devices:
    """What makes blocks at the same time.

    Attributes:
        actors: how many. gpus: of each.
    """

    actors: int
    gpus: int


@contextmanager
def ray_running(address: Optional[str], actors: Optional[int], verbose: bool):
    """Ray, while the block runs.

    Args:
        address: of a cluster that this machine belongs to, "auto" for the one that runs here; None: a Ray of
            its own is started on this machine, reached over loopback only, and ended with the block.
        actors: how many will make blocks; None: as `devices_of` says.
        verbose: whether Ray's own messages are shown.

    Raises:
        ConfigError: there is no such cluster. CommandFailed: Ray does not start.
    """
    quietly = nullcontext if verbose else partial(standard_error_held_back, ())
    # Beside its log, Ray prints what befalls its processes.
    silenced = nullcontext() if verbose else redirect_stdout(_Nothing())
    os.environ.update(QUIET if address else {**QUIET, **LOOPBACK})
    with quietly():
        import ray
        import ray.data
    handlers = {number: signal.getsignal(number) for number in (*ENDING, signal.SIGINT)}
    before = _children()
    folder = None if address else tempfile.mkdtemp(prefix="gradsr-ray-", dir=_short_folder())
    try:
        with quietly():
            _start(ray, address, actors, folder, verbose)
        if threading.current_thread() is threading.main_thread():
            # Ray puts handlers of its own in their place, which end the process without a word.
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)
        with silenced:
            yield
    finally:
        with quietly():
            ray.shutdown()
        if folder:
            _end(_children() - before)
            shutil.rmtree(folder, ignore_errors=True)


class _Nothing(io.TextIOBase):
    """A stream that forgets what is written to it."""

    def write(self, text):
        return len(text)


def _short_folder():
    """Where Ray's temporary files go: its sockets' paths may have 103 bytes, and it needs 75 of them."""
    usual = tempfile.gettempdir()
    return usual if len(usual) < 20 or os.name == "nt" else "/tmp"


def _start(ray, address, actors, folder, verbose):
    level = logging.INFO if verbose else logging.CRITICAL
    log = {"logging_level": level, "log_to_driver": verbose}
    if address:
        _join(ray, address, log)
    else:
        _start_own(ray, {**_LOCAL, **log, "num_cpus": actors or 1, "_temp_dir": folder})
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(level if verbose else logging.CRITICAL + 1)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = verbose


def _start_own(ray, options):
    before = _children()
    for left in reversed(range(STARTS)):
        try:
            ray.init(**options)
            return
        # Ray raises plain exceptions, and gives up after 30 seconds, which a busy machine may need.
        except Exception as error:
            _end(_children() - before)
            if not left:
                raise CommandFailed(f"Ray does not start on this machine: {reason_of(error)}") from error


def _join(ray, address, log):
    try:
        _check_there(address)
        ray.init(address=address, **log)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            "ray_address: of a Ray cluster that this machine belongs to, auto for the one that runs on it. "
            f"Received: {address} ({reason_of(error)})"
        ) from error


def _children():
    return set(psutil.Process().children(recursive=True))


def _end(processes):
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=SECONDS_TO_ANSWER)


def _check_there(address):
    """Finds out in seconds what Ray tries for minutes.

    Raises:
        OSError, ValueError: nothing answers at HOST:PORT, or it is none.
    """
    if address != "auto":
        host, _, port = address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()


def devices_of(actors: Optional[int]) -> Devices:
    """How many actors make blocks on the running Ray.

    Args:
        actors: as the user wishes; None: one for each GPU; without GPUs, whose work uses all cores of a
            machine, one for each machine.

    Raises:
        ConfigError: there is no room for one.
    """
    import ray

    gpus = int(ray.cluster_resources().get("GPU", 0))
    machines = sum(node["Alive"] and node["Resources"].get("CPU", 0) >= 1 for node in ray.nodes())
    if not gpus and not machines:
        raise ConfigError("ray_address: a cluster with a free CPU or GPU. Received: one without")
    return Devices(actors or gpus or machines, min(gpus, 1))


def made_blocks(
    blocks: Iterable[Block], request: Request, actors: Optional[int], say: Callable[[str], None]
) -> Iterator[dict]:
    """Makes blocks on the running Ray, in any order.

    A block that is lost, with the machine or the process that made it, is given out again.

    Args:
        blocks: list of `Block`. request: a `Request`. actors: see `devices_of`.
        say: called with a sentence when blocks are given out again.

    Yields:
        What `BlockMaker` says of each block, once.

    Raises:
        CommandFailed: blocks are lost again and again.
    """
    left, in_vain = {block.number: block for block in blocks}, 0
    while left:
        before, devices = len(left), devices_of(actors)
        for row in _round(list(left.values()), request, devices):
            if left.pop(row["number"], None):
                yield row
        in_vain = in_vain + 1 if len(left) == before else 0
        if in_vain == ROUNDS_IN_VAIN:
            raise CommandFailed(_lost(list(left.values())))
        if left:
            say(f"A process or a machine was lost; {len(left)} blocks are given out again")
            time.sleep(PATIENCE * in_vain)
        # What was being made may be what ends its process, so the others come first.
        for number in list(left)[: devices.actors * IN_FLIGHT]:
            left[number] = left.pop(number)


def _round(blocks, request, devices):
    import ray.data
    import ray.exceptions

    data = ray.data.from_items([{"block": block} for block in blocks], override_num_blocks=len(blocks))
    with warnings.catch_warnings():
        # Ray 2.64 will take the last two no more, see setup.py.
        warnings.simplefilter("ignore")
        data = data.map_batches(
            BlockMaker,
            fn_constructor_args=(request,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                size=min(devices.actors, len(blocks)), max_tasks_in_flight_per_actor=IN_FLIGHT
            ),
            num_cpus=0 if devices.gpus else 1,
            num_gpus=devices.gpus,
            # Started again by itself, an actor waits for room, which may be lost with a machine.
            max_restarts=0,
            max_task_retries=0,
        )
    try:
        yield from data.iter_rows()
    except (ray.exceptions.RayError, ray.data.exceptions.SystemException) as error:
        # The caller sees what was not made.
        logging.getLogger("ray.data").error("Blocks were lost: %s", error)


def _lost(blocks):
    first = blocks[0]
    named = first.parquet or first.files[0][0]
    return (
        f"{len(blocks)} of the blocks end the process that makes them, the first begins with {named}; is the "
        "memory too small, or does the decoder not survive one of the pictures? All others are finished"
    )
