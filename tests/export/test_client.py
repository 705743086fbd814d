"""The client end to end, over gRPC and REST: against a stand-in for TF-Serving, and the real one if found."""

import io
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import yaml
from checkout import ROOT
from commands import names_in, refuses, run_command
from PIL import Image
from prediction_server import Refusal, serving
from tensorflow_serving.apis import predict_pb2

from tf_gradsr import client
from tf_gradsr.export.remote import predict_messages, retries
from tf_gradsr.export.remote.grpc_server import GrpcServer
from tf_gradsr.export.remote.in_flight import work_in_flight
from tf_gradsr.export.remote.rest_server import RestServer
from tf_gradsr.export.remote.server_errors import ServerError
from tf_gradsr.export.serving import archive
from tf_gradsr.export.serving.input_checks import Limits
from tf_gradsr.gallery import writing
from tf_gradsr.run_folder import RunFolder

SCALE = 4
SETTINGS = {"num_samples": 3, "seed": 5, "temperature": 0.7}
PROTOCOLS = {"grpc": GrpcServer, "rest": RestServer}


@pytest.fixture(scope="module")
def exported(run_dir):
    version = run_dir.parent / "models" / "gradsr" / "1"
    version.parent.mkdir(parents=True)
    archive.export(RunFolder(run_dir), version, "exact", Limits())
    return version


@pytest.fixture(scope="module")
def stand_in_of_module(exported):
    with serving(exported) as (model, grpc_port, rest_port):
        yield SimpleNamespace(model=model, grpc=grpc_port, rest=rest_port)


@pytest.fixture
def stand_in(stand_in_of_module):
    """The server in tests/prediction_server.py; what a test changes in it lasts for that test."""
    yield stand_in_of_module
    stand_in_of_module.model.reset()


def real_server_binary():
    named = os.environ.get("TENSORFLOW_MODEL_SERVER")
    found = named or shutil.which("tensorflow_model_server")
    if not found:
        pytest.skip("no tensorflow_model_server, neither on PATH nor in TENSORFLOW_MODEL_SERVER")
    return found


def free_ports():
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def real_serving(*flags):
    """`tensorflow_model_server` with these flags, once it answers."""
    grpc_port, rest_port = free_ports()
    command = [real_server_binary(), f"--port={grpc_port}", f"--rest_api_port={rest_port}", *flags]
    process = subprocess.Popen(command)
    try:
        for _ in range(600):
            assert process.poll() is None, "it ended"
            with suppress(OSError):
                status = urllib.request.urlopen(f"http://localhost:{rest_port}/v1/models/gradsr")
                assert b"AVAILABLE" in status.read()
                break
            time.sleep(0.2)
        else:
            pytest.fail("it does not load the model")
        yield SimpleNamespace(grpc=grpc_port, rest=rest_port)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def real_server(exported):
    flags = ["--model_name=gradsr", f"--model_base_path={exported.parent}"]
    with real_serving(*flags, f"--monitoring_config_file={ROOT / 'export/serving/monitoring.config'}") as it:
        yield it


