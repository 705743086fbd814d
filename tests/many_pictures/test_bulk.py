"""gradsr bulk as a user runs it, with a real Ray: blocks, kills, a cluster that loses a machine; refusals."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import names_in, refuses, run_command
from PIL import Image

from tf_gradsr import bulk, hallucinate
from tf_gradsr.run_lock import only_one_in

COUNT = 120
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "RAY_USAGE_STATS_ENABLED": "0"}
# Everything on the loopback address.
CLUSTER = {**ENVIRONMENT, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
TIMEOUT = 600
START_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
node = dict(num_cpus=1, object_store_memory=100_000_000)
cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
second = cluster.add_node(**node)
print(cluster.address, flush=True)
sys.stdin.readline()
cluster.remove_node(second, allow_graceful=False)
print("killed", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def pictures(folder):
    """A folder of LR pictures, the last of which is none."""
    rng, home = np.random.default_rng(0), folder / "pictures"
    home.mkdir()
    for number in range(COUNT - 1):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(home / f"{number:03d}.png")
    (home / f"{COUNT - 1:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return home


@pytest.fixture(scope="module")
def arguments(pictures, run_dir):
    usual = ["--run", run_dir, "--num_samples", "1", "--block_size", "2"]
    return [str(argument) for argument in ("--input", pictures, *usual)]


def started(arguments, environment=ENVIRONMENT):
    command = [sys.executable, "-m", "tf_gradsr", "bulk", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def blocks_in(output):
    return {path.name: path.stat().st_ino for path in output.glob("block_*")}


def wait_for_blocks(output, count, process):
    end = time.monotonic() + TIMEOUT
    while len(blocks_in(output)) < count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def watched(process, seconds=60):
    """Gives the processes below one; some time afterwards, none of them may be left."""
    below = psutil.Process(process.pid).children(recursive=True)
    yield below
    left = psutil.wait_procs(below, timeout=seconds)[1]
    assert not left


def check_rows(output):
    """Every picture exactly once: a reconstruction and a sample, or an error."""
    rows = pq.read_table(output).to_pylist()
    found = sorted((Path(row["name"]).name, row["z_index"]) for row in rows if not row["error"])
    assert found == [(f"{number:03d}.png", index) for number in range(COUNT - 1) for index in (-1, 0)]
    failed = [(Path(row["name"]).name, row["error"]) for row in rows if row["error"]]
    assert failed == [(f"{COUNT - 1:03d}.png", "not a picture, or of an unknown kind")]
    return rows


@pytest.mark.slow
def test_interrupted_killed_and_gone_on_with(arguments, run_dir, pictures, tmp_path, capsys):
    """Ctrl-C, SIGKILL of the program, SIGKILL of what makes the pictures: every picture once, same bytes."""
    output = tmp_path / "made"
    arguments = [*arguments, "-o", str(output)]

    process = started(arguments)
    wait_for_blocks(output, 2, process)
    with watched(process) as below:
        # Nothing of a local Ray listens to other machines.
        for one in [psutil.Process(process.pid), *below]:
            for connection in one.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    address = connection.laddr.ip.removeprefix("::ffff:")
                    assert address in ("127.0.0.1", "::1"), (one.name(), connection)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert said.endswith("Interrupted. The finished blocks stay; the same command makes the others.\n")
    # The progress bar, and no word of Ray's.
    assert "(raylet)" not in said and "INFO" not in said and "Traceback" not in said
    assert not list(output.glob(".partial-*"))
    first = blocks_in(output)
    assert 2 <= len(first) < COUNT / 2

    process = started(arguments)
    wait_for_blocks(output, len(first) + 2, process)
    # Ray's agents look every few seconds whether what they belong to is still there.
    with watched(process, 300):
        process.kill()
        process.wait()
    second = blocks_in(output)
    assert first.items() <= second.items() and len(second) < COUNT / 2

    process = started(arguments)
    wait_for_blocks(output, len(second) + 2, process)
    (maker,) = [
        one
        for one in psutil.Process(process.pid).children(recursive=True)
        if one.name().startswith("ray::MapWorker")
    ]
    maker.kill()
    said, told = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1, told
    assert f"{2 * len(second)} of {COUNT} pictures are in finished blocks" in told
    assert "A process or a machine was lost" in told and "(raylet)" not in told
    assert "119.png: not a picture, or of an unknown kind" in told
    assert said.startswith(f"{output}: {COUNT} pictures, 1 of them failed (column error)\n")
    assert second.items() <= blocks_in(output).items()
    assert names_in(output)[:2] == [".lock", "_bulk.json"] and not list(output.glob(".partial-*"))

    rows = check_rows(output)
    some = pictures / "005.png"
    usual = [some, "-o", tmp_path / "h", "--run", run_dir, "--num_samples", 1]
    assert run_command(hallucinate, usual, capsys).status == 0
    for row in rows:
        if row["name"] == str(some):
            name = "reconstruction.png" if row["z_index"] < 0 else "sample_00.png"
            assert row["png"] == (tmp_path / "h" / "005" / name).read_bytes()

    # All is there: nothing is started, and the status still says that a picture failed.
    capsys.readouterr()
    result = run_command(bulk, arguments, capsys)
    assert result.status == 1 and "1 of them failed" in result.out
    # A block that is deleted is the only one to be made, with the same bytes.
    lost = output / "block_000003.parquet"
    content = lost.read_bytes()
    kept = {name: inode for name, inode in blocks_in(output).items() if name != lost.name}
    lost.unlink()
    process = started(arguments)
    assert process.communicate(timeout=TIMEOUT) and process.returncode == 1
    assert kept.items() <= blocks_in(output).items()
    assert lost.read_bytes() == content


@pytest.mark.slow
def test_trouble_in_a_worker_ends_the_command_in_one_line(pictures, run_dir, tmp_path):
    other = shutil.copytree(run_dir, tmp_path / "run")
    config = (other / "config.yaml").read_text()
    # Without its first line, the digest.
    changed = re.sub(r"(?m)^( +blocks:) 1$", r"\1 2", config.split("\n", 1)[1])
    (other / "config.yaml").write_text(changed)
    process = started(["--input", pictures / "000.png", "--run", other, "-o", tmp_path / "made"])
    _, told = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert told.splitlines()[-1].startswith("gradsr bulk: error: run: weights that fit the run's config.yaml")
    assert names_in(tmp_path / "made") == [".lock", "_bulk.json"]


@pytest.mark.slow
def test_pictures_that_end_every_process_are_not_tried_forever(pictures, run_dir, tmp_path):
    """As if the decoder crashed: whatever begins to make pictures is killed."""
    output, one = tmp_path / "made", pictures / "000.png"
    process = started(["--input", one, "--run", run_dir, "-o", output])
    kills, end = 0, time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name().startswith("ray::MapWorker"):
                    child.kill()
                    kills += 1
        time.sleep(0.2)
    _, told = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1, told
    assert kills >= 4 and "A process or a machine was lost; 1 blocks are given out again" in told
    assert told.splitlines()[-1].startswith("gradsr bulk: error: 1 of the blocks end the process that makes")
    assert str(one) in told and names_in(output) == [".lock", "_bulk.json"]


@pytest.mark.slow
def test_a_cluster_that_loses_a_machine(arguments, tmp_path):
    output = tmp_path / "made"
    cluster = subprocess.Popen(
        [sys.executable, "-c", START_CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=CLUSTER,
    )
    try:
        address = cluster.stdout.readline().strip()
        assert address.startswith("127.0.0.1:"), cluster.stderr.read()
        process = started([*arguments, "-o", output, "--ray_address", address], CLUSTER)
        wait_for_blocks(output, 4, process)
        cluster.stdin.write("\n")
        cluster.stdin.flush()
        assert cluster.stdout.readline() == "killed\n"
        assert len(blocks_in(output)) < COUNT / 2
        _, told = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 1, told
        assert "A process or a machine was lost" in told
        check_rows(output)
        cluster.communicate("\n", timeout=TIMEOUT)
    finally:
        for one in psutil.Process(cluster.pid).children(recursive=True) if cluster.poll() is None else ():
            one.kill()
        cluster.kill()
        cluster.wait()


@pytest.mark.slow
def test_folders_of_files_from_a_parquet_file(pictures, run_dir, tmp_path):
    files = sorted(pictures.iterdir())[-3:]
    table = {"image": [path.read_bytes() for path in files], "name": [path.name for path in files]}
    pq.write_table(pa.table(table), tmp_path / "in.parquet")
    command = ["--input", "in.parquet", "-o", "made", "--format", "files", "--num_samples", "2"]
    process = subprocess.run(
        [sys.executable, "-m", "tf_gradsr", "bulk", *command, "--run", str(run_dir)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=TIMEOUT,
    )
    assert process.returncode == 1, process.stderr
    block = tmp_path / "made" / "block_000000"
    assert names_in(block) == ["117", "118", "block.json", "rows.jsonl"]
    assert names_in(block / "117") == ["reconstruction.png", "sample_00.png", "sample_01.png"]
    lines = [json.loads(line) for line in (block / "rows.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["117.png", "118.png", "119.png"]
    assert "error" in lines[2] and lines[0]["lr_psnr"]["sample_01.png"] > 40


def test_a_missing_extra_is_named(arguments, monkeypatch, capsys):
    find = bulk.importlib.util.find_spec
    monkeypatch.setattr(bulk.importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    result = run_command(bulk, arguments, capsys)
    assert refuses(result, "ray: needs the package ray[data]") and "'tf-gradsr[ray]'" in result.err


def test_settings_that_do_not_go_together_are_refused(arguments, tmp_path, capsys):
    out = ["-o", tmp_path / "made"]
    assert refuses(run_command(bulk, [*arguments, *out, "--lr_size", "8"], capsys), "lr_size: goes with")
    assert refuses(run_command(bulk, [*arguments, "-o", ""], capsys), "output: the folder of the blocks")
    photo = [*arguments, *out, "--input_quality", "photo"]
    assert refuses(run_command(bulk, photo, capsys), "input_quality: clean, or a run with")
    assert refuses(run_command(bulk, ["--input", tmp_path, *out], capsys), "input: no picture there")
    assert refuses(run_command(bulk, [*arguments, *out, "--run", tmp_path], capsys), "run: the folder")
    assert not (tmp_path / "made").exists()


def test_a_folder_of_other_things_is_refused_even_to_overwrite(arguments, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    for more in ([], ["--overwrite"]):
        result = run_command(bulk, [*arguments, "-o", tmp_path, *more], capsys)
        assert refuses(result, f"{tmp_path / 'thesis.txt'} is something else")
    assert names_in(tmp_path) == ["thesis.txt"]


def test_blocks_of_other_settings_or_pictures_are_not_gone_on_with(arguments, pictures, tmp_path, capsys):
    output = tmp_path / "made"
    output.mkdir()
    record = output / "_bulk.json"
    # The settings are written before the first block is made; without a cluster, it ends there.
    for address in ("127.0.0.1:1", "none"):
        result = run_command(bulk, [*arguments, "-o", output, "--ray_address", address], capsys)
        assert result.status == 2 and "ray_address: of a Ray cluster" in result.err
    (output / "block_000000.parquet").touch()
    before = json.loads(record.read_text())
    assert before["input"].startswith(f"{COUNT} pictures, sha256:") and before["seed"] == 0
    result = run_command(bulk, [*arguments, "-o", output, "--seed", "3"], capsys)
    assert refuses(result, "seed: 0, which the blocks") and "Received: 3" in result.err
    fewer = ["--input", pictures / "001.png", *arguments[2:], "-o", output]
    assert refuses(run_command(bulk, fewer, capsys), f"input: {COUNT} pictures, sha256:")
    record.unlink()
    assert refuses(run_command(bulk, [*arguments, "-o", output], capsys), "output: a folder whose _bulk.json")


def test_one_bulk_at_a_time_in_a_folder(arguments, tmp_path, capsys):
    with only_one_in(tmp_path / "made", "bulk", "output", make=True):
        result = run_command(bulk, [*arguments, "-o", tmp_path / "made"], capsys)
    assert refuses(result, "output: a folder that no other bulk is using")
    assert f"process {os.getpid()} on {socket.gethostname()}" in result.err
