"""`bombus train` at the command line: one line for every mistake, and photos of every kind."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawing import SPECIES, draw_data_set, draw_flower
from tests.training.conftest import Trained

Bombus = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]
SMALL = ("--width", 0.25, "--image-size", 64)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Class folders, four photos each, not split."""
    return draw_data_set(tmp_path / "flowers", {".": 4})


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def flower(seed: int = 9) -> Image.Image:
    return Image.fromarray(draw_flower("daisy", np.random.default_rng(seed)))


def one_line(err: str) -> str:
    assert err.startswith("bombus: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def left_in(out: Path) -> set[str]:
    """Files of a run, hidden ones included."""
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


CORRUPT = bytearray(encoded(flower(), "BMP"))
CORRUPT[30:34] = b"\x7f" * 4  # no such compression


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(CORRUPT), "damaged"),
        (encoded(flower(), "JPEG")[:900], "cut short at 900 bytes"),
        (b"roses are red\n", "not a photo in a known format"),
        (encoded(flower().resize((1, 1)), "PNG"), "1 x 1 pixels is too small"),
        (encoded(flower().resize((20_000, 40)), "JPEG"), "20000 x 40 pixels is too large"),
        (b"", "empty"),
    ],
    ids=["corrupt", "truncated", "text", "1x1", "20000", "empty"],
)
def test_a_photo_that_cannot_be_used(
    content: bytes, words: str, bombus: Bombus, flowers: Path, tmp_path: Path
) -> None:
    (flowers / "daisy" / "bad.jpg").write_bytes(content)
    code, _, err = bombus("train", "flowers", "--data", flowers, "--out", tmp_path / "run", *SMALL)
    assert code == 2
    line = one_line(err)
    assert "1 unreadable, first " in line
    assert "daisy/bad.jpg" in line
    assert words in line
    assert "--allow-unreadable" in line
    assert left_in(tmp_path / "run") == {"audit.json"}