@pytest.fixture(params=["stand_in", "real_server"])
def server(request):
    """Both servers, one after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


@pytest.fixture
def ask(server, protocol):
    """Asks the server once: (signature, inputs, outputs) -> dict of arrays."""
    asked = PROTOCOLS[protocol]("localhost", getattr(server, protocol), "gradsr", None, 60.0)
    yield lambda signature, inputs, outputs: asked.predict(signature, inputs, outputs)[0]
    asked.close()


@pytest.fixture
def command(tmp_path, capsys, protocol, monkeypatch):
    """Runs the client in this process on inputs in `tmp_path`; returns status, stdout, stderr."""
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)

    def run(at, *arguments, inputs=("face.png",), **settings):
        return run_command(
            client, command_line(at, protocol, tmp_path, inputs, *arguments, **settings), capsys
        )

    return run


def command_line(at, protocol, folder, inputs, *arguments, **settings):
    line = [
        "--host",
        "localhost",
        "--port",
        getattr(at, protocol),
        *(["--rest"] if protocol == "rest" else []),
    ]
    line += [*(folder / name for name in inputs), "--output", folder / "out", *arguments]
    for name, value in settings.items():
        line += [f"--{name}", value]
    return [str(word) for word in line]


@pytest.fixture
def face(rng, tmp_path):
    """Random pixels, uint8 `[8, 6, 3]`, in face.png."""
    pixels = rng.integers(0, 256, (8, 6, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    return pixels


@pytest.fixture
def faces(rng, tmp_path):
    """Names of six small pictures."""
    names = [f"{number}.png" for number in range(6)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).save(tmp_path / name)
    return names


def pixels(path):
    return np.asarray(Image.open(path))


def close(a, b):
    """Whether pictures differ by at most one level, and not everywhere."""
    difference = np.abs(a.astype(int) - b.astype(int))
    return a.shape == b.shape and difference.max() <= 1 and np.mean(difference > 0) < 0.01


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize("signature", ["sample_encoded", "sample"])
def test_samples_are_the_python_models(command, server, hallucinator, face, tmp_path, signature):
    result = command(server, signature=signature, **SETTINGS)
    assert result.status == 0, result.err
    made, right = tmp_path / "out/face", hallucinator.sample(face[np.newaxis], **SETTINGS)
    samples = [f"sample_{n:02d}.png" for n in range(3)]
    assert names_in(made) == sorted(["lr.png", *samples, *(["mean.png"] if signature == "sample" else [])])
    assert close(np.stack([pixels(made / name) for name in samples]), right.images[0])
    np.testing.assert_array_equal(pixels(made / "lr.png"), face)
    if signature == "sample":
        assert close(pixels(made / "mean.png"), np.round(right.mean[0]).astype(np.uint8))
    assert f"{tmp_path / 'face.png'}: 6x8 -> 24x32, 3 samples; {made}" in result.out


def test_reconstruction_is_the_python_models(command, server, hallucinator, face, tmp_path):
    assert command(server, signature="reconstruct").status == 0
    assert names_in(tmp_path / "out/face") == ["lr.png", "reconstruction.png"]
    right = hallucinator.reconstruct(face[np.newaxis]).image[0]
    assert close(pixels(tmp_path / "out/face/reconstruction.png"), right)


def test_files_are_read_and_named_as_hallucinate_does(command, stand_in, hallucinator, rng, tmp_path):
    turned = rng.integers(0, 256, (5, 7, 4), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(turned).save(tmp_path / "face.webp", lossless=True, exact=True, exif=exif)
    (tmp_path / "more").mkdir()
    Image.fromarray(turned[..., 0]).save(tmp_path / "more" / "face.png")
    (tmp_path / "more" / "notes.txt").touch()
    assert command(stand_in, inputs=["face.webp", "more"], **SETTINGS).status == 0
    assert names_in(tmp_path / "out") == ["face", "face_2"]
    upright = np.rot90(turned, -1)
    np.testing.assert_array_equal(pixels(tmp_path / "out/face/lr.png"), upright)
    sample = pixels(tmp_path / "out/face/sample_01.png")
    right = hallucinator.sample(np.ascontiguousarray(upright[np.newaxis, ..., :3]), **SETTINGS)
    assert sample.shape == (28, 20, 4) and close(sample[..., :3], right.images[0, 1])
    grey = turned[np.newaxis, ..., :1].repeat(3, -1)
    second = hallucinator.sample(grey, **SETTINGS).images[0, 2]
    assert close(pixels(tmp_path / "out/face_2/sample_02.png"), second)


def test_metadata_say_how_to_ask_again(command, stand_in, protocol, face, tmp_path):
    assert command(stand_in, version=1, **SETTINGS).status == 0
    about = Image.open(tmp_path / "out/face/sample_02.png").text
    noise = {"z_index": "2", "seed": "5", "temperature": "0.7"}
    assert about == {
        "Software": "tf_gradsr.client",
        "model": "gradsr",
        "model_version": "1",
        **noise,
    }


def test_large_pictures_are_downscaled_as_asked(command, stand_in, rng, tmp_path):
    blocks = rng.integers(0, 256, (6, 6, 3), np.uint8)
    large = blocks.repeat(SCALE, 0).repeat(SCALE, 1)
    # The parts cut off on both sides are from another picture.
    wide = np.concatenate([255 - large[:, :8], large, 255 - large[:, :8]], 1)
    Image.fromarray(wide).save(tmp_path / "face.png")
    result = command(stand_in, "--downscale", lr_size=6, num_samples=1)
    assert result.status == 0, result.err
    np.testing.assert_array_equal(pixels(tmp_path / "out/face/lr.png"), blocks)
    np.testing.assert_array_equal(pixels(tmp_path / "out/face/truth.png"), large)
    assert pixels(tmp_path / "out/face/sample_00.png").shape == large.shape


@pytest.mark.parametrize("protocol", ["grpc"])
def test_answers_of_more_than_grpcs_four_megabytes(command, stand_in, rng, tmp_path):
    stand_in.model.packed = True
    Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8)).save(tmp_path / "face.png")
    assert command(stand_in, signature="sample", num_samples=10).status == 0
    assert 10 * (96 * SCALE) ** 2 * 3 > 4 * 2**20
    assert len(names_in(tmp_path / "out/face")) == 12


# ---------------------------------------------------------------- refused by the graph


def sampling(num_samples=2, seed=(0, 0), temperature=1.0):
    return {
        "num_samples": np.array(num_samples, np.int32),
        "seed": np.array(seed, np.int32),
        "temperature": np.array(temperature, np.float32),
    }


def png(width, height):
    """A picture as it is sent."""
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


LR = np.zeros((1, 4, 4, 3), np.uint8)
BYTES = {"image_bytes": np.array([png(4, 4)], object)}
REFUSED = {
    "shape": ("reconstruct", {"lr": LR[0]}, r"lr must have shape \[B, h, w, 3\].*\[4, 4, 3\]"),
    "z's shape": (
        "hallucinate",
        {"lr": LR, "z": np.zeros((1, 9), np.float32)},
        r"z must have shape \[B, 3\].*\[1, 9\]",
    ),
    "bytes": (
        "sample_encoded",
        {"image_bytes": np.array([b"hello"], object), **sampling()},
        "image_bytes must be png",
    ),
    "cut bytes": (
        "sample_encoded",
        {"image_bytes": np.array([png(4, 4)[:60]], object), **sampling()},
        "image_bytes",
    ),
    "no samples": ("sample", {"lr": LR, **sampling(0)}, r"num_samples must be in \[1, 64\].*0"),
    "10,000 samples": ("sample_encoded", {**BYTES, **sampling(10_000)}, "num_samples must be.*10000"),
    "wide": (
        "sample_encoded",
        {"image_bytes": np.array([png(20_000, 4)], object), **sampling()},
        r"image_bytes must hold pictures of at most 512x512 pixels.*\[4, 20000\]",
    ),
    "wide pixels": ("reconstruct", {"lr": np.zeros((1, 1, 20_000, 3), np.uint8)}, "lr must hold.*20000"),
    "seed": ("sample", {"lr": LR, **sampling(seed=(1, 2, 3))}, r"seed must have shape \[2\]"),
    "temperature": ("sample", {"lr": LR, **sampling(temperature=-1)}, "temperature must be >= 0"),
}
OUTPUT = {"sample": "images", "sample_encoded": "images_bytes"}


@pytest.mark.parametrize("signature, inputs, message", REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_input_and_the_server_continues(ask, signature, inputs, message):
    with pytest.raises(ServerError, match=message) as refused:
        ask(signature, inputs, [OUTPUT.get(signature, "image")])
    assert refused.value.code == "INVALID_ARGUMENT"
    assert ask("reconstruct", {"lr": LR}, ["image"])["image"].shape == (1, 16, 16, 3)


def test_wrong_type_is_refused_before_the_graph(ask, protocol):
    """By the session, which gives the input's number, or by the JSON reader: a graph cannot name it."""
    with pytest.raises(ServerError) as refused:
        ask("reconstruct", {"lr": LR + np.float32(0.5)}, ["image"])
    assert refused.value.code == "INVALID_ARGUMENT"
    words = {"grpc": r"Expects arg\[0\] to be uint8 but float", "rest": "not of expected type: uint8"}
    assert re.search(words[protocol], str(refused.value))
    assert ask("reconstruct", {"lr": LR}, ["image"])["image"].shape == (1, 16, 16, 3)


