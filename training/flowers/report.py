"""The results page of a bundle: every artefact scored on photos that nothing was chosen on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.contract import ImagePreprocess
from models.errors import InputError
from models.files import write_text, writing_to
from models.manifest import Artefact
from models.markdown import percent
from models.metrics import Scores, confusion_matrix, fit_temperature, score
from models.photos import LabelledPhotos
from models.preprocess import load_photos
from models.progress import track
from models.rejection import known
from models.runtime import open_runner, run_each
from training.flowers.figures import draw_artefacts, draw_confusion
from training.flowers.relabelled import Relabelled, section

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Result:
    """One artefact on the test photos."""

    artefact: Artefact
    logits: Logits  # [N, K]
    raw: Scores  # ECE of softmax(logits)
    calibrated: Scores  # ECE of softmax(logits / temperature)
    known: NDArray[np.float64] | None  # [N] probability of showing one of the classes
    strangers: dict[str, NDArray[np.float64]]  # the same of photos that show none, by folder


def write_report(
    bundle: Bundle,
    photos: LabelledPhotos,
    val: LabelledPhotos,
    out: Path,
    *,
    unknown: LabelledPhotos | None = None,
    relabelled: Relabelled | None = None,
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
        relabelled: Of the test photos, those whose labels were looked at again.
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
    pixels = load_photos(photos.paths, size, "read test photos")
    strange = load_photos(unknown.paths, size, "read unknown photos") if unknown else None
    results = []
    for artefact in sorted(manifest.artefacts, key=lambda a: a.format != "keras"):
        answers = _answers(bundle, artefact, pixels)
        logits, calibration = answers["logits"], artefact.calibration
        if calibration is not None:
            temperature = calibration.temperature
        else:
            val_pixels = load_photos(val.paths, size, "read val photos")
            temperature = fit_temperature(
                _answers(bundle, artefact, val_pixels)["logits"], val.targets
            )
        test_known, strangers = None, {}
        if calibration is not None and calibration.rejection is not None:
            test_known = known(calibration.rejection, logits, _familiarity(answers))
            if unknown is not None and strange is not None:
                others = _answers(bundle, artefact, strange)
                values = known(calibration.rejection, others["logits"], _familiarity(others))
                strangers = {
                    label: values[unknown.targets == i] for i, label in enumerate(unknown.labels)
                }
        results.append(
            Result(
                artefact,
                logits,
                score(logits, photos.targets),
                score(logits, photos.targets, temperature),
                test_known,
                strangers,
            )
        )
    matrix = confusion_matrix(
        photos.targets, results[0].logits.argmax(axis=1), len(manifest.labels)
    )
    with writing_to(out / f"{manifest.name}-confusion.png") as path:
        draw_confusion(matrix, manifest.labels, path)
    if any(r.artefact.latency for r in results):
        with writing_to(out / f"{manifest.name}-artefacts.png") as path:
            draw_artefacts([(r.artefact, r.raw) for r in results], path)
    answers = {r.artefact.file: r.logits for r in results}
    again = section(relabelled, photos.targets, answers) if relabelled else ()
    text = _page(bundle, photos, results, matrix, again=again, command=command)
    write_text(out / f"{manifest.name}.md", text)
    return results


def _answers(
    bundle: Bundle, artefact: Artefact, pixels: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
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


def _familiarity(answers: dict[str, NDArray[np.float32]]) -> NDArray[np.float32] | None:
    return answers["familiarity"][:, 0] if "familiarity" in answers else None


def _page(
    bundle: Bundle,
    photos: LabelledPhotos,
    results: Sequence[Result],
    matrix: NDArray[np.int64],
    *,
    again: Iterable[str],
    command: str,
) -> str:
    manifest, reference = bundle.manifest, results[0].raw
    val = manifest.source.training.get("val", {})
    lines = [
        f"# {manifest.name} {manifest.version}: results on the test photos",
        "",
        f"Generated by `{command}`; do not edit.",
        "",
        f"{_network(manifest.source.training)} at {manifest.inputs[0].shape[1]} px, "
        f"{len(manifest.labels)} classes, {len(photos)} test photos "
        f"(SHA-256 `{photos.sha256[:16]}…`), which were neither trained on, chosen by, "
        "nor calibrated on.",
        f"The Keras model: **top-1 {percent(reference.top1)} %** "
        f"(95 % interval {percent(reference.top1_low)} to {percent(reference.top1_high)})"
        + (f"; on val, by which it was chosen, {percent(val['top1'])} %." if val else "."),
        "",
        "| artefact | MB | top-1 % | 95 % interval | drop | precision | recall | F1 "
        "| ECE | ECE, T |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        s = r.raw
        lines.append(
            f"| `{r.artefact.file}` | {r.artefact.bytes / 1e6:.2f} | {percent(s.top1)} "
            f"| {percent(s.top1_low)}–{percent(s.top1_high)} "
            f"| {100 * (reference.top1 - s.top1):+.2f} | {percent(s.precision)} "
            f"| {percent(s.recall)} | {percent(s.f1)} | {s.ece:.4f} | {r.calibrated.ece:.4f} |"
        )
    lines += [
        "",
        "Drop: points of top-1 lost against the Keras model. Precision, recall and F1 are macro "
        "means, in per cent. ECE: 15 bins, of the plain softmax, and with the temperature T that "
        "was fitted on val and stands in the manifest.",
        "",
    ]
    if any(r.artefact.latency for r in results):
        lines += [f"![Size, accuracy and latency of the artefacts]({manifest.name}-artefacts.png)"]
        lines += [""]
    lines += [
        *again,
        *_strangers(results),
        "## What it confuses",
        "",
        f"![Confusion matrix]({manifest.name}-confusion.png)",
        "",
        "| photo of | taken for | photos | of its class |",
        "|---|---|---|---|",
    ]
    wrong = matrix - np.diag(np.diag(matrix))
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:10]:
        i, j = divmod(int(flat), len(matrix))
        share = percent(wrong[i, j] / matrix[i].sum())
        lines.append(f"| {manifest.labels[i]} | {manifest.labels[j]} | {wrong[i, j]} | {share} % |")
    lines += ["", "## By class", ""]
    lines += ["| class | photos | recall % | precision % |", "|---|---|---|---|"]
    for i, label in enumerate(manifest.labels):
        hits = matrix[i, i]
        lines.append(
            f"| {label} | {matrix[i].sum()} | {percent(hits / matrix[i].sum())} "
            f"| {percent(hits / max(1, matrix[:, i].sum()))} |"
        )
    return "\n".join(lines) + "\n"


def _network(training: Mapping[str, Any]) -> str:
    """What answers, by what is told of its training: a backbone, or those of an ensemble."""
    if (ensemble := training.get("ensemble")) is None:
        return str(training.get("recipe", {}).get("backbone", "Model"))
    members = [one.get("recipe", {}).get("backbone", "Model") for one in ensemble["of"]]
    views = " on a photo and its mirror image" if ensemble["mirrored"] else ""
    return f"The mean of {' and '.join(members)}{views}"


def _strangers(results: Sequence[Result]) -> list[str]:
    """What becomes of photos of other things, and of the classes' own."""
    judged = [(r, r.artefact.calibration.rejection) for r in results if r.artefact.calibration]
    rows = []
    for r, rejection in judged:
        if rejection is None or r.known is None:
            continue
        for who, values in {"the classes": r.known, **r.strangers}.items():
            sure = float(np.mean(values >= rejection.sure_from))
            away = float(np.mean(values < rejection.reject_below))
            rows.append(
                f"| `{r.artefact.file}` | {who} | {len(values)} | {percent(sure)} "
                f"| {percent(1 - sure - away)} | {percent(away)} |"
            )
    if not rows:
        return []
    return [
        "## Photos of other things",
        "",
        "Test photos, and photos of none of the classes; nothing was fitted on either. A photo is "
        "turned away below the manifest's `reject_below`, sure from `sure_from` on; both were set "
        "on val.",
        "",
        "| artefact | photos of | n | sure % | not sure % | turned away % |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]
