"""Training that is killed again and again ends with the weights of a run that was not.

`make torture` kills 12 times; `make torture TORTURE=full` 200 times, 50 of them within a checkpoint's write.
"""

import itertools
import json
import os
import random
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from killing import Commands, unfinished, warm_process

from tf_gradsr.digests import check_digest, check_sums
from tf_gradsr.run_folder import RunFolder

pytestmark = pytest.mark.torture
FULL = os.environ.get("TORTURE") == "full"
# (kills at random moments of new interpreters, the same of forked processes, kills within a write)
KILLS = (30, 120, 50) if FULL else (2, 6, 4)
# The step of the second phase takes most of a life to build, so that most lives are in the first.
STEPS, FIRST_PHASE = (300, 240) if FULL else (60, 5)
CONFIG = {
    "data": {"source": "faces", "lr_size": 6, "limit": 8},
    "model": {"scale": 2, "blocks": 1, "discriminator_blocks": 1, "widths": [8], "z_size": 4},
    "loss": {"perceptual": "none", "pixel": 1.0, "r1_interval": 2},
    "train": {
        "steps": STEPS,
        "reconstruction_steps": FIRST_PHASE,
        "batch_size": 2,
        "log_interval": 1,
        "sample_interval": 1000,
        "validation_interval": 1000,
        "validation_pictures": 2,
        "checkpoint_interval": 2,
        "summary_pictures": 2,
    },
}


def test_killed_training_equals_uninterrupted_training(tmp_path, report):
    draws = random.Random(20)
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    with warm_process() as warm:
        fresh, forked = Commands(tmp_path), Commands(tmp_path, warm)
        whole = RunFolder(tmp_path / "whole")
        arguments = ["train", "--config", config, "--run_dir"]
        uninterrupted = forked.live([*arguments, whole.path, "--train.checkpoint_interval", 50], [])
        assert uninterrupted.status == 0, uninterrupted.log
        expected = final_variables(whole)

        kinds = [*["fresh"] * KILLS[0], *["forked"] * KILLS[1], *["write"] * KILLS[2]]
        draws.shuffle(kinds)
        counts = dict.fromkeys(("fresh", "forked", "write"), 0)
        found = {"resumed": 0, "within_a_write": 0, "lost": 0, "runs": 0, "before_training": 0}
        # Seconds until a first checkpoint, at most, of the last lives that reached one.
        startups = deque([min(uninterrupted.seconds, 8.0)], maxlen=5)
        for number in itertools.count():
            run = RunFolder(tmp_path / f"broken_{number}")
            watched = [run.path, run.checkpoints]
            while True:
                kind, before = (kinds[-1] if kinds else None), steps_of(run)
                life = live(kind, fresh, forked, [*arguments, run.path], watched, draws, min(startups))
                after = steps_of(run)
                # Whatever was complete before is still the newest, or a newer one is.
                found["lost"] += bool(before) and (not after or after[-1] < before[-1])
                if after:
                    check_sums(run.checkpoints / f"step_{after[-1]:08d}")
                if run.weights.exists():
                    check_digest(run.weights)
                if "Continuing from step" in life.log:
                    found["resumed"] += 1
                    assert f"Continuing from step {before[-1]} of" in life.log, life.log
                assert "damaged" not in life.log and "Traceback" not in life.log, life.log
                if not life.killed:
                    assert life.status == 0, life.log
                    break
                found["within_a_write"] += bool(life.writing)
                found["before_training"] += after == before
                # One that came too late for its write counts as one at a random moment.
                counts[kind if kind != "write" or life.writing else "forked"] += 1
                if kind != "write" or life.writing:
                    kinds.pop()
                if after != before:
                    startups.append(life.seconds)
                with (tmp_path / "lives.txt").open("a") as lives:
                    lives.write(
                        f"{kind}: {life.seconds:.1f} s, step {after[-1:]}, {life.writing}, {counts}\n"
                    )
            found["runs"] += 1
            resumed = final_variables(run)
            assert expected.keys() == resumed.keys()
            for name, value in expected.items():
                np.testing.assert_array_equal(resumed[name], value, err_msg=name)
            assert not unfinished([run.path, run.checkpoints, run.samples])
            steps = [json.loads(line)["step"] for line in run.metrics.read_text().splitlines()]
            assert steps == list(range(1, STEPS + 1))
            if not kinds:
                break
    report("training", kills=sum(counts.values()), **counts, **found, weights="bit for bit")
    assert found["lost"] == 0 and found["within_a_write"] >= KILLS[2]


def live(kind, fresh, forked, arguments, watched, draws, startup):
    """One life of the run; without a kind until it ends by itself."""
    if kind is None:
        return forked.live(arguments, watched)
    if kind == "write":
        # After a random time: the first write of a life would always be the same.
        skipped = draws.randrange(4)
        seen = []

        def in_a_write():
            names = unfinished(watched)
            if names and names[0] not in seen:
                seen.append(names[0])
            return bool(names) and len(seen) > skipped

        return forked.live(arguments, watched, until=in_a_write, delay=draws.uniform(0, 0.01))
    commands = fresh if kind == "fresh" else forked
    return commands.live(arguments, watched, after=draws.uniform(0, 1.5 * startup))


def steps_of(run):
    """Steps of the checkpoints that are there under their final names, oldest first."""
    return sorted(int(path.name[5:]) for path in Path(run.checkpoints).glob("step_*"))


def final_variables(run):
    path = run.checkpoints / f"step_{STEPS:08d}" / "state"
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("VARIABLE_VALUE")]
    assert len(names) > 50
    return {name: reader.get_tensor(name) for name in names}
