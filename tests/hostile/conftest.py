"""A run that hostile copies are made of."""

import pytest


@pytest.fixture(scope="package")
def run_dir(tmp_path_factory, write_run):
    folder = tmp_path_factory.mktemp("honest")
    return write_run(folder / "run", folder / "pictures")
