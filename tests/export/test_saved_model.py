"""The export for TF-Serving: signatures against the Python model, refusals, the folder and its files."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from arrays import noise_pictures
from commands import refuses, run_command
from PIL import Image
from tensorflow.core.protobuf import config_pb2

from tf_gradsr.export.serving import archive, saved_model
from tf_gradsr.export.serving.input_checks import Limits
from tf_gradsr.export.serving.verification import loaded, loaded_in_session, operations
from tf_gradsr.export.serving.warmup import WARMUP_FILE, read_warmup
from tf_gradsr.inference import Hallucinator, mean_and_stddev
from tf_gradsr.run_folder import RunFolder

SUMMARY = {"model": {"psnr": 24.5}}
# All that the graphs may consist of: TensorFlow's own kernels, which every server has.
STOCK = """
AddV2 All AsString Assert AssignVariableOp AvgPool BiasAdd BitwiseOr Cast ConcatV2 Const Conv2D
DecodeJpeg DecodePng DecodeRaw DisableCopyOnRead EncodePng EnsureShape Equal ExpandDims ExtractJpegShape
Fill GatherV2 Greater GreaterEqual Identity IdentityN IsFinite LeakyRelu LeftShift Less LessEqual
LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean MergeV2Checkpoints Min Minimum MirrorPad Mul
NoOp NotEqual OnesLike Pack ParseTensor Placeholder Prod Range ReadVariableOp RealDiv ReduceJoin Relu
Reshape ResizeBilinear ResizeNearestNeighbor RestoreV2 Round SaveV2 Select SelectV2 SerializeTensor
Shape ShardedFilename Size Slice Split Sqrt Square Squeeze StatefulPartitionedCall StatelessIf
StatelessRandomNormalV2 StatelessRandomUniformFullIntV2 StatelessWhile StaticRegexFullMatch StridedSlice
StringJoin StringLength Sub Substr Sum TensorListFromTensor TensorListGetItem TensorListReserve
TensorListSetItem TensorListStack Tile Transpose VarHandleOp VarIsInitializedOp Where While
"""


@pytest.fixture(scope="module")
def run_dir(folder, write_run):
    run = write_run(folder / "run", folder / "pictures")
    RunFolder(run).write_summary(SUMMARY)
    return run


@pytest.fixture(scope="module")
def exported(folder, run_dir):
    """The folder that the command wrote."""
    output = folder / "models" / "faces" / "3"
    assert saved_model.main(["--run", str(run_dir), "--output", str(output)]) == 0
    return output


@pytest.fixture(scope="module", params=[loaded, loaded_in_session], ids=["v2", "v1"])
def answer(request, exported):
    """Asks the SavedModel: (signature, inputs) -> dict of arrays; by each of the two loaders."""
    with request.param(exported) as ask:
        yield ask


@pytest.fixture(scope="module")
def serve(exported):
    """Asks as TF-Serving does: only the graph checks shapes."""
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], str(exported)).signature_def

    calls = {}

    def prepared(signature, inputs):
        known = signatures[signature]
        options = config_pb2.CallableOptions(
            feed=[known.inputs[name].name for name in inputs],
            fetch=[info.name for info in known.outputs.values()],
        )
        # `run` would check shapes in Python.
        return session._make_callable_from_options(options)

    def ask(signature, inputs):
        if signature not in calls:
            calls[signature] = prepared(signature, inputs), list(inputs)
        call, names = calls[signature]
        return dict(zip(signatures[signature].outputs, call(*(inputs[name] for name in names))))

    yield ask
    calls.clear()
    session.close()


def sampling(num_samples=3, seed=(5, 0), temperature=1.0):
    return {
        "num_samples": np.array(num_samples, np.int32),
        "seed": np.array(seed, np.int32),
        "temperature": np.array(temperature, np.float32),
    }


def encoded(*pictures, kind="PNG"):
    files = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, kind)
        files.append(file.getvalue())
    return np.array(files, object)


def decoded(files):
    return np.stack([np.stack([np.asarray(Image.open(io.BytesIO(f))) for f in row]) for row in files])


def close(a, b):
    """Whether pictures differ by at most one level, and not everywhere."""
    difference = np.abs(a.astype(int) - b.astype(int))
    return a.dtype == b.dtype == np.uint8 and difference.max() <= 1 and np.mean(difference > 0) < 0.01


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (1, 5, 11, 3)])
def test_pictures_are_the_python_models_at_any_size(answer, hallucinator, shape, rng):
    lr, z = noise_pictures(*shape), rng.normal(size=(shape[0], 3)).astype(np.float32)
    images, gradients = hallucinator.generate(lr, z)
    for signature in ("serving_default", "hallucinate"):
        result = answer(signature, {"lr": lr, "z": z})
        assert set(result) == {"image", "gradient"}
        assert close(result["image"], images)
        np.testing.assert_allclose(result["gradient"], gradients, atol=1e-4)
    result = answer("reconstruct", {"lr": lr})
    assert close(result["image"], hallucinator.reconstruct(lr).image)
    assert np.abs(result["image"].astype(int) - images).max() > 5, "z does nothing"


def test_samples_are_the_python_models(answer, hallucinator):
    lr = noise_pictures(2, 8, 6, 3)
    right = hallucinator.sample(lr, num_samples=3, seed=5, temperature=0.7)
    result = answer("sample", {"lr": lr, **sampling(temperature=0.7)})
    assert set(result) == {"images", "mean", "stddev"}
    assert close(result["images"], right.images)
    for figure, expected in zip((result["mean"], result["stddev"]), mean_and_stddev(result["images"])):
        np.testing.assert_allclose(figure, expected, atol=1e-3)
    assert right.stddev.max() > 2


def test_same_seed_same_bytes_however_many_samples(answer):
    lr = noise_pictures(1, 8, 8, 3)
    ask = lambda **settings: answer("sample", {"lr": lr, **sampling(**settings)})  # noqa: E731
    three = ask()["images"]
    np.testing.assert_array_equal(ask()["images"], three)
    np.testing.assert_array_equal(ask(num_samples=1)["images"], three[:, :1])
    np.testing.assert_array_equal(ask(num_samples=1)["stddev"], np.zeros((1, 32, 32, 3)))
    # The seed's second number is the first sample's.
    np.testing.assert_array_equal(ask(num_samples=2, seed=(5, 1))["images"], three[:, 1:])
    assert (ask(seed=(6, 0))["images"] != three).mean() > 0.5
    still = ask(temperature=0.0)["images"]
    np.testing.assert_array_equal(still[:, 0], answer("reconstruct", {"lr": lr})["image"])


def test_encoded_pictures_go_in_and_out(answer, hallucinator):
    lr = noise_pictures(2, 8, 6, 3)
    result = answer("sample_encoded", {"image_bytes": encoded(*lr), **sampling()})
    assert close(decoded(result["images_bytes"]), hallucinator.sample(lr, 3, seed=5).images)
    # A lossless neighbour beside a jpeg; TensorFlow's decoder and Pillow's may differ by a little.
    smooth = np.repeat(np.linspace(0, 255, 8, dtype=np.uint8)[:, None, None], 6, 1).repeat(3, 2)
    mixed = np.concatenate([encoded(smooth), encoded(smooth, kind="JPEG")])
    files = answer("sample_encoded", {"image_bytes": mixed, **sampling(num_samples=1)})["images_bytes"]
    png, jpeg = decoded(files)[:, 0]
    assert np.abs(png.astype(int) - jpeg).mean() < 4
    transparent = np.dstack([lr[0], noise_pictures(8, 6)])
    grey = lr[0, :, :, 0]
    for picture, rgb in ((transparent, lr[0]), (grey, grey[..., None].repeat(3, -1))):
        files = answer("sample_encoded", {"image_bytes": encoded(picture), **sampling()})["images_bytes"]
        assert close(decoded(files), hallucinator.sample(rgb[None], 3, seed=5).images)


def test_exact_pictures_downscale_to_their_input(answer):
    lr = noise_pictures(1, 8, 8, 3)
    images = answer("sample", {"lr": lr, **sampling()})["images"]
    down = images.reshape(3, 8, 4, 8, 4, 3).mean((2, 4))
    assert np.abs(down - lr).max() <= 0.5 + 1e-6


# ---------------------------------------------------------------- refused


def png_of_size(width, height):
    """A PNG that says it is large but holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


