"""The whole tuning: data split, inputs drawn, corrections tried, mixes searched, bundle written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from export.conversion.quantize import fed
from export.making import Say
from export.pipeline import export, measured
from export.subject import Candidate, Made, Order, Subject
from export.tuning.correcting import Correction, correct
from export.tuning.drawing import Draw, best, draw_all
from export.tuning.features import features
from export.tuning.ground import Ground, ground_of
from export.tuning.mixing import LONGER, search_mix
from export.tuning.outcome import Final, Found, Outcome, Splits
from export.tuning.report import write_report
from export.tuning.settings import Settings
from export.tuning.spared import Choice, Spared
from models.bundle import Bundle
from models.errors import BudgetError, ConversionError, GateError
from models.files import refuse_existing
from models.manifest import Format, Scheme
from models.runtime import open_runner

Files = Mapping[tuple[str, Format], bytes]  # what the tuned ones are compared with


def tune(
    subject: Subject,
    order: Order,
    settings: Settings,
    out: Path,
    report: Path,
    *,
    force: bool = False,
    say: Say = print,
) -> tuple[Bundle, Outcome]:
    """Find mixes of float and 8 bits, one a format, and write them as a bundle.

    Args:
        subject: The model; its calibration data are what may be used to choose. Its weights are
            corrected in place where that helps.
        order: What to make of it; `schemes` is ignored. `max_ms` None: no slower than in float.
        settings: How.
        out: The bundle's folder.
        report: Folder of the report.
        force: Replace what is there.
        say: Receives one line of progress at a time.

    Returns:
        The bundle, and what was found.

    Raises:
        InputError: Not enough calibration data, or something is there already.
        ConversionError: A converter failed.
        GateError: No mix passes, or one fails on the validation data. The report is written.
        BudgetError: None that passes is fast enough. The report is written.
    """
    for path in (out, report):
        refuse_existing(path, force)
    order = replace(order, schemes=("wi8_ai8",), formats=_formats(subject, order, say))
    ground = ground_of(subject, order.formats, settings.seed)
    draws = draw_all(
        features(subject.served, ground.split.ranges),
        settings.draw,
        settings.draws,
        settings.seed,
        ground.errors,
    )
    drawn = best(draws)
    say(f"{len(drawn.rows)} inputs drawn by {drawn.way} set the ranges: {_told(drawn.errors)}")
    rivals = _rivals(ground, draws)
    ground, corrections = _corrected(ground, drawn, say)
    found = [
        search_mix(ground.bench(name, drawn.rows, settings.rounds), order.max_ms, say)
        for name in order.formats
    ]
    splits = Splits(
        ranges=ground.split.counts[0],
        drawn=len(drawn.rows),
        selection=ground.split.counts[1],
        validation=(int(subject.told.validation["n"]), str(subject.told.validation["name"])),
    )
    outcome = Outcome(order.name, splits, draws, corrections, found)
    write_report(outcome, report)  # also for what is refused below
    _refuse(outcome, report)
    tuned = replace(
        subject,
        calibration=ground.given(drawn.rows),
        spare=Spared(tuple(_choice(ground, f) for f in found)),
        told=replace(subject.told, calibration=_record(subject, outcome, drawn)),
    )
    bundle, made = export(tuned, replace(order, max_ms=None), out, force=force, say=say)
    outcome = replace(outcome, finals=_finals(subject, rivals, made, settings.rounds * LONGER))
    write_report(outcome, report)
    return bundle, outcome


def _formats(subject: Subject, order: Order, say: Say) -> tuple[Format, ...]:
    refused = {
        f: subject.refused[f, "wi8_ai8"] for f in order.formats if (f, "wi8_ai8") in subject.refused
    }
    for name, why in refused.items():
        say(f"{name}: not tuned: {why}")
    kept = tuple(name for name in order.formats if name not in refused)
    if not kept:
        raise ConversionError(f"nothing to tune: {'; '.join(refused.values())}")
    return kept


def _rivals(ground: Ground, draws: list[Draw]) -> Files:
    """What a plain export makes: in float, and in 8 bits with ranges set by the first to come."""
    rows = next(draw.rows for draw in draws if draw.way == "chance")
    files = dict[tuple[str, Format], bytes]()
    for name, graph in ground.graphs.items():
        files["float", name] = graph.data
        files["plain 8 bits", name] = ground.plain(name, rows)
    return files


def _corrected(ground: Ground, drawn: Draw, say: Say) -> tuple[Ground, list[Correction]]:
    """The ground with the corrections that help, on the model itself."""
    served = ground.subject.served
    given = ground.given(drawn.rows)
    samples: Any = [np.asarray(fed(given[spec.name])) for spec in served.signature]
    corrections = correct(
        served.model,
        samples,
        drawn.errors,
        lambda: ground.converted_anew().errors(drawn.rows),
    )
    for c in corrections:
        kept = "kept" if c.kept else "left out"
        say(f"{c.name}, {c.places} places: {_told(c.before)} -> {_told(c.after)}, {kept}")
    return (ground.converted_anew() if any(c.kept for c in corrections) else ground), corrections


def _told(errors: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f} of the allowed error" for name, value in errors.items())


def _refuse(outcome: Outcome, report: Path) -> None:
    """Stop where a format has nothing to choose."""
    lacking = [found for found in outcome.found if found.chosen is None]
    if not lacking:
        return
    slow = [f for f in lacking if any(trial.passed for trial in f.trials)]
    if slow:
        f = slow[0]
        fastest = min((t.ratio for t in f.trials if t.passed), default=np.inf)
        raise BudgetError(
            f"{f.model_format}: what passes takes {fastest * f.float_ms:.3g} ms or more, the "
            f"limit is {f.limit * f.float_ms:.3g} ms; see {report}, raise --max-ms"
        )
    f = lacking[0]
    least = min(f.trials, key=lambda t: t.error)
    raise GateError(
        f"{f.model_format}: no mix passes, the best fails by {', '.join(least.failures)}; "
        f"see {report}, ship float or train anew"
    )


def _choice(ground: Ground, found: Found) -> Choice:
    assert found.chosen is not None  # `_refuse` has seen to it
    return Choice.of(ground.graphs[found.model_format].operations, found.chosen.spared)


def _record(subject: Subject, outcome: Outcome, drawn: Draw) -> dict[str, Any]:
    """Of what set the ranges, and what is left in float, for the manifest."""
    return {
        **subject.told.calibration,
        "drawn": {"n": len(drawn.rows), "way": drawn.way},
        "corrections": [c.name for c in outcome.corrections if c.kept],
        "in_float": {f.model_format: list(f.chosen.groups) for f in outcome.found if f.chosen},
    }


def _finals(subject: Subject, rivals: Files, made: list[Made], rounds: int) -> list[Final]:
    """All files judged by the validation data, and timed in turns."""
    files = {**rivals, **{("tuned", m.artefact.format): m.data for m in made}}
    times = measured({f"{name}.{kind}": data for (name, kind), data in files.items()}, rounds)
    finals = []
    for (name, kind), data in sorted(files.items(), key=lambda item: item[0][1]):
        scheme: Scheme = "f32" if name == "float" else "wi8_ai8"
        found = subject.judge(Candidate(open_runner(data, kind, threads=2), scheme, len(data)))
        finals.append(
            Final(
                name=name,
                model_format=kind,
                size=len(data),
                parity=next(iter(found.parity.values())),
                quality=found.quality,
                failures=found.failures,
                latency=times[f"{name}.{kind}"],
            )
        )
    return finals
