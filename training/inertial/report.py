"""The results page of the localizer: every trained run, on the sequences it never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.errors import InputError
from models.files import read_record, write_text
from models.progress import track
from robot.metrics import Relative, length_weighted
from robot.pose import Options
from robot.profile import Profile, profile_of
from robot.recording import Recording
from robot.state import Covariance, State
from training.inertial import kitti
from training.inertial.energy import measure
from training.inertial.evaluate import follow, localized
from training.inertial.figures import draw_scores
from training.inertial.networks import CONFIGS, Kind, Network
from training.inertial.train import KERAS_FILE, PROFILE, RECIPE

SCORES = "scores.json"
PICTURE = "localization.png"
COSTED, COSTED_SAMPLES = "07", 4000
PLAIN = "AI-IMU's constants"
EARS = ", by ear"
BEST = f"SNN{EARS}"
KINDS: tuple[Kind, ...] = ("constant", "lstm", "cnn", "snn")
# Each run is scored with its network, and with the network switched off.
VARIANTS = {"constants": False, "network": True}

Scores = dict[str, dict[str, Relative]]  # by variant, then by sequence


@dataclass(frozen=True)
class Run:
    """A trained run and its scores; `hears` if it was trained with wheels and axles."""

    folder: Path
    kind: str
    hears: bool
    seed: int
    hold_out: tuple[str, ...]
    scores: Scores


def open_run(folder: Path) -> tuple[dict[str, Any], Profile, Network]:
    """A finished run's recipe, profile and network.

    Raises:
        InputError: It is not one.
    """
    missing = [name for name in (RECIPE, PROFILE) if not (folder / name).exists()]
    if missing:
        raise InputError(
            f"{folder}: no finished run ({missing[0]} is missing); "
            "train it with bombus train localizer"
        )
    recipe = read_record(
        folder / RECIPE, "network", "tone", "wheelbase", "seed", "hold_out", remedy="train it anew"
    )
    values = read_record(folder / PROFILE, remedy="train it anew")
    network = keras.models.load_model(folder / KERAS_FILE)
    return recipe, profile_of(values, str(folder / PROFILE)), network


def score(folder: Path, root: Path) -> Run:
    """Score a run on the sequences that it never saw; kept beside it, and not made twice."""
    recipe, profile, network = open_run(folder)
    path = folder / SCORES
    if path.exists():
        kept = read_record(path, *VARIANTS)
        scores = {v: {s: Relative(**r) for s, r in rows.items()} for v, rows in kept.items()}
    else:
        scores = {variant: {} for variant in VARIANTS}
        sequences = recipe["hold_out"]
        for sequence in track(sequences, len(sequences), f"scoring {folder.name}"):
            recording = kitti.read_sequence(root, sequence)
            for variant, adapts in VARIANTS.items():
                found = follow(recording, profile, network if adapts else None)[1]
                scores[variant][sequence] = found
        plain = {v: {s: asdict(r) for s, r in rows.items()} for v, rows in scores.items()}
        write_text(path, json.dumps(plain, indent=1))
    return Run(
        folder,
        recipe["network"]["kind"],
        recipe["tone"] or recipe["wheelbase"] > 0,
        recipe["seed"],
        tuple(recipe["hold_out"]),
        scores,
    )


def write_report(folders: Sequence[Path], root: Path, out: Path) -> dict[str, Any]:
    """Score runs and write `localization.md`.

    Args:
        folders: Of finished runs: several seeds, kinds of network and held-out sequences.
        root: The data folder.
        out: Folder of the page.

    Returns:
        Length-weighted t_rel in %, by run and variant.
    """
    runs = [score(folder, root) for folder in folders]
    sequences = track(list(kitti.SEQUENCES), len(kitti.SEQUENCES), "scoring constants")
    plain = {s: _constant(kitti.read_sequence(root, s)) for s in sequences}
    lines = ["# Localization", "", *_INTRODUCTION, ""]
    lines += [f"![Errors by sequence]({PICTURE})", ""]
    holed = [run for run in runs if set(kitti.HOLED) <= set(run.hold_out)]
    others = [run for run in runs if run not in holed]
    lines += table(others, plain, kitti.SCORED)
    if holed:
        lines += ["", "## Sequences with holes in the recording", "", *_HOLES, ""]
        lines += table(holed, plain, kitti.HOLED)
    lines += ["", "## What a step costs", "", *_COSTS, "", *_costs(runs, root)]
    draw_scores(_bars(others, plain), kitti.SCORED, out / PICTURE)
    names = " ".join(f"runs/{folder.name}" for folder in folders)
    lines += ["", f"Made by `bombus train localizer-report {names} --data DATA`.", ""]
    write_text(out / "localization.md", "\n".join(lines))
    return {
        run.folder.name: {v: _weighted(rows) for v, rows in run.scores.items()}
        for run in runs
        if set(kitti.SCORED) <= set(run.hold_out)
    }


def _costs(runs: Sequence[Run], root: Path) -> list[str]:
    """One network of each kind: of its first run, or as it is before training."""
    recording = kitti.read_sequence(root, COSTED)
    samples = np.hstack((recording.gyro, recording.accel))[None, :COSTED_SAMPLES]
    networks = {}
    for kind in reversed(KINDS):
        trained = next((run for run in runs if run.kind == kind), None)
        if trained:
            networks[f"{kind.upper()}, trained"] = open_run(trained.folder)[2]
        else:
            networks[f"{kind.upper()}, untrained"] = fresh = Network(CONFIGS[kind], dtype="float64")
            fresh.fit_features(samples)
    lines = [
        "| per sample | parameters | spikes a neuron | MACs | ACs | dense | pJ at 45 nm |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, network in networks.items():
        cost = measure(network, samples)
        rates = ", ".join(f"{rate:.2f}" for rate in cost.spike_rates.values()) or "-"
        lines.append(
            f"| {name} | {cost.parameters:,} | {rates} | {cost.macs:,.0f} | {cost.acs:,.0f} | "
            f"{cost.dense:,.0f} | {cost.picojoules:,.0f} |"
        )
    return lines


def _constant(recording: Recording) -> Relative:
    """AI-IMU's filter and constants: no stand-still, no gate."""
    state = State.at_rest(recording.truth.rotations[0], recording.velocities[0])
    options = Options(still=None, slip_gate=None)
    return localized(recording, options, start=(state, Covariance.of_deviations()))[1]


