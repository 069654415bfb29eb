"""The robustness of a bundle: answers to corrupted photos, made where missing, and the page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.bundle import Bundle
from models.classify import Recogniser
from models.contract import ImagePreprocess
from models.errors import InputError
from models.files import write_text
from models.photos import LabelledPhotos
from models.preprocess import load_photo
from models.progress import track
from models.samples import CREDIT, sample_photo
from training.robustness.cells import UNCHANGED, Change, answers, changes
from training.robustness.corruptions import REFERENCE_SIDE
from training.robustness.page import page
from training.robustness.pictures import draw_curves, draw_sample
from training.robustness.results import EqualSharpness, Robustness
from training.robustness.sharpness import blurred_to, class_sharpness, sharpness


class Findings(NamedTuple):
    """What the page states."""

    corrupted: list[Robustness]
    equal: EqualSharpness


def write_report(
    bundle: Bundle,
    photos: LabelledPhotos,
    out: Path,
    *,
    most: int | None,
    artefacts: Sequence[str],
    run: Path,
    seed: int,
    sample: Path | None,
    suspect: str,
    command: str,
) -> Findings:
    """Score artefacts on corrupted photos, and the last of them on photos of equal sharpness.

    Args:
        bundle: A classifier of photos.
        photos: A split that nothing was learned from.
        out: The page, a Markdown file; its two pictures are written beside it.
        most: Corrupt at most so many photos, classes in turn; None for all. Sharpness is always
            made equal over all of them.
        artefacts: File names; by default those of `float_and_int8`.
        run: Folder of the answers; what is in it is not asked again.
        seed: Of the corruptions.
        sample: A photo to show the corruptions on; by default `models.samples`.
        suspect: A class that may be told by its sharpness; empty for none.
        command: What to say reproduces the page.

    Raises:
        InputError: No classifier, no such artefact or class, or no photo to show.
    """
    if suspect and suspect not in photos.labels:
        raise InputError(f"--suspect {suspect}: no such class; one of {', '.join(photos.labels)}")
    shown = load_photo(sample or sample_photo(), REFERENCE_SIDE)
    names = artefacts or float_and_int8(bundle)
    recognisers = [Recogniser(bundle, artefact=name) for name in names]
    assert isinstance(bundle.manifest.preprocess, ImagePreprocess)  # or they had refused it
    size = bundle.manifest.preprocess.size
    some = photos if most is None else photos.stratified(most)
    tables = answers(recognisers, some, changes(seed), size, run)
    corrupted = [
        Robustness(r.artefact, some.targets, table)
        for r, table in zip(recognisers, tables, strict=True)
    ]
    equal = _equal_sharpness(recognisers[-1], photos, size, run)
    curves, picture = pictures_of(out)
    draw_curves(corrupted, curves)
    draw_sample(shown, seed, picture)
    text = page(
        bundle.manifest,
        corrupted,
        equal,
        some,
        photos,
        command=command,
        pictures=(curves.name, picture.name),
        credit="" if sample else CREDIT,
        suspect=suspect,
    )
    write_text(out, text)
    return Findings(corrupted, equal)


def pictures_of(page: Path) -> tuple[Path, Path]:
    """Where a page's pictures are: curves, and the corruptions on a sample."""
    return page.with_suffix(".png"), page.with_name(f"{page.stem}-corruptions.jpg")


def float_and_int8(bundle: Bundle) -> list[str]:
    """The float and the 8-bit artefact that a device would run: TFLite where there is a choice.

    Raises:
        InputError: One of them is missing.
    """
    found = []
    for what, schemes in (("float", ("f32", "f16")), ("wi8_ai8", ("wi8_ai8",))):
        order = [(f, s) for f in ("tflite", "onnx") for s in schemes]
        here = [
            a for a in bundle.manifest.artefacts if bundle.has(a) and (a.format, a.scheme) in order
        ]
        if not here:
            raise InputError(f"{bundle.path}: no {what} artefact; name what to score by --artefact")
        found.append(min(here, key=lambda a: order.index((a.format, a.scheme))).file)
    return found


def _equal_sharpness(
    recogniser: Recogniser, photos: LabelledPhotos, size: int, run: Path
) -> EqualSharpness:
    what = track(photos.paths, len(photos), "sharpness")
    measured = np.array([sharpness(load_photo(path, size)) for path in what])
    medians = class_sharpness(measured, photos.targets, len(photos.labels))
    target = float(np.nanmin(medians))
    blur = Change("equal sharpness", 0, f"{target!r}", partial(blurred_to, target=target))
    (table,) = answers([recogniser], photos, [UNCHANGED, blur], size, run)
    return EqualSharpness(
        recogniser.artefact,
        photos.labels,
        photos.targets,
        medians,
        float((measured > target).mean()),
        table[UNCHANGED.name, 0],
        table[blur.name, 0],
    )
