"""`bombus demo`: the main job on real input. Export the shipped model afresh, then use it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.bundle import find_bundle
from models.cli import print_artefacts
from models.errors import InputError
from models.samples import sample_photo

if TYPE_CHECKING:
    from export.image.photos import Photos
    from models.bundle import Bundle

app = typer.Typer(add_completion=False)

CALIBRATION_PHOTOS = 256
VALIDATION_PHOTOS = 400


@app.command()
def demo(
    photo: Annotated[
        list[Path] | None, typer.Option(help="Photo to recognise; may be repeated.")
    ] = None,
    bundle: Annotated[str, typer.Option(help="A shipped bundle's name or a folder.")] = "flowers",
    out: Annotated[
        Path | None, typer.Option(help="Keep the fresh bundle here; default: nowhere.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is at --out.")] = False,
) -> None:
    """Export the shipped model afresh, check every artefact, and recognise photos.

    With BOMBUS_DATA set, calibration and checks use its flower photos; else crops of two sample
    photos that scikit-learn carries, which show parity but not accuracy.

    Example: bombus demo --photo rose.jpg
    """
    from export.image.photos import photo_classifier
    from export.load import load_keras
    from export.pipeline import export
    from export.subject import Order
    from models.bundle import open_bundle
    from models.classify import Recogniser
    from models.files import read_bytes
    from models.preprocess import decode

    shipped = find_bundle(bundle)
    manifest = shipped.manifest
    images = {path: decode(read_bytes(path), str(path)) for path in photo or _photos()}
    with tempfile.TemporaryDirectory(prefix="bombus-demo-") as folder:
        workshop = Path(folder)
        photos = _photos_at_hand(shipped, workshop)
        source_file = next(a for a in manifest.artefacts if a.format == "keras")
        model = workshop / source_file.file
        model.write_bytes(shipped.read(source_file))
        order = Order(manifest.name, manifest.version, manifest.license)
        typer.echo(f"{manifest.name} {manifest.version}: exporting afresh")
        subject = photo_classifier(
            load_keras(model), photos, order, training=manifest.source.training, say=typer.echo
        )
        fresh, made = export(
            subject, order, out or workshop / "bundle", force=force, say=typer.echo
        )
        print_artefacts([m.artefact for m in made])
        checked = f"{len(photos.validation)} photos of {photos.name}"
        typer.echo(f"PASSED: {len(made)} artefacts, checked on {checked}")
        recogniser = Recogniser(open_bundle(fresh.path))
        typer.echo(f"recognised by {recogniser.artefact.file} on {recogniser.runtime}:")
        for path, image in images.items():
            typer.echo(f"  {path.name}: {recogniser.classify(image)}")
    typer.echo("the phone app on this machine: make serve, or bombus app serve")


def _photos_at_hand(shipped: Bundle, workshop: Path) -> Photos:
    """What to check with: the flower photos, or else crops that are written to the workshop."""
    from export.image.photos import Photos
    from models.photos import scan_class_folders, scan_photos

    labels, data = shipped.manifest.labels, _flowers()
    if data is None:
        _write_crops(workshop)
        return Photos(
            labels=labels,
            validation=scan_photos(workshop / "more"),
            name="crops of sample photos",
            calibration=scan_photos(workshop / "crops"),
            labelled=False,
        )
    return Photos(
        labels=labels,
        validation=scan_class_folders(data / "val", labels).stratified(VALIDATION_PHOTOS),
        name="flowers16/val",
        calibration=scan_photos(data / "train").stratified(CALIBRATION_PHOTOS),
        unknown=scan_photos(data.parent / "not-in-flowers16"),
        unknown_name="not-in-flowers16",
    )


_INSTEAD = "set BOMBUS_DATA to the data folder"


def _flowers() -> Path | None:
    """The flower photos in BOMBUS_DATA, or None where it is not set."""
    root = os.environ.get("BOMBUS_DATA")
    if not root:
        return None
    folder = Path(root) / "flowers16"
    if not folder.is_dir():
        raise InputError(f"BOMBUS_DATA={root}: no flowers16 in it; unset it or mend it")
    return folder


def _photos() -> list[Path]:
    """Photos to recognise when none are given: one a class of the test split, or the sample."""
    data = _flowers()
    if data is None:
        return [sample_photo(instead=_INSTEAD)]
    folders = sorted(f for f in (data / "test").iterdir() if f.is_dir())
    return [min(folder.iterdir()) for folder in folders[:5]]


def _write_crops(workshop: Path, each: int = 64, side: int = 224) -> None:
    """Random crops of the sample photos: some to calibrate, others to compare on."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for name in ("flower.jpg", "china.jpg"):
        image = cv2.imread(str(sample_photo(name, _INSTEAD)))
        for folder in ("crops", "more"):
            (workshop / folder / name[:-4]).mkdir(parents=True)
            for i in range(each):
                extent = int(rng.integers(side // 2, min(image.shape[:2])))
                top, left = (int(rng.integers(0, n - extent + 1)) for n in image.shape[:2])
                crop = image[top : top + extent, left : left + extent]
                cv2.imwrite(str(workshop / folder / name[:-4] / f"{i:03d}.png"), crop)
