"""Fills a page's folder."""

import json
import shutil
from pathlib import Path

from tf_gradsr.data.faces import encoded_faces
from tf_gradsr.errors import ConfigError
from tf_gradsr.gallery.report import PALETTE
from tf_gradsr.gallery.writing import INTENDED_USE
from tf_gradsr.web import bundling
from tf_gradsr.web.face_finder import write_face_finder

STATIC = ("index.html", "icon.svg")
# Numbers of embedded test faces of different ages and looks, without odd artefacts; the first is opened.
EXAMPLE_FACES = (31, 14, 82, 3, 67, 55)
# Digits of the weights' digest that pictures name, as in `Hallucinator.identity`.
DIGEST = len("sha256:") + 16


def write_page(model, folder) -> int:
    """Fills a page's folder.

    Args:
        model: path of a LiteRT file, its description beside it.
        folder: an empty folder.

    Returns:
        The folder's size in bytes.

    Raises:
        ConfigError: the description is not valid, or the extra [photos], which finds faces, is not installed.
        BundlingError: npm or the bundler failed.
    """
    model, folder = Path(model), Path(folder)
    facts = page_facts(f"{model}.json")
    bundling.install()
    bundling.bundle(folder)
    for name in STATIC:
        shutil.copyfile(bundling.SOURCES / "src" / name, folder / name)
    styles = (PALETTE, bundling.SOURCES / "src" / "style.css")
    (folder / "style.css").write_bytes(b"\n".join(path.read_bytes() for path in styles))
    shutil.copyfile(model, folder / facts["file"])
    (folder / "wasm").mkdir()
    for path in bundling.wasm_files():
        shutil.copyfile(path, folder / "wasm" / path.name)
    facts["bytes"] = model.stat().st_size
    facts["faces"] = write_example_faces(folder)
    write_face_finder(folder)
    (folder / "gradsr.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def page_facts(description) -> dict:
    """What the page must know about its model, and no more: a config may name its trainer's folders.

    Args:
        description: path of a LiteRT file's description.

    Raises:
        ConfigError: it lacks something, or is not JSON.
    """
    try:
        facts = json.loads(Path(description).read_text(encoding="utf-8"))
        return {
            "file": "model.tflite",
            "name": facts["model"],
            "weights": facts["weights"][:DIGEST],
            "version": facts["versions"]["tf_gradsr"],
            "quantize": facts["quantize"],
            "lr_shape": facts["lr_shape"],
            "scale": facts["scale"],
            "z_size": facts["z_size"],
            "disclaimer": INTENDED_USE,
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"model: a description as gradsr export tflite writes it. Received: {description} ({error!r})"
        ) from error


def write_example_faces(folder) -> list:
    """Writes a few embedded test faces, as they are, below a folder; returns their names, relative to it."""
    (folder / "faces").mkdir()
    faces = encoded_faces("test", EXAMPLE_FACES)
    names = [f"faces/{number:03d}.jpg" for number in EXAMPLE_FACES]
    for number, name in zip(EXAMPLE_FACES, names):
        (folder / name).write_bytes(faces[number])
    return names
