"""The house: an import goes down a floor, never up or sideways, and the low floors stay light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# package -> what of ours it may import, itself aside
BELOW = {
    "models": (),
    "edge_app": ("models",),
    "robot": ("models",),
    "export": ("models", "robot", "training.layers", "training.inertial", "training.spectral"),
    "training": ("models", "robot"),
}
OURS = {*BELOW, "benchmarks", "bombus", "tests"}
HEAVY = {"keras", "tensorflow", "tf2onnx", "tf_keras"}
LIGHT = ("models", "edge_app", "robot")


def imported(source: str, module: str) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it, relative ones made absolute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(source: str, module: str) -> list[str]:
    """The imports in a module that its floor does not allow."""
    package = module.partition(".")[0]
    allowed = (package, *BELOW[package])
    banned = OURS | (HEAVY if package in LIGHT else set())
    return [
        name
        for name in imported(source, module)
        if name.partition(".")[0] in banned
        and not any(name == a or name.startswith(f"{a}.") for a in allowed)
    ]


def modules(package: str) -> dict[str, Path]:
    """The files of a package by their dotted name."""
    files = sorted((ROOT / package).rglob("*.py"))
    return {".".join(f.relative_to(ROOT).with_suffix("").parts): f for f in files}


@pytest.mark.parametrize("package", BELOW)
def test_imports_go_down_only(package: str) -> None:
    found = modules(package)
    assert f"{package}.__init__" in found
    wrong = {m: v for m, f in found.items() if (v := violations(f.read_text("utf-8"), m))}
    assert wrong == {}


def test_nothing_below_imports_the_command_nor_is_imported_by_it_at_once() -> None:
    source = (ROOT / "bombus.py").read_text("utf-8")
    ours = {name for name in imported(source, "bombus") if name.partition(".")[0] in OURS}
    assert ours
    assert all(name.startswith("models.") for name in ours)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("models.x", "import robot"),
        ("models.x", "from training.layers import y"),
        ("models.x", "def f():\n    from export import y"),
        ("models.x", "if TYPE_CHECKING:\n    import bombus"),
        ("models.x", "import keras.layers"),
        ("edge_app.x", "from robot.lie import y"),
        ("robot.x", "from edge_app import y"),
        ("robot.x", "def f():\n    import tensorflow as tf"),
        ("export.x", "from training import provenance"),
        ("export.x", "import training"),
        ("export.x", "from training.flowers import y"),
        ("export.x", "from edge_app import y"),
        ("training.flowers.x", "from export.load import y"),
        ("training.x", "from edge_app import y"),
        ("training.x", "from tests.drawing import y"),
    ],
)
def test_a_wrong_import_would_be_found(module: str, line: str) -> None:
    assert len(violations(line, module)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("models.x", "from models.errors import InputError"),
        ("models.x", "from . import errors"),
        ("models.x", "import numpy, models_of_others"),
        ("edge_app.x", "from models import bundle"),
        ("export.x", "from training.layers import y"),
        ("export.x", "import training.layers.spiking, keras"),
        ("export.x", "from robot.profile import y"),
        ("training.flowers.x", "from robot.filter import y"),
        ("training.flowers.x", "from .recipe import y"),
    ],
)
def test_a_right_import_is_let_through(module: str, line: str) -> None:
    assert violations(line, module) == []


LOADED = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("package", LIGHT)
def test_importing_a_low_floor_loads_nothing_heavy(package: str) -> None:
    names = [name.removesuffix(".__init__") for name in modules(package)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOADED, json.dumps(names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert package in loaded
    assert not loaded & HEAVY
    assert not loaded & (OURS - {package, *BELOW[package]})
    if package == "models":
        assert not loaded & {"cv2", "onnx", "onnxruntime", "ai_edge_litert", "tflite_runtime"}
