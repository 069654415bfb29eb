"""What a robot installs: small, without TensorFlow or OpenCV, and friendly about what it lacks."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIMIT_MB = 150
Command = Callable[..., tuple[int, str, str]]


def pip(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--quiet", "--no-input", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with requirements/runtime.txt and bombus, nothing else."""
    folder = tmp_path_factory.mktemp("slim")
    probe = pip("download", "--no-deps", "--dest", folder / "probe", "annotated-doc")
    if probe.returncode:
        pytest.skip(f"pip cannot reach an index: {probe.stderr.strip().splitlines()[-1]}")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    wheels = folder / "wheels"
    done = pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.iterdir()
    install = ("--python", venv, "install", "--no-compile", "--no-warn-script-location")
    locked = ("--require-hashes", "-r", ROOT / "requirements" / "runtime.txt")
    for what in (locked, ("--no-deps", wheel)):
        done = pip(*install, *what)
        assert done.returncode == 0, done.stderr
    return venv


@pytest.fixture
def command(slim: Path, tmp_path: Path) -> Command:
    """Run a program of the environment away from the sources: (exit code, output, errors)."""
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(slim)}))
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "BOMBUS", "VIRTUAL"))
    }

    def call(program: str, *arguments: object) -> tuple[int, str, str]:
        done = subprocess.run(
            [scripts / program, *map(str, arguments)],
            cwd=tmp_path,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_size(slim: Path, record_property: Callable[[str, object], None]) -> None:
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(slim)}))
    assert (site / "models" / "bundle.py").is_file()
    files = [p for p in site.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    record_property("site-packages MB", round(megabytes, 1))
    print(f"site-packages: {megabytes:.1f} MB")
    assert megabytes <= LIMIT_MB


def test_the_heavy_ones_are_not_there(command: Command) -> None:
    code = (
        "from importlib.util import find_spec as f; import bombus, models; print(models.__file__);"
        "print([n for n in ('tensorflow', 'keras', 'cv2', 'onnx', 'onnxruntime', 'pip') if f(n)])"
    )
    status, out, err = command("python", "-c", code)
    assert (status, err) == (0, "")
    where, found = out.splitlines()
    assert "site-packages" in where
    assert found == "[]"


def test_help_and_list_work(command: Command) -> None:
    status, out, err = command("bombus", "--help")
    assert (status, err) == (0, "")
    assert "export" in out
    status, out, err = command("bombus", "models", "list")
    assert (status, err) == (0, "")
    assert out
    for group in ("train", "export", "app", "robot", "models", "demo"):
        assert command("bombus", group, "--help")[0] == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["export", "convert", "x.keras", "--validate", "y", "--out", "z"], "'keras'"),
        (["train", "flowers", "--data", "y", "--out", "z"], "package '"),
    ],
)
def test_what_is_missing_is_told_in_a_line(
    command: Command, tmp_path: Path, words: list[str], what: str
) -> None:
    status, out, err = command("bombus", *words)
    assert (status, out) == (2, "")
    assert err.startswith("bombus: this needs the package ")
    assert what in err
    assert "pip install" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_bundle_is_there_as_far_as_devices_need_it(command: Command) -> None:
    status, out, err = command("bombus", "models", "verify", "flowers")
    assert (status, err) == (0, "")
    here, absent = out.splitlines()
    assert "1 file matches" in here
    assert "flowers.keras" in absent
    assert "flowers_wi8_ai8.tflite" not in absent


RECOGNISE = """
import sys
from pathlib import Path
import numpy as np
from models.bundle import open_bundle
from models.classify import Recogniser
recogniser = Recogniser(open_bundle(Path(sys.argv[1])))
print(recogniser.classify(np.load(sys.argv[2])).guesses[0].label, recogniser.runtime)
"""


def test_it_recognises_a_frame(command: Command, tiny_bundle: Path, tmp_path: Path) -> None:
    import numpy as np

    from tests.drawing import draw_flower

    np.save(tmp_path / "frame.npy", draw_flower("poppy", np.random.default_rng(5), 200))
    status, out, err = command("python", "-c", RECOGNISE, tiny_bundle, tmp_path / "frame.npy")
    assert (status, out) == (0, "poppy litert\n"), err


def test_a_photo_file_asks_for_opencv(
    command: Command, tiny_bundle: Path, drawn_flowers: Path
) -> None:
    photo = drawn_flowers / "test" / "poppy" / "000.png"
    status, out, err = command("bombus", "app", "classify", photo, "--bundle", tiny_bundle)
    assert (status, out) == (2, "")
    assert "pip install bombus[app]" in err
    assert err.count("\n") == 1
