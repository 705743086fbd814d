"""What the torture found, as JSON lines in build/torture/."""

import json
import os
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "build" / "torture"


@pytest.fixture
def report(capsys):
    """Writer of one line of figures, to be copied into the documentation."""

    def write(name, **figures):
        line = json.dumps({"torture": name, "size": os.environ.get("TORTURE") or "small", **figures})
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{name}.json").write_text(f"{line}\n")
        with capsys.disabled():
            print(f"\n{line}")

    return write
