"""`python -m tf_gradsr.web COMMAND`, the same as `gradsr web COMMAND`."""

import sys

from tf_gradsr.cli import dispatch
from tf_gradsr.commands import WEB

if __name__ == "__main__":
    sys.exit(dispatch("gradsr web", WEB))
