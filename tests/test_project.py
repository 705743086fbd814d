"""The project's own rules: imports point down the layers, documents have no dead links."""

import ast
import graphlib
import re

import pytest
from checkout import ROOT

# Each row may import from the rows below it, and from its own package.
LAYERS = [
    ["__main__"],
    [
        *("train", "evaluate", "hallucinate", "photo", "align", "client", "benchmark", "preset_models"),
        *("package_weights", "train_clean_lr", "web", "bulk"),
    ],
    ["photo_report"],
    ["many_pictures", "photo_folder"],
    ["export", "faces"],
    ["result_report"],
    ["training", "evaluation", "result_folder"],
    ["inference"],
    ["lr_input", "picture_input", "results", "tiles"],
    ["registry"],
    ["baselines"],
    ["models", "data"],
    ["losses", "metrics", "gallery", "optimizers", "layers"],
    ["augmentation", "ops", "precision", "run_folder", "run_lock", "sampling"],
    ["run_changes"],
    ["commands", "digests", "options", "run_metrics"],
    ["cli"],
    ["config_files", "files"],
    ["config_checks", "config_digest"],
    ["config", "decoding", "extensions"],
    ["keras_settings"],
    ["disk", "process", "tensorflow_start"],
    ["errors", "home", "memory", "progress", "signals", "standard_streams"],
]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "export").glob("*/README.md")),
]


def rooms_imported(path, package="tf_gradsr"):
    """Modules and packages of a package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{package}."):
            yield node.module.removeprefix(f"{package}.").split(".")[0]
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (name[-1] for name in names if name[0] == package)


def test_imports_point_down_the_layers():
    row = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    files = sorted((ROOT / "tf_gradsr").rglob("*.py"))
    assert len(files) > 20
    for path in files:
        room = path.relative_to(ROOT / "tf_gradsr").parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for imported in rooms_imported(path):
            if imported in row:
                assert imported == room or row[imported] > row[room], f"{path} imports {imported}"


def modules_imported(path, modules):
    """Dotted names of the package's modules that a file imports, late imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (name for name in names if name in modules)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


def test_there_are_no_import_cycles():
    files = sorted((ROOT / "tf_gradsr").rglob("*.py"))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}
    graph = {name: set(modules_imported(path, modules)) for name, path in modules.items()}
    # Raises CycleError, which names the cycle.
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(modules)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_link_to_existing_files(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (path.parent / target).exists(), target
    assert not re.findall(r"[A-Z]+_(?:SENTENCE|TABLE|ROW)", text)


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 8_500
