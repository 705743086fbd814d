"""Commands that are killed leave no half-written file under its final name.

`make torture` kills each of them 3 times; `make torture TORTURE=full` 20 times: half of the kills at random
moments, half at random moments after a file under a temporary name has appeared.
"""

import hashlib
import json
import os
import random
from pathlib import Path

import pytest
from killing import Commands, unfinished, warm_process
from PIL import Image
from skimage import data

pytestmark = pytest.mark.torture
KILLS = 20 if os.environ.get("TORTURE") == "full" else 3
FACES = "faces_8x_mobile"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_pictures, write_run):
    """A tiny run, pictures for it, and a photograph with a face."""
    folder = tmp_path_factory.mktemp("commands")
    write_run(folder / "run", write_pictures(folder / "pictures", 4))
    write_pictures(folder / "small", 6, size=(8, 8))
    face = Image.fromarray(data.astronaut()).crop((130, 0, 322, 192)).resize((64, 64))
    canvas = Image.new("RGB", (130, 70), (90, 120, 90))
    canvas.paste(face, (60, 3))
    (folder / "photos").mkdir()
    for number in range(3):
        canvas.save(folder / "photos" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def warm():
    with warm_process() as process:
        yield process


def commands(folder):
    """{name: arguments without the output}"""
    run = ["--run", folder / "run"]
    return {
        "hallucinate": ["hallucinate", folder / "small" / "test", *run, "--num_samples", 2, "--report"],
        "photo": ["photo", folder / "photos", "--run", FACES, "--num_samples", 2, "--report"],
        "evaluate": ["evaluate", *run, "--num_samples", 2, "--figure_pictures", 2, "--report"],
        "saved-model": ["export", "saved-model", *run],
        "tflite": ["export", "tflite", *run],
        "keras": ["export", "keras", *run],
    }


NAMES = {"saved-model": "1", "tflite": "model.tflite", "keras": "model.keras"}


@pytest.mark.parametrize("name", commands(Path()))
def test_a_killed_command_leaves_whole_files(name, folder, warm, tmp_path, report):
    draws = random.Random(name)
    output = tmp_path / NAMES.get(name, "results")
    arguments = [*commands(folder)[name], "--output", output, "--overwrite"]
    forked = Commands(tmp_path, warm)
    wholes = []
    for _ in range(2):
        life = forked.live(arguments, [])
        assert life.status == 0, life.log
        wholes.append(digests(output))
    seconds = life.seconds
    # Times and speeds differ each time.
    first, second = wholes
    assert first and first.keys() == second.keys()
    fixed = {path for path in first if first[path] == second[path]}
    found = {"kills": 0, "within_a_write": 0, "half_written": 0}
    watched = [tmp_path, output]
    while found["kills"] < KILLS:
        if found["kills"] % 2:
            life = forked.live(
                arguments, watched, until=lambda: unfinished(watched), delay=draws.uniform(0, 0.02)
            )
        else:
            life = forked.live(arguments, watched, after=draws.uniform(0, seconds))
        found["kills"] += life.killed
        found["within_a_write"] += life.killed and bool(life.writing)
        now = digests(output)
        strange = [path for path in now if path not in first or (path in fixed and now[path] != first[path])]
        strange += [path for path in now if path not in fixed and not is_whole(output / path)]
        found["half_written"] += len(strange)
        assert not strange, strange
    life = forked.live(arguments, [])
    assert life.status == 0, life.log
    assert digests(output).keys() == first.keys() and not unfinished([tmp_path, output])
    report(f"killed_{name}", **found)


def digests(output):
    """{path within the output: digest} of every file under a final name."""
    if output.is_file():
        return {"": hashlib.sha256(output.read_bytes()).hexdigest()}
    files = [path for path in output.rglob("*") if path.is_file()]
    named = {path.relative_to(output): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in named.items()
        if not any(part.startswith((".partial-", ".replaced-")) for part in name.parts)
    }


def is_whole(path):
    """Whether a file whose bytes differ each time has its end."""
    content = path.read_bytes()
    if path.suffix == ".json":
        return bool(json.loads(content))
    if path.suffix in (".png", ".jpg", ".webp"):
        with Image.open(path) as picture:
            picture.load()
        return True
    if path.suffix == ".html":
        return content.rstrip().endswith(b"</html>")
    return bool(content)
