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


@pytest.mark.parametrize("kind", TIMES)
def test_no_damaged_file_is_used(kind, tmp_path, tiny_config, caplog, report):
    config = tiny_config(lr_size=6)
    config.data.source = "faces"
    times = TIMES[kind] // (1 if os.environ.get("TORTURE") == "full" else 20)
    CHECKS[kind](tmp_path, config, times, np.random.default_rng(7), caplog)
    report(f"damaged_{kind.replace(' ', '_')}", damaged=times, used=0)
