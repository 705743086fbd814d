"""`python -m tf_gradsr.faces COMMAND`, the same as `gradsr faces COMMAND`."""

import sys

from tf_gradsr.cli import dispatch
from tf_gradsr.commands import FACES

if __name__ == "__main__":
    sys.exit(dispatch("gradsr faces", FACES))
