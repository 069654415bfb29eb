"""The trials of a sweep as a phone would get them: a bundle with one full int8 TFLite file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from export.kinds import Given, subject_of
from export.making import Say
from export.pipeline import export
from export.subject import Order
from models.bundle import open_bundle
from models.errors import BombusError, InputError

TRIALS, PHONE = "trials", "phone"  # folders of the sweep, and in each trial's
JUDGES = 320  # photos; what a trial is worth is scored elsewhere, on all


def export_trials(sweep: Path, data: Path, say: Say = print) -> dict[str, str]:
    """Export every trained trial that is not exported yet; the gate's findings are recorded only.

    Args:
        sweep: Folder of `bombus train sweep`.
        data: Folder with `train/`, which sets ranges, and `val/`, which the files are judged by.
        say: Receives a line for each trial.

    Returns:
        By trial: `exported`, `was exported`, or why it could not be.

    Raises:
        InputError: There is no trained trial.
    """
    models = sorted((sweep / TRIALS).glob("*/model.keras"))
    if not models:
        raise InputError(f"{sweep}: no trained trial; run bombus train sweep")
    order = Order(PHONE, formats=("tflite",), schemes=("wi8_ai8",), gate=False, rounds=0)
    done = dict[str, str]()
    for model in models:
        bundle, name = model.parent / PHONE, model.parent.name
        done[name] = "was exported"
        if not (bundle.is_dir() and open_bundle(bundle).is_made_of(model)):
            given = Given(model, data / "val", validation_count=JUDGES, calibrate=data / "train")
            done[name] = "exported"
            try:
                export(subject_of(given, order, _silent), order, bundle, force=True, say=_silent)
            except BombusError as error:
                done[name] = str(error)
        say(f"{name}: {done[name]}")
    return done


def failed(done: Mapping[str, str]) -> list[str]:
    """The trials that could not be exported, of what `export_trials` says."""
    return [name for name, how in done.items() if how not in ("exported", "was exported")]


def _silent(line: str) -> None:
    """A sweep says one line a trial."""
