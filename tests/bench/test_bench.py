"""`make bench`: the run and its results. No test asserts a time."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from checkout import ROOT
from commands import names_in, refuses, run_command
from PIL import Image

from benchmarks.bench import __main__ as bench
from benchmarks.bench import growth, results, turns
from benchmarks.bench.machine import described_machine, instruction_sets
from benchmarks.bench.sizes import FULL

GROWN = {
    name: {"values": [1, 10, 100], "clock": "cpu", "seconds": [0.1, 1.0, 10.0], "exponent": 1.0, "last": 1.0}
    for name in growth.MEANT
}


@pytest.fixture
def command(capsys):
    """Runs the command; see `run_command`."""
    return lambda *arguments: run_command(bench, arguments, capsys)


@pytest.fixture
def parts(monkeypatch):
    """Two parts in place of the real ones, which count how often they are measured; "data" fails at first."""
    counted = {"data": 0, "growth": 0}

    def measure_data(size, say):
        counted["data"] += 1
        if counted["data"] == 1:
            raise OSError("no such luck")
        return {"figure": counted["data"]}

    def measure_growth(size, say):
        counted["growth"] += 1
        return GROWN

    # The first one is measured before the second one fails.
    fakes = {
        "growth": SimpleNamespace(TITLE="Growth", measure=measure_growth, text=growth.text),
        "data": SimpleNamespace(TITLE="Data", measure=measure_data, text=lambda found: f"{found['figure']}"),
    }
    monkeypatch.setattr(results, "growth", fakes["growth"])
    for module in (results, bench):
        monkeypatch.setattr(module, "PARTS", fakes)
    return counted


def test_a_ratio_is_taken_turn_by_turn():
    """The machine is ten times slower in the last turn: both sides are."""
    found = turns.ratio([2.0, 4.0, 30.0], [1.0, 1.0, 10.0])
    assert found == {"median": 3.0, "low": 2.0, "high": 4.0}
    assert turns.ratio_text(found, 100) == "300 (200 to 400)"
    assert [turns.number(x) for x in (0, 0.001, 0.624, 1.44, 9.96, 1204.3)] == [
        *("0.00", "under 0.01", "0.62", "1.4", "10", "1,204")
    ]


def test_actions_take_turns():
    order = []
    actions = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = turns.seconds_in_turns(actions, budget=0.0, least=2)
    # Once to warm up, then turns.
    assert "".join(order) == "ab" * 3
    assert {clock: {name: len(of) for name, of in by.items()} for clock, by in seconds.items()} == {
        clock: {"a": 2, "b": 2} for clock in ("wall", "cpu")
    }
    order.clear()
    turns.seconds_in_turns(actions, budget=0.0, least=1, warm=False)
    assert "".join(order) == "ab"


def test_exponents_are_those_of_power_laws(rng):
    values = [1, 4, 16, 64]
    assert growth.exponent(values, [3.0 * value**1.7 for value in values]) == pytest.approx(1.7)
    # Noise of both signs around a square, by the formula of the regression line.
    seconds = np.square(values) * np.exp(rng.normal(0, 0.1, 4))
    x, y = np.log(values), np.log(seconds)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert growth.exponent(values, seconds) == pytest.approx(slope)


def test_the_plots_show_the_points(tmp_path):
    from benchmarks.bench.growth_chart import HEIGHT, MARGIN, TOP, WIDTH, growth_chart
    from tf_gradsr.gallery.chart import COLOURS

    # Of points, of the line, of the ground.
    colours = np.array([*COLOURS[:2], (255, 255, 255)])
    picture = growth_chart(GROWN)
    picture.save(tmp_path / "growth.png", optimize=True)
    assert (tmp_path / "growth.png").stat().st_size < 15_000
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (2 * (HEIGHT + 2 * TOP), 2 * (WIDTH + 2 * MARGIN), 3)
    # In each panel three points on the diagonal of the axes, from 0.1 s at 1 to 10 s at 100.
    for panel in (0, WIDTH + 2 * MARGIN):
        for share in (0, 0.5, 1):
            x, y = panel + MARGIN + 8 + share * (WIDTH - 16), TOP + HEIGHT * (1 - share)
            distances = np.abs(colours - pixels[round(y), round(x)]).sum(axis=1)
            assert distances.argmin() == 0


def test_an_interrupted_run_goes_on(command, parts, tmp_path):
    failed = command("--size", "small", "-o", tmp_path)
    assert failed.status == 1 and "no such luck" in failed.err
    assert names_in(tmp_path) == ["unfinished.json"] and parts == {"growth": 1, "data": 1}
    done = command("--size", "small", "-o", tmp_path)
    assert done.status == 0 and "Growth: measured already" in done.out
    assert parts == {"growth": 1, "data": 2}
    assert names_in(tmp_path) == ["growth.png", "results.json", "results.md"]
    text = (tmp_path / "results.md").read_text()
    assert text.startswith("# Speed, measured\n\n`make bench SIZE=small`")
    assert "## Growth" in text and "## Data\n\n2\n" in text and "](growth.png)" in text
    # One part again, the other stays; then, without a name, everything.
    assert command("--size", "small", "-o", tmp_path, "--parts", "data").status == 0
    assert parts == {"growth": 1, "data": 3} and "## Data\n\n3\n" in (tmp_path / "results.md").read_text()
    assert command("--size", "small", "-o", tmp_path).status == 0
    assert parts == {"growth": 2, "data": 4}


def test_some_parts_alone(command, parts, tmp_path):
    """Nothing was measured before: there is nothing to keep. Then the run goes on with the others."""
    assert command("--size", "small", "-o", tmp_path, "--parts", "growth").status == 0
    text = (tmp_path / "results.md").read_text()
    assert "## Growth" in text and "## Data" not in text and parts == {"growth": 1, "data": 0}
    parts["data"] = 1  # does not fail
    assert command("--size", "small", "-o", tmp_path).status == 0
    assert "## Data" in (tmp_path / "results.md").read_text() and parts == {"growth": 1, "data": 2}


def test_again_forgets_what_was_interrupted(command, parts, tmp_path):
    assert command("--size", "small", "-o", tmp_path).status == 1
    assert command("--size", "small", "-o", tmp_path, "--again").status == 0
    assert parts == {"growth": 2, "data": 2}


def test_another_machines_figures_are_not_mixed_in(command, parts, tmp_path):
    parts["data"] = 1  # does not fail
    assert command("--size", "small", "-o", tmp_path).status == 0
    file = tmp_path / "results.json"
    found = json.loads(file.read_text())
    found["machine"]["cores"] += 1
    file.write_text(json.dumps(found))
    refused = command("--size", "small", "-o", tmp_path, "--parts", "data")
    assert refused.status == 2 and "parts: only beside results of the same size, machine" in refused.err
    file.replace(tmp_path / "unfinished.json")
    begun = command("--size", "small", "-o", tmp_path)
    assert begun.status == 0 and "An interrupted run of another machine" in begun.out
    (tmp_path / "unfinished.json").write_text("{")
    assert "results: a file of make bench" in command("--size", "small", "-o", tmp_path).err


def test_a_strangers_results_are_not_replaced(command, tmp_path):
    (tmp_path / "results.md").write_text("mine")
    assert refuses(command("-o", tmp_path), "output: a folder without a results.md of something else")


def test_what_is_no_part_is_refused(command):
    assert refuses(
        command("--parts", "grwth"), "parts: of training, data, inference, baselines, growth; did you mean"
    )
    assert command("--size", "tiny").status == 2


def test_the_section_of_a_document():
    text = f"before\n{results.BEGIN}\nold\n{results.END}\nafter\n"
    new = results.with_section(text, "new")
    assert new == f"before\n{results.BEGIN}\n\nnew\n\n{results.END}\nafter\n"
    with pytest.raises(ValueError, match="page: a document with the lines"):
        results.with_section("before\nafter\n", "new")


def test_the_documents_show_the_results():
    """results.md and the documentation hold what results.json says."""
    place = results.Place.of(FULL)
    found = results.read_results(place.json)
    assert list(found["parts"]) and found["size"] == FULL
    assert results.markdown(found, place.figure, place.folder) in (place.folder / "results.md").read_text()
    page = place.page.read_text()
    assert results.with_section(page, results.markdown(found, place.figure, place.page.parent)) == page
    assert "growth" not in found["parts"] or Image.open(place.figure).format == "PNG"


def test_the_machine_in_words(tmp_path):
    flags = tmp_path / "cpuinfo"
    flags.write_text("processor : 0\nflags : fpu avx avx2 avx512f\n\nprocessor : 1\nflags : fpu\n")
    assert instruction_sets(flags) == ["AVX2", "AVX-512"]
    assert instruction_sets(tmp_path / "none") == []
    words = described_machine()["words"]
    assert "CPU core" in words and "TensorFlow 2." in words and str(ROOT) not in words


@pytest.mark.slow
def test_the_smallest_size_works(command, tmp_path):
    """Every part, measured for real on tiny networks."""
    result = command("--size", "small", "-o", tmp_path)
    assert result.status == 0, result.err
    found = json.loads((tmp_path / "results.json").read_text())
    assert list(found["parts"]) == list(results.PARTS)
    numbers = list(_numbers([part["found"] for part in found["parts"].values()]))
    assert len(numbers) > 100 and all(map(math.isfinite, numbers))
    training = found["parts"]["training"]["found"]["precisions"]["float32"]
    assert set(training["seconds"]) == {"D", "R1", "G", "EMA", "step"}
    assert all(share["low"] > 0 for share in training["share"]["wall"].values())
    seconds = found["parts"]["inference"]["found"]["seconds"]
    assert len(seconds) == 3 and all(set(of) == {"1", "2"} for of in seconds.values())
    text = (tmp_path / "results.md").read_text()
    assert all(f"## {module.TITLE}" in text for module in results.PARTS.values())


def _numbers(value):
    """All numbers in nested lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif not isinstance(value, str):
        yield float(value)
