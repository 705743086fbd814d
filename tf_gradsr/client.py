"""Send pictures to a served model and write the results:
gradsr client --host localhost --port 8500 faces/ --output out

Asks TF-Serving over gRPC, or with --rest over REST: one picture per request, several requests at once.
For each input, writes a folder named after it, with files named as gradsr hallucinate names them:
  lr.png                    what was sent
  sample_00.png ...         with --signature sample_encoded or sample; with sample also mean.png
  reconstruction.png        with --signature reconstruct
  truth.png                 with --downscale, the picture that LR was made from
Inputs are read as gradsr hallucinate reads them: png, jpeg, webp, bmp, tiff, gif (the first frame);
grey, palette, CMYK, 16 bits (read as 8), EXIF orientation; alpha is upscaled and kept. Sample i is the one
that gradsr hallucinate makes with the same seed, as far as the two machines compute alike.

A file that fails is reported with the reason, and the others continue. A server that cannot answer at all
ends the run.

Exit status: 0 all done, 1 some files failed or the server did, 2 bad setting, 130 interrupted.
"""

import ipaddress
import sys
from typing import Literal, Optional

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt, restricted_number_type

from tf_gradsr.cli import Parser, run
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.files import prepare_folder
from tf_gradsr.gallery.plan import planned
from tf_gradsr.gallery.writing import RESULT_FOLDER, is_own
from tf_gradsr.home import at_home
from tf_gradsr.options import add_batch, add_downscale, add_noise, add_pictures
from tf_gradsr.tensorflow_start import start_tensorflow

# The ports of TF-Serving's stock image.
GRPC_PORT, REST_PORT = 8500, 8501
Port = restricted_number_type(
    "Port", int, [(">=", 1), ("<=", 65535)], docstring="int restricted to be ≥1 and ≤65535"
)
InFlight = restricted_number_type(
    "InFlight", int, [(">=", 1), ("<=", 64)], docstring="int restricted to be ≥1 and ≤64"
)


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr client", description=__doc__)
    add = parser.add_argument
    add("--host", type=str, default="localhost", help="Name or address of the server. There is no TLS.")
    add("--port", type=Optional[Port], default=None, help=f"{GRPC_PORT}, with --rest {REST_PORT}.")
    add("--rest", action="store_true", help="Ask over REST; gRPC sends pictures in fewer bytes.")
    add_pictures(add)
    add("--model", type=str, default="gradsr", help="The name that the model is served under.")
    add(
        "--version",
        type=Optional[NonNegativeInt],
        default=None,
        help="The model's version; if left out, the newest.",
    )
    add(
        "--signature",
        type=Literal["sample_encoded", "sample", "reconstruct"],
        default="sample_encoded",
        help="sample_encoded: samples, sent as PNG. sample: the same as numbers, and their mean. "
        "reconstruct: z = 0, the most likely picture; the only signature of models with one answer per "
        "picture and of servers that batch requests.",
    )
    add(
        "--num_samples",
        type=PositiveInt,
        default=8,
        help="Samples per input, at most the export's --max_samples. Sample i is the same however many there "
        "are.",
    )
    add_noise(add)
    add_downscale(
        add,
        "The inputs are large: downscale them to LR first, by the mean of each block, for models trained "
        "with data.downscale: area. Asks the server for the scale; starts TensorFlow, which takes seconds.",
    )
    add("--in_flight", type=InFlight, default=4, help="Requests at once, and pictures in memory.")
    add("--deadline", type=PositiveFloat, default=60.0, help="Seconds that each try of a request may take.")
    add(
        "--retries",
        type=NonNegativeInt,
        default=5,
        help="How often to repeat a request while the server is unavailable, after 0.5 s, 1 s, 2 s ... "
        "(at random a little less). A request that the server refuses is not repeated.",
    )
    add_batch(add)
    return parser


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv, interrupted="The folders written so far are complete.")


def _execute(settings):
    _check(settings)
    settings.report = False
    jobs = planned(settings, RESULT_FOLDER, _is_result)
    if not jobs:
        return 0
    for folder in {settings.output, *((settings.output / job.name).parent for job in jobs)}:
        prepare_folder(folder)
    return _ask(settings, [job.file for job in jobs], [job.name for job in jobs])


