"""Writes graphs of a Keras network as a SavedModel."""

from pathlib import Path

import keras


def write_saved_model(path: Path, generator, signatures: dict) -> None:
    """Writes a SavedModel; the first signature is `serving_default` too.

    Args:
        path: its folder. generator: the network whose weights it holds.
        signatures: as `ServingGraph.signatures` gives them.
    """
    archive = keras.export.ExportArchive()
    archive.track(generator)
    for name, (function, specs) in signatures.items():
        archive.add_endpoint(name, function, input_signature=specs)
    archive.write_out(str(path), verbose=False)
