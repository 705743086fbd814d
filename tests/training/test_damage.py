"""Damaged files, each kind a few times; `make torture TORTURE=full` does it a thousand times."""

import numpy as np
import pytest
from damaged_files import CHECKS


@pytest.fixture
def small_config(tiny_config):
    """As the maker of configs makes it, with the embedded faces."""
    config = tiny_config(lr_size=6)
    config.data.source = "faces"
    return config


@pytest.mark.parametrize("kind", CHECKS)
def test_a_damaged_file_is_named_and_not_used(kind, tmp_path, small_config, caplog):
    CHECKS[kind](tmp_path, small_config, 8, np.random.default_rng(1), caplog)
