"""The machine in words, without its name: cores, instruction sets, accelerators, versions, other work."""

import os
import platform
import sys
from pathlib import Path

CPU_FLAGS = Path("/proc/cpuinfo")
# What decides how fast a network's arithmetic is, the widest last: Linux's flag and its usual name.
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512-BF16",
    "amx_bf16": "AMX-BF16",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bfloat16",
}
# Load above which the machine has other work: runnable processes for each core, before anything is measured.
BUSY = 0.3


def described_machine() -> dict:
    """What a figure depends on, apart from what else the machine does.

    Returns:
        `words`: str, a line for a document. `cores`: int. `instructions`: names of instruction sets.
        `gpus`: names. `tensorflow`, `keras`, `python`: versions.
    """
    import keras
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    found = {
        "cores": usable_cores(),
        "architecture": {"AMD64": "x86_64"}.get(platform.machine(), platform.machine()),
        "instructions": instruction_sets(),
        "gpus": gpus,
        "system": platform.system(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    return {"words": _words(found), **found}


def usable_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def instruction_sets(flags: Path = CPU_FLAGS) -> list:
    """Names of the CPU's instruction sets that matter here; none where Linux's list is missing."""
    try:
        text = flags.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = [line for line in text.splitlines() if line.lower().startswith(("flags", "features"))]
    known = set(lines[0].split()) if lines else set()
    return [name for flag, name in INSTRUCTIONS.items() if flag in known]


def other_work() -> str:
    """Words about what else the machine does, from the load of the last minute; "" if that is little.

    Call it before anything is measured.
    """
    cores = usable_cores()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < BUSY * cores:
        return ""
    return f"shared with other work: load {load:.1f} on {cores} cores before it began"


def _words(found):
    cores = f"{found['cores']} CPU core{'s' * (found['cores'] != 1)}"
    cpu = "x86" if found["architecture"] == "x86_64" else found["architecture"]
    if found["instructions"]:
        cpu += f" with {', '.join(found['instructions'])}"
    gpus = " and ".join(found["gpus"]) or "no GPU"
    versions = f"Python {found['python']}, TensorFlow {found['tensorflow']}, Keras {found['keras']}"
    return f"{cores}, {cpu}, {gpus}; {found['system']}; {versions}"
