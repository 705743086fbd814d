"""The model card in a SavedModel: what the model is, its run, how good it is, which versions made it."""

import json
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tf_gradsr
from tf_gradsr.export.serving.input_checks import Limits
from tf_gradsr.files import json_text, sha256_of
from tf_gradsr.gallery.writing import INTENDED_USE
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_folder import RunFolder

CARD_FILE = Path("assets.extra/model_card.json")


def model_card(
    run: RunFolder,
    hallucinator: Hallucinator,
    consistency: str,
    limits: Limits,
    signatures: dict,
    check: dict,
) -> dict:
    """Returns everything to know about an exported model, ready for JSON.

    Args:
        run: the run it comes from. hallucinator: the model.
        consistency: "exact" or "none". limits: what a request may ask for.
        signatures: as `ServingGraph.signatures` gives them.
        check: as `verify` gives it.
    """
    return {
        **model_facts(run, hallucinator, consistency),
        "signatures": signature_texts(signatures),
        "limits": {
            "num_samples": limits.max_samples,
            "lr_side": limits.max_side,
            "lr_pixels_times_samples": limits.max_pixels,
        },
        "largest_difference_to_python_in_grey_levels": check,
    }


def model_facts(run: RunFolder, hallucinator: Hallucinator, consistency: str) -> dict:
    """What does not depend on the kind of file: the model, its run, data, figures and versions."""
    config = hallucinator.config
    summary = json.loads(run.summary.read_text(encoding="utf-8")) if run.summary.is_file() else None
    return {
        "model": hallucinator.identity["model"],
        "intended_use": INTENDED_USE,
        "weights": f"sha256:{sha256_of(run.weights)}",
        "scale": hallucinator.scale,
        "z_size": hallucinator.z_size,
        "stochastic": hallucinator.stochastic,
        "lr_shape": list(config.lr_shape),
        "consistency": consistency,
        "data": {"source": config.data.source, "downscale": config.data.downscale},
        # The run's summary.json: means over the test pictures; null if training has not ended.
        "metrics": summary,
        "config": config.as_dict(),
        "versions": {
            "tf_gradsr": tf_gradsr.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def signature_texts(signatures: dict) -> dict:
    """{signature: {input: "uint8 [?, ?, ?, 3]"}}"""
    return {
        name: {spec.name: f"{spec.dtype.name} {_shape(spec)}" for spec in specs}
        for name, (_, specs) in signatures.items()
    }


def write_model_card(path, card: dict) -> None:
    """Writes the card as JSON."""
    Path(path).write_text(json_text(card, indent=2) + "\n", encoding="utf-8")


def _shape(spec):
    return "[" + ", ".join("?" if side is None else str(side) for side in spec.shape) + "]"
