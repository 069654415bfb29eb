"""A small sweep on drawn flowers: killed and resumed, diverging, grown, and its page."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from models.photos import scan_class_folders
from models.preprocess import load_photos
from tests.training.flowers.test_resume import killing, result
from tests.training.ray_cluster import losing_a_node
from training.cells import read_cells
from training.flowers.recipe import load_recipe
from training.flowers.sweep_phone import phone_of

Bombus = Callable[..., tuple[int, str, str]]
SWEEP = """
[base]
width = 0.25
image_size = 64
head.epochs = 4
head.batch_size = 16
head.learning_rate = 0.01
fine_tune.epochs = 0
[grid]
optimizer = ["sgd", "adam"]
[when.optimizer.sgd]
head.learning_rate = 1e39
"""
SEARCH = """
[search]
factors = [0.01, 10, 1e42]
epochs = 1
fine_tune_factors = [1e-9, 10]
"""


class Swept(NamedTuple):
    """A finished sweep."""

    out: Path
    command: list[str]  # but for --out


@pytest.fixture(scope="module")
def swept(
    start_weights: Path, drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Swept:
    """Two trials, unbroken; one of them diverges. Read it, do not change it."""
    from bombus import run

    folder = tmp_path_factory.mktemp("sweep")
    recipe, out = folder / "sweep.toml", folder / "out"
    recipe.write_text(SWEEP)
    command = ["train", "sweep", str(recipe), "--data", str(drawn_flowers)]
    command += ["--weights", f"MobileNet={start_weights}"]
    assert run([*command, "--out", str(out)]) == 0
    return Swept(out, command)


def table(out: Path) -> list[dict[str, Any]]:
    """The results, without what may differ between two equal runs: time, and a moving checkout."""
    cells = read_cells(out, "sweep")
    return [{k: v for k, v in cell.items() if k not in ("seconds", "commit")} for cell in cells]


def test_a_trial_that_diverges_is_a_result(swept: Swept) -> None:
    cells = {cell["name"]: cell for cell in table(swept.out)}
    assert {name: cell["status"] for name, cell in cells.items()} == {
        "sgd": "diverged",
        "adam": "trained",
    }
    assert "lower learning_rate = 1e+39" in cells["sgd"]["reason"]
    training = json.loads((swept.out / "trials" / "adam" / "training.json").read_text())
    assert cells["adam"]["val"] == training["val"]
    assert "diverged" in (swept.out / "trials" / "sgd" / "log.txt").read_text()
    assert len(list((swept.out / "cache").glob("features-train-*"))) == 1  # both trials' features


def test_rates_are_chosen_on_val_and_used(swept: Swept, bombus: Bombus, tmp_path: Path) -> None:
    recipe, out = tmp_path / "sweep.toml", tmp_path / "out"
    plain = SWEEP.partition("[when")[0].replace('"sgd", ', "")
    recipe.write_text(plain.replace("fine_tune.epochs = 0", "fine_tune.epochs = 1") + SEARCH)
    command = [*swept.command, "--out", out]
    command[2] = recipe
    assert bombus(*command)[0] == 0
    (file,) = (out / "rates").iterdir()
    record = json.loads(file.read_text())
    used = load_recipe(out / "trials" / "adam" / "recipe.toml")
    head, tuned = (record["stages"][name]["tried"] for name in ("head", "fine_tune"))
    assert [one["rate"] for one in head] == pytest.approx([1e-5, 1e-2, 1e39])
    assert [one["rate"] for one in tuned] == pytest.approx([1e-12, 1e-2])
    *sound, diverged = head
    assert diverged["val_loss"] is None
    for tried, stage in ((sound, used.head), (tuned, used.fine_tune)):
        best = max(tried, key=lambda one: (one["val_accuracy"], -one["val_loss"]))
        assert stage.learning_rate == best["rate"]
    # What fine-tuning hardly touches is the classifier that it began with: the best of the first.
    begun = max(one["val_accuracy"] for one in sound)
    assert tuned[0]["val_accuracy"] == pytest.approx(begun, abs=0.051)
    code, said, _ = bombus(*command, "--json")
    assert (code, json.loads(said)["run"]) == (0, 0)
    assert list((out / "rates").iterdir()) == [file]  # nor is anything searched again
    page = tmp_path / "study.md"
    assert bombus("train", "sweep-report", out, *command[3:5], "--out", page)[0] == 0
    assert "| MobileNet, gap | adam | head | 1e-05: " in page.read_text()
    assert "| MobileNet, gap | adam | fine_tune | 1e-12: " in page.read_text()
    assert "start.npz | none | the first layer | new ones | 64 |" in page.read_text()


def test_killed_and_resumed_it_gives_the_same_table(
    swept: Swept, bombus: Bombus, tmp_path: Path
) -> None:
    out = tmp_path / "broken"
    late = "args[0].name == 'adam.json'"  # the second trial is trained, but not written down
    command = killing("training.flowers.sweep", "module.write_text", when=late)
    assert result([*command, *swept.command, "--out", str(out)], out) == -signal.SIGKILL
    assert [cell["name"] for cell in table(out)] == ["sgd"]
    code, said, _ = bombus(*swept.command, "--out", out, "--json")
    assert (code, json.loads(said)) == (0, {"trials": 2, "run": 1, "diverged": 1})
    assert table(out) == table(swept.out)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_on_a_cluster_that_loses_a_node_it_gives_the_same_table(
    swept: Swept, bombus: Bombus, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def two_run() -> bool:
        begun = {log.parent.name for log in out.glob("trials/*/log.txt")}
        return len(begun - {file.stem for file in out.glob("cells/*.json")}) == 2

    with losing_a_node(two_run, then=lambda: None) as address:
        options = ("--out", out, "--engine", "ray", "--address", address, "--json")
        code, said, _ = bombus(*swept.command, *options)
    assert (code, json.loads(said)) == (0, {"trials": 2, "run": 2, "diverged": 1})
    assert table(out) == table(swept.out)


def test_a_grid_may_grow_but_not_change(swept: Swept, bombus: Bombus, tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", tmp_path / "other.toml"
    shutil.copytree(swept.out, out)
    command = [*swept.command, "--out", out, "--json"]
    command[2] = recipe
    recipe.write_text(SWEEP.replace('"adam"', '"adam", "nadam"'))
    code, said, _ = bombus(*command)
    assert (code, json.loads(said)) == (0, {"trials": 3, "run": 1, "diverged": 1})
    assert [cell for cell in table(out) if cell["name"] != "nadam"] == table(swept.out)
    recipe.write_text(SWEEP.replace("head.epochs = 4", "head.epochs = 5"))
    code, _, err = bombus(*command)
    assert code == 2
    assert "made by another recipe or from other data; choose another --out" in err
    shutil.rmtree(out / "cells")  # the runs, too, know by what they were made
    code, _, err = bombus(*command)
    assert code == 2
    assert "adam: holds a run with another recipe or data; choose another --out" in err


def test_the_page_has_every_trial(
    swept: Swept, drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    page = tmp_path / "study.md"
    out = tmp_path / "out"
    shutil.copytree(swept.out, out)
    export = ("export", "sweep", out, "--data", drawn_flowers, "--json")
    for said in ("exported", "was exported"):
        code, answer, _ = bombus(*export)
        assert (code, json.loads(answer)) == (0, {"adam": said})
    command = ("train", "sweep-report", out, "--data", drawn_flowers, "--out", page)
    code, answer, _ = bombus(*command, "--json")
    assert code == 0
    top1, text = json.loads(answer), page.read_text()
    assert top1["sgd"] is None
    assert "| sgd | diverged |" in text
    photos = scan_class_folders(drawn_flowers / "test")
    pixels = load_photos(photos.paths, 64).astype(np.float32)
    model = keras.models.load_model(swept.out / "trials" / "adam" / "model.keras", compile=False)
    right = np.asarray(model(pixels)).argmax(axis=1) == photos.targets
    assert top1["adam"] == pytest.approx(right.mean())
    assert f"{100 * right.mean():.2f}" in text
    assert "MobileNet, gap | start.npz | none | – | – | 64 |" in text
    phones = text.partition("What a phone gets")[2].splitlines()
    (row,) = (line for line in phones if line.startswith("| adam | "))
    int8, _, lost, _, _, noisy, size = (cell.strip() for cell in row.split("|")[2:-1])
    file = out / "trials" / "adam" / "phone" / "phone_wi8_ai8.tflite"
    assert float(size) == round(file.stat().st_size / 1e6, 2)
    assert float(lost.split()[0]) == pytest.approx(100 * right.mean() - float(int8), abs=0.011)
    assert 0 < float(noisy) <= 100
    with (out / "trials" / "adam" / "model.keras").open("ab") as other:
        other.write(b"trained anew")
    assert phone_of(out / "trials" / "adam") is None
    assert (tmp_path / "study-best.png").read_bytes().startswith(b"\x89PNG")
    # The record beside the page is enough to draw it anew, and for the sweep to go on from.
    record = tmp_path / "study"
    assert not list(record.rglob("*.keras"))
    page.unlink()
    command = ("train", "sweep-report", record, *command[3:])
    assert bombus(*command)[0] == 0
    assert page.read_text() == text
    code, answer, _ = bombus(*swept.command, "--out", record, "--json")
    assert (code, json.loads(answer)["run"]) == (0, 0)
    (record / "scores" / "adam.json").unlink()
    code, _, err = bombus(*command)
    assert code == 2
    assert "adam: has no model, and no scores on these photos" in err


@pytest.mark.parametrize("moved", ["test", "val"])
def test_a_page_is_of_the_photos_that_its_trials_were_made_beside(
    moved: str, swept: Swept, drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    data, out = tmp_path / "data", tmp_path / "study.md"
    for split in ("test", "val"):
        source = drawn_flowers / ("train" if split == moved else split)
        shutil.copytree(source, data / split)
    code, _, err = bombus("train", "sweep-report", swept.out, "--data", data, "--out", out)
    assert code == 2
    assert f"data/{moved}: not the {moved} photos that trial " in err
    assert not out.exists()


def test_a_cell_of_an_older_version_is_told(
    swept: Swept, drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    shutil.copytree(swept.out / "cells", sweep / "cells")
    shutil.copy(swept.out / "sweep.json", sweep)
    file = sweep / "cells" / "adam.json"
    cell = json.loads(file.read_text())
    del cell["fresh_layers"]
    file.write_text(json.dumps(cell))
    command = ("train", "sweep-report", sweep, "--data", drawn_flowers, "--out", tmp_path / "s.md")
    code, _, err = bombus(*command)
    assert code == 2
    assert "adam.json: does not say fresh_layers; remove it" in err


def test_the_page_tells_of_a_start_of_ones_own(
    swept: Swept, drawn_flowers: Path, bombus: Bombus, tmp_path: Path
) -> None:
    recipe, out, page = tmp_path / "sweep.toml", tmp_path / "out", tmp_path / "study.md"
    recipe.write_text(SWEEP.partition("[when")[0].replace('"sgd", ', ""))
    first, run = swept.out / "trials" / "adam", tmp_path / "run"
    command = ["train", "flowers", "--recipe", first / "recipe.toml", "--data", drawn_flowers]
    assert bombus(*command, "--weights", first / "model.keras", "--out", run)[0] == 0
    command = ["train", "sweep", recipe, "--data", drawn_flowers, "--out", out]
    assert bombus(*command, "--weights", f"MobileNet={run / 'model.keras'}")[0] == 0
    (cell,) = read_cells(out, "sweep")
    start = cell["start"]
    for folder in (run, first):
        made = json.loads((folder / "training.json").read_text())
        assert (start["recipe"], start["val"]) == (made["recipe"], made["val"]["top1"])
        val, start = made["val"]["top1"], start["start"]
    assert start is None
    assert bombus("train", "sweep-report", out, "--data", drawn_flowers, "--out", page)[0] == 0
    (told,) = (line for line in page.read_text().splitlines() if "of our own making" in line)
    assert "MobileNet's `model.keras` is" in told
    assert "from start.npz, 4 + 0 epochs of the training photos at 64 px (" in told
    assert f" {100 * val:.2f} % on val); then 4 + 0 epochs of the training photos" in told


@pytest.mark.parametrize(
    ("recipe", "options", "words"),
    [
        (SWEEP.replace('"adam"', '"lion"'), (), "optimizer 'lion' is unknown"),
        (SWEEP.replace("width", 'unfreeze_from = "x"\nwidth'), (), "'x': no such layer"),
        (SWEEP, ("--weights", "MobileNet"), "say BACKBONE=PATH"),
        (SWEEP, ("--weights", "MobileNet=/nowhere/w.npz"), "/nowhere/w.npz: cannot be read"),
        (SWEEP, ("--weights", "VGG16=none"), "when.backbone.VGG16: the grid has no such axis"),
        (SWEEP, ("--address", "127.0.0.1:1"), "only --engine ray has one"),
        (SWEEP, ("--engine", "ray", "--address", "127.0.0.1:1"), "127.0.0.1:1: no cluster"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    recipe: str, options: tuple[str, ...], words: str, *, bombus: Bombus, drawn_flowers: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "sweep.toml"
    path.write_text(recipe)
    out = tmp_path / "out"
    if "--weights" not in options:
        options += ("--weights", "MobileNet=none")
    code, _, err = bombus("train", "sweep", path, "--data", drawn_flowers, "--out", out, *options)
    assert code == 2
    assert words in err
    assert "\n" not in err.strip()
