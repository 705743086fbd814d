"""Repeats requests while a server is unavailable: it is starting, restarting or overloaded."""

# Why not the libraries' own retries. gRPC's (service config) stop after 5 tries whatever --retries says, have
# one deadline for all tries, try requests above 256 KB only once, and do not tell the user that they wait.
# urllib3's treat a request that passed its deadline as a broken connection and send it again, do not repeat
# one whose answer broke off, and sleep where `stop` does not wake them.

import random
import threading

from tf_gradsr.export.remote.server_errors import ServerError

# Seconds; each wait is about twice as long as the one before, up to the longest.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0


class Retries:
    """Repeats requests that failed with UNAVAILABLE, and no others; may be used from several threads.

    Args:
        count: how often to repeat a request at most.
        waiting: called with a few words before each wait.
    """

    def __init__(self, count: int, waiting=lambda words: None):
        self.count = count
        self.waiting = waiting
        self._stopped = threading.Event()

    def call(self, ask):
        """Returns what `ask()` returns.

        Raises:
            ServerError: any but UNAVAILABLE, or UNAVAILABLE after the last try.
        """
        for number in range(self.count + 1):
            try:
                return ask()
            except ServerError as error:
                if error.code != "UNAVAILABLE" or number == self.count or self._stopped.is_set():
                    raise
                self.waiting(f"{error.code}, retry {number + 1} of {self.count}")
                if self._stopped.wait(wait_before_retry(number)):
                    raise
        raise AssertionError("not reached")

    def stop(self) -> None:
        """Ends all waits: a waiting request fails with its last error."""
        self._stopped.set()


def wait_before_retry(number: int) -> float:
    """Seconds before retry `number`, counted from 0: exponential, up to half of it random.

    Clients that failed together then do not come back together.
    """
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**number)
    return random.uniform(longest / 2, longest)