def _weighted(rows: dict[str, Relative]) -> float:
    return length_weighted(rows.values()).percent


def table(runs: Sequence[Run], plain: dict[str, Relative], sequences: Sequence[str]) -> list[str]:
    """t_rel of each method, sequence by sequence, then r_rel and horizontal error of the best."""
    lines = [
        "| t_rel, % | seeds | " + " | ".join(sequences) + " | length-weighted |",
        "|---|---|" + "---|" * (len(sequences) + 1),
        _row(PLAIN, [{s: plain[s] for s in sequences}], sequences, "percent"),
    ]
    found = methods([r for r in runs if set(sequences) <= set(r.hold_out)])
    lines += [_row(name, rows, sequences, "percent") for name, rows in found.items()]
    if best := found.get(BEST):
        lines.append(_row(f"{BEST}: horizontal", best, sequences, "horizontal"))
        lines.append(_row(f"{BEST}: r_rel, deg/100 m", best, sequences, "degrees_per_100_m"))
    return lines


def methods(runs: Sequence[Run]) -> dict[str, list[dict[str, Relative]]]:
    """By the name of a method, the scores of each of its seeds; without ears first."""
    found: dict[str, list[dict[str, Relative]]] = {}
    for run in sorted(runs, key=lambda r: (r.hears, KINDS.index(r.kind), r.seed)):
        ears = EARS if run.hears else ""
        if run.kind == "snn":  # the constants of the others' runs are much the same
            found.setdefault(f"learned constants{ears}", []).append(run.scores["constants"])
        found.setdefault(f"{run.kind.upper()}{ears}", []).append(run.scores["network"])
    return found


def _bars(runs: Sequence[Run], plain: dict[str, Relative]) -> dict[str, list[float]]:
    """What the picture shows, by method: the means over the seeds."""
    scored = [r for r in runs if set(kitti.SCORED) <= set(r.hold_out)]
    shown = {PLAIN: [plain], **methods(scored)}
    return {
        name: [
            *(float(np.mean([r[s].percent for r in rows])) for s in kitti.SCORED),
            float(np.mean([_weighted({s: r[s] for s in kitti.SCORED}) for r in rows])),
        ]
        for name, rows in shown.items()
        if name in (PLAIN, "SNN", f"learned constants{EARS}", BEST)
    }


def _row(
    name: str, seeds: Sequence[dict[str, Relative]], sequences: Sequence[str], what: str
) -> str:
    """One row: means over the seeds, with the deviation of the last column."""

    def value(r: Relative) -> float:
        number: float = getattr(r, what)
        return 100 * number if what == "horizontal" else number

    cells = [f"{np.mean([value(rows[s]) for rows in seeds]):.2f}" for s in sequences]
    ends = [value(length_weighted([rows[s] for s in sequences])) for rows in seeds]
    end = f"{np.mean(ends):.3f}"
    if len(ends) > 1:
        end += f" ± {np.std(ends, ddof=1):.3f}"
    return f"| {name} | {len(seeds)} | " + " | ".join(cells) + f" | {end} |"


_INTRODUCTION = (
    "KITTI odometry sequences, by the KITTI metric: sub-sequences of 100 to 800 m, poses at 10 Hz,",
    "a start every second; 3-D t_rel in % of the length, r_rel in deg/100 m. The filter starts",
    "from the true attitude and velocity, as AI-IMU's does, and then sees the IMU alone. It is",
    "causal. No network, constant or ear has seen a drive of any sequence that it is scored",
    "on: all seven are left out of the training at once, which is stricter than leaving out one.",
    "Weights of the mean are the lengths of the paths. ± is the deviation over the seeds.",
    "",
    "- *AI-IMU's constants*: lateral and vertical variances 1 and 10 m²/s², and its process noise",
    "  (arXiv 1904.06064).",
    "- *learned constants*: mount, lever, bias, drift in curves, first deviations and noise,",
    "  learned together with the network through the filter, and stand-still updates; the network",
    "  is switched off.",
    "- *by ear*: trained and run with the speed heard in the shakes of wheels and axles",
    "  (`robot/ear.py`), which is learned on the same drives; else without.",
    "- *SNN*, *CNN*, *LSTM*: causal networks of about 6,000 weights that set the variances of the",
    "  slip at every sample.",
)
_COSTS = (
    "By NeuroBench's definitions (arXiv 2304.04640), on the first 40 s of 07: synaptic operations",
    "of the layers, zeros not counted but for *dense*; an accumulate (AC) is what a spike takes.",
    "The energy is a convention (4.6 pJ a MAC, 0.9 pJ an AC), not a measurement: it leaves out",
    "memory, and says nothing of a CPU or a phone. The features before the first layer are left",
    "out.",
)
_HOLES = (
    "00, 02 and 05 have holes of up to 1.9 s, which are filled by straight lines. These runs left",
    "out of their training both them and the sequences above.",
)
