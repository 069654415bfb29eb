"""From a photo file to a verdict."""

from __future__ import annotations

from pathlib import Path

from models.classify import Recogniser
from tests.edge_app.web.app import App
from tests.edge_app.web.scenes import drawn_pool, write_jpeg

Names = dict[str, str]


def compare(app: App, recogniser: Recogniser, photos: list[Path], names: Names) -> float:
    """Show photos one by one; the share of them on which browser and Python name the same flower.

    Where they do, the confidences must be close, too.
    """
    same = 0
    for photo in photos:
        kind = app.recognise(photo)
        guesses = app.guesses()
        expected = recogniser.classify_file(photo)
        best = expected.guesses[0]
        if guesses[0].name == names[best.label]:
            same += 1
            assert abs(guesses[0].percent - 100 * best.confidence) < 5, (photo, expected)
            assert kind == expected.kind or near_a_threshold(recogniser, expected.known)
    return same / len(photos)


def near_a_threshold(recogniser: Recogniser, known: float) -> bool:
    """Where rounding may tip the kind of the verdict."""
    calibration = recogniser.artefact.calibration
    rejection = calibration.rejection if calibration else None
    limits = (rejection.reject_below, rejection.sure_from) if rejection else ()
    return any(abs(known - limit) < 0.05 for limit in limits)


def test_drawn_photos_are_named_as_by_python(
    app: App, recogniser: Recogniser, names: Names, tmp_path: Path
) -> None:
    photos = [write_jpeg(tmp_path / f"{i}.jpg", image) for i, image in enumerate(drawn_pool()[::4])]
    assert compare(app, recogniser, photos, names) == 1


def test_real_photos_are_named_as_by_python(
    app: App, recogniser: Recogniser, names: Names, bombus_data: Path
) -> None:
    photos = sorted((bombus_data / "flowers16" / "test").glob("*/*.webp"))[::31][:102]
    assert compare(app, recogniser, photos, names) >= 0.99
