"""Labels looked at again: what the file must say, and what becomes of accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from models.photos import LabelledPhotos, scan_class_folders
from training.flowers import relabelled
from training.flowers.relabelled import NONE, NOT_LOOKED, Looks, read_looks, section

OURS = Path(relabelled.__file__).parent / "labels" / "flowers16-test.csv"
ROOT = Path("photos")
LABELS = ("daisy", "iris", "rose")
PHOTOS = LabelledPhotos(
    ROOT,
    tuple(ROOT / label / f"{i}.jpg" for label in LABELS for i in range(2)),
    np.repeat(np.arange(3), 2),
    LABELS,
)
HEAD = "# Seen by an owl,\n# at night.\nphoto,label,first,second\n"
ROWS = """rose/1.jpg,rose,rose,rose
daisy/0.jpg,daisy,daisy,
daisy/1.jpg,daisy,rose,rose
iris/0.jpg,iris,none,none
iris/1.jpg,iris,rose,iris
rose/0.jpg,rose,daisy,iris
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "seen.csv"
    path.write_text(text)
    return path


def test_what_two_of_label_and_looks_say_is_shown(tmp_path: Path) -> None:
    looks = read_looks(written(tmp_path, HEAD + ROWS), PHOTOS)
    assert looks.how == "Seen by an owl, at night."
    assert looks.shown(PHOTOS.targets).tolist() == [0, 2, NONE, 1, NONE, 2]


SEEN = st.integers(NONE, 2)


@given(label=st.integers(0, 2), first=SEEN, second=st.integers(NOT_LOOKED, 2))
def test_a_label_stands_unless_both_looks_contradict_it(
    label: int, first: int, second: int
) -> None:
    looks = Looks("", np.array([first]), np.array([second]))
    shown = int(looks.shown(np.array([label]))[0])
    assert (shown == label) == (label in (first, second))
    assert shown in (label, NONE) or shown == first == second


def test_corrected_accuracy_is_that_of_what_the_photos_show(tmp_path: Path) -> None:
    looks = read_looks(written(tmp_path, HEAD + ROWS), PHOTOS)
    answers = np.eye(3, dtype=np.float32)[[0, 2, 0, 1, 2, 0]]
    text = "\n".join(section(looks, PHOTOS.targets, {"m.keras": answers}))
    assert "Seen by an owl, at night." in text
    assert "saw 4 of 6 photos otherwise than labelled" in text
    assert "of these the second saw 1 as labelled, and of 1 others" in text
    assert "| that `m.keras` answers as labelled | 3 | 2 | 0 | 1 |" in text
    assert "| that it does not | 3 | 1 | 1 | 1 |" in text
    assert "| all | 6 | 3 | 1 | 2 |" in text
    assert "| `m.keras` | 50.00 | 75.00 |" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("photo,label\n", "must have the columns photo, label, first, second"),
        (HEAD + ROWS + "iris/9.jpg,iris,iris,\n", "iris/9.jpg is none of the photos in photos"),
        (HEAD + ROWS.replace("rose/1.jpg,rose,rose,rose\n", ""), "rose/1.jpg is not in it"),
        (HEAD + ROWS.replace("daisy/0.jpg,daisy", "daisy/0.jpg,rose"), "is not labelled 'rose'"),
        (HEAD + ROWS + "iris/0.jpg,iris,iris,\n", "has a photo twice"),
        (HEAD + ROWS.replace("rose,rose\n", "rose,tulip\n"), "second 'tulip' must be classes"),
        (HEAD + ROWS.replace("daisy,daisy,\n", "daisy,,\n"), "first '' and second ''"),
        (
            HEAD + ROWS.replace("daisy,rose,rose", "daisy,rose,"),
            "daisy/1.jpg: not seen as labelled",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_looks(written(tmp_path, text), PHOTOS)


def test_ours_fits_the_photos(bombus_data: Path) -> None:
    test = scan_class_folders(bombus_data / "flowers16" / "test")
    looks = read_looks(OURS, test)
    assert (looks.first == test.targets).mean() > 0.9
    controls = (looks.first == test.targets) & (looks.second != NOT_LOOKED)
    assert controls.sum() > 90
    assert (looks.second == test.targets)[controls].mean() > 0.9
