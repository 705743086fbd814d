"""The export for phones and browsers: LiteRT files against the Python model, refusals, what is written."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from arrays import noise_pictures
from commands import refuses, run_command
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tf_gradsr import ops
from tf_gradsr.export.lite import conversion as lite_conversion
from tf_gradsr.export.lite import lite_file, tflite
from tf_gradsr.export.lite.conversion import KINDS
from tf_gradsr.export.lite.operators import left_to_cpu, operations, with_quantized_borders
from tf_gradsr.export.lite.verification import WrongFile, check_operations
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_folder import RunFolder

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

# All that the files may consist of; LiteRT's GPU delegate accepts it (its `gpu_compatibility.cc`).
FOR_GPUS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEQUANTIZE DIV FULLY_CONNECTED LEAKY_RELU MAXIMUM MINIMUM MUL
QUANTIZE RELU RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SPLIT SQRT SQUARED_DIFFERENCE STRIDED_SLICE
SUB TILE
"""


def soften(run, factor):
    """Makes a run's random weights smaller, close to those of a trained model; returns its folder."""
    hallucinator = Hallucinator.load(run)
    weights = hallucinator.generator.get_weights()
    hallucinator.generator.set_weights([weight * factor for weight in weights])
    hallucinator.generator.save_weights(RunFolder(run).weights)
    return run


@pytest.fixture(scope="module")
def pictures(folder, write_pictures):
    """A folder with pictures to calibrate with, and others."""
    path = write_pictures(folder / "pictures", 8)
    for picture in sorted((path / "test").iterdir())[:4]:
        picture.rename(path / "train" / picture.name)
    return path


@pytest.fixture(scope="module")
def run_dir(folder, pictures, write_run):
    """A run whose pictures are where its config says; z acts on every block."""
    run = write_run(folder / "run", pictures, z_injection="modulate", consistency="exact")
    return soften(run, 0.75)


@pytest.fixture(scope="module")
def wild_dir(folder, write_run):
    """A run whose pictures are gone, and whose weights are too large for integers."""
    return write_run(folder / "wild", folder / "nowhere")


@pytest.fixture(scope="module")
def files(folder, run_dir):
    """{kind: path} of what the command wrote, each when it is first needed."""

    class Files(dict):
        def __missing__(self, kind):
            path = folder / "files" / f"{kind}.tflite"
            arguments = ["--run", str(run_dir), "--output", str(path), "--quantize", kind]
            assert tflite.main(arguments) == 0
            return self.setdefault(kind, path)

    return Files()


def smooth_pictures(count):
    """uint8 `[N, 8, 8, 3]`, close to what int8 was calibrated with."""
    coarse = np.random.default_rng(1).integers(0, 256, (count, 2, 2, 3)).astype(np.float32)
    return tf.cast(tf.image.resize(coarse, [8, 8]), tf.uint8).numpy()


def runner_of(path, signature):
    return litert.Interpreter(model_path=str(path)).get_signature_runner(signature)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean(np.square(a.astype(float) - b)))


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_the_python_models(files, hallucinator, kind, rng):
    path = files[kind]
    ask, ask_most_likely = runner_of(path, "hallucinate"), runner_of(path, "reconstruct")
    lr, z = smooth_pictures(3), rng.normal(size=(3, 3)).astype(np.float32)
    images, gradients = hallucinator.generate(lr, z)
    most_likely = hallucinator.reconstruct(lr).image
    answers = [ask(lr=lr[i : i + 1], z=z[i : i + 1]) for i in range(3)]
    assert all(set(answer) == {"image", "gradient"} for answer in answers)
    got = np.concatenate([answer["image"] for answer in answers])
    got_gradients = np.concatenate([answer["gradient"] for answer in answers])
    got_most_likely = np.concatenate([ask_most_likely(lr=lr[i : i + 1])["image"] for i in range(3)])
    assert got.dtype == got_most_likely.dtype == np.uint8 and got_gradients.dtype == np.float32
    assert got.shape == images.shape and got_gradients.shape == gradients.shape
    for picture, right in ((got, images), (got_most_likely, most_likely)):
        difference = np.abs(picture.astype(int) - right).max()
        assert difference <= {"none": 1, "float16": 2}.get(kind, 255)
        assert difference == 0 or psnr(picture, right) >= 38
    assert np.abs(got_gradients - gradients).max() < {"none": 1e-4, "float16": 0.02}.get(kind, 0.5)
    assert np.abs(got.astype(int) - got_most_likely).max() > 5, "z does nothing"


