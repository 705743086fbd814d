"""What is made of each picture: the bytes of gradsr hallucinate; errors stay with their picture."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from commands import run_command
from PIL import Image

from tf_gradsr import hallucinate
from tf_gradsr.many_pictures.actors import BUG, SETTING, BlockMaker
from tf_gradsr.many_pictures.pictures import PictureMaker
from tf_gradsr.many_pictures.plan import Block, Source
from tf_gradsr.many_pictures.request import Request


@pytest.fixture
def request_of(run_dir, tmp_path):
    """Maker of a `Request`, with settings by name."""

    def make(**settings):
        usual = dict(
            run=str(run_dir),
            trust=False,
            input_quality="clean",
            num_samples=2,
            seed=0,
            temperature=1.0,
            consistency="exact",
            downscale=False,
            lr_size=None,
            align="none",
            format="parquet",
            output=str(tmp_path / "made"),
            home=str(tmp_path),
            picture_column="image",
            batch_size=None,
        )
        (tmp_path / "made").mkdir(exist_ok=True)
        return Request(**{**usual, **settings})

    return make


def png(rng, height=8, width=8, channels=3):
    content = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, channels), np.uint8)).save(content, "PNG")
    return content.getvalue()


def sources_of(contents):
    return [Source(f"n{number}", f"n{number}", content) for number, content in enumerate(contents)]


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content))).astype(int)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ([], {}),
        (["--seed", "5", "--temperature", "0.5"], {"seed": 5, "temperature": 0.5}),
        (["--consistency", "none"], {"consistency": "none"}),
        (
            ["--downscale", "--lr_size", "8", "--align", "none"],
            {"downscale": True, "lr_size": 8},
        ),
    ],
    ids=["usual", "noise", "consistency", "downscale"],
)
def test_the_bytes_are_those_of_hallucinate(options, settings, request_of, run_dir, tmp_path, rng, capsys):
    """The reconstruction and every sample, of a plain picture, one with transparency, one with a profile."""
    for name, height, width, channels in (("plain", 8, 8, 3), ("clear", 9, 12, 4), ("grey", 16, 8, 1)):
        array = rng.integers(0, 256, (height, width, channels), np.uint8)
        profile = b"a profile" if name == "plain" else None
        Image.fromarray(array.squeeze()).save(tmp_path / f"{name}.png", icc_profile=profile)
    files = sorted(tmp_path.glob("*.png"))
    command = [*files, "-o", tmp_path / "usual", "--run", run_dir, "--num_samples", 2, *options]
    assert run_command(hallucinate, command, capsys).status == 0

    maker = BlockMaker(request_of(**settings))
    block = Block(0, tuple((path.name, "") for path in files), count=3)
    row = maker({"block": [block]})
    assert {key: values[0] for key, values in row.items()} == {
        **{"number": 0, "pictures": 3, "failed": 0},
        **{"failures": "[]", "trouble": "", "words": ""},
    }
    rows = pq.read_table(tmp_path / "made").to_pylist()
    assert [row["z_index"] for row in rows] == [-1, 0, 1] * 3
    for row in rows:
        index = row["z_index"]
        name = "reconstruction.png" if index < 0 else f"sample_{index:02d}.png"
        folder = tmp_path / "usual" / Path(row["name"]).stem
        assert row["png"] == (folder / name).read_bytes(), (row["name"], name)
        assert row["seed"] == (None if index < 0 else settings.get("seed", 0))
        lr = np.asarray(Image.open(folder / "lr.png").convert("RGB"))
        assert row["lr_sha256"] == hashlib.sha256(lr.tobytes()).hexdigest()
        down = pixels(row["png"])[..., :3].reshape(len(lr), 4, -1, 4, 3).mean((1, 3))
        psnr = 10 * np.log10(255**2 / np.square(down - lr).mean())
        assert row["lr_psnr"] == pytest.approx(psnr, abs=1e-3)


def test_errors_stay_with_their_picture(request_of, rng, tmp_path):
    contents = [png(rng), b"no picture", png(rng, 9, 7), OSError("gone"), tmp_path / "none.png", png(rng)]
    made = list(PictureMaker.load(request_of()).make(sources_of(contents)))
    assert [one.name for one in made] == [f"n{number}" for number in range(6)]
    assert [len(one.pictures) for one in made] == [3, 0, 3, 0, 0, 3]
    assert [bool(one.error) for one in made] == [False, True, False, True, True, False]
    assert made[1].error == "not a picture, or of an unknown kind" and made[3].error == "gone"
    assert made[1].lr_sha256 is None and len(made[0].lr_sha256) == 64


def test_batches_make_the_same_pictures_in_the_same_order(request_of, rng):
    shapes = [(8, 8), (8, 8), (8, 8), (6, 9), (8, 8), (8, 8)]
    contents = [png(rng, *shape) for shape in shapes]
    contents.insert(2, b"broken")
    one, many = (
        list(PictureMaker.load(request_of(batch_size=size)).make(sources_of(contents))) for size in (1, 7)
    )
    assert [made.name for made in many] == [made.name for made in one]
    assert [made.error for made in many] == [made.error for made in one]
    for first, second in zip(one, many):
        assert first.lr_sha256 == second.lr_sha256
        for (index, alone, _), (same, batched, _) in zip(first.pictures, second.pictures):
            assert index == same
            assert np.abs(pixels(alone) - pixels(batched)).max() <= 1


def test_pictures_of_one_size_share_forward_passes(request_of, rng, monkeypatch):
    maker = PictureMaker.load(request_of(batch_size=6))
    sizes, generate = [], maker.hallucinator.generate
    monkeypatch.setattr(
        maker.hallucinator, "generate", lambda lr, *rest: (sizes.append(len(lr)), generate(lr, *rest))[1]
    )
    list(maker.make(sources_of([png(rng) for _ in range(5)])))
    # Three pictures of each input.
    assert sizes == [6, 6, 3]


def test_a_device_that_runs_out_of_memory_gets_smaller_batches(request_of, rng, monkeypatch):
    maker = PictureMaker.load(request_of(batch_size=9))
    generate = maker.hallucinator.generate

    def limited(lr, z, consistency):
        if len(lr) > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
        return generate(lr, z, consistency)

    contents = [png(rng) for _ in range(3)]
    usual = list(maker.make(sources_of(contents)))
    monkeypatch.setattr(maker.hallucinator, "generate", limited)
    made = list(maker.make(sources_of(contents)))
    assert maker.batch_size == 2
    for first, second in zip(usual, made):
        for (_, large, _), (_, small, _) in zip(first.pictures, second.pictures):
            assert np.abs(pixels(large) - pixels(small)).max() <= 1
    # What does not fit by itself fails by itself.
    monkeypatch.setattr(
        maker.hallucinator, "generate", lambda lr, *_: limited(np.repeat(lr, 3, 0), None, "exact")
    )
    made = list(maker.make(sources_of(contents)))
    assert [one.error for one in made] == ["out of memory"] * 3 and maker.batch_size == 1


def test_what_would_fill_the_memory_is_refused(request_of, rng, monkeypatch):
    monkeypatch.setattr("tf_gradsr.lr_input.available_memory", lambda: 10**5)
    (made,) = PictureMaker.load(request_of()).make(sources_of([png(rng)]))
    assert "a result of 32x32 needs" in made.error and not made.pictures


def test_a_finished_block_is_not_made_again(request_of, rng, tmp_path):
    (tmp_path / "a.png").write_bytes(png(rng))
    maker, block = BlockMaker(request_of()), Block(0, (("a.png", ""),), count=1)
    maker({"block": [block]})
    path = tmp_path / "made" / "block_000000.parquet"
    before = path.stat().st_ino
    row = maker({"block": [block]})
    assert path.stat().st_ino == before
    assert row["pictures"] == [1]


def test_trouble_is_told_with_the_block(request_of, run_dir, tmp_path, rng):
    block = Block(0, (("a.png", ""),), count=1)
    (tmp_path / "a.png").write_bytes(png(rng))
    row = BlockMaker(request_of(run=str(tmp_path / "none")))({"block": [block]})
    assert row["trouble"] == [SETTING] and row["words"][0].startswith("run: ")
    maker = BlockMaker(request_of(temperature=1e38))
    row = maker({"block": [block]})
    assert row["trouble"] == [SETTING] and "NaN or infinity" in row["words"][0]
    maker.pictures = None
    row = maker({"block": [block]})
    assert row["trouble"] == [BUG] and "AttributeError" in row["words"][0]
    assert not list((tmp_path / "made").iterdir())