def test_missing_and_unknown_inputs_are_refused(ask, protocol):
    for inputs, name in (({"lr": LR}, "z"), ({"lr": LR, "noise": np.zeros((1, 3), np.float32)}, "z")):
        with pytest.raises(ServerError, match=rf"INVALID_ARGUMENT.*\b{name}\b"):
            ask("hallucinate", inputs, ["image"])


def test_a_refused_file_does_not_stop_the_others(command, server, faces, tmp_path):
    Image.fromarray(np.zeros((4, 20_000, 3), np.uint8)).save(tmp_path / "wide.png")
    (tmp_path / "text.png").write_text("hello")
    result = command(server, inputs=[faces[0], "wide.png", "text.png", *faces[1:]], num_samples=1)
    assert result.status == 1 and names_in(tmp_path / "out") == ["0", "1", "2", "3", "4", "5"]
    assert re.search(r"wide.png: INVALID_ARGUMENT: .*image_bytes must hold .*20000", result.err)
    assert re.search(r"text.png: not a picture", result.err)
    last = result.err.splitlines()[-1]
    assert last.startswith("2 of 8 files failed: ") and "wide.png" in last and "text.png" in last


def test_too_many_samples_are_the_servers_to_refuse(command, stand_in, face, tmp_path):
    result = command(stand_in, num_samples=10_000)
    assert result.status == 1 and "num_samples must be in [1, 64]. Received: 10000" in result.err
    assert names_in(tmp_path / "out") == []


