"""Tests of runs that several processes share, over loopback, and of how their devices are chosen."""

import signal
import time

import numpy as np
import pytest
from cluster import cluster, ended, shared_run, weights_after_three_steps, when_at
from training_steps import tiny_config

from tf_gradsr.data import load_pictures, training_batches
from tf_gradsr.errors import ConfigError
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.training.distribution import Distribution, choose_distribution

# ------------------------------------------------------------------ choosing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an environment without it"),
        ("{", r"Received: \{"),
        ('{"cluster": {"worker": ["a:1"]}}', "task"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "not in the cluster"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "not ps"),
    ],
)
def test_a_tf_config_that_is_no_cluster_is_refused(monkeypatch, text, said):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match=rf"TF_CONFIG: JSON .*{said}"):
        choose_distribution("multi_worker")


def test_without_other_devices_a_run_has_one(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for kind in ("auto", "none"):
        chosen = choose_distribution(kind)
        assert (chosen.replicas, chosen.worker, chosen.workers, chosen.is_chief) == (1, 0, 1, True)


def test_a_machine_without_a_tpu_says_so():
    with pytest.raises(ConfigError, match="distribution: tpu on a machine with TPUs"):
        choose_distribution("tpu")


def test_settings_that_do_not_suit_several_devices_are_refused(two_devices):
    distribution = Distribution(two_devices)
    with pytest.raises(ConfigError, match=r"train\.batch_size: a multiple of .* 2\. Received: 5"):
        distribution.check(tiny_config(batch_size=5))
    with pytest.raises(ConfigError, match=r"train\.jit_compile: .*2 devices"):
        distribution.check(tiny_config(jit_compile=True))


@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 2), (2, 4), (3, 3)])
def test_workers_share_what_one_process_would_get(workers, replicas):
    config = tiny_config(batch_size=12)
    pictures = load_pictures(config, "train", progress=False)
    whole = list(training_batches(pictures, config, 2, 3).as_numpy_iterator())
    shares = [
        list(training_batches(pictures, config, 2, 3, worker=w, workers=workers, replicas=replicas))
        for w in range(workers)
    ]
    parts = replicas // workers
    for step, batch in enumerate(whole):
        for name, expected in batch.items():
            got = [np.asarray(part[name]) for s in shares for part in s[step * parts : (step + 1) * parts]]
            assert len(got) == replicas and {len(part) for part in got} == {12 // replicas}
            np.testing.assert_array_equal(np.concatenate(got), expected)


# ------------------------------------------------------------------ several processes


@pytest.mark.slow
def test_two_workers_train_the_same_weights_as_one(tmp_path):
    # Three workers, and Adam: tests/torture.
    alone, together = (weights_after_three_steps("sgd", count, tmp_path) for count in (1, 2))
    np.testing.assert_array_equal(together[0], together[1])
    assert np.max(np.abs(together[0] - alone[0])) <= 1e-5


def test_ctrl_c_ends_a_worker_that_waits_for_the_others(tmp_path):
    with cluster(shared_run(tmp_path, steps=2), 2, tmp_path) as (chief, other):
        other.kill()
        log, end = tmp_path / "0.log", time.monotonic() + 120
        while "Waiting for all 2 workers" not in log.read_text():
            assert chief.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        time.sleep(1)
        # TensorFlow keeps SIGTERM for itself at that time.
        chief.send_signal(signal.SIGINT)
        assert ended([chief], 20) == [-signal.SIGINT]


@pytest.mark.slow
def test_all_workers_stop_when_one_is_asked_to(tmp_path):
    # A worker that is killed, and going on bit for bit: tests/torture.
    command, folder = shared_run(tmp_path, steps=100_000), RunFolder(tmp_path / "run")
    with cluster(command, 2, tmp_path) as workers:
        when_at(5, folder, workers)
        workers[1].terminate()
        assert ended(workers, 120) == [143, 143], (tmp_path / "0.log").read_text()
    assert max(int(path.name[5:]) for path in folder.checkpoints.glob("step_*")) >= 5
    said = [(tmp_path / f"{number}.log").read_text() for number in range(2)]
    assert all("Stopped at step" in text for text in said) and "worker 2 of 2" in said[1]
