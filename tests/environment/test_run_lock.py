"""One training at a time in a run folder; processes that were forked."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tf_gradsr import process, train
from tf_gradsr.errors import ConfigError
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_lock import only_training_in
from tf_gradsr.training.trainer import train as train_run

HOLD = """
import sys, time
from tf_gradsr.run_lock import only_training_in
with only_training_in(sys.argv[1], make=True):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of the folder `run`."""
    found = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "run"], stdout=subprocess.PIPE, text=True
    )
    assert found.stdout.readline() == "held\n"
    yield found
    found.kill()
    found.wait()


def test_a_second_training_is_refused_by_name_until_the_first_is_killed(holder, tmp_path, capsys):
    arguments = ["--smoke", "--run_dir", str(tmp_path / "run")]
    assert train.main(arguments) == 2
    assert (
        f"run_dir: a folder that no other training is using, here process {holder.pid} on "
        in capsys.readouterr().err
    )
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_training_in(tmp_path / "run"):
        pass


def test_threads_of_one_process_exclude_each_other_too(tmp_path):
    refused = []

    def second():
        try:
            with only_training_in(tmp_path):
                pass
        except ConfigError as error:
            refused.append(str(error))

    with only_training_in(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert f"process {os.getpid()} on" in refused[0]
    second()
    assert len(refused) == 1


def test_a_folder_that_does_not_exist_is_made_when_asked(tmp_path):
    with only_training_in(tmp_path / "a" / "run"):
        assert not (tmp_path / "a").exists()
    run = tmp_path / "a" / "run"
    with only_training_in(run, make=True), pytest.raises(ConfigError), only_training_in(run):
        pass
    (tmp_path / "file").touch()
    below = only_training_in(tmp_path / "file" / "run", make=True)
    with pytest.raises(ConfigError, match="run_dir: a folder that can be written"), below:
        pass


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("tf_gradsr.run_lock.fcntl.flock", flock)
    with only_training_in(tmp_path), only_training_in(tmp_path):
        (tmp_path / "work").touch()
    assert (tmp_path / "work").exists()


# Of a forked process, whose TensorFlow does not work any more.
def _generates(model):
    return model.generate(np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, model.z_size), np.float32))


def _loads(model):
    Hallucinator.load("faces_8x_mobile")


def _trains(model):
    train_run(model.config, "never made", progress=False)


def _commands(model):
    status = train.main(["--smoke", "--run_dir", "never_made"])
    raise ConfigError(f"process: the command ended with {status}")


@pytest.fixture(scope="module")
def model():
    model = Hallucinator.from_preset("faces_8x_mobile")
    _generates(model)
    return model


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
@pytest.mark.parametrize("work", [_generates, _loads, _trains, _commands])
def test_a_forked_process_is_refused_instead_of_waiting_forever(model, work):
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)

    def child():
        try:
            work(model)
            writer.send("worked")
        except ConfigError as error:
            writer.send(str(error))

    forked = context.Process(target=child)
    forked.start()
    try:
        assert reader.poll(60), "it waits forever"
        said = reader.recv()
    finally:
        forked.kill()
        forked.join()
    if work is _commands:
        assert said == "process: the command ended with 2"
    else:
        assert said.startswith(
            "process: one that was not forked after TensorFlow began its work; start it with"
        )


def test_a_process_forked_before_tensorflow_began_works(monkeypatch):
    monkeypatch.setattr(process, "_usable", set())
    monkeypatch.setattr(process, "_has_begun", lambda: False)
    process.check_process()
    assert process._usable == {os.getpid()}
