"""The report of a tuning: a page, its pictures, and all figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.speed.benchmark import machine
from export.tuning.drawing import WAYS, Draw
from export.tuning.outcome import Final, Found, Outcome
from export.tuning.trial import Trial, front
from models.files import writing_to

MOST_ROWS = 12  # of a table of groups


def write_report(outcome: Outcome, folder: Path) -> None:
    """Write `tuning.md`, `tuning.json`, and a picture of each search into a folder."""
    from export.tuning.picture import draw_front

    with writing_to(folder) as temporary:
        temporary.mkdir()
        (temporary / "tuning.md").write_text(page(outcome), encoding="utf-8")
        text = json.dumps(as_json(outcome), indent=1, allow_nan=False)
        (temporary / "tuning.json").write_text(text + "\n", encoding="utf-8")
        for found in outcome.found:
            if len(found.trials) > 1:
                draw_front(found, temporary / f"{found.model_format}.png")


def page(outcome: Outcome) -> str:
    """The page, as Markdown."""
    return "\n".join(_lines(outcome)).rstrip() + "\n"


def _lines(outcome: Outcome) -> Iterator[str]:
    splits = outcome.splits
    n, name = splits.validation
    yield f"# Tuning of {outcome.name}\n"
    yield (
        f"Of the calibration data, {splits.ranges} samples may set ranges ({splits.drawn} are "
        f"drawn to) and correct biases; {splits.selection} others choose, without labels. The "
        f"{n} of {name} judge the final files only.\n\n"
        "*Error*: RMS difference to the Keras model over what the gate allows, which is far less "
        "of float than of 8 bits; 1 is the limit. *Latency*: median over that of the same model in "
        f"float, measured in turns, one thread, on {machine()}.\n"
    )
    if outcome.finals:
        yield f"## On {name}\n"
        yield from _table(
            ("file", "top-1", "drop, points [95 %]", "agreement", "error", "MB", "latency", "gate"),
            [_final(final, outcome.finals) for final in outcome.finals],
        )
    for found in outcome.found:
        yield from _format(found)
    yield from _draws(outcome)
    if outcome.corrections:
        yield "## Corrections before quantizing\n"
        yield "Error of plain 8 bits on the selection data; kept where it falls by 2 % or more.\n"
        yield from _table(
            ("correction", "places", "before", "after", "kept"),
            [
                (c.name, str(c.places), _errors(c.before), _errors(c.after), _yes(c.kept))
                for c in outcome.corrections
            ],
        )


def _format(found: Found) -> Iterator[str]:
    plain, chosen = found.alone[0], found.chosen
    yield f"## {found.model_format}\n"
    verdict = "passes" if plain.passed else f"fails ({', '.join(plain.failures)})"
    speed = f"{plain.ratio:.2f} x float's latency (the limit is {found.limit:.2f} x)"
    yield f"Plain 8 bits: {verdict}, error {plain.error:.3f}, {speed}."
    if chosen is None:
        yield "No mix passes within the limit.\n"
    elif not chosen.groups:
        yield "Plain 8 bits do; nothing needs to be spared.\n"
    else:
        yield f"Chosen, in float: **{chosen.name}** ({len(chosen.spared)} of {found.operations}"
        yield f"operations), of {len(found.trials)} mixes measured.\n"
    if len(found.trials) > 1:
        yield f"![Error over latency]({found.model_format}.png)\n"
        yield f"Blocks begin with: {', '.join(found.legend)}.\n"
        yield "The Pareto front on the selection data (error, latency, size):\n"
        yield from _table(
            ("in float", "error", "agreement", "latency", "MB", "gate"),
            [_trial(trial) for trial in front(found.trials)],
        )
        yield "What sparing a group alone takes off the error (its square) and adds to the time:\n"
        ranked = sorted(found.alone[1:], key=lambda t: t.error)
        yield from _table(
            ("group", "operations", "of the error", "of float's latency"),
            [
                (
                    t.name,
                    str(len(t.spared)),
                    f"{100 * ((t.error / plain.error) ** 2 - 1):+.0f} %",
                    f"{100 * (t.ratio - plain.ratio):+.0f} %",
                )
                for t in ranked[:MOST_ROWS]
            ],
        )


def _draws(outcome: Outcome) -> Iterator[str]:
    yield "## Which inputs set the ranges\n"
    times = len(outcome.draws) // len(WAYS)
    yield (
        f"Error of plain 8 bits on the selection data, {times} draws of {outcome.splits.drawn} "
        "each way, mean and standard deviation; the single best draw is used.\n"
    )
    formats = list(outcome.draws[0].errors)
    yield from _table(
        ("drawn by", *formats),
        [(way, *(_mean(outcome.draws, way, name) for name in formats)) for way in WAYS],
    )


def _mean(draws: Sequence[Draw], way: str, name: str) -> str:
    values = np.array([draw.errors[name] for draw in draws if draw.way == way])
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return f"{values.mean():.3f} ± {spread:.3f}"


def _final(final: Final, finals: Sequence[Final]) -> tuple[str, ...]:
    single = next(
        f for f in finals if f.name == "float" and f.model_format == final.model_format
    ).latency.median_ms
    quality, parity = final.quality, final.parity
    top1 = drop = "-"
    if quality is not None:
        top1 = f"{100 * quality.top1:.2f} %"
        low, high = quality.drop_interval
        drop = f"{100 * quality.drop:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    agreement = "-" if parity.agreement is None else f"{100 * parity.agreement:.2f} %"
    return (
        f"{final.model_format} {final.name}",
        top1,
        drop,
        agreement,
        f"{parity.rms_error / parity.rms_tolerance:.3f}",
        f"{final.size / 1e6:.2f}",
        f"{final.latency.median_ms / single:.2f} x",
        "; ".join(final.failures) or "passed",
    )


def _trial(trial: Trial) -> tuple[str, ...]:
    agreement = "-" if trial.agreement is None else f"{100 * trial.agreement:.1f} %"
    return (
        trial.name,
        f"{trial.error:.3f}",
        agreement,
        f"{trial.ratio:.2f} x",
        f"{trial.size / 1e6:.2f}",
        "passed" if trial.passed else "failed",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _errors(errors: Any) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in errors.items())


def _yes(kept: bool) -> str:
    return "yes" if kept else "no"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """All figures; mixes by the names of their groups."""
    splits = outcome.splits
    return {
        "name": outcome.name,
        "splits": {
            "ranges": splits.ranges,
            "drawn": splits.drawn,
            "selection": splits.selection,
            "validation": {"n": splits.validation[0], "name": splits.validation[1]},
        },
        "draws": [{"way": draw.way, "errors": dict(draw.errors)} for draw in outcome.draws],
        "corrections": [
            {
                "name": c.name,
                "places": c.places,
                "before": dict(c.before),
                "after": dict(c.after),
                "kept": c.kept,
            }
            for c in outcome.corrections
        ],
        "formats": {
            found.model_format: {
                "operations": found.operations,
                "legend": list(found.legend),
                "float": {"ms": found.float_ms, "bytes": found.float_size},
                "limit": found.limit,
                "chosen": None if found.chosen is None else _figures(found.chosen),
                "alone": [_figures(trial) for trial in found.alone],
                "trials": [_figures(trial) for trial in found.trials],
                "front": [list(trial.groups) for trial in front(found.trials)],
            }
            for found in outcome.found
        },
        "finals": [
            {
                "name": final.name,
                "format": final.model_format,
                "bytes": final.size,
                "parity": final.parity.model_dump(),
                "quality": final.quality.model_dump() if final.quality else None,
                "failures": list(final.failures),
                "latency": final.latency.model_dump(),
            }
            for final in outcome.finals
        ],
    }


def _figures(trial: Trial) -> dict[str, Any]:
    return {
        "in_float": list(trial.groups),
        "operations": len(trial.spared),
        "error": trial.error,
        "agreement": trial.agreement,
        "ratio": trial.ratio,
        "bytes": trial.size,
        "failures": list(trial.failures),
    }
