"""A thousand flipped bits and cut ends, over every kind of file; see `damaged_files`."""

import os

import numpy as np
import pytest
from damaged_files import CHECKS

pytestmark = pytest.mark.torture
TIMES = {
    "checkpoint": 300,
    "weights": 200,
    "embedded faces": 150,
    "TFRecord": 100,
    "cache": 150,
    "config": 100,
}


def test_no_damaged_file_is_used(tmp_path, tiny_config, caplog, report):
    config = tiny_config(lr_size=6)
    config.data.source = "faces"
    share = 1 if os.environ.get("TORTURE") == "full" else 20
    times = {kind: count // share for kind, count in TIMES.items()}
    for kind, count in times.items():
        (tmp_path / kind).mkdir()
        CHECKS[kind](tmp_path / kind, config, count, np.random.default_rng(7), caplog)
    report("damage", damaged=sum(times.values()), **times, used=0)
