"""Runs jobs in threads, a bounded number at a time."""

import itertools
import queue
import threading


def work_in_flight(work, jobs, at_once: int):
    """Runs jobs in threads; at most `at_once` are begun whose results have not been taken.

    If it is stopped half-way, it leaves its threads behind; they do not keep the process alive.

    Args:
        work: called with a job, in a thread.
        jobs: iterable; read no faster than results are taken.
        at_once: int >= 1.

    Yields:
        (job, result, None) or (job, None, exception), as they become ready.
    """
    todo, done = queue.SimpleQueue(), queue.SimpleQueue()

    def serve():
        while (job := todo.get()) is not None:
            try:
                done.put((job[0], work(job[0]), None))
            except Exception as error:
                done.put((job[0], None, error))

    for _ in range(at_once):
        threading.Thread(target=serve, daemon=True).start()
    jobs, begun = iter(jobs), 0
    try:
        while True:
            for job in itertools.islice(jobs, at_once - begun):
                todo.put((job,))
                begun += 1
            if not begun:
                return
            result = done.get()
            begun -= 1
            yield result
    finally:
        for _ in range(at_once):
            todo.put(None)