LR = noise_pictures(1, 4, 4, 3)
FILES = encoded(LR[0])
Z = np.zeros((1, 3), np.float32)
BROKEN = {
    "no picture": (np.array([b"hello"], object), "png or jpeg files.*number 0"),
    "nothing": (np.array([b""], object), "png or jpeg files"),
    "second": (np.array([FILES[0], b"GIF89a"], object), "png or jpeg files.*number 1"),
    "cut header": (np.array([FILES[0][:20]], object), "png or jpeg files"),
    "cut": (np.array([FILES[0][:60]], object), "_decoding"),
    "cut jpeg": (np.array([b"\xff\xd8\xff\xe0hello"], object), "_decoding"),
    "wide": (np.array([png_of_size(20_000, 4)], object), r"512x512 pixels. Received: \[4, 20000\]"),
    "endless": (np.array([png_of_size(2**31 - 1, 2**31 - 1)], object), "512x512 pixels"),
    "negative": (np.array([png_of_size(2**32 - 1, 4)], object), "at least one pixel"),
    "two sizes": (
        np.concatenate([FILES, encoded(LR[0, :2])]),
        r"one size.*Received: \[2, 4\] to \[4, 4\]",
    ),
    "none at all": (np.array([], object), "at least one picture"),
    "no batch": (np.array(FILES[0], object), r"shape \[B\]"),
}
REFUSED = {
    "no samples": ("sample", {"lr": LR, **sampling(num_samples=0)}, r"num_samples must be in \[1, 64\].*0"),
    "many samples": ("sample", {"lr": LR, **sampling(num_samples=10_000)}, "num_samples.*Received: 10000"),
    "vector": ("sample", {"lr": LR, **sampling(num_samples=[2])}, r"num_samples must be a scalar.*\[1\]"),
    "cold": ("sample", {"lr": LR, **sampling(temperature=-1)}, "temperature must be >= 0"),
    "nan": ("sample", {"lr": LR, **sampling(temperature=np.nan)}, "temperature must be >= 0 and finite"),
    "infinite": ("sample", {"lr": LR, **sampling(temperature=np.inf)}, "temperature must be >= 0 and finite"),
    "hot": ("sample", {"lr": LR, **sampling(temperature=3e38)}, "temperature must be small enough"),
    "one seed": ("sample", {"lr": LR, **sampling(seed=[1])}, r"seed must have shape \[2\].*\[1\]"),
    "scalar seed": ("sample", {"lr": LR, **sampling(seed=1)}, r"seed must have shape \[2\]"),
    "negative seed": (
        "sample",
        {"lr": LR, **sampling(seed=[-1, 0])},
        r"seed must be two numbers >= 0.*\[-1, 0\]",
    ),
    "short z": ("hallucinate", {"lr": LR, "z": Z[:, :2]}, r"z must have shape \[B, 3\].*\[1, 2\]"),
    "more z": ("hallucinate", {"lr": LR, "z": np.zeros((2, 3), np.float32)}, r"z must have .*\[2, 3\]"),
    "flat z": ("hallucinate", {"lr": LR, "z": Z[0]}, r"z must have shape \[B, 3\].*\[3\]"),
    "nan z": ("hallucinate", {"lr": LR, "z": Z + np.nan}, "z must be finite"),
    "large z": ("hallucinate", {"lr": LR, "z": Z + np.float32(3e38)}, "z must be small enough"),
    "alpha": ("reconstruct", {"lr": noise_pictures(1, 4, 4, 4)}, r"lr must have .*\[1, 4, 4, 4\]"),
    "no batch": ("reconstruct", {"lr": LR[0]}, r"lr must have shape \[B, h, w, 3\].*\[4, 4, 3\]"),
    "empty": ("reconstruct", {"lr": LR[:0]}, r"lr must have .*none of them 0.*\[0, 4, 4, 3\]"),
    "wide": ("reconstruct", {"lr": noise_pictures(1, 1, 513, 3)}, r"lr must hold .*512x512.*\[1, 513\]"),
    "high": ("serving_default", {"lr": noise_pictures(1, 513, 1, 3), "z": Z}, "lr must hold .*512x512"),
    "many pixels": (
        "sample",
        {"lr": noise_pictures(2, 512, 257, 3), **sampling(num_samples=1)},
        "at most 262144 pixels in all.*263168",
    ),
    "many times many": (
        "sample",
        {"lr": noise_pictures(1, 65, 64, 3), **sampling(num_samples=64)},
        "at most 262144 pixels in all.*266240",
    ),
    **{
        f"file: {name}": ("sample_encoded", {"image_bytes": files, **sampling()}, f"image_bytes.*{message}")
        for name, (files, message) in BROKEN.items()
    },
}


