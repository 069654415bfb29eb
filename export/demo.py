"""`bombus demo`: the main job on real input. Export the shipped model afresh, then use it."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.bundle import find_bundle
from models.cli import print_artefacts
from models.errors import InputError

if TYPE_CHECKING:
    from export.assemble import Plan
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
    from export.pipeline import export
    from models.bundle import open_bundle
    from models.classify import Recogniser
    from models.photos import read_bytes
    from models.preprocess import decode

    shipped = find_bundle(bundle)
    images = {path: decode(read_bytes(path), str(path)) for path in photo or _photos()}
    with tempfile.TemporaryDirectory(prefix="bombus-demo-") as folder:
        workshop = Path(folder)
        plan = _plan(shipped, workshop)
        target = out or workshop / "bundle"
        typer.echo(f"{shipped.manifest.name} {shipped.manifest.version}: exporting afresh")
        fresh, made = export(plan, target, force=force)
        print_artefacts([m.artefact for m in made])
        checked = f"{len(plan.validation)} photos of {plan.data_name}"
        typer.echo(f"PASSED: {len(made)} artefacts, checked on {checked}")
        recogniser = Recogniser(open_bundle(fresh.path))
        typer.echo(f"recognised by {recogniser.artefact.file} on {recogniser.runtime}:")
        for path, image in images.items():
            typer.echo(f"  {path.name}: {recogniser.classify(image)}")
    typer.echo("the phone app on this machine: make serve, or bombus app serve")


def _plan(shipped: Bundle, workshop: Path) -> Plan:
    """What to export: the bundle's own Keras model, with the data there is."""
    from export.assemble import Plan
    from export.load import load_keras
    from models.manifest import SCHEMES
    from models.photos import scan_class_folders, scan_photos

    manifest = shipped.manifest
    source_file = next(a for a in manifest.artefacts if a.format == "keras")
    model = workshop / source_file.file
    model.write_bytes(shipped.read(source_file))
    data, unknown = _flowers(), None
    if data is None:
        _write_crops(workshop)
        calibration, validation = scan_photos(workshop / "crops"), scan_photos(workshop / "more")
        data_name = "crops of sample photos"
    else:
        calibration = scan_photos(data / "train").stratified(CALIBRATION_PHOTOS)
        validation = scan_class_folders(data / "val", manifest.labels)
        validation = validation.stratified(VALIDATION_PHOTOS)
        data_name = "flowers16/val"
        unknown = scan_photos(data.parent / "not-in-flowers16")
    return Plan(
        source=load_keras(model),
        labels=manifest.labels,
        name=manifest.name,
        version=manifest.version,
        license=manifest.license,
        formats=("tflite", "onnx"),
        schemes=SCHEMES,
        calibration=calibration,
        validation=validation,
        data_name=data_name,
        unknown=unknown,
        unknown_name="not-in-flowers16" if unknown else "",
        labelled=data is not None,
        training=manifest.source.training,
    )


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
        return [_sample_folder() / "flower.jpg"]
    folders = sorted(f for f in (data / "test").iterdir() if f.is_dir())
    return [min(folder.iterdir()) for folder in folders[:5]]


def _sample_folder() -> Path:
    """Where scikit-learn keeps its sample photos; it is not imported."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            "no photos at hand: set BOMBUS_DATA to the data folder, or pip install scikit-learn, "
            "which carries two"
        )
    return Path(spec.submodule_search_locations[0], "datasets", "images")


def _write_crops(workshop: Path, each: int = 64, side: int = 224) -> None:
    """Random crops of the sample photos: some to calibrate, others to compare on."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for name in ("flower.jpg", "china.jpg"):
        image = cv2.imread(str(_sample_folder() / name))
        for folder in ("crops", "more"):
            (workshop / folder / name[:-4]).mkdir(parents=True)
            for i in range(each):
                extent = int(rng.integers(side // 2, min(image.shape[:2])))
                top, left = (int(rng.integers(0, n - extent + 1)) for n in image.shape[:2])
                crop = image[top : top + extent, left : left + extent]
                cv2.imwrite(str(workshop / folder / name[:-4] / f"{i:03d}.png"), crop)
