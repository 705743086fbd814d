"""`python -m tf_gradsr.export COMMAND`, the same as `gradsr export COMMAND`."""

import sys

from tf_gradsr.cli import dispatch
from tf_gradsr.commands import EXPORT

if __name__ == "__main__":
    sys.exit(dispatch("gradsr export", EXPORT))
