"""Labels looked at again: what the file must say, and what becomes of accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.photos import LabelledPhotos, scan_class_folders
from training.flowers import relabelled
from training.flowers.relabelled import corrected, read_relabelled, section

OURS = Path(relabelled.__file__).parent / "labels" / "flowers16-test.csv"
ROOT = Path("photos")
LABELS = ("daisy", "iris", "rose")
PHOTOS = LabelledPhotos(
    ROOT,
    tuple(ROOT / label / f"{i}.jpg" for label in LABELS for i in range(2)),
    np.repeat(np.arange(3), 2),
    LABELS,
)
HEAD = "# Seen by an owl,\n# at night.\nphoto,label,why,seen\n"
ROWS = """daisy/0.jpg,daisy,disputed,daisy
daisy/1.jpg,daisy,disputed,rose
iris/0.jpg,iris,disputed,
rose/1.jpg,rose,sample,rose
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "seen.csv"
    path.write_text(text)
    return path


def test_corrected_accuracy_is_that_of_what_the_photos_show(tmp_path: Path) -> None:
    found = read_relabelled(written(tmp_path, HEAD + ROWS), PHOTOS)
    told, shown = corrected(found, PHOTOS.targets)
    assert told.tolist() == [True, True, False, True, True, True]
    assert shown[told].tolist() == [0, 2, 1, 2, 2]
    answers = np.eye(3, dtype=np.float32)[[1, 2, 0, 1, 2, 2]]
    text = "\n".join(section(found, PHOTOS.targets, {"m.keras": answers}))
    assert "Seen by an owl, at night." in text
    assert "| disputed by a model | 3 | 1 | 1 | 1 |" in text
    assert "| of the others, by chance | 1 | 1 | 0 | 0 |" in text
    assert "| errors of `m.keras` | 3 | 1 | 1 | 1 |" in text
    assert "are left out (1)" in text
    assert "| `m.keras` | 50.00 | 80.00 |" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("photo,label\n", "must have the columns photo, label, why, seen"),
        (HEAD + "iris/9.jpg,iris,sample,iris\n", "iris/9.jpg is none of the photos in photos"),
        (HEAD + "iris/0.jpg,rose,sample,iris\n", "iris/0.jpg is not labelled 'rose'"),
        (HEAD + "iris/0.jpg,iris,bored,iris\n", "why is disputed or sample"),
        (HEAD + 2 * "iris/0.jpg,iris,sample,iris\n", "has a photo twice"),
        (HEAD + "iris/0.jpg,iris,sample,tulip\n", "seen a class or empty"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_relabelled(written(tmp_path, text), PHOTOS)


def test_ours_fits_the_photos(bombus_data: Path) -> None:
    test = scan_class_folders(bombus_data / "flowers16" / "test")
    found = read_relabelled(OURS, test)
    assert len(np.unique(found.rows)) == len(found.rows)
    assert found.sample.sum() > 90
    assert (found.seen[found.sample] == test.targets[found.rows[found.sample]]).mean() > 0.95