@pytest.mark.parametrize("name", ["model", "version", "signature"])
def test_what_is_not_served_is_named(command, exported, hallucinator, stand_in, face, name, monkeypatch):
    if name == "signature":
        # As for a model with one answer.
        monkeypatch.delitem(stand_in.model.signatures, "sample_encoded")
    result = command(stand_in, **{"model": {"model": "other"}, "version": {"version": 9}}.get(name, {}))
    words = {"model": r"Latest\(other\)", "version": r"Specific\(gradsr, 9\)", "signature": "sample_encoded"}
    assert result.status == 1 and re.search(rf"not found.*{words[name]}|{words[name]}.*not found", result.err)
    assert "Traceback" not in result.err


# ---------------------------------------------------------------- when the server does not answer


def failing(model, code, times):
    """Makes a server refuse a number of requests."""
    left = iter(range(times))

    def before():
        if next(left, None) is not None:
            raise Refusal(code, f"{code.lower()} for now")

    model.before = before


@pytest.mark.parametrize("protocol, side", [("grpc", 8), ("rest", 8), ("grpc", 300)])
def test_unavailable_is_retried_as_often_as_allowed(command, stand_in, rng, tmp_path, side):
    """Also a large request: 300x300 is more than the 256 KB that gRPC would keep for another try."""
    Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(tmp_path / "face.png")
    failing(stand_in.model, "UNAVAILABLE", 7)
    assert command(stand_in, signature="reconstruct", retries=7).status == 0
    assert len(stand_in.model.asked) == 8 and (tmp_path / "out/face/reconstruction.png").is_file()


def test_each_try_has_its_own_deadline(command, stand_in, face):
    left = iter(range(3))

    def late_and_unavailable():
        if next(left, None) is not None:
            time.sleep(1)
            raise Refusal("UNAVAILABLE", "for now")

    stand_in.model.before = late_and_unavailable
    assert command(stand_in, num_samples=1, deadline=2).status == 0
    assert len(stand_in.model.asked) == 4


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL", "INVALID_ARGUMENT"])
def test_nothing_else_is_retried(command, stand_in, face, tmp_path, code):
    failing(stand_in.model, code, 1)
    result = command(stand_in, num_samples=1)
    assert result.status == 1 and f"face.png: {code}: {code.lower()} for now" in result.err.replace(
        "HTTP 500", "INTERNAL"
    )
    assert len(stand_in.model.asked) == 1 and names_in(tmp_path / "out") == []


def test_a_server_that_stays_away_ends_the_run(command, stand_in, faces, tmp_path):
    failing(stand_in.model, "UNAVAILABLE", 1000)
    result = command(stand_in, inputs=faces, retries=2, in_flight=1)
    assert result.status == 1 and len(stand_in.model.asked) == 3
    last = result.err.splitlines()[-1]
    assert re.search(r"localhost:\d+, model gradsr: UNAVAILABLE: unavailable for now; 6 of 6 files", last)


