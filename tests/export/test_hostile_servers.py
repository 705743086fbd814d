"""What a client says about names that are none and servers that are not TF-Serving, or lie: one line each."""

import base64
import io
import json
import socket
import struct
import threading
import zlib
from concurrent import futures
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from tf_gradsr import client
from tf_gradsr.export.remote.predict_messages import UnreadableAnswer, decode_response

SIDE = 8


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """Runs the command on one picture; returns its status and the lines on standard error."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((SIDE, SIDE, 3), 90, np.uint8)).save("lr.png")

    def run(*options):
        try:
            status = client.main(["lr.png", "-o", "out", "--retries", "0", "--deadline", "2", *options])
        except SystemExit as stopped:
            status = stopped.code
        said = capsys.readouterr().err.replace("\r", "\n").splitlines()
        lines = [line for line in said if line.strip() and "file/s" not in line and "file]" not in line]
        assert not any("Traceback" in line for line in lines), lines
        # Nothing is left in the folder, and nothing beside it.
        if status:
            assert {p.name for p in tmp_path.iterdir()} <= {"lr.png", "out"}
            assert not Path("out").exists() or not list(Path("out").iterdir())
        return status, lines

    return run


# {host or model: what is said}
BAD_NAMES = [
    ("--host", "", "host: a name, without spaces or slashes"),
    ("--host", "http://localhost", "host: a name, without spaces or slashes"),
    ("--host", "localhost:8500", "the port goes into --port"),
    ("--host", "unix:/tmp/x", "host: a name, without spaces or slashes"),
    ("--host", "dns:localhost", "the port goes into --port"),
    ("--host", "\0", "host: a name, without spaces or slashes"),
    ("--host", "a\r\nX: y", "host: a name, without spaces or slashes"),
    ("--host", "\udcff", "host: a name, without spaces or slashes"),
    ("--model", "../x", "model: a name, without spaces or slashes"),
    ("--model", "\udcff", "model: a name, without spaces or slashes"),
    ("--model", "a\x1b[31m", "model: a name, without spaces or slashes"),
    ("--port", "0", "port: a whole number"),
    ("--port", "65536", "port: a whole number"),
    ("--port", "http", "port: "),
]


def test_bad_names_and_ports_are_settings(ask):
    for option, value, said in BAD_NAMES:
        for protocol in ([], ["--rest"]):
            status, lines = ask(option, value, *protocol)
            assert status == 2 and len(lines) == 1 and said in lines[0], (value, lines)


def test_names_that_nobody_has_end_the_run(ask):
    for host in ("nosuch.invalid", "256.256.256.256", "a..b", "a" * 300, "m\u00fcnchen.invalid"):
        for protocol in ([], ["--rest"]):
            status, lines = ask("--host", host, "--port", "9", *protocol)
            assert status == 1 and len(lines) == 1 and "1 of 1 files have no result" in lines[0], lines


# ---------------------------------------------------------------- what answers on a port


@contextmanager
def listening(answer):
    """A port on which `answer(connection)` is called; gives its number."""
    with socket.create_server(("localhost", 0)) as server:

        def serve():
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=(link,), daemon=True).start()

        def handle(link):
            with link:
                link.settimeout(4)
                with suppress(OSError):
                    answer(link)

        threading.Thread(target=serve, daemon=True).start()
        yield str(server.getsockname()[1])


def http(body, status="200 OK", headers="", length=None):
    """An answer to one request, of which everything is read."""

    def answer(link):
        head, _, rest = _until_blank_line(link).partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        left = int(lengths[0].split(b":")[1]) - len(rest) if lengths else 0
        while left > 0:
            left -= len(link.recv(2**16))
        data = body.encode() if isinstance(body, str) else body
        size = len(data) if length is None else length
        link.sendall(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {size}\r\n\r\n".encode() + data)

    return answer


def _until_blank_line(link):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = link.recv(2**16)
        if not piece:
            break
        data += piece
    return data


def _continue_for_ever(link):
    _until_blank_line(link)
    while True:
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        threading.Event().wait(0.01)


STRANGERS = {
    "closes": (lambda link: None, "UNAVAILABLE"),
    "another protocol": (lambda link: link.sendall(b"SSH-2.0-OpenSSH_9\r\n"), "UNAVAILABLE"),
    "noise": (lambda link: link.sendall(bytes(range(256)) * 20), "UNAVAILABLE"),
}


def test_ports_of_something_else_end_the_run(ask):
    for name, (answer, said) in STRANGERS.items():
        for protocol in ([], ["--rest"]):
            with listening(answer) as port:
                status, lines = ask("--port", port, *protocol)
            assert status == 1 and len(lines) == 1 and said in lines[0], (name, lines)


def test_answers_that_never_end_do_not_outlast_the_deadline(ask):
    with listening(_continue_for_ever) as port:
        status, lines = ask("--port", port, "--rest", "--deadline", "0.5")
    assert status == 1 and "lr.png: DEADLINE_EXCEEDED: no answer within 0.5 s" in lines[0]


def png(side, format="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, format)
    return file.getvalue()


def png_that_claims(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def pictures(*files):
    return {"outputs": [[{"b64": base64.b64encode(file).decode()} for file in files]]}


def levels(value, side=4 * SIDE, dtype=float):
    return {"outputs": np.full((1, side, side, 3), value, dtype).tolist()}


ANSWERS = [
    (
        http("", "301 Moved", "Location: http://elsewhere/\r\n"),
        "REDIRECTED: to http://elsewhere/, which is not",
    ),
    (http("", "204 No Content"), "HTTP 204: without a word of explanation"),
    (http("<html>too large</html>", "413 Too Large"), "RESOURCE_EXHAUSTED: <html>too large</html>"),
    (http("<html>bad</html>", "502 Bad Gateway"), "UNAVAILABLE: <html>bad</html>"),
    (http('{"error": "\\u001b[31mred"}', "400 Bad"), "INVALID_ARGUMENT: \\x1b[31mred"),
    (http("[" * 10**5, "400 Bad"), "INVALID_ARGUMENT: [[["),
    (http("<html>"), "INTERNAL: an answer that is not TF-Serving's: '<html>'"),
    (http("[" * 10**5), "INTERNAL: an answer that is not TF-Serving's"),
    (http(b"\x1f\x8b\xff" * 9), "INTERNAL: an answer that is not TF-Serving's"),
    (http('{"outputs": [[{"b64"', length=5000), "UNAVAILABLE: IncompleteRead"),
    (http(json.dumps(pictures(b"x"))), "images_bytes does not hold a picture (not a PNG)"),
    (http(json.dumps(pictures(png(32, "GIF")))), "images_bytes does not hold a picture (not a PNG)"),
    (http(json.dumps(pictures(png(32), png(16)))), "pictures of different sizes"),
    (http(json.dumps(pictures(png(32)))), "images_bytes of shape [1, 1]"),
    (http(json.dumps(pictures(png_that_claims(60_000, 60_000)))), "images_bytes does not hold a picture"),
    # Within Pillow's limit: refused because of its size, before any of it is decoded.
    (http(json.dumps(pictures(png_that_claims(9600, 9600)))), "9600x9600 is not 2 to 16 times LR's size"),
    (http(json.dumps(pictures(png(33)))), "33x33 is not 2 to 16 times LR's size"),
    (http(json.dumps({"outputs": [[{"b64": None}]]})), "an answer that is not TF-Serving's"),
]
LEVELS = [300, -1, np.nan, np.inf, None, "7", True, 10**30]


def test_answers_that_are_not_tf_servings(ask):
    count = ["--num_samples", "2"]
    for answer, said in ANSWERS:
        with listening(answer) as port:
            one = "of shape" in said or "different" in said or "b64" in said
            options = count if one else ["--num_samples", "1"]
            status, lines = ask("--port", port, "--rest", *options)
        assert status == 1 and said in lines[0] and len(lines) <= 2, (said, lines)
    for value in LEVELS:
        answer = http(json.dumps(levels(value, dtype=object)))
        with listening(answer) as port:
            status, lines = ask("--port", port, "--rest", "--signature", "reconstruct")
        assert status == 1 and "INTERNAL" in lines[0] and len(lines) == 2, (value, lines)


def test_a_right_answer_of_such_a_server_is_taken(ask):
    with listening(http(json.dumps(pictures(png(32))))) as port:
        assert ask("--port", port, "--rest", "--num_samples", "1") == (0, [])
    assert np.asarray(Image.open("out/lr/sample_00.png")).shape == (32, 32, 3)


# ---------------------------------------------------------------- gRPC


def response(shape, dtype=4, **values):
    answer = predict_pb2.PredictResponse()
    tensor = tensor_pb2.TensorProto(dtype=dtype, **values)
    for side in shape:
        tensor.tensor_shape.dim.add(size=side)
    answer.outputs["image"].CopyFrom(tensor)
    return answer.SerializeToString()


LYING = [
    response([-1], int_val=[1]),
    response([2**62, 2**62], int_val=[1]),
    # One value stands for all, here for 10 GB.
    response([1, 60_000, 60_000, 3], int_val=[1]),
    response([1] * 100, int_val=[1]),
    response([0] * 100),
    response([1, 2], int_val=[300, 1]),
    response([1, 2], int_val=[-1, 1]),
    response([1, 2], dtype=1, tensor_content=b"1234567"),
    response([1, 2], dtype=99),
    b"\x0a\x04\x0a\x02\xff\xfe",
    bytes(range(256)),
]


@pytest.mark.parametrize("answer", LYING)
def test_lying_messages_are_refused(answer):
    with pytest.raises(UnreadableAnswer):
        decode_response(answer)


def test_a_grpc_server_that_lies_refuses_or_dies_is_one_line(ask):
    def dies(request, context):
        server.stop(0)
        return b""

    answers = [
        (lambda request, context: LYING[2], "image has the shape [1, 60000, 60000, 3], which no answer has"),
        (lambda request, context: b"", "an answer without image; is it this model?"),
        (lambda request, context: context.abort(grpc.StatusCode.INTERNAL, "a\nb\x1b[31m"), "a b\\x1b[31m"),
        (lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, ""), "UNAUTHENTICATED"),
        (dies, ""),
    ]
    for answer, said in answers:
        handler = grpc.unary_unary_rpc_method_handler(answer)
        server = grpc.server(futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers(
            (type("Any", (), {"service": lambda self, call, handler=handler: handler})(),)
        )
        port = server.add_insecure_port("localhost:0")
        server.start()
        status, lines = ask("--port", str(port), "--signature", "reconstruct")
        server.stop(0)
        assert status == 1 and said in lines[0] and len(lines) <= 2, lines


def test_results_stay_in_the_output_folder(ask, tmp_path):
    """Whatever the inputs are called, and where an older result is a link to elsewhere."""
    inputs = tmp_path / "lr.png"
    (tmp_path / "...png").write_bytes(inputs.read_bytes())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "lr").symlink_to(tmp_path / "elsewhere")
    with listening(http(json.dumps(pictures(png(32))))) as port:
        options = ["--rest", "--num_samples", "1", "--port", port]
        client.main(["...png", "-o", "out", *options])
        client.main(["lr.png", "-o", "out", "--overwrite", *options])
    assert {p.name for p in tmp_path.iterdir()} == {"lr.png", "...png", "out", "elsewhere"}
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "picture" in {p.name for p in (tmp_path / "out").iterdir()}
