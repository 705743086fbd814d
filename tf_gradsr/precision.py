"""What suits the machine: whether to use 16-bit convolutions and XLA."""

import sys
from pathlib import Path

import tensorflow as tf

from tf_gradsr.config import TrainConfig

CPU_FLAGS = Path("/proc/cpuinfo")
# x86's names and Arm's for multiplying bfloat16.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
# The first compute capability of NVIDIA's GPUs that multiply each format: Ampere; Volta's tensor cores.
CAPABILITIES = {"mixed_bfloat16": (8, 0), "mixed_float16": (7, 0)}


def usable_precision(asked: str, setting: str = "train.precision") -> str:
    """Returns the precision to compute with: `asked`, or float32 if the device has not got its format.

    It then prints a note.

    Args:
        asked: "float32", "mixed_bfloat16" or "mixed_float16".
        setting: what asked for it, for the note.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if asked == "float32" or (_gpus_multiply(gpus, asked) if gpus else _cpu_multiplies(asked)):
        return asked
    device, name = "GPU" if gpus else "CPU", asked.removeprefix("mixed_")
    print(f"{setting}: this {device} has no {name}; float32 is used.", file=sys.stderr)
    return "float32"


def uses_xla(settings: TrainConfig, replicas: int = 1) -> bool:
    """Whether XLA compiles the step: as `train.jit_compile` says, else on a single GPU only."""
    if settings.jit_compile is None:
        return replicas == 1 and bool(tf.config.list_physical_devices("GPU"))
    return settings.jit_compile


def cpu_multiplies_bfloat16(flags: Path = CPU_FLAGS) -> bool:
    """Whether the processor has instructions for bfloat16, according to Linux's list of its flags."""
    try:
        text = flags.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = [line for line in text.splitlines() if line.lower().startswith(("flags", "features"))]
    return bool(lines) and all(BFLOAT16_FLAGS & set(line.split()) for line in lines)


def _cpu_multiplies(precision):
    # The few CPUs that multiply float16 were not tried.
    return precision == "mixed_bfloat16" and cpu_multiplies_bfloat16()


def _gpus_multiply(gpus, precision):
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability") for gpu in gpus]
    return all(found is not None and found >= CAPABILITIES[precision] for found in capabilities)
