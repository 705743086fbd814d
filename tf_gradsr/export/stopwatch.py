"""Loads one exported model in its own process and times it.

python -m tf_gradsr.export.stopwatch MODEL THREADS

Talks to `gradsr benchmark` in lines of JSON: says what it loaded and then, for each [runs, batch] that it
reads, how long so many runs on so many pictures took. TensorFlow is not loaded for LiteRT files.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

# Where Linux says how much memory a process uses and has used.
STATUS = Path("/proc/self/status")
MODEL_CARD = "assets.extra/model_card.json"
DEFAULT_LR_SHAPE = (16, 16)


def main(argv=None) -> int:
    """Serves one model until its input ends; returns 0."""
    path, threads = argv or sys.argv[1:]
    idle = memory("VmRSS")
    load = _runtime_for(Path(path))(int(threads))
    of_runtime = memory("VmHWM")
    signature, shapes, run = load(path)
    say({"signature": signature, "lr_shape": list(shapes["lr"][1:3])})
    for line in sys.stdin:
        count, batch = json.loads(line)
        inputs = _inputs(shapes, batch)
        seconds = [timed(run, inputs) for _ in range(count)]
        say({"seconds": seconds, "memory": memory("VmHWM") - idle, "runtime": of_runtime - idle})
    return 0


def _runtime_for(path):
    """What runs a model: LiteRT a file, TensorFlow a SavedModel's folder, `Hallucinator` a run's folder."""
    if path.is_file():
        return _litert
    return _saved_model if (path / "saved_model.pb").is_file() else _hallucinator


def timed(run, inputs) -> float:
    """Seconds of one answer, from NumPy arrays to NumPy arrays."""
    start = time.perf_counter()
    run(inputs)
    return time.perf_counter() - start


def memory(name: str) -> float:
    """Bytes of this process in memory, now ("VmRSS") or at most so far ("VmHWM"); NaN outside Linux."""
    if not STATUS.exists():
        return float("nan")
    lines = dict(line.split(":", 1) for line in STATUS.read_text(encoding="utf-8").splitlines())
    return int(lines[name].split()[0]) * 1024


def say(values: dict) -> None:
    """Writes one line."""
    print(json.dumps(values), flush=True)


def _litert(threads):
    """Loads the runtime; returns path -> (signature, shapes of inputs for one picture, function of inputs).

    A file is made for one picture: several are run one after the other.
    """
    from ai_edge_litert.interpreter import Interpreter

    def load(path):
        interpreter = Interpreter(model_path=path, num_threads=threads)
        signature = _default(interpreter.get_signature_list())
        runner = interpreter.get_signature_runner(signature)
        details = runner.get_input_details()
        shapes = {name: [int(side) for side in found["shape"]] for name, found in details.items()}

        def run(inputs):
            for number in range(len(inputs["lr"])):
                runner(**{name: value[number : number + 1] for name, value in inputs.items()})

        return signature, shapes, run

    return load


def _saved_model(threads):
    """The same for SavedModels, by `tf.saved_model.load`."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def load(path):
        model = tf.saved_model.load(path, tags=["serve"])
        signature = _default(model.signatures)
        function = model.signatures[signature]
        specs = {spec.name: spec for spec in function.structured_input_signature[1].values()}
        shapes = {"lr": [1, *_lr_shape(path), 3]}
        if "z" in specs:
            shapes["z"] = [1, specs["z"].shape[1]]

        def run(inputs):
            answers = function(**{name: tf.constant(value) for name, value in inputs.items()})
            return {name: answer.numpy() for name, answer in answers.items()}

        # Kept alive, since its variables would go with it.
        run.model = model
        return signature, shapes, run

    return load


def _hallucinator(threads):
    """The same for the folders of runs, by `Hallucinator`: the Keras network, compiled by `tf.function`."""
    import tensorflow as tf

    from tf_gradsr.inference import Hallucinator

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    def load(path):
        model = Hallucinator.load(path)
        shapes = {"lr": [1, *model.config.lr_shape, 3], "z": [1, model.z_size]}
        return "hallucinate", shapes, lambda inputs: model.generate(**inputs)

    return load


def _default(signatures):
    """The signature that is timed."""
    return "hallucinate" if "hallucinate" in signatures else "reconstruct"


def _lr_shape(path):
    """(height, width) that a SavedModel's network was trained with, from its model card."""
    card = Path(path) / MODEL_CARD
    return json.loads(card.read_text(encoding="utf-8"))["lr_shape"] if card.is_file() else DEFAULT_LR_SHAPE


def _inputs(shapes, batch):
    """Random inputs for so many pictures."""
    rng = np.random.default_rng(0)
    inputs = {"lr": rng.integers(0, 256, [batch, *shapes["lr"][1:]], np.uint8)}
    if "z" in shapes:
        inputs["z"] = rng.normal(size=[batch, *shapes["z"][1:]]).astype(np.float32)
    return inputs


if __name__ == "__main__":
    sys.exit(main())
