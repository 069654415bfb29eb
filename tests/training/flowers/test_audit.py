"""The audit names every problem of a data folder and drops nothing in silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import InputError
from models.photos import scan_photos
from tests.drawing import SPECIES, draw_data_set, write_photo
from training.flowers.audit import Audit, audit, check_unlabelled, without_unreadable
from training.flowers.dataset import Splits, load_splits

SIZE = 128


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """4 species; 6 for training, 3 to validate, 3 to test."""
    return draw_data_set(tmp_path / "flowers", {"train": 6, "val": 3, "test": 3})


def look(root: Path) -> tuple[Splits, Audit]:
    splits = load_splits(root, 0)
    return splits, audit(splits, SIZE)


def findings(report: Audit) -> dict[str, int]:
    """How many of each, as the printed report says."""
    lines = report.lines(most=100)[2:]
    heads = [line.rsplit(": ", 1) for line in lines if not line.startswith("  ")]
    return {name: int(count) for name, count in heads}


def test_good_photos_give_no_findings(flowers: Path) -> None:
    _, report = look(flowers)
    assert set(findings(report).values()) == {0}
    assert report.lines()[0] == "48 photos, 4 classes: train 24, val 12, test 12"
    assert report.counts["train"] == dict.fromkeys(SPECIES, 6)
    assert report.imbalance == 1


def test_every_problem_is_named(flowers: Path) -> None:
    train, val = flowers / "train", flowers / "val"
    (train / "daisy" / "note.jpg").write_text("roses are red")
    (train / "daisy" / "empty.png").touch()
    whole = (train / "poppy" / "000.png").read_bytes()
    (val / "poppy" / "cut.png").write_bytes(whole[:-200])
    (train / "poppy" / "001.png").rename(train / "poppy" / "001.jpeg")
    shutil.copy(train / "poppy" / "002.png", train / "poppy" / "copy.png")
    shutil.copy(train / "poppy" / "003.png", val / "poppy" / "leak.png")
    write_photo(val / "daisy" / "tiny.png", np.full((50, 200, 3), 90, np.uint8))

    _, report = look(flowers)
    assert findings(report) == {
        "unreadable": 3,
        "wrong extension": 1,
        "duplicates": 2,
        "same photo in two splits": 1,
        "tiny": 1,
    }
    why = dict(report.unreadable)
    assert why.keys() == {"train/daisy/note.jpg", "train/daisy/empty.png", "val/poppy/cut.png"}
    assert "not a photo" in why["train/daisy/note.jpg"]
    assert "empty" in why["train/daisy/empty.png"]
    assert "cut short" in why["val/poppy/cut.png"]
    assert report.mislabelled_extension == (("train/poppy/001.jpeg", "png"),)
    assert set(report.duplicates) == {
        ("train/poppy/002.png", "train/poppy/copy.png"),
        ("train/poppy/003.png", "val/poppy/leak.png"),
    }
    assert report.leaks == (("train/poppy/003.png", "val/poppy/leak.png"),)
    assert report.tiny == (("val/daisy/tiny.png", 200, 50),)
    text = "\n".join(report.lines(most=100))
    for name in [*why, "001.jpeg is png", "copy.png", "leak.png", "tiny.png 200x50"]:
        assert name in text
    assert str(flowers) not in json.dumps(report.as_json())


def test_nothing_is_dropped_in_silence(flowers: Path) -> None:
    for split, name in (("train", "daisy"), ("train", "poppy"), ("val", "daisy")):
        (flowers / split / name / "broken.jpg").write_text("no photo")
    splits, report = look(flowers)
    kept = without_unreadable(splits, report)
    files = {p for p in flowers.rglob("*") if p.is_file()}
    assert sum(sum(c.values()) for c in report.counts.values()) == len(files)
    left = {path for _, photos in kept.items() for path in photos.paths}
    assert {flowers / name for name, _ in report.unreadable} == files - left
    assert len(files - left) == 3
    for _, photos in kept.items():
        assert [path.parent.name for path in photos.paths] == [
            splits.labels[t] for t in photos.targets
        ]


@pytest.mark.parametrize(
    ("folder", "words"), [("train/daisy", "train/daisy: no readable"), ("val", "val: no readable")]
)
def test_too_little_that_can_be_read(folder: str, words: str, flowers: Path) -> None:
    for path in (flowers / folder).rglob("*.png"):
        path.write_text("no photo")
    splits, report = look(flowers)
    with pytest.raises(InputError, match=words):
        without_unreadable(splits, report)


def test_a_teacher_may_not_speak_of_what_judges_nor_of_what_none_can_read(flowers: Path) -> None:
    splits, _ = look(flowers)
    more = flowers.with_name("more")
    shutil.copytree(flowers / "train" / "daisy", more)
    check_unlabelled(scan_photos(more), splits)
    (more / "notes.txt").write_text("roses are red")
    with pytest.raises(InputError, match=r"notes\.txt: not a photo .*; mend it or take it out"):
        check_unlabelled(scan_photos(more), splits)
    (more / "notes.txt").unlink()
    judging = splits.val.paths[0]
    shutil.copy(judging, more / "known.png")
    with pytest.raises(InputError, match=rf"known\.png: the same photo as val/.*{judging.name}"):
        check_unlabelled(scan_photos(more), splits)


def test_jpeg_by_any_of_its_names_is_right(flowers: Path) -> None:
    folder = flowers / "train" / "daisy"
    image = cv2.imread(str(folder / "000.png"))
    _, data = cv2.imencode(".jpg", image)
    for i, suffix in enumerate((".jpg", ".JPG", ".jpeg", ".jfif", ".png")):
        (folder / f"new{i}{suffix}").write_bytes(data.tobytes() + bytes(i))
    _, report = look(flowers)
    assert report.mislabelled_extension == (("train/daisy/new4.png", "jpeg"),)


@pytest.mark.parametrize(("extra", "unbalanced"), [(11, False), (12, True)])
def test_imbalance_is_told(extra: int, unbalanced: bool, flowers: Path) -> None:
    rng = np.random.default_rng(5)
    for i in range(extra):
        noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
        write_photo(flowers / "train" / "daisy" / f"more{i}.png", noise)
    _, report = look(flowers)
    assert report.imbalance == pytest.approx((6 + extra) / 6)
    assert report.lines()[1].endswith("unbalanced") == unbalanced
    assert f"to {6 + extra} (daisy)" in report.lines()[1]


def test_long_lists_are_cut_and_say_so(flowers: Path) -> None:
    for i in range(8):
        (flowers / "train" / "daisy" / f"bad{i}.jpg").write_text(f"no photo {i}")
    _, report = look(flowers)
    lines = report.lines(most=3)
    start = lines.index("unreadable: 8")
    assert [line.startswith("  train/daisy/bad") for line in lines[start + 1 : start + 4]] == [
        True
    ] * 3
    assert lines[start + 4] == "  … and 5 more"
    assert len(report.as_json()["unreadable"]) == 8


def test_the_hash_changes_with_any_name_or_content(flowers: Path) -> None:
    _, first = look(flowers)
    path = flowers / "val" / "daisy" / "000.png"
    path.rename(path.with_name("zzz.png"))
    _, second = look(flowers)
    assert first.data_sha256["train"] == second.data_sha256["train"]
    assert first.data_sha256["val"] != second.data_sha256["val"]
    with path.with_name("zzz.png").open("ab") as file:
        file.write(b"\0")
    _, third = look(flowers)
    assert third.data_sha256["val"] != second.data_sha256["val"]


def test_one_folder_of_classes_has_the_same_names(flowers: Path) -> None:
    (flowers / "train" / "daisy" / "note.jpg").write_text("roses are red")
    splits, report = look(flowers / "train")  # split by us
    ((name, _),) = report.unreadable
    assert name.split("/", 1)[1] == "daisy/note.jpg"
    assert name.split("/", 1)[0] in {"train", "val", "test"}
    kept = without_unreadable(splits, report)
    assert sum(len(photos) for _, photos in kept.items()) == 24