def test_the_deadline_is_kept(command, stand_in, face, tmp_path):
    over = threading.Event()
    stand_in.model.before = lambda: over.wait(60)
    try:
        result = command(stand_in, deadline=0.5)
    finally:
        over.set()
    assert result.status == 1 and "face.png: DEADLINE_EXCEEDED" in result.err
    assert len(stand_in.model.asked) == 1 and names_in(tmp_path / "out") == []


@contextmanager
def raw_server(answer):
    """Answers each connection with `answer(connection)`; gives (port, list that grows with connections)."""
    listener, asked = socket.create_server(("localhost", 0)), []

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                asked.append(connection)
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    connection.recv(2**16)
                    answer(connection)
                    # Closed with parts of the request unread, it would be reset.
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(2**16):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize("protocol", ["rest"])
def test_an_answer_that_trickles_does_not_outlast_the_deadline(command, face):
    def trickle(connection):
        connection.sendall(HEAD)
        for _ in range(60):
            connection.sendall(b" ")
            time.sleep(0.1)

    with raw_server(trickle) as (port, asked):
        began = time.monotonic()
        result = command(SimpleNamespace(rest=port), deadline=0.5)
        assert time.monotonic() - began < 3
    assert result.status == 1 and "face.png: DEADLINE_EXCEEDED" in result.err and len(asked) == 1


@pytest.mark.parametrize("protocol", ["rest"])
def test_an_answer_that_breaks_off_is_requested_again(command, face):
    with raw_server(lambda connection: connection.sendall(HEAD + b"{")) as (port, asked):
        result = command(SimpleNamespace(rest=port), retries=2)
    assert result.status == 1 and len(asked) == 3 and "UNAVAILABLE: IncompleteRead" in result.err


def test_nobody_listens(command, face, tmp_path):
    grpc_port, rest_port = free_ports()
    result = command(SimpleNamespace(grpc=grpc_port, rest=rest_port), "--downscale", retries=1)
    assert result.status == 1 and "Traceback" not in result.err
    last = result.err.splitlines()[-1]
    assert re.search(
        r"gradsr client: error: localhost:\d+, .*UNAVAILABLE: .*refused.*; 1 of 1 files",
        last,
    )
    assert names_in(tmp_path / "out") == []


