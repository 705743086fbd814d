"""Workers against one process with both optimizers; workers killed and stopped against ones left alone."""

import numpy as np
import pytest
from cluster import cluster, ended, shared_run, weights_after_three_steps, when_at
from training_steps import load_weights, read_metrics

from tf_gradsr.run_folder import RunFolder

INTERVAL, STEPS = 20, 100


@pytest.mark.torture
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_workers_train_the_same_weights_as_one_process(tmp_path, optimizer, report):
    alone = weights_after_three_steps(optimizer, 1, tmp_path)[0]
    for count in (2, 3):
        together = weights_after_three_steps(optimizer, count, tmp_path)
        assert all(np.array_equal(together[0], others) for others in together)
        difference = np.abs(together[0] - alone)
        figures = {"largest": float(difference.max()), "mean": float(difference.mean())}
        report(f"workers_{optimizer}_{count}", **figures)
        # Adam makes full steps of the rounding noise in tiny gradients, so only the mean can agree.
        assert np.max(difference) <= 1e-5 if optimizer == "sgd" else np.mean(difference) <= 2e-5


@pytest.mark.torture
def test_workers_killed_and_stopped_end_as_those_left_alone(tmp_path):
    with cluster(shared_run(tmp_path, "undisturbed", steps=STEPS), 2, tmp_path) as workers:
        assert ended(workers, 600) == [0, 0], (tmp_path / "0.log").read_text()

    # A worker is killed: the other one says so and ends.
    folder, command = RunFolder(tmp_path / "disturbed"), shared_run(tmp_path, "disturbed", steps=STEPS)
    for victim in (1, 0):
        with cluster(command, 2, tmp_path) as workers:
            reached = max([0, *(line["step"] for line in lines_of(folder))])
            when_at(reached + 5 if reached else INTERVAL + 5, folder, workers)
            workers[victim].kill()
            assert ended([workers[1 - victim]], 60) == [1]
        said = (tmp_path / f"{1 - victim}.log").read_text()
        assert "train: error: Another worker of this run has ended" in said and "Traceback" not in said
    reached = max(line["step"] for line in read_metrics(folder))

    # One is asked to stop: all do, after the same step.
    with cluster(command, 2, tmp_path) as workers:
        when_at(reached + 5, folder, workers)
        workers[1].terminate()
        assert ended(workers, 60) == [143, 143], (tmp_path / "0.log").read_text()
    begun = int((tmp_path / "0.log").read_text().split("Continuing from step ")[-1].split()[0])
    assert reached - INTERVAL <= begun < max(int(path.name[5:]) for path in folder.checkpoints.glob("step_*"))

    with cluster(command, 2, tmp_path) as workers:
        assert ended(workers, 600) == [0, 0]
    theirs, ours = (load_weights(path) for path in (RunFolder(tmp_path / "undisturbed"), folder))
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(value, ours[name])


def lines_of(folder):
    return read_metrics(folder) if folder.metrics.is_file() else []