@pytest.mark.parametrize(("kind", "most"), [("none", 0.5), ("int8", 1.0)])
def test_exact_pictures_downscale_to_their_input(files, kind, most, rng):
    lr, z = smooth_pictures(1), rng.normal(size=(1, 3)).astype(np.float32)
    image = runner_of(files[kind], "hallucinate")(lr=lr, z=z)["image"]
    down = image.reshape(1, 8, 4, 8, 4, 3).mean((2, 4))
    assert np.abs(down - lr).max() <= most + 1e-6


def test_hard_pictures(files, hallucinator):
    ask = runner_of(files["none"], "reconstruct")
    for lr in (
        noise_pictures(1, 8, 8, 3),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.full((1, 8, 8, 3), 255, np.uint8),
    ):
        right = hallucinator.reconstruct(lr).image
        assert np.abs(ask(lr=lr)["image"].astype(int) - right).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_have_fixed_shapes_and_uint8_pictures(files, kind):
    interpreter = litert.Interpreter(model_path=str(files[kind]))
    assert interpreter.get_signature_list() == {
        "hallucinate": {"inputs": ["lr", "z"], "outputs": ["gradient", "image"]},
        "reconstruct": {"inputs": ["lr"], "outputs": ["gradient", "image"]},
    }
    runner = interpreter.get_signature_runner("hallucinate")
    details = {**runner.get_input_details(), **runner.get_output_details()}
    found = {name: (tuple(one["shape"]), one["dtype"]) for name, one in details.items()}
    assert found == {
        "lr": ((1, 8, 8, 3), np.uint8),
        "z": ((1, 3), np.float32),
        "image": ((1, 32, 32, 3), np.uint8),
        "gradient": ((1, 32, 32, 3), np.float32),
    }


# ---------------------------------------------------------------- operations and weights


@pytest.mark.parametrize("kind", KINDS)
def test_only_operations_that_gpus_take(files, kind):
    model = files[kind].read_bytes()
    interpreter = litert.Interpreter(
        model_content=model,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    listed = {operator["op_name"] for operator in interpreter._get_ops_details()}
    assert listed <= operations(model) <= set(FOR_GPUS.split())
    assert "CONV_2D" in listed and left_to_cpu(model) == set()


def test_weights_are_in_the_file_once(files, hallucinator):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(files["none"].read_bytes()))
    stored = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    needed = 4 * hallucinator.generator.count_params()
    assert needed * 0.9 < stored < needed * 1.4


def test_int8_computes_the_network_in_integers(files):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(files["int8"].read_bytes()))
    convolution = schema.BuiltinOperator.CONV_2D
    graph = model.subgraphs[0]
    tensors = [
        graph.tensors[i]
        for operator in graph.operators
        if model.operatorCodes[operator.opcodeIndex].builtinCode == convolution
        for i in (*operator.inputs[:2], *operator.outputs)
    ]
    assert len(tensors) >= 3 * 10
    assert {tensor.type for tensor in tensors} == {schema.TensorType.INT8}


def test_only_inputs_and_outputs_have_names(files):
    for file in files.values():
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(file.read_bytes()))
        for graph in model.subgraphs:
            named = {number for number, tensor in enumerate(graph.tensors) if tensor.name}
            assert named == {*graph.inputs, *graph.outputs}


def converted_function(function, *specs, flex=False):
    concrete = tf.function(function, input_signature=specs).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module())
    if flex:
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
    return converter.convert()


def test_operations_for_the_cpu_are_found():
    def function(lr):
        x = tf.pad(tf.cast(lr, tf.float32), [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        return tf.cast(tf.round(x), tf.uint8), tf.argmax(x, -1)

    model = converted_function(function, tf.TensorSpec([1, 4, 4, 3], tf.uint8))
    assert left_to_cpu(model) == {"CAST", "MIRROR_PAD", "ROUND", "ARG_MAX"}
    assert left_to_cpu(with_quantized_borders(model)) == {"MIRROR_PAD", "ARG_MAX"}
    with pytest.raises(WrongFile, match="GPU lacks: ARG_MAX, CAST, MIRROR_PAD, ROUND"):
        check_operations(model, gpu=True)
    check_operations(model, gpu=False)


def test_pictures_are_rounded_as_everywhere():
    levels = np.concatenate([np.arange(-2, 258, 0.125), np.arange(0.5, 255)])
    values = (levels * ops.LEVEL - 1).astype(np.float32)[None]
    model = converted_function(ops.to_uint8, tf.TensorSpec(values.shape, tf.float32))
    interpreter = litert.Interpreter(model_content=with_quantized_borders(model))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    right = ops.to_uint8(values).numpy()
    distance = np.abs(levels % 1 - 0.5)
    clear = distance > 1e-3
    np.testing.assert_array_equal(got[0, clear], right[0, clear])
    # Halfway between two levels, the last bit of the division decides.
    assert np.abs(got.astype(int) - right).max() <= 1


@pytest.mark.parametrize("code", ["FlexPad", "READ_VARIABLE"])
def test_operations_that_phones_lack_are_refused(files, code):
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(files["none"].read_bytes()))
    first = model.operatorCodes[model.subgraphs[0].operators[0].opcodeIndex]
    if code.startswith("Flex"):
        first.customCode = code.encode()
    else:
        # Beyond 126 the old field holds 127.
        first.builtinCode, first.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, code), 127
    changed = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with pytest.raises(WrongFile, match=f"a phone lacks: {code}"):
        check_operations(changed, gpu=True)


