"""The page on robustness: what holds, and every figure it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.manifest import Manifest
from models.markdown import percent, table_head, table_row
from models.photos import LabelledPhotos
from training.robustness.corruptions import CORRUPTIONS, REFERENCE_SIDE
from training.robustness.results import EqualSharpness, Interval, Robustness

GOAL = 8.0  # points of top-1 that the mean corruption accuracy may lie below clean


def page(
    manifest: Manifest,
    arms: Sequence[Robustness],
    sharp: EqualSharpness,
    photos: LabelledPhotos,
    every: LabelledPhotos,
    *,
    command: str,
    pictures: tuple[str, str],
    credit: str,
    suspect: str,
) -> str:
    """The page as Markdown.

    Args:
        manifest: Of the bundle.
        arms: Its artefacts on corrupted photos.
        sharp: One of them on photos of equal sharpness.
        photos: Those that were corrupted.
        every: The split they are of, on which sharpness was equalised.
        command: What to say reproduces the page.
        pictures: File names of the curves and of the corrupted sample.
        credit: Whose the sample is; empty for the user's own.
        suspect: The class to tell apart from the others, if any.
    """
    curves, sample = pictures
    part = f"{len(photos)} of the {len(every)}" if len(photos) < len(every) else f"{len(every)}"
    chosen = ", as many of each class, chosen by seed 0" if len(photos) < len(every) else ""
    lines = [
        f"# {manifest.name} {manifest.version}: robustness to worse photos",
        "",
        f"Made by `{command}`; do not edit.",
        "",
        *(f"- {_conclusion(arm)}" for arm in arms),
        "",
        f"On {part} photos of `{every.root.name}`{chosen} (SHA-256 `{photos.sha256[:16]}…`), as "
        "`bombus app classify` runs them, one thread. Top-1 in per cent, with 95 % intervals. "
        "Mean corruption accuracy: the mean over all corruptions and severities below, in the "
        "sense of Hendrycks and Dietterich (arXiv 1903.12261) but not divided by AlexNet's. Its "
        "distance from clean is on the same photos, the interval over photos.",
        "",
        *_summary(arms),
        "",
        f"![Top-1 over severity]({curves})",
        "",
        "## The corruptions",
        "",
        f"![The corruptions at each severity]({sample})",
        "",
        *([f"Photo: {credit}; cropped, and corrupted.", ""] if credit else []),
        f"Lengths are pixels of a photo of {REFERENCE_SIDE} x {REFERENCE_SIDE}. Directions, places "
        "and noise are drawn per photo, by a seed, and are the same at every severity: brightness "
        "and gamma go up or down; casts are warm, cool, green or magenta; occluded is a square of "
        "the photo's mean colour; a small flower is the photo scaled down, on its own mirror "
        "images out of focus. Levels were chosen before any model was scored.",
        "",
        *_levels(arms),
        "",
        'Turned away: answered with "none of these", by the artefact\'s own rejection threshold.',
        "",
        "## Equal sharpness",
        "",
        *_sharpness(sharp, suspect),
    ]
    return "\n".join(lines) + "\n"


def _conclusion(arm: Robustness) -> str:
    points = 100 * arm.distance[0]
    verdict = "within" if points <= GOAL else "beyond"
    return (
        f"**`{arm.artefact.file}`: mean corruption accuracy {percent(arm.mean)} %, "
        f"{points:.2f} points below clean: {verdict} the {GOAL:g} that are the goal.**"
    )


def _summary(arms: Sequence[Robustness]) -> Iterator[str]:
    names = [f"`{arm.artefact.file}`" for arm in arms]
    yield from table_head("top-1 %", *names)
    yield table_row("as they are", *(_interval(arm.top1()) for arm in arms))
    for c in CORRUPTIONS:
        yield table_row(c.name, *(percent(arm.accuracy(c.name)) for arm in arms))
    for severity in range(1, 1 + max(len(c.levels) for c in CORRUPTIONS)):
        yield table_row(f"all at severity {severity}", *(percent(arm.at(severity)) for arm in arms))
    yield table_row("**mean corruption accuracy**", *(f"**{percent(arm.mean)}**" for arm in arms))
    yield table_row("points below clean", *(_interval(arm.distance) for arm in arms))


def _levels(arms: Sequence[Robustness]) -> Iterator[str]:
    columns = [c for a in arms for c in (f"`{a.artefact.file}`", "turned away %")]
    yield from table_head("corruption", "severity", "level", *columns)
    for c in CORRUPTIONS:
        for severity, level in enumerate(c.levels, 1):
            cells = [
                text
                for arm in arms
                for text in (
                    _interval(arm.top1(c.name, severity)),
                    percent(arm.unknown(c.name, severity)),
                )
            ]
            yield table_row(c.name, str(severity), f"{c.unit} {level:g}", *cells)


def _sharpness(sharp: EqualSharpness, suspect: str) -> Iterator[str]:
    yield (
        "Does the model tell a class by how sharp its photos are? Sharpness is the variance of "
        "the Laplacian of the grey photo, of which a class's texture has its part. Every photo "
        f"above {sharp.target:.0f}, the median of the least sharp class "
        f"({sharp.labels[sharp.present[-1]]}), was blurred down to it: "
        f"{percent(sharp.blurred)} % of {len(sharp.targets)}. `{sharp.artefact.file}`: top-1 "
        f"{percent(sharp.top1(sharp.before))} % before, {percent(sharp.top1(sharp.after))} % "
        "after."
    )
    yield ""
    if suspect:
        yield _suspected(sharp, suspect)
        yield ""
    yield from table_head(
        "class", "photos", "sharpness", "recall %", "after", "precision %", "after", "excess loss"
    )
    recall, precision = (
        [figures(side) for side in (sharp.before, sharp.after)]
        for figures in (sharp.recall, sharp.precision)
    )
    for i in sharp.present:
        figures = (percent(float(side[i])) for side in (*recall, *precision))
        count = int((sharp.targets == i).sum())
        yield table_row(
            sharp.labels[i],
            str(count),
            f"{sharp.medians[i]:.0f}",
            *figures,
            _interval(sharp.excess(i)),
        )
    yield ""
    yield (
        "Sharpness: the class's median. Excess loss: points of recall that the class loses more "
        "than all other photos do, with its 95 % interval; of so many classes, one or so lies "
        "outside by chance."
    )


def _suspected(sharp: EqualSharpness, suspect: str) -> str:
    i = sharp.labels.index(suspect)
    rank = sharp.present.index(i) + 1
    recall, precision = (
        [percent(float(figures(side)[i])) for side in (sharp.before, sharp.after)]
        for figures in (sharp.recall, sharp.precision)
    )
    excess = sharp.excess(i)
    verdict = (
        "more than by chance, so the model leans on its sharpness"
        if excess[1] > 0
        else "so nothing says that the model knows it by its sharpness"
    )
    return (
        f"**{suspect}**: sharpness {sharp.medians[i]:.0f}, rank {rank} of {len(sharp.present)}; "
        f"recall {recall[0]} -> {recall[1]} %, precision {precision[0]} -> {precision[1]} %. It "
        f"loses {_interval(excess)} points more than the other photos: {verdict}."
    )


def _interval(of: Interval) -> str:
    centre, low, high = (percent(value) for value in of)
    return f"{centre} ({low} to {high})"
