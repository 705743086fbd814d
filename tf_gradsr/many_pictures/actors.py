"""What Ray runs on each device: an actor that loads the model once and makes block after block."""

import json
import traceback
from pathlib import Path

from tf_gradsr.disk import disk_full
from tf_gradsr.errors import ConfigError, reason_of
from tf_gradsr.many_pictures.block_files import FORMATS
from tf_gradsr.many_pictures.request import Request

# Failed pictures that a block names; its results name all.
FAILURES_NAMED = 10
# Kinds of trouble that keep a block from being made: the user's, the machine's, ours.
SETTING, MACHINE, BUG = "setting", "machine", "bug"


class BlockMaker:
    """Called by `ray.data.Dataset.map_batches` with {"block": array of `Block`}.

    TensorFlow is imported here alone: the program that gives out the blocks does without.

    Args:
        request: a `Request`.
    """

    def __init__(self, request: Request):
        self.request, self.trouble = request, None
        try:
            self._load()
        # Told with the first block: an actor whose beginning fails, Ray would start again.
        except Exception as error:
            self.trouble = _trouble(error)

    def _load(self):
        from tf_gradsr.tensorflow_start import start_tensorflow

        request = self.request
        start_tensorflow(request.verbose)
        from tf_gradsr.many_pictures.pictures import PictureMaker

        self.pictures = PictureMaker.load(request)
        about = {
            **self.pictures.hallucinator.identity,
            "consistency": request.consistency,
            "temperature": repr(request.temperature),
        }
        self.files = FORMATS[request.format](request.output, request.seed, about)

    def __call__(self, batch: dict) -> dict:
        """Makes blocks.

        Returns:
            Lists of equal lengths: `number` of the block, `pictures` and `failed`, see `Outcome`; `failures`,
            JSON of the first (name, reason) pairs; `trouble`, the kind of what kept the block from being
            made, or "", and `words`, what is to be said of it.
        """
        rows = [self._row(block) for block in batch["block"]]
        return {key: [row[key] for row in rows] for key in rows[0]}

    def _row(self, block):
        row = {
            "number": block.number,
            "pictures": 0,
            "failed": 0,
            "failures": "[]",
            "trouble": "",
            "words": "",
        }
        if self.trouble:
            return {**row, **self.trouble}
        try:
            return {**row, **self._made(block)}
        except Exception as error:
            return {**row, **_trouble(error)}

    def _made(self, block):
        # Ray gives a block out again when it has lost the answer.
        outcome = self.files.finished(block.number)
        failures = []
        if outcome is None:
            sources = block.sources(Path(self.request.home), self.request.picture_column)
            outcome = self.files.write(block.number, _noting(self.pictures.make(sources), failures))
        return {**vars(outcome), "failures": json.dumps(failures)}


def _noting(made, failures):
    for one in made:
        if one.error and len(failures) < FAILURES_NAMED:
            failures.append((one.name, one.error))
        yield one


def _trouble(error):
    if isinstance(error, ConfigError):
        return {"trouble": SETTING, "words": str(error)}
    full = disk_full(error)
    if full or isinstance(error, (OSError, MemoryError)):
        return {"trouble": MACHINE, "words": str(full) if full else reason_of(error)}
    return {"trouble": BUG, "words": traceback.format_exc()}
