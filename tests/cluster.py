"""Several processes on this machine that train together, as machines do, by way of loopback."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import numpy as np
from checkout import ROOT
from training_steps import read_metrics, tiny_config

from tf_gradsr.config_files import save_config


@contextmanager
def cluster(command, count, folder):
    """Starts the same Python command as each worker of a cluster; kills what is left of them in the end.

    Args:
        command: list of str, after `python`. count: of workers. folder: for what they print.

    Yields:
        List of `subprocess.Popen`, the chief's first; each has its output in `folder / "0.log"` and so on.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    with ExitStack() as stack:
        workers = []
        for number in range(count):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": number}}
            environment = {**environment_alone(), "TF_CONFIG": json.dumps(task)}
            output = stack.enter_context((folder / f"{number}.log").open("ab"))
            process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                env=environment,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
            stack.callback(process.kill)
            workers.append(process)
        yield workers


def ended(workers, seconds):
    """The workers' exit statuses, in order; an error if one of them takes longer."""
    end = time.monotonic() + seconds
    return [worker.wait(max(end - time.monotonic(), 0.1)) for worker in workers]


def weights_after_three_steps(optimizer, count, folder):
    """All weights of each worker, flat float32, after three steps that `count` of them shared."""
    script = [ROOT / "tests" / "training" / "three_steps.py", optimizer, folder]
    if count == 1:
        subprocess.run([sys.executable, *map(str, script)], env=environment_alone(), check=True)
    else:
        with cluster(script, count, folder) as workers:
            assert ended(workers, 600) == [0] * count, (folder / "0.log").read_text()
    found = []
    for number in range(count):
        with np.load(folder / f"{number}_of_{count}.npz") as file:
            found.append(np.concatenate([file[name].ravel() for name in file.files]))
    return found


def shared_run(folder, name="run", **train_settings):
    """The command of a run of G alone, with few figures and no sheets on the way."""
    never, steps = 10**6, train_settings["steps"]
    quiet = {"sample_interval": never, "validation_interval": never, "reconstruction_steps": steps}
    path = folder / f"{name}.yaml"
    save_config(
        tiny_config(**{"log_interval": 5, "checkpoint_interval": 20, **quiet, **train_settings}), path
    )
    return ["-m", "tf_gradsr.train", "--config", path, "--run_dir", folder / name]


def when_at(step, folder, workers):
    """Waits until a run has logged a step."""
    end = time.monotonic() + 300
    while not (folder.metrics.is_file() and any(line["step"] >= step for line in read_metrics(folder))):
        assert all(worker.poll() is None for worker in workers) and time.monotonic() < end
        time.sleep(0.05)


def environment_alone():
    """The environment of a process that has no cluster, and finds the package and the tests' modules."""
    kept = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


def _free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