def test_no_proxy_comes_between(command, stand_in, face, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://localhost:{free_ports()[0]}")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert command(stand_in, num_samples=1, retries=0).status == 0


def test_the_other_ports_answer_is_explained(command, stand_in, face):
    swapped = SimpleNamespace(grpc=stand_in.rest, rest=stand_in.grpc)
    result = command(swapped, retries=0, deadline=10)
    assert result.status == 1 and re.search("error: localhost:.*UNAVAILABLE", result.err)


def test_several_requests_are_in_flight_and_no_more(command, stand_in, faces, tmp_path):
    together = threading.Barrier(3)
    stand_in.model.before = lambda: together.wait(60)
    assert command(stand_in, inputs=faces, num_samples=1, in_flight=3).status == 0
    assert stand_in.model.busiest == 3 and len(names_in(tmp_path / "out")) == 6


def test_files_are_read_no_faster_than_answers_come():
    begun, results = [], []
    for job, result, error in work_in_flight(
        lambda job: job * 2, (begun.append(n) or n for n in range(9)), 2
    ):
        results.append((job, result, error))
        assert len(begun) - len(results) <= 1
    assert sorted(results) == [(n, 2 * n, None) for n in range(9)]


def test_waits_grow_and_differ(monkeypatch):
    for choose, share in ((min, 0.5), (max, 1.0)):
        monkeypatch.setattr(random, "uniform", lambda low, high, choose=choose: choose(low, high))
        waits = [retries.wait_before_retry(n) for n in range(9)]
        assert waits == [share * wait for wait in (0.5, 1, 2, 4, 8, 16, 30, 30, 30)]


# ---------------------------------------------------------------- interrupted


def test_ctrl_c_leaves_whole_folders_only(stand_in, protocol, faces, tmp_path):
    over, first = threading.Event(), iter([True])
    stand_in.model.before = lambda: next(first, False) or over.wait(60)
    line = command_line(stand_in, protocol, tmp_path, faces, num_samples=1, in_flight=2)
    process = subprocess.Popen(
        [sys.executable, "-m", "tf_gradsr.client", *line],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        # One is done, two are in flight.
        while len(stand_in.model.asked) < 3 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    finally:
        over.set()
        process.kill()
    assert process.returncode == 130
    assert error.splitlines()[-1] == "Interrupted. The folders written so far are complete."
    assert "Traceback" not in error
    (made,) = (tmp_path / "out").iterdir()
    assert names_in(made) == ["lr.png", "sample_00.png"]


def test_interrupted_while_writing(command, stand_in, face, tmp_path, monkeypatch):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("tf_gradsr.export.remote.served_pictures.upscale_alpha", interrupt)
    monkeypatch.setattr(writing.Image.Image, "save", interrupt, raising=True)
    result = command(stand_in, signature="reconstruct")
    assert result.status == 130 and names_in(tmp_path / "out") == []


# ---------------------------------------------------------------- without TensorFlow


def test_it_runs_without_tensorflow(stand_in, protocol, faces, tmp_path):
    code = """
import sys
from tf_gradsr import client
status = client.main(sys.argv[1:])
sys.exit(status or ("tensorflow" in sys.modules and "it was imported"))
"""
    line = command_line(stand_in, protocol, tmp_path, faces[:1], num_samples=1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *line], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path / "out/0") == ["lr.png", "sample_00.png"]


def test_requests_are_the_official_ones():
    inputs = {"lr": LR + 7, **BYTES, **sampling(3, (2**31 - 1, 4), 0.5)}
    sent = predict_messages.encode_request("faces", 12, "sample", inputs, ["images", "mean"])
    request = predict_pb2.PredictRequest.FromString(sent)
    length = request.ByteSize()
    request.DiscardUnknownFields()
    assert request.ByteSize() == length == len(sent)
    spec = request.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("faces", 12, "sample")
    assert list(request.output_filter) == ["images", "mean"] and set(request.inputs) == set(inputs)
    for name, value in inputs.items():
        np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), value)
        assert tf.make_ndarray(request.inputs[name]).dtype == value.dtype
    newest = predict_pb2.PredictRequest.FromString(
        predict_messages.encode_request("faces", None, "sample", {}, [])
    )
    assert not newest.model_spec.HasField("version")


def official(**outputs):
    response = predict_pb2.PredictResponse()
    response.model_spec.version.value = 3
    for name, value in outputs.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return response


def test_answers_are_read_as_tensorflow_reads_them(rng):
    values = {
        "packed": rng.integers(0, 256, (2, 3), np.uint8),
        "floats": rng.normal(size=(2, 2)).astype(np.float32),
        "scalar": np.array(7, np.int32),
        "same": np.full((2, 3), 5, np.uint8),
        "bytes": np.array([[b"\0\xff", b""]], object),
    }
    response = official(**values)
    listed = response.outputs["listed"]
    listed.dtype = tf.uint8.as_datatype_enum
    listed.tensor_shape.dim.add(size=3)
    listed.int_val.extend([0, 128, 255])
    # TensorFlow writes equal values once.
    assert len(tf.make_tensor_proto(5, tf.uint8, [2, 3]).int_val) == 1
    response.outputs["same"].CopyFrom(tf.make_tensor_proto(5, tf.uint8, [2, 3]))
    outputs, version = predict_messages.decode_response(response.SerializeToString())
    assert version == 3
    for name, value in {**values, "listed": np.array([0, 128, 255], np.uint8)}.items():
        np.testing.assert_array_equal(outputs[name], value)
        assert outputs[name].dtype == value.dtype


def test_answers_that_do_not_fit_their_shape_are_refused():
    response = official(image=np.zeros((2, 3), np.uint8))
    response.outputs["image"].tensor_content = b"1234"
    with pytest.raises(predict_messages.UnreadableAnswer, match=r"image holds 4 values.*\[2, 3\]"):
        predict_messages.decode_response(response.SerializeToString())
    strange = official(image=np.zeros(2, np.complex64)).SerializeToString()
    with pytest.raises(predict_messages.UnreadableAnswer, match="image has the type 8"):
        predict_messages.decode_response(strange)


# ---------------------------------------------------------------- the command line


