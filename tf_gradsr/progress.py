"""A progress bar on standard error that shows what a long task is doing and how long it will take."""

import sys
from contextlib import suppress

from tqdm import tqdm

# Seconds between updates. In a log file, where each is a line, few are enough.
ON_TERMINALS, IN_FILES = 0.2, 10.0


class ProgressBar(tqdm):
    """A progress bar with named phases; its time left ignores what happens only once.

    Args:
        total: int, pieces of work.
        unit: str, what one of them is, such as "file".
        initial: int, pieces that were done before.
        hidden: bool, True to show nothing.
    """

    def __init__(self, total, unit, initial=0, hidden=False):
        self._once = False
        super().__init__(
            total=total,
            initial=initial,
            unit=f" {unit}s" if unit == "picture" else unit,
            mininterval=ON_TERMINALS if sys.stderr.isatty() else IN_FILES,
            dynamic_ncols=True,
            file=sys.stderr,
            disable=hidden,
        )

    def begin(self, phase: str, once: str = "") -> None:
        """Names the phase that begins.

        Args:
            phase: str, such as "Measuring".
            once: str, what comes before its first piece, such as "building the graph"; not counted.
        """
        self._phase, self._once = phase, bool(once)
        self.set_description_str(f"{phase}: {once}" if once else phase)

    def display(self, *args, **kwargs):
        """Draws the bar. Work goes on without it where it cannot be shown: no terminal any more, a full disk.

        Raises:
            BrokenPipeError: what reads standard error wants no more.
        """
        try:
            return super().display(*args, **kwargs)
        except BrokenPipeError:
            raise
        except OSError:
            self.disable = True

    def close(self):
        """Ends the bar's line."""
        with suppress(OSError):
            super().close()

    def update(self, n=1):
        """Counts n pieces as done."""
        if self._once:
            self._once = False
            # Moves the start of the clock to now.
            self.unpause()
            self.set_description_str(self._phase, refresh=False)
        return super().update(n)
