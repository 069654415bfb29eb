"""The results page of a bundle: every artefact scored on photos that nothing was chosen on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.contract import ImagePreprocess
from models.errors import InputError
from models.files import write_text, writing_to
from models.manifest import Artefact
from models.metrics import confusion_matrix, fit_temperature, score
from models.photos import LabelledPhotos
from models.preprocess import load_photos
from models.progress import track
from models.quality import Rejection
from models.rejection import known
from models.runtime import open_runner, run_each
from training.flowers.figures import draw_artefacts, draw_confusion
from training.flowers.relabelled import Looks, section
from training.flowers.report_page import Result, page

Pixels = NDArray[np.uint8]  # [N, H, W, 3]
Labelled = tuple[Pixels, NDArray[np.int64]]
Answers = dict[str, NDArray[np.float32]]  # [N, ...] by output


def write_report(
    bundle: Bundle,
    photos: LabelledPhotos,
    val: LabelledPhotos,
    out: Path,
    *,
    unknown: LabelledPhotos | None = None,
    looks: Looks | None = None,
    command: str,
) -> list[Result]:
    """Score a classifier's bundle and write `<name>.md` and its pictures.

    Args:
        bundle: Its Keras model and all its artefacts are scored.
        photos: Test photos: neither trained on, chosen by, nor calibrated on.
        val: Photos to fit the temperature of the Keras model on, as the artefacts' was.
        out: Folder of the page.
        unknown: Photos of other things, none of which the rejection was fitted on; the folders
            are scored apart.
        looks: At the test photos, without their labels.
        command: What to say reproduces the page.

    Returns:
        The results, the Keras model's first.

    Raises:
        InputError: The photos' classes are not the bundle's labels.
    """
    manifest = bundle.manifest
    if photos.labels != manifest.labels:
        raise InputError(f"{photos.root}: its classes are not the labels of {bundle.path}")
    assert isinstance(manifest.preprocess, ImagePreprocess)
    size = manifest.preprocess.size
    test = load_photos(photos.paths, size, "read test photos"), photos.targets
    fit = load_photos(val.paths, size, "read val photos"), val.targets
    others = _strangers(unknown, size) if unknown else {}
    artefacts = sorted(manifest.artefacts, key=lambda artefact: artefact.format != "keras")
    results = [_result(bundle, artefact, test, fit, others) for artefact in artefacts]
    answers = {one.artefact.file: one.logits for one in results}
    said = results[0].logits.argmax(axis=1)
    matrix = confusion_matrix(photos.targets, said, len(manifest.labels))
    confusion, timed = f"{manifest.name}-confusion.png", None
    with writing_to(out / confusion) as path:
        draw_confusion(matrix, manifest.labels, path)
    if any(artefact.latency for artefact in artefacts):
        timed = f"{manifest.name}-artefacts.png"
        with writing_to(out / timed) as path:
            draw_artefacts([(one.artefact, one.raw) for one in results], path)
    lines = page(
        manifest,
        photos,
        results,
        matrix,
        confusion=confusion,
        artefacts=timed,
        again=section(looks, photos.targets, answers) if looks else (),
        command=command,
    )
    write_text(out / f"{manifest.name}.md", "\n".join(lines) + "\n")
    return results


def _result(
    bundle: Bundle, artefact: Artefact, test: Labelled, val: Labelled, others: Mapping[str, Pixels]
) -> Result:
    """One artefact's answers on all photos, scored."""
    answers, calibration = _answers(bundle, artefact, test[0]), artefact.calibration
    if calibration is not None:
        temperature = calibration.temperature
    else:
        temperature = fit_temperature(_answers(bundle, artefact, val[0])["logits"], val[1])
    test_known, strangers = None, {}
    if calibration is not None and calibration.rejection is not None:
        test_known = _known(calibration.rejection, answers)
        strangers = {
            label: _known(calibration.rejection, _answers(bundle, artefact, pixels))
            for label, pixels in others.items()
        }
    logits, targets = answers["logits"], test[1]
    calibrated = score(logits, targets, temperature)
    return Result(artefact, logits, score(logits, targets), calibrated, test_known, strangers)


def _strangers(unknown: LabelledPhotos, size: int) -> dict[str, Pixels]:
    """The pixels of photos of other things, by folder."""
    pixels = load_photos(unknown.paths, size, "read unknown photos")
    return {label: pixels[unknown.targets == i] for i, label in enumerate(unknown.labels)}


def _known(rejection: Rejection, answers: Answers) -> NDArray[np.float64]:
    """[N] probability that a photo shows one of the classes."""
    familiarity = answers["familiarity"][:, 0] if "familiarity" in answers else None
    return known(rejection, answers["logits"], familiarity)


def _answers(bundle: Bundle, artefact: Artefact, pixels: Pixels) -> Answers:
    """Outputs [N, ...] of one artefact, by Keras or by the runtime that a device has."""
    data = bundle.read(artefact)
    if artefact.format == "keras":
        import keras

        with tempfile.TemporaryDirectory(prefix="bombus-") as folder:
            path = Path(folder, artefact.file)
            path.write_bytes(data)
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        return {"logits": np.asarray(model.predict(pixels, batch_size=32, verbose=0), np.float32)}
    runner = open_runner(data, artefact.format, threads=2, name=artefact.file)
    return run_each(runner, track(pixels, len(pixels), artefact.file))