@pytest.mark.parametrize("signature, inputs, message", REFUSED.values(), ids=REFUSED)
def test_wrong_requests_are_refused_by_the_graph_itself(serve, signature, inputs, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"(?s){message}"):
        serve(signature, inputs)


def test_after_a_refusal_it_continues(serve, hallucinator):
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve("reconstruct", {"lr": LR[:0]})
    assert close(serve("reconstruct", {"lr": LR})["image"], hallucinator.reconstruct(LR).image)


def test_wrong_type_is_refused(serve):
    with pytest.raises(tf.errors.InvalidArgumentError, match="uint8"):
        serve("reconstruct", {"lr": LR.astype(np.float32)})


# ---------------------------------------------------------------- the folder


def test_only_stock_operations(exported):
    assert operations(exported) <= set(STOCK.split())
    assert "Assert" in operations(exported)


def test_warm_up_file_holds_a_request_for_each_signature(exported, serve):
    requests = dict(read_warmup(exported / WARMUP_FILE))
    assert str(WARMUP_FILE) == "assets.extra/tf_serving_warmup_requests"
    names = {"serving_default", "hallucinate", "reconstruct", "sample", "sample_encoded"}
    assert set(requests) == names
    assert requests["hallucinate"]["lr"].shape[1:] == (8, 8, 3)
    for signature, inputs in requests.items():
        assert all(len(value) == 2 for value in serve(signature, inputs).values())