def test_a_process_writes_that_line_alone(flowers: Path, tmp_path: Path) -> None:
    """Neither TensorFlow nor libpng, which both like to talk, adds to it."""
    damaged = bytearray((flowers / "daisy" / "000.png").read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (flowers / "daisy" / "000.png").write_bytes(damaged)
    options = ["--data", str(flowers), "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "bombus", "train", "flowers", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "daisy/000.png" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--backbone", "MobileNett"], "backbone 'MobileNett' is unknown; one of "),
        (["--optimizer", "lion"], "optimizer 'lion' is unknown; one of "),
        (["--weights", "/nowhere/w.npz"], "/nowhere/w.npz: cannot be read (No such file"),
        (["--weights", str(ROOT / "pyproject.toml")], "must be a .npz, a .weights.h5 or a .keras"),
        (["--recipe", "/nowhere/r.toml"], "/nowhere/r.toml: cannot be read"),
        (["--recipe", str(ROOT / "README.md")], "README.md: "),
        (["--width", "0"], "width = 0.0 must be above 0"),
        (["--width", "wide"], "Invalid value for '--width'"),
        (["--backbone", "VGG16"], "VGG16 has no width"),
        (["--seed", "-1"], "seed = -1 must be 0 to"),
        (["--pooling", "max"], "pooling = 'max' must be gap or flatten"),
        (["--learning-rate", "nan"], "learning_rate = nan must be"),
        (["--data", "/nowhere"], "/nowhere: no such folder"),
        (["--speed", "9"], "No such option: --speed"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value)[:30],
)
def test_wrong_options(
    options: list[str], words: str, bombus: Bombus, flowers: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, _, err = bombus("train", "flowers", "--data", flowers, "--out", out, *SMALL, *options)
    assert code == 2
    assert words in one_line(err)
    assert left_in(out) <= {"audit.json", "recipe.toml"}


@pytest.mark.parametrize(
    ("classes", "words"), [([], "no class folders in it"), (["daisy"], "1 class (daisy)")]
)
def test_too_few_classes(
    classes: list[str], words: str, bombus: Bombus, flowers: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in classes:
        (flowers / name).rename(data / name)
    code, out, err = bombus("train", "flowers", "--data", data, "--out", tmp_path / "run")
    assert (code, out) == (2, "")
    assert words in one_line(err)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to be refused by")
@pytest.mark.parametrize("place", ["/proc/bombus", "/sys/bombus", "/dev/null/bombus"])
def test_a_place_that_cannot_be_written(place: str, bombus: Bombus, flowers: Path) -> None:
    code, _, err = bombus("train", "flowers", "--data", flowers, "--out", place, *SMALL)
    assert code == 2
    assert "cannot be written" in one_line(err)


FULL_DISK = """
import contextlib, io, json, resource, signal, sys
import keras
from bombus import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in map(int, sys.argv[1].split(",")):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        code = run([*sys.argv[2:], "--out", f"{limit}"])
    print(json.dumps([limit, code, err.getvalue()]), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
def test_a_disk_that_fills_up(drawn_flowers: Path, start_weights: Path, tmp_path: Path) -> None:
    """A limit on file size stands in for it: the first write past it fails at a different step."""
    stuck_at = {"500": "audit.json", "200000": "cache/train", "2000000": "checkpoint/room"}
    options = ["--weights", start_weights, "--head-epochs", 1, "--epochs", 1, *SMALL]
    options += ["--optimizer", "adam"]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, ",".join(stuck_at), "train", "flowers"]
        + [str(option) for option in ("--data", drawn_flowers, *options)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [str(limit) for limit, _, _ in results] == list(stuck_at)
    for limit, code, err in results:
        assert code == 2
        line = one_line(err)
        assert f"{limit}/{stuck_at[str(limit)]}" in line
        assert "cannot be written (File too large)" in line
        left = left_in(tmp_path / str(limit))
        assert not {"model.keras", "training.json"} & left
        assert [name for name in left if "/." in f"/{name}"] == []
    assert "checkpoint/head-000.weights.h5" in left
    assert "h5py" not in done.stderr


def test_photos_of_every_kind_train(bombus: Bombus, start_weights: Path, tmp_path: Path) -> None:
    kinds: dict[str, Callable[[Image.Image], Image.Image]] = {
        "cmyk.jpg": lambda image: image.convert("CMYK"),
        "grey.jpg": lambda image: image.convert("L"),
        "deep.png": lambda image: Image.fromarray(np.asarray(image)[..., 0].astype(np.uint16) << 8),
        "alpha.png": lambda image: image.convert("RGBA"),
        "palette.png": lambda image: image.quantize(32),
        "plain.webp": lambda image: image,
    }
    rng = np.random.default_rng(3)
    for species in sorted(SPECIES)[:2]:
        (tmp_path / "data" / species).mkdir(parents=True)
        for name, convert in kinds.items():
            image = Image.fromarray(draw_flower(species, rng))
            convert(image).save(tmp_path / "data" / species / name)
    code, out, err = bombus(
        *("train", "flowers", "--data", tmp_path / "data", "--out", tmp_path / "run", *SMALL),
        *("--weights", start_weights, "--optimizer", "nadam", "--learning-rate", 0.5),
        *("--head-epochs", 1, "--epochs", 0, "--label-smoothing", 0.25, "--seed", 7, "--json"),
        *("--batch-size", 3, "--pooling", "flatten"),
    )
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary == json.loads((tmp_path / "run" / "training.json").read_text())
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert audit["unreadable"] == audit["mislabelled_extension"] == []
    assert sum(sum(c.values()) for c in audit["counts"].values()) == 12
    recipe = summary["recipe"]
    assert {recipe[s]["optimizer"] for s in ("head", "fine_tune")} == {"nadam"}
    assert {recipe[s]["label_smoothing"] for s in ("head", "fine_tune")} == {0.25}
    assert (recipe["fine_tune"]["learning_rate"], recipe["fine_tune"]["batch_size"]) == (0.5, 3)
    assert (recipe["head"]["learning_rate"], recipe["head"]["batch_size"]) == (0.001, 64)
    assert (recipe["seed"], recipe["pooling"], recipe["width"]) == (7, "flatten", 0.25)
    assert len(summary["history"]["head"]) == 1


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.005), ("adamw", 0.01 * 0.5**0.5)])
def test_half_the_batch_takes_less_of_the_rate(
    optimizer: str, rate: float, bombus: Bombus, drawn_flowers: Path, tmp_path: Path
) -> None:
    code, out, _ = bombus(
        *("train", "flowers", "--data", drawn_flowers, "--out", tmp_path / "run", *SMALL),
        *("--weights", "none", "--epochs", 0, "--batch-size", 16, "--optimizer", optimizer),
        "--json",
    )
    assert code == 0
    stage = json.loads(out)["recipe"]["fine_tune"]
    assert stage["batch_size"] == 16
    assert stage["learning_rate"] == pytest.approx(rate)


def test_a_finished_run_and_another_recipe(
    bombus: Bombus, trained: Trained, drawn_flowers: Path
) -> None:
    recipe = trained.out / "recipe.toml"
    command = (
        "train",
        "flowers",
        "--data",
        drawn_flowers,
        "--out",
        trained.out,
        "--recipe",
        recipe,
    )
    code, out, err = bombus(*command)
    assert (code, err) == (0, "")
    assert out.endswith("already trained; nothing to do\n")
    code, _, err = bombus(*command, "--seed", 1)
    assert code == 2
    assert "another recipe or data; choose another --out" in one_line(err)


def test_audit_reports(bombus: Bombus, flowers: Path) -> None:
    (flowers / "daisy" / "note.jpg").write_text("roses are red")
    code, out, err = bombus("train", "audit", "--data", flowers, "--image-size", 64)
    assert (code, err) == (0, "")
    assert out.startswith("17 photos, 4 classes: ")
    assert "unreadable: 1" in out
    assert "daisy/note.jpg" in out
    code, out, _ = bombus("train", "audit", "--data", flowers, "--image-size", 64, "--json")
    assert code == 0
    assert len(json.loads(out)["unreadable"]) == 1


@pytest.mark.parametrize("verb", ["flowers", "audit"])
def test_help_shows_an_example(verb: str, bombus: Bombus) -> None:
    code, out, _ = bombus("train", verb, "--help")
    assert code == 0
    assert f"Example: bombus train {verb} --data" in out
