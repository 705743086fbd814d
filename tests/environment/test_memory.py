"""Memory limits of control groups, versions 1 and 2: folders as Linux shows them, and a real group."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tf_gradsr import memory, tensorflow_start
from tf_gradsr.cli import Parser, run
from tf_gradsr.config import Config
from tf_gradsr.memory import NotEnoughMemory, available_memory, check_memory, left_in_groups
from tf_gradsr.training.step_memory import least_step_memory
from tf_gradsr.training.trainer import train

MEGABYTE = 2**20
V1 = {"limit": "memory.limit_in_bytes", "used": "memory.usage_in_bytes", "prefix": "total_"}
V2 = {"limit": "memory.max", "used": "memory.current", "prefix": ""}


@pytest.fixture
def linux(tmp_path):
    """Maker of a process's folder in /proc, with its groups below `tmp_path`."""

    def make(version, group, root="/", groups=None, place="memory groups"):
        mounted = tmp_path / place
        for name, (limit, used, files) in (groups or {}).items():
            folder = mounted / name
            folder.mkdir(parents=True, exist_ok=True)
            words = V1 if version == 1 else V2
            (folder / words["limit"]).write_text(f"{limit}\n")
            (folder / words["used"]).write_text(f"{used * MEGABYTE}\n")
            halves = "".join(
                f"{words['prefix']}{kind}_file {files * MEGABYTE // 2}\n" for kind in ("inactive", "active")
            )
            (folder / "memory.stat").write_text(f"anon 5\n{halves}")
        proc = tmp_path / "proc"
        proc.mkdir(exist_ok=True)
        escaped = str(mounted).replace(" ", r"\040")
        kind = "cgroup cgroup rw,memory" if version == 1 else "cgroup2 cgroup2 rw,nsdelegate"
        (proc / "mountinfo").write_text(
            "23 1 0:2 / /proc rw shared:1 - proc proc rw\n"
            "31 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
            f"35 23 0:32 {root} {escaped} rw,relatime shared:9 master:1 - {kind}\n"
        )
        first = "5:cpu,cpuacct:/elsewhere\n"
        (proc / "cgroup").write_text(first + (f"4:memory:{group}\n" if version == 1 else f"0::{group}\n"))
        return proc

    return make


def left(proc):
    found = left_in_groups(proc)
    return None if found is None else found / MEGABYTE


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_left_is_the_limit_less_what_cannot_be_given_back(version, linux):
    groups = {"a/b": (800 * MEGABYTE, 500, 100)}
    assert left(linux(version, "/a/b", groups=groups)) == 800 - 500 + 100


@pytest.mark.parametrize("version", [1, 2])
def test_the_groups_around_count_too(version, linux):
    groups = {"a": (300 * MEGABYTE, 250, 0), "a/b": (800 * MEGABYTE, 250, 0), "a/c": (1, 250, 0)}
    assert left(linux(version, "/a/b", groups=groups)) == 50


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_that_knows_its_group_by_the_hosts_name(version, linux):
    groups = {"": (800 * MEGABYTE, 500, 0)}
    assert left(linux(version, "/docker/0123", root="/docker/0123", groups=groups)) == 300
    assert left(linux(version, "/", groups=groups)) == 300
    assert left(linux(version, "/../other", groups=groups)) == 300


@pytest.mark.parametrize(("version", "limit"), [(1, 2**63 - 4096), (2, "max")])
def test_no_limit(version, limit, linux):
    assert left_in_groups(linux(version, "/a", groups={"a": (limit, 500, 0)})) is None


def test_more_used_than_allowed_leaves_nothing(linux):
    assert left_in_groups(linux(2, "/a", groups={"a": (100 * MEGABYTE, 500, 0)})) == 0


def test_what_is_not_linux_has_no_limit(tmp_path):
    assert left_in_groups(tmp_path / "no proc") is None
    (tmp_path / "cgroup").write_text("nonsense")
    (tmp_path / "mountinfo").write_text("nonsense\n")
    assert left_in_groups(tmp_path) is None


@pytest.fixture
def limited(monkeypatch):
    """Sets what a container's limit leaves, in bytes."""
    return lambda number: monkeypatch.setattr(memory, "left_in_groups", lambda: number)


def test_the_smaller_one_counts(limited):
    limited(None)
    of_the_host = available_memory()
    assert of_the_host > 10**8
    limited(10**8)
    assert available_memory() == 10**8
    limited(2**62)
    assert available_memory() < 2**62


def test_a_limit_that_is_too_small_is_one_line_before_tensorflow_starts(limited, monkeypatch, capsys):
    limited(250e6)
    monkeypatch.delitem(tensorflow_start.sys.modules, "tensorflow")
    assert run(Parser(prog="gradsr try"), lambda settings: tensorflow_start.start_tensorflow(), []) == 1
    assert capsys.readouterr().err == (
        "gradsr try: error: memory: 0.6 GB for TensorFlow and a small network. "
        "Received: 0.2 GB free within the limit of this container\n"
    )


def test_a_batch_that_is_too_large_is_refused_before_the_run_folder_is_made(limited, tmp_path, monkeypatch):
    config = Config()
    config.data.source, config.loss.perceptual, config.loss.pixel = "faces", "none", 1.0
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind=None: [])
    limited(0.9 * least_step_memory(config))
    with pytest.raises(
        NotEnoughMemory, match=r"a step of train.batch_size 8; choose a smaller .* Received: .*GB"
    ):
        train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_enough_is_enough(limited):
    limited(10**9)
    check_memory(10**9, "a try")
    with pytest.raises(NotEnoughMemory):
        check_memory(10**9 + 1, "a try")


@pytest.fixture
def real_group():
    """Maker of a control group of this Linux with a limit in megabytes; skips where none can be made."""
    made = []

    def make(megabytes):
        for mounted, limit in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
            group = Path("/sys/fs/cgroup", mounted, "gradsr_test")
            with suppress(OSError):
                group.mkdir()
                made.append(group)
                if (group / limit).exists():
                    (group / limit).write_text(str(megabytes * MEGABYTE))
                    return group
        pytest.skip("no control group of memory can be made here")

    yield make
    for group in made:
        group.rmdir()


def test_a_command_in_a_real_group(real_group, tmp_path):
    Image.new("RGB", (16, 16), (90, 60, 30)).save(tmp_path / "face.png")
    group = real_group(350)
    enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    command = [sys.executable, "-m", "tf_gradsr", "hallucinate", "face.png", "--output", "out"]
    done = subprocess.run(
        ["sh", "-c", enter, group, *command], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, "not killed, which would be -9"
    assert done.stderr.startswith("gradsr hallucinate: error: memory: 0.6 GB for TensorFlow")
    assert done.stderr.endswith("GB free within the limit of this container\n")
    assert len(done.stderr.splitlines()) == 1 and not list(tmp_path.glob("out/*"))