GPU_PROGRAM = """
import sys
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator

for path in sys.argv[1:]:
    model = CompiledModel.from_file(path, hardware_accel=HardwareAccelerator.GPU | HardwareAccelerator.CPU)
    print(path, model.is_fully_accelerated())
"""


def test_litert_runs_all_of_it_on_a_gpu(files, tmp_path):
    probe = tmp_path / "probe.tflite"
    probe.write_bytes(converted_function(lambda x: x + 1.0, tf.TensorSpec([1, 4, 4, 3], tf.float32)))
    program = [sys.executable, "-c", GPU_PROGRAM]
    # A separate process, since a driver that fails takes the process with it.
    tried = subprocess.run([*program, str(probe)], capture_output=True, text=True, timeout=60)
    if f"{probe} True" not in tried.stdout:
        pytest.skip(
            "LiteRT finds no GPU here (VK_DRIVER_FILES may name a Vulkan driver, such as SwiftShader's)"
        )
    paths = [str(files[kind]) for kind in KINDS]
    done = subprocess.run([*program, *paths], capture_output=True, text=True, timeout=300)
    for path in paths:
        assert f"{path} True" in done.stdout, done.stderr[-2000:]


# ---------------------------------------------------------------- other models and sizes


def test_baselines_reconstruct_only(folder, write_run):
    run = write_run(folder / "srgan", folder / "nowhere", name="srgan")
    path = folder / "srgan.tflite"
    description = lite_file.export(RunFolder(run), path, consistency="none")
    assert list(description["differences_to_python_in_grey_levels"]) == ["reconstruct"]
    assert description["operations_that_gpus_leave_to_the_cpu"] == ["ADD_N"]
    lr = noise_pictures(1, 8, 8, 3)
    free = Hallucinator.load(run).reconstruct(lr, "none").image
    answer = runner_of(path, "reconstruct")(lr=lr)
    assert np.abs(answer["image"].astype(int) - free).max() <= 1
    down = free.reshape(1, 8, 4, 8, 4, 3).mean((2, 4))
    assert np.abs(down - lr).max() > 1, "these weights are consistent by themselves"


def test_another_lr_size(folder, wild_dir, rng):
    path = folder / "wide.tflite"
    assert tflite.main(["--run", str(wild_dir), "--output", str(path), "--lr_size", "[5, 11]"]) == 0
    lr, z = noise_pictures(1, 5, 11, 3), rng.normal(size=(1, 3)).astype(np.float32)
    image = runner_of(path, "hallucinate")(lr=lr, z=z)["image"]
    assert image.shape == (1, 20, 44, 3)
    assert np.abs(image.astype(int) - Hallucinator.load(wild_dir).generate(lr, z)[0]).max() <= 1


# ---------------------------------------------------------------- the description


def test_description(files, hallucinator):
    described = json.loads(files["int8"].with_name("int8.tflite.json").read_text())
    assert (described["scale"], described["z_size"], described["lr_shape"]) == (4, 3, [8, 8])
    assert (described["quantize"], described["consistency"]) == ("int8", "exact")
    assert (
        described["weights"].startswith(hallucinator.identity["weights"]) and len(described["weights"]) == 71
    )
    assert described["signatures"]["hallucinate"] == {"lr": "uint8 [1, 8, 8, 3]", "z": "float32 [1, 3]"}
    assert described["outputs"]["image"] == "uint8 [1, 32, 32, 3]"
    assert described["ranges"]["lr"].startswith("0 to 255")
    assert described["bytes"] == files["int8"].stat().st_size
    assert "not evidence" in described["intended_use"]
    assert set(described["versions"]) >= {"tf_gradsr", "tensorflow", "ai-edge-litert"}
    for found in described["differences_to_python_in_grey_levels"].values():
        assert found["psnr"] >= 38 and 0 < found["mean"] < found["max"]


# ---------------------------------------------------------------- the command line


@pytest.fixture
def command(capsys):
    """Runs the command; see `run_command`."""
    return lambda *arguments: run_command(tflite, arguments, capsys)


