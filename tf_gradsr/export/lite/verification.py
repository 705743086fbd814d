"""Runs a LiteRT file as a program on a phone does, and compares its answers with the Python model's."""

import io
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tf_gradsr import ops
from tf_gradsr.export.lite.operators import left_to_cpu, operations
from tf_gradsr.inference import Hallucinator

# Grey levels of uint8, for the kinds of files that keep floats.
LARGEST_DIFFERENCE = 2.0
# dB, over all pictures together, for the kinds that do not.
SMALLEST_PSNR = 38.0
EXACT_KINDS = ("none", "float16")
_STATEFUL = {"READ_VARIABLE", "VAR_HANDLE", "ASSIGN_VARIABLE", "CALL_ONCE"}


class WrongFile(RuntimeError):
    """The converted file differs from the Python model, or a phone cannot run it."""


@dataclass(frozen=True)
class Differences:
    """How far a signature's answers are from the Python model's, over all pictures compared."""

    mean: float
    """Mean absolute difference of pictures, grey levels."""
    max: float
    """Largest difference of pictures, grey levels."""
    psnr: float | None
    """dB; None if all pictures are equal."""
    gradient_max: float
    """Largest difference of image gradients, grey levels; see `compared`."""


def verify(model: bytes, hallucinator: Hallucinator, consistency: str, quantize: str, lr) -> dict:
    """Compares a file with the model that it was made from.

    Args:
        model: the file's bytes.
        hallucinator: the model. consistency, quantize: those of the file.
        lr: uint8 `[N, h, w, 3]`, the pictures to compare on; each with its own z.

    Returns:
        {signature: `Differences` as a dict}.

    Raises:
        WrongFile: too far from the model, or an operation that is not LiteRT's own or keeps state.
    """
    check_operations(model, gpu=hallucinator.stochastic)
    interpreter = Interpreter(model_content=model)
    differences = {}
    for signature in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(signature)
        differences[signature] = compared(runner, signature, hallucinator, consistency, lr)
        check_limits(signature, differences[signature], quantize)
    return {signature: asdict(difference) for signature, difference in differences.items()}


def check_operations(model: bytes, gpu: bool) -> None:
    """Checks that a phone can run a file.

    Args:
        model: the file's bytes.
        gpu: whether its GPU must run it too; baselines may have operations that GPUs leave to the CPU.

    Raises:
        WrongFile: an operation that is not LiteRT's own, keeps weights as variables, or is not for GPUs.
    """
    names = operations(model)
    # LiteRT's own names are in capitals; TensorFlow's begin with "Flex".
    foreign = {name for name in names if not name.isupper()} | (names & _STATEFUL)
    if foreign:
        raise WrongFile(f"operations that a phone lacks: {', '.join(sorted(foreign))}")
    left = left_to_cpu(model)
    if gpu and left:
        raise WrongFile(f"operations that a phone's GPU lacks: {', '.join(sorted(left))}")
    if gpu and not analyzer_finds_it_fit_for_gpus(model):
        raise WrongFile("TensorFlow's analyzer finds operations that a phone's GPU lacks")


def analyzer_finds_it_fit_for_gpus(model: bytes) -> bool:
    """Whether `tf.lite.experimental.Analyzer` approves of a file; TensorFlow 2.21's approves of any."""
    said = io.StringIO()
    with redirect_stdout(said):
        tf.lite.experimental.Analyzer.analyze(model_content=model, gpu_compatibility=True)
    return "looks compatible with GPU delegate" in said.getvalue()


def compared(runner, signature: str, hallucinator: Hallucinator, consistency: str, lr) -> Differences:
    """The differences of one signature.

    Args:
        runner: callable with the signature's inputs by name, one picture each -> dict of arrays.

    Raises:
        WrongFile: an answer has other names, shapes or types.
    """
    z = np.zeros((len(lr), hallucinator.z_size), np.float32)
    if signature == "hallucinate":
        z = np.random.default_rng(0).normal(size=z.shape).astype(np.float32)
    images, gradients = hallucinator.generate(lr, z, consistency)
    steps, gradient_steps = [], []
    # Image gradients of a picture are at most 2 sqrt(2). The output of untrained weights can be far larger;
    # differences then count in proportion.
    gradient_level = ops.LEVEL * max(1.0, float(gradients.max()) / 8**0.5)
    for i in range(len(lr)):
        inputs = {"lr": lr[i : i + 1], "z": z[i : i + 1]}
        answer = runner(**{name: inputs[name] for name in runner.get_input_details()})
        right = {"image": images[i : i + 1], "gradient": gradients[i : i + 1]}
        _check_outputs(signature, answer, right)
        steps.append(np.abs(answer["image"].astype(np.float64) - right["image"]))
        gradient_steps.append(np.abs(answer["gradient"] - right["gradient"]).max() / gradient_level)
    square = float(np.mean(np.square(steps)))
    psnr = float(10 * np.log10(255**2 / square)) if square else None
    return Differences(float(np.mean(steps)), float(np.max(steps)), psnr, float(np.max(gradient_steps)))


def check_limits(signature: str, found: Differences, quantize: str) -> None:
    """Raises `WrongFile` for a signature that is too far from the Python model."""
    if quantize in EXACT_KINDS:
        largest = max(found.max, found.gradient_max)
        # Written so that NaN is refused too.
        if not largest <= LARGEST_DIFFERENCE:
            raise WrongFile(
                f"{signature} differs by up to {found.max:.2f} grey levels from the Python model, its "
                f"gradient by {found.gradient_max:.2f}; allowed: {LARGEST_DIFFERENCE:g}"
            )
    elif not np.isfinite(found.gradient_max):
        raise WrongFile(f"{signature} gives image gradients that are not finite")
    elif found.psnr is not None and not found.psnr >= SMALLEST_PSNR:
        raise WrongFile(
            f"{signature} has {found.psnr:.1f} dB PSNR to the Python model; needed: {SMALLEST_PSNR:g}"
        )


def _check_outputs(signature, answer, right):
    for name, expected in right.items():
        value = answer.get(name)
        if value is None or value.shape != expected.shape or value.dtype != expected.dtype:
            raise WrongFile(f"{signature}: {name} must be {expected.dtype} {expected.shape}")