def test_bad_settings_are_one_line(command, face, tmp_path, capsys):
    at = SimpleNamespace(grpc=1, rest=1)
    assert refuses(command(at, num_samples=0), "num_samples: a whole number >0. Received: 0")
    assert refuses(command(at, in_flight=0), "in_flight: a whole number")
    assert refuses(command(at, port=70_000), "port: ")
    assert refuses(command(at, deadline=0), "deadline: a number >0")
    assert refuses(command(at, signature="hallucinate"), "signature: one of sample_encoded")
    assert refuses(command(at, lr_size=16), "lr_size: goes with --downscale")
    assert refuses(command(at, host="http://localhost"), "host: a name")
    assert refuses(command(at, inputs=["missing.png"]), "input: no such file")
    (tmp_path / "empty").mkdir()
    assert refuses(command(at, inputs=["empty"]), "input: no picture there")
    (tmp_path / "out" / "face").mkdir(parents=True)
    assert refuses(command(at), "already exists; give --overwrite")
    with pytest.raises(SystemExit):
        client.main([])
    assert "input: must be given" in capsys.readouterr().err


def test_a_tree_is_mirrored_and_a_batch_goes_on(command, stand_in, rng, tmp_path):
    for name in ("a.png", "below/a.png", "below/deeper/b.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).save(tmp_path / "in" / name)
    options = dict(inputs=["in"], num_samples=1)
    assert command(stand_in, "--recursive", **options).status == 0
    made = tmp_path / "out"
    first = (made / "a/sample_00.png").stat().st_mtime_ns
    assert names_in(made / "below/deeper/b") == ["lr.png", "sample_00.png"]
    assert refuses(command(stand_in, "--recursive", **options), "already exists; give --overwrite")
    shutil.rmtree(made / "below/a")
    done = command(stand_in, "--recursive", "--skip_existing", **options)
    assert done.status == 0 and "2 of 3 inputs have results already" in done.err
    assert names_in(made / "below/a") == ["lr.png", "sample_00.png"]
    assert (made / "a/sample_00.png").stat().st_mtime_ns == first


# ---------------------------------------------------------------- what documents and configs say


def test_the_documents_curl_command(server, rng, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("no curl")
    page = (ROOT / "docs" / "how_to" / "serve.md").read_text(encoding="utf-8")
    curl = re.search(r"^curl \S+:predict .*?\}\}'$", page, re.MULTILINE | re.DOTALL).group()
    Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).save(tmp_path / "face.png")
    line = curl.replace("localhost:8501", f"localhost:{server.rest}")
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count("b64") == 4, done.stdout


def test_the_compose_files_health_check(stand_in):
    compose = yaml.safe_load((ROOT / "export/serving/docker-compose.yaml").read_text(encoding="utf-8"))
    check = compose["services"]["serving"]["healthcheck"]["test"]
    assert check[0] == "CMD" and check[-1].count("/8501") == 1
    healthy = [check[-1].replace("/8501", f"/{port}") for port in (stand_in.rest, free_ports()[0])]
    statuses = [subprocess.run([*check[1:-1], line], capture_output=True).returncode for line in healthy]
    assert statuses[0] == 0 and statuses[1] != 0
    elsewhere = healthy[0].replace("models/gradsr", "models/other")
    assert subprocess.run([*check[1:-1], elsewhere], capture_output=True).returncode != 0


def test_the_real_server_takes_the_config_files(exported, tmp_path):
    real_server_binary()
    configs = ROOT / "export/serving"
    models = (configs / "models.config").read_text(encoding="utf-8")
    (tmp_path / "models.config").write_text(models.replace("/models/gradsr", str(exported.parent)))
    with real_serving(
        f"--model_config_file={tmp_path / 'models.config'}",
        f"--monitoring_config_file={configs / 'monitoring.config'}",
        "--enable_batching=true",
        f"--batching_parameters_file={configs / 'batching.config'}",
        "--enable_model_warmup=false",
    ) as batching:
        asked = GrpcServer("localhost", batching.grpc, "gradsr", None, 60.0)
        z = np.zeros((1, 3), np.float32)
        image = asked.predict("hallucinate", {"lr": LR, "z": z}, ["image"])[0]["image"]
        assert image.shape == (1, 16, 16, 3)
        with pytest.raises(ServerError, match="must have at least one dimension"):
            asked.predict("sample", {"lr": LR, **sampling()}, ["images"])
        asked.close()