def test_it_says_how_far_the_file_is_from_the_model(command, run_dir, tmp_path):
    result = command("--run", run_dir, "--output", tmp_path / "new" / "a.tflite")
    assert result.status == 0
    assert "hallucinate: mean difference " in result.out and "reconstruct: mean difference " in result.out
    assert "leave to the CPU: none" in result.out and "a.tflite.json" in result.out
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"a.tflite", "a.tflite.json"}


def test_a_file_that_differs_is_not_written(command, run_dir, tmp_path, monkeypatch):
    convert = lite_conversion.converted

    def converted_with_other_weights(generator, *arguments):
        before = generator.get_weights()
        generator.set_weights([weight * 1.5 for weight in before])
        model = convert(generator, *arguments)
        generator.set_weights(before)
        return model

    monkeypatch.setattr(lite_file, "converted", converted_with_other_weights)
    result = command("--run", run_dir, "--output", tmp_path / "a.tflite")
    assert result.status == 1 and "grey levels from the Python model" in result.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_integers_too_coarse_for_a_model_are_refused(command, wild_dir, pictures, tmp_path):
    output = tmp_path / "a.tflite"
    arguments = [
        "--run",
        wild_dir,
        "--output",
        output,
        "--quantize",
        "int8",
        "--representative_path",
        pictures,
    ]
    result = command(*arguments)
    assert result.status == 1 and "dB PSNR to the Python model; needed: 38" in result.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_bad_settings_are_one_line(command, run_dir, wild_dir, folder, write_run, tmp_path):
    output = tmp_path / "a.tflite"
    nowhere = command("--run", tmp_path / "nowhere", "--output", output)
    assert refuses(nowhere, "run: the folder of a training run")
    assert refuses(command("--run", tmp_path, "--output", output), "with config.yaml")
    assert refuses(command("--run", run_dir), "output: a file that ends with .tflite")
    assert refuses(command("--run", run_dir, "--output", tmp_path / "model"), "ends with .tflite")
    assert refuses(command("--run", run_dir, "--output", output, "--quantize", "int4"), "quantize: one of")
    assert refuses(command("--run", run_dir, "--output", output, "--lr_size", "0"), "lr_size: ")
    assert refuses(command("--run", run_dir, "--output", output, "--lr_size", "[8, 8, 8]"), "lr_size: a side")
    bicubic = write_run(folder / "bicubic", folder / "nowhere", downscale="bicubic")
    assert refuses(command("--run", bicubic, "--output", output), "none for a model trained with")
    (tmp_path / "folder.tflite").mkdir()
    assert refuses(command("--run", run_dir, "--output", tmp_path / "folder.tflite"), "not a folder")
    missing = command("--run", wild_dir, "--output", output, "--quantize", "int8")
    assert missing.status == 2 and "error: representative_path: " in missing.err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["folder.tflite"]


def test_files_that_are_not_weights_are_refused(command, run_dir, tmp_path):
    broken = tmp_path / "run"
    shutil.copytree(run_dir, broken)
    (broken / "generator.weights.h5").write_bytes(b"no weights")
    result = command("--run", broken, "--output", tmp_path / "a.tflite")
    assert result.status == 2 and "weights that fit" in result.err.splitlines()[-1]
    (tmp_path / "file").touch()
    result = command("--run", run_dir, "--output", tmp_path / "file" / "a.tflite")
    assert refuses(result, "output: a folder that can be written")


def test_nothing_is_overwritten_unasked(command, run_dir, tmp_path):
    output = tmp_path / "a.tflite"
    output.write_bytes(b"mine")
    assert refuses(command("--run", run_dir, "--output", output), "already exists")
    assert output.read_bytes() == b"mine"
    assert command("--run", run_dir, "--output", output, "--overwrite").status == 0
    assert output.read_bytes()[4:8] == b"TFL3"
    # Nor is a file where the description would go.
    output.unlink()
    assert refuses(command("--run", run_dir, "--output", output), "a.tflite.json already exists")


def test_without_litert_it_says_what_to_install(command, run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(tflite.importlib.util, "find_spec", lambda name: None)
    assert refuses(command("--run", run_dir, "--output", tmp_path / "a.tflite"), "ai-edge-litert")


def test_interrupted_leaves_what_was_there(command, run_dir, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(lite_file, "verify", interrupt)
    monkeypatch.setattr(lite_file, "converted", lambda *arguments: b"")
    output = tmp_path / "a.tflite"
    output.write_bytes(b"before")
    result = command("--run", run_dir, "--output", output, "--overwrite")
    assert result.status == 130 and "Nothing was written" in result.err.splitlines()[-1]
    assert output.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "module", ["export.lite.tflite", "benchmark", "export.stopwatch", "__main__", "train", "web.build"]
)
def test_commands_start_without_tensorflow(module):
    program = f"import sys, tf_gradsr.{module}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
