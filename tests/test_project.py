"""The house's own rules: imports run down its layers, documents hold no gaps."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each row may import from the rows below it, and from its own package.
LAYERS = [
    ["train", "evaluate", "hallucinate", "package_weights"],
    ["training", "evaluation", "result_folder"],
    ["inference"],
    ["registry"],
    ["baselines"],
    ["models", "data"],
    ["losses", "metrics", "gallery", "optimizers"],
    ["augmentation", "ops", "run_folder"],
    ["config_parser", "files"],
    ["config", "decoding"],
]
# Rooms of the folder `export`, which may import from any row of the package too.
EXPORT_LAYERS = [
    ["saved_model", "client", "tflite", "benchmark"],
    ["archive", "served_pictures", "lite_file", "benchmark_runs"],
    ["verification", "model_card", "lite_conversion", "lite_verification"],
    ["warmup", "serving_graph", "lite_graph", "lite_pictures"],
    ["encoded_pictures", "keras_archive", "lite_operators", "grpc_server", "rest_server", "retries"],
    [
        "input_checks",
        "version_folder",
        "predict_messages",
        "server_errors",
        "in_flight",
        "stopwatch",
        "lite_paths",
    ],
]
# Rooms of the folder `export/web`, which import from it and from the package.
WEB_LAYERS = [
    ["build", "screenshot"],
    ["page_folder", "serve", "browser"],
    ["bundling"],
]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


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


def test_imports_run_down_the_layers():
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
        assert not list(rooms_imported(path, "export")), f"{path} imports export"


def test_imports_of_export_run_down_its_layers():
    row = {room: number for number, rooms in enumerate(EXPORT_LAYERS) for room in rooms}
    files = sorted((ROOT / "export").glob("*.py"))
    assert {path.stem for path in files} == {"__init__", *row}
    for path in files:
        for imported in rooms_imported(path, "export"):
            assert row[imported] > row[path.stem], f"{path} imports {imported}"


def test_imports_of_the_page_run_down_its_layers():
    row = {room: number for number, rooms in enumerate(WEB_LAYERS) for room in rooms}
    files = sorted((ROOT / "export" / "web").glob("*.py"))
    assert {path.stem for path in files} == {"__init__", *row}
    for path in files:
        for imported in rooms_imported(path, "export.web"):
            assert row[imported] > row[path.stem], f"{path} imports {imported}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_link_to_files_that_are_there(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (path.parent / target).exists(), target
    assert not re.findall(r"[A-Z]+_(?:SENTENCE|TABLE|ROW)", text)
