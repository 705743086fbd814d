"""Serve a built page on this machine: gradsr web serve

Any static web server does as well. This one also sends the two headers that let the page use threads
(Cross-Origin-Opener-Policy, Cross-Origin-Embedder-Policy); without them the page runs on one.
"""

import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from jsonargparse.typing import restricted_number_type

from tf_gradsr.cli import CommandFailed, Parser, run
from tf_gradsr.errors import ConfigError

DIST = Path("export") / "web" / "dist"
PORT = 8000
PortOrAny = restricted_number_type(
    "PortOrAny", int, [(">=", 0), ("<=", 65535)], docstring="int restricted to be ≥0 and ≤65535"
)


def build_parser() -> Parser:
    """The command line's parser."""
    parser = Parser(prog="gradsr web serve", description=__doc__)
    add = parser.add_argument
    add("--folder", type=str, default=str(DIST), metavar="DIR", help="A page of gradsr web build.")
    add("--port", type=PortOrAny, default=PORT, help="0: any that is free.")
    add(
        "--host",
        type=str,
        default="127.0.0.1",
        help="Address to listen on. 0.0.0.0 lets other machines in; from there browsers allow neither camera "
        "nor threads without https.",
    )
    return parser


class PageHandler(SimpleHTTPRequestHandler):
    """Serves files with the right types and the headers that isolate the page."""

    # Not the machine's own tables, which may lack these or have them wrong.
    extensions_map = {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".wasm": "application/wasm",
        "": "application/octet-stream",
    }

    def end_headers(self):
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("X-Content-Type-Options", "nosniff")
        # So that a rebuilt page shows at once.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def send_head(self):
        try:
            return super().send_head()
        except ValueError:  # a null byte in the path
            self.send_error(404)
            return None

    def list_directory(self, path):
        self.send_error(404)

    def log_message(self, *message):
        """Keeps the terminal quiet."""


class PlainHandler(PageHandler):
    """Answers as most static servers do: without the headers that isolate the page."""

    def send_header(self, keyword, value):
        if not keyword.startswith("Cross-Origin"):
            super().send_header(keyword, value)


class PageServer(ThreadingHTTPServer):
    """A server that does not report visitors who leave before everything has been sent."""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def page_server(folder, host: str = "127.0.0.1", port: int = 0, handler=PageHandler) -> PageServer:
    """Returns a server of a folder that does not serve yet; its port is `server_port`."""
    return PageServer((host, port), partial(handler, directory=str(folder)))


@contextmanager
def serving(folder, handler=PageHandler):
    """Serves a folder while the block runs; gives its URL, which ends in /."""
    server = page_server(folder, handler=handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    return run(build_parser(), _execute, argv)


def _execute(settings):
    if not (Path(settings.folder) / "gradsr.json").is_file():
        raise ConfigError(
            f"folder: a page, made by make web or gradsr web build. Received: {settings.folder}"
        )
    try:
        server = page_server(settings.folder, settings.host, int(settings.port))
    except OSError as error:
        raise CommandFailed(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}); choose another --port"
        ) from error
    with server:
        host = "localhost" if settings.host == "127.0.0.1" else settings.host
        print(f"http://{host}:{server.server_port} (Ctrl-C ends it)", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
