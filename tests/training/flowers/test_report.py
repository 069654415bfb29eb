"""The results page: its figures are those of the artefacts, and it says what it was made of."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bombus import run
from models.bundle import open_bundle
from models.errors import InputError
from models.photos import scan_class_folders, scan_photos
from tests.drawing import draw_others
from training.flowers.report import write_report
from training.flowers.report_page import Result


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, less its head."""
    lines = page.split(heading, 1)[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|---")) + 1
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table]


@dataclass(frozen=True)
class Page:
    """A page, what it was written of, and its folder."""

    text: str
    results: list[Result]
    out: Path


@pytest.fixture(scope="module")
def page(
    tiny_classifier: Path, drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Page:
    """The page of a bundle that knows what it does not know."""
    root = tmp_path_factory.mktemp("report")
    draw_others(root / "others", 10)
    command = ["export", "convert", str(tiny_classifier), "--out", str(root / "tiny")]
    command += ["--calibrate", str(drawn_flowers / "train")]
    command += ["--validate", str(drawn_flowers / "val"), "--unknown", str(root / "others")]
    assert run([*command, "--to", "tflite", "--schemes", "f32,wi8_ai8", "--rounds", "2"]) == 0
    bundle = open_bundle(root / "tiny")
    photos = scan_class_folders(drawn_flowers / "val", bundle.manifest.labels)
    unknown = scan_photos(root / "others").halves()[1]
    results = write_report(
        bundle, photos, photos, root / "out", unknown=unknown, command="bombus again"
    )
    return Page((root / "out" / "tiny.md").read_text(), results, root / "out")


def test_every_artefact_has_its_row(page: Page) -> None:
    table = rows(page.text, "# ")
    assert [row[0] for row in table] == [r.artefact.file for r in page.results]
    assert page.results[0].artefact.format == "keras"
    for row, result in zip(table, page.results, strict=True):
        assert row[2] == f"{100 * result.raw.top1:.2f}"
        assert row[9] == f"{result.calibrated.ece:.4f}"
    assert "`bombus again`" in page.text
    pictures = re.findall(r"\]\((.+?\.png)\)", page.text)
    assert len(pictures) == 2
    for picture in pictures:
        assert (page.out / picture).stat().st_size > 1000


def test_an_ensemble_is_told_as_one(
    tiny_classifier: Path, drawn_flowers: Path, tmp_path: Path
) -> None:
    """From joining to the page; the bundle's full int8 passes its gate on the way."""
    joining = ["train", "ensemble", str(tiny_classifier), "--mirrored", "--image-size", "96"]
    joining += ["--data", str(drawn_flowers), "--out", str(tmp_path / "run")]
    assert run(joining) == 0
    command = ["export", "convert", str(tmp_path / "run" / "model.keras")]
    command += ["--calibrate", str(drawn_flowers / "train"), "--rounds", "0"]
    command += ["--validate", str(drawn_flowers / "val"), "--out", str(tmp_path / "large")]
    assert run([*command, "--to", "tflite", "--schemes", "wi8_ai8"]) == 0
    bundle = open_bundle(tmp_path / "large")
    assert [t.name for t in bundle.manifest.outputs] == ["logits", "activation_map"]
    photos = scan_class_folders(drawn_flowers / "val", bundle.manifest.labels)
    write_report(bundle, photos, photos, tmp_path / "out", command="bombus again")
    text = (tmp_path / "out" / "large.md").read_text()
    assert "The mean of Model on a photo and its mirror image at 96 px" in text
    val = json.loads((tmp_path / "run" / "training.json").read_text())["val"]
    assert f"on val, by which it was chosen, {100 * val['top1']:.2f} %" in text


def test_photos_of_other_things_are_scored_by_the_manifest(page: Page) -> None:
    table = rows(page.text, "## Photos of other things")
    assert len(table) >= 4  # two artefacts, the classes and at least one folder
    judged = next(r for r in page.results if r.known is not None)
    assert judged.known is not None
    assert judged.artefact.calibration is not None
    rejection = judged.artefact.calibration.rejection
    assert rejection is not None
    assert table[0][:3] == [judged.artefact.file, "the classes", str(len(judged.known))]
    sure = 100 * float(np.mean(judged.known >= rejection.sure_from))
    assert float(table[0][3]) == pytest.approx(sure, abs=0.01)
    for row in table:
        assert sum(map(float, row[3:])) == pytest.approx(100, abs=0.02)


def test_photos_of_other_classes_are_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    for label in ("ant", "bee"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.png").write_bytes(b"x")
    photos = scan_class_folders(tmp_path)
    with pytest.raises(InputError, match="not the labels"):
        write_report(bundle, photos, photos, tmp_path / "out", command="")
    assert not (tmp_path / "out").exists()
