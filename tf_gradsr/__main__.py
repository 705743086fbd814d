"""The entry point: `gradsr COMMAND`, or `python -m tf_gradsr COMMAND`."""

import sys

from tf_gradsr import __version__


def main(argv=None) -> int:
    """Runs the command; returns its exit status, see `tf_gradsr.cli`."""
    from tf_gradsr.cli import dispatch
    from tf_gradsr.commands import GRADSR

    return dispatch("gradsr", GRADSR, argv, version=f"gradsr {__version__}")


if __name__ == "__main__":
    sys.exit(main())