def _is_result(path):
    return any(is_own(path.parent / f"{name}.png") for name in ("sample_00", "reconstruction"))


def _check(settings):
    if not settings.output:
        raise ConfigError("output: the folder of the results, for example -o out. Received: ''")
    settings.output = at_home(settings.output)
    # An IPv6 address as URLs write it.
    settings.host = settings.host.removeprefix("[").removesuffix("]") if settings.host else settings.host
    for name in ("host", "model"):
        value = getattr(settings, name)
        # Surrogates stand for bytes that are no UTF-8; they are not printable either.
        if not value or not value.isprintable() or any(c in "/ ?#" for c in value):
            raise ConfigError(f"{name}: a name, without spaces or slashes. Received: {value!r}")
    if ":" in settings.host and not _is_address(settings.host):
        raise ConfigError(
            f"host: a name or an address; the port goes into --port. Received: {settings.host!r}"
        )
    if settings.lr_size and not settings.downscale:
        raise ConfigError(
            "lr_size: goes with --downscale; without it the input is LR, whatever its size. "
            f"Received: {settings.lr_size}"
        )


def _is_address(text):
    """Whether a text is an IPv6 address, perhaps with the name of a zone after %."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _ask(settings, files, names):
    from tf_gradsr.export.remote.retries import Retries
    from tf_gradsr.export.remote.served_pictures import ServedPictures
    from tf_gradsr.export.remote.server_errors import ServerError
    from tf_gradsr.progress import ProgressBar

    if settings.downscale:
        # Here, not in the threads.
        start_tensorflow(settings.verbose)
    server = _server(settings)
    with ProgressBar(len(files), "file") as bar:
        retries = Retries(int(settings.retries), bar.set_postfix_str)
        pictures = ServedPictures(server, settings, retries)
        try:
            if settings.downscale:
                pictures.measure_scale()
            failed, unsent = _ask_for_all(pictures, files, names, bar)
        except ServerError as error:
            failed, unsent = [], (files, error)
        finally:
            # An interrupt does not wait for answers.
            retries.stop()
            server.close()
    if failed:
        listed = ", ".join(map(str, failed))
        print(f"{len(failed)} of {len(files)} files failed: {listed}", file=sys.stderr)
    if unsent:
        left, error = unsent
        print(
            f"gradsr client: error: {server.address}, model {settings.model}: {error}; "
            f"{len(left)} of {len(files)} files have no result",
            file=sys.stderr,
        )
    return 1 if failed or unsent else 0


def _server(settings):
    if settings.rest:
        from tf_gradsr.export.remote.rest_server import RestServer as Server
    else:
        from tf_gradsr.export.remote.grpc_server import GrpcServer as Server
    port = settings.port or (REST_PORT if settings.rest else GRPC_PORT)
    version = None if settings.version is None else int(settings.version)
    return Server(settings.host, int(port), settings.model, version, float(settings.deadline))


def _ask_for_all(pictures, files, names, bar):
    """Asks for every file and writes the answers.

    Returns:
        (files that failed, None or (files not done because the server cannot answer at all, its error)).
    """
    from tf_gradsr.export.remote.in_flight import work_in_flight
    from tf_gradsr.export.remote.server_errors import OF_THE_SERVER, ServerError
    from tf_gradsr.gallery.reading import UnreadablePicture

    failed, left, fatal = [], dict(zip(files, names)), None
    # Ends early once the server cannot answer at all.
    jobs = (job for job in zip(files, names) if fatal is None)
    for (file, name), answer, error in work_in_flight(
        lambda job: pictures.ask(job[0]), jobs, int(pictures.settings.in_flight)
    ):
        if isinstance(error, ServerError) and error.code in OF_THE_SERVER:
            fatal = fatal or error
            pictures.retries.stop()
            continue
        try:
            if error is not None:
                raise error
            bar.write(f"{file}: {pictures.write(answer, name)}", file=sys.stdout)
        except (UnreadablePicture, ServerError, OSError, MemoryError) as reason:
            words = str(reason) if isinstance(reason, ServerError) else reason_of(reason)
            bar.write(f"{file}: {words}", file=sys.stderr)
            failed.append(file)
        del left[file]
        bar.set_postfix_str("", refresh=False)
        bar.update()
    return failed, (list(left), fatal) if fatal else None


if __name__ == "__main__":
    sys.exit(main())
