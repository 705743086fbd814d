"""Holds a server under load, with hostile requests between the others, and checks every answer.

python -m benchmarks.serving_load --minutes 10 --clients 8

Exports a run, serves it with tensorflow_model_server where that is installed, otherwise with the tests'
stand-in (its protocols, TensorFlow's session behind them), and asks over gRPC from several threads. One
request in ten is hostile: a wrong shape, bytes that are no picture, a PNG that claims 60,000x60,000 pixels,
one that is cancelled half-way, or half an HTTP request. The others must give the very bytes that the same
server gave when it was asked for nothing else. Prints requests, wrong answers, the median and the 99th
percentile of the times of answers, and the server's memory: at the start, at the end, and its slope without
the first fifth; of the stand-in also what its heap holds, since the C library keeps what programs have freed.
"""

import argparse
import ctypes
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import grpc
import numpy as np
import psutil

from tf_gradsr.export.remote.grpc_server import GrpcServer
from tf_gradsr.export.remote.predict_messages import PREDICT, encode_request
from tf_gradsr.export.remote.served_pictures import as_png
from tf_gradsr.export.remote.server_errors import ServerError

SHARE = 0.1
FACES, SAMPLES, MODEL = 16, 2, "gradsr"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--run", default="faces_8x", help="A run's folder, or a model of the package.")
    parser.add_argument("--model", metavar="MODEL/1", help="An exported one, instead of exporting the run.")
    parser.add_argument("--serve", metavar="MODEL/1", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        return _serve(Path(options.serve))
    with tempfile.TemporaryDirectory() as folder:
        version = Path(options.model or Path(folder) / MODEL / "1")
        if not options.model:
            command = [sys.executable, "-m", "tf_gradsr", "export", "saved-model", "--run", options.run]
            subprocess.run([*command, "-o", str(version)], check=True, stdout=subprocess.DEVNULL)
        process, ports, name = _started(version)
        try:
            _load(process, ports, name, options)
        finally:
            process.terminate()
            process.wait()
    return None


# The server ------------------------------------------------------------------------------------------------


def _started(version):
    """(process, (gRPC port, REST port), name) of a server that is ready."""
    real = shutil.which("tensorflow_model_server")
    if real:
        ports = [_free_port(), _free_port()]
        options = [f"--port={ports[0]}", f"--rest_api_port={ports[1]}", f"--model_name={MODEL}"]
        process = subprocess.Popen([real, *options, f"--model_base_path={version.parent}"])
        return process, ports, "tensorflow_model_server"
    command = [sys.executable, "-m", "benchmarks.serving_load", "--serve", str(version)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    return process, [int(port) for port in process.stdout.readline().split()], "the tests' stand-in"


def _serve(version):
    from tests.export.prediction_server import serving

    with serving(version, MODEL) as (_, *ports):
        print(*ports, flush=True)
        for _ in sys.stdin:
            print(*_heap(), flush=True)


class _MallocInformation(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")]
    _fields_ += [
        (name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]


def _heap():
    """Bytes that the C library has given out, and those it got back and keeps; NaN without glibc 2.33."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return float("nan"), float("nan")
    ask.restype = _MallocInformation
    heap = ask()
    return heap.uordblks + heap.hblkhd, heap.fordblks


def _free_port():
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


# Requests --------------------------------------------------------------------------------------------------


def requests():
    """[(signature, inputs, outputs)] on embedded faces, downscaled."""
    from tf_gradsr.config import Config
    from tf_gradsr.data import load_pictures

    config = Config()
    config.data.source, config.data.limit = "faces", FACES
    large = load_pictures(config, "test", progress=False).array.astype(np.float64)
    size = large.shape[1] // config.model.scale
    lr = np.uint8(np.round(large.reshape(len(large), size, config.model.scale, size, -1, 3).mean((2, 4))))
    made = []
    for number, picture in enumerate(lr):
        noise = {
            "num_samples": np.array(SAMPLES, np.int32),
            "seed": np.array([number, 0], np.int32),
            "temperature": np.array(1, np.float32),
        }
        encoded = {"image_bytes": np.array([as_png(picture)], object), **noise}
        made.append(("sample_encoded", encoded, ["images_bytes"]))
        made.append(("reconstruct", {"lr": picture[np.newaxis]}, ["image"]))
    return made


def claiming_png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")


class Hostile:
    """Makes a hostile request; returns whether the server took it as it should: refused, or let go."""

    def __init__(self, server, ports, good):
        self.server, self.ports, self.good = server, ports, good
        self.channel = grpc.insecure_channel(f"localhost:{ports[0]}")

    def __call__(self, rng):
        kind = rng.choice(["shape", "noise", "huge", "cancelled", "half"])
        return kind, getattr(self, f"_{kind}")(rng)

    def _shape(self, rng):
        shapes = [(2, 2), (1, 0, 4, 3), (1, 16, 16, 4), (1, 4096, 4096, 3), (3,)]
        lr = np.zeros(shapes[rng.integers(len(shapes))], np.uint8)
        return self._refused("reconstruct", {"lr": lr}, ["image"])

    def _noise(self, rng):
        return self._encoded(rng.bytes(int(rng.integers(0, 5000))))

    def _huge(self, rng):
        return self._encoded(claiming_png(60_000, 60_000))

    def _encoded(self, data):
        signature, inputs, outputs = self.good[0]
        return self._refused(signature, {**inputs, "image_bytes": np.array([data], object)}, outputs)

    def _refused(self, *request):
        try:
            self.server.predict(*request)
        except ServerError as error:
            return error.code == "INVALID_ARGUMENT"
        return False

    def _cancelled(self, rng):
        signature, inputs, outputs = self.good[rng.integers(len(self.good))]
        message = encode_request(MODEL, None, signature, inputs, outputs)
        call = self.channel.unary_unary(PREDICT).future(message)
        time.sleep(float(rng.uniform(0, 0.05)))
        call.cancel()
        return True

    def _half(self, rng):
        with socket.create_connection(("localhost", self.ports[1]), timeout=10) as link:
            link.sendall(
                f"POST /v1/models/{MODEL}:predict HTTP/1.1\r\nContent-Length: 9999\r\n\r\n{{".encode()
            )
        return True


# Load ------------------------------------------------------------------------------------------------------


def _load(process, ports, name, options):
    good = requests()
    servers = [GrpcServer("localhost", ports[0], MODEL, None, 120.0) for _ in range(options.clients)]
    _wait(servers[0], good[0])
    expected = [_answer(servers[0], request) for request in good]
    assert expected == [_answer(servers[0], request) for request in good]
    counts = {"answers": 0, "wrong": 0, "failed": 0, "hostile": 0, "not refused": 0}
    seconds, memory, lock = [], [], threading.Lock()
    start = time.monotonic()
    end = start + 60 * options.minutes

    def client(number):
        rng, server = np.random.default_rng(number), servers[number]
        hostile = Hostile(server, ports, good)
        while time.monotonic() < end:
            if rng.random() < SHARE:
                kind, as_expected = hostile(rng)
                with lock:
                    counts["hostile"] += 1
                    counts[kind] = counts.get(kind, 0) + 1
                    counts["not refused"] += not as_expected
                continue
            which, begin = int(rng.integers(len(good))), time.monotonic()
            try:
                right = _answer(server, good[which]) == expected[which]
                outcome = "answers" if right else "wrong"
            except ServerError as error:
                print(error, file=sys.stderr)
                outcome = "failed"
            with lock:
                counts[outcome] += 1
                seconds.append(time.monotonic() - begin)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(options.clients)]
    for thread in threads:
        thread.start()
    watched = psutil.Process(process.pid)
    while any(thread.is_alive() for thread in threads):
        sizes = (watched.memory_info().rss, *_heap_of(process))
        memory.append((time.monotonic() - start, *(size / 2**20 for size in sizes)))
        time.sleep(2)
    for thread in threads:
        thread.join()
    _report(name, options, counts, seconds, np.array(memory))


def _heap_of(process):
    """What the stand-in says of its heap, see `_heap`; NaN for another server."""
    if process.stdin is None:
        return float("nan"), float("nan")
    process.stdin.write("heap\n")
    process.stdin.flush()
    return [float(size) for size in process.stdout.readline().split()]


def _wait(server, request):
    for _ in range(120):
        try:
            return server.predict(*request)
        except ServerError:
            time.sleep(1)
    raise SystemExit("the server does not answer")


def _answer(server, request):
    outputs, _ = server.predict(*request)
    return {
        name: (value.tolist() if value.dtype == object else value.tobytes())
        for name, value in outputs.items()
    }


def _report(name, options, counts, seconds, memory):
    print(f"{name}, {options.minutes:g} minutes, {options.clients} clients")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print(
        f"{len(seconds) / memory[-1, 0]:.1f} answers a second; p50 {_ms(seconds, 50)}, p99 {_ms(seconds, 99)}"
    )
    late = memory[memory[:, 0] > memory[-1, 0] / 5]
    for column, what in enumerate(("memory", "allocated", "freed, but kept"), 1):
        sizes = memory[:, column]
        if np.isfinite(sizes).all():
            slope = np.polyfit(late[:, 0] / 60, late[:, column], 1)[0]
            print(
                f"{what}: {sizes[0]:.0f} MB at the start, {sizes[-1]:.0f} at the end, at most "
                f"{sizes.max():.0f}; slope {slope:+.2f} MB a minute after the first fifth"
            )


def _ms(seconds, percentile):
    return f"{1000 * np.percentile(seconds, percentile):.0f} ms"


if __name__ == "__main__":
    main()