def test_warm_up_file_is_what_tf_serving_reads(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    records = list(tf.data.TFRecordDataset(str(exported / WARMUP_FILE)).as_numpy_iterator())
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert all(log.WhichOneof("log_type") == "predict_log" for log in logs)
    assert {log.predict_log.request.model_spec.name for log in logs} == {"faces"}


def test_model_card(exported, hallucinator):
    card = json.loads((exported / "assets.extra" / "model_card.json").read_text())
    assert card["metrics"] == SUMMARY
    assert card["config"] == json.loads(json.dumps(hallucinator.config.as_dict()))
    assert card["weights"].startswith(hallucinator.identity["weights"]) and len(card["weights"]) == 71
    assert card["versions"]["tensorflow"] == tf.__version__
    assert (card["scale"], card["z_size"], card["consistency"]) == (4, 3, "exact")
    assert card["data"] == {"source": "folder", "downscale": "area"}
    assert card["signatures"]["hallucinate"] == {"lr": "uint8 [?, ?, ?, 3]", "z": "float32 [?, 3]"}
    assert max(card["largest_difference_to_python_in_grey_levels"].values()) <= 1


def test_nothing_else_is_left(exported):
    names = {"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}
    assert {path.name for path in exported.iterdir()} == names
    assert [path.name for path in exported.parent.iterdir()] == ["3"]


# ---------------------------------------------------------------- other models and settings


@pytest.fixture(scope="module")
def baseline_dir(folder, write_run):
    return write_run(folder / "srgan", folder / "pictures", name="srgan")


def test_baselines_reconstruct_only(folder, baseline_dir):
    run = RunFolder(baseline_dir)
    output = folder / "models" / "srgan" / "1"
    output.parent.mkdir(parents=True)
    assert set(archive.export(run, output, "none", Limits())) == {"reconstruct", "serving_default"}
    card = json.loads((output / "assets.extra" / "model_card.json").read_text())
    assert card["metrics"] is None and list(card["signatures"]) == ["reconstruct"]
    lr = noise_pictures(1, 8, 5, 3)
    free = Hallucinator.load(run.path).reconstruct(lr, "none").image
    with loaded(output) as answer:
        assert close(answer("serving_default", {"lr": lr})["image"], free)
    down = free.reshape(1, 8, 4, 5, 4, 3).mean((2, 4))
    assert np.abs(down - lr).max() > 1, "these weights are consistent by themselves"


def test_an_export_that_differs_is_not_put_in_place(baseline_dir, tmp_path, monkeypatch, capsys):
    write = archive.write_saved_model

    def write_other_weights(path, generator, signatures):
        before = generator.get_weights()
        generator.set_weights([weight * 1.5 for weight in before])
        write(path, generator, signatures)
        generator.set_weights(before)

    monkeypatch.setattr(archive, "write_saved_model", write_other_weights)
    output = tmp_path / "faces" / "1"
    assert saved_model.main(["--run", str(baseline_dir), "--output", str(output)]) == 1
    assert "grey levels from the Python model's" in capsys.readouterr().err
    assert list(output.parent.iterdir()) == []


# ---------------------------------------------------------------- the command line


@pytest.fixture
def command(capsys):
    """Runs the command; see `run_command`."""
    return lambda *arguments: run_command(saved_model, arguments, capsys)


def test_bad_settings_are_one_line(command, run_dir, folder, write_run, tmp_path):
    output = tmp_path / "faces" / "1"
    # A digit to Python, not to TF-Serving.
    assert refuses(command("--run", run_dir, "--output", tmp_path / "\uff11"), "named by its version")
    nowhere = command("--run", tmp_path / "nowhere", "--output", output)
    assert refuses(nowhere, "run: the folder of a training run")
    assert refuses(command("--run", tmp_path, "--output", output), "with config.yaml")
    assert refuses(command("--run", run_dir), "output: the folder of one version")
    assert refuses(command("--run", run_dir, "--output", tmp_path / "faces" / "latest"), "whole number")
    assert refuses(
        command("--run", run_dir, "--output", output, "--consistency", "some"), "consistency: one of"
    )
    assert refuses(command("--run", run_dir, "--output", output, "--max_side", 0), "max_side: a whole number")
    bicubic = write_run(folder / "bicubic", folder / "pictures", downscale="bicubic")
    assert refuses(command("--run", bicubic, "--output", output), "none for a model trained with")
    (tmp_path / "file").touch()
    assert refuses(command("--run", run_dir, "--output", tmp_path / "file" / "1"), "can be written")
    assert not output.parent.exists()


def test_nothing_is_overwritten_unasked_and_other_files_never(command, baseline_dir, exported, tmp_path):
    before = (exported / "saved_model.pb").stat().st_mtime_ns
    assert refuses(command("--run", baseline_dir, "--output", exported), "already exists")
    assert (exported / "saved_model.pb").stat().st_mtime_ns == before
    other = tmp_path / "1"
    other.mkdir()
    (other / "notes.txt").touch()
    assert refuses(command("--run", baseline_dir, "--output", other, "--overwrite"), "only a SavedModel")
    (other / "saved_model.pb").touch()
    assert refuses(
        command("--run", baseline_dir, "--output", other, "--overwrite"), "notes.txt is something else"
    )
    assert sorted(path.name for path in other.iterdir()) == ["notes.txt", "saved_model.pb"]
    (other / "notes.txt").unlink()
    result = command("--run", baseline_dir, "--output", other, "--overwrite")
    assert result.status == 0 and "reconstruct: at most" in result.out
    assert (other / WARMUP_FILE).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_without_the_protos_it_says_what_to_install(command, run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model.importlib.util, "find_spec", lambda name: None)
    assert refuses(command("--run", run_dir, "--output", tmp_path / "1"), "tensorflow-serving-api")


def test_interrupted_leaves_nothing(command, run_dir, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "write_saved_model", interrupt)
    output = tmp_path / "faces" / "1"
    result = command("--run", run_dir, "--output", output)
    assert result.status == 130 and "Nothing was written" in result.err.splitlines()[-1]
    assert list(output.parent.iterdir()) == []
