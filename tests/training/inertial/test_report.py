from __future__ import annotations

from pathlib import Path

from robot.metrics import Relative
from training.inertial.report import BEST, VARIANTS, Run, table

SEQUENCES = ("04", "07")


def relative(percent: float, metres: float) -> Relative:
    return Relative(percent / 100, percent / 200, 1e-5, 10, metres)


def run(kind: str, seed: int, percent: float) -> Run:
    scores = {
        name: {s: relative(percent + k, m) for s, m in zip(SEQUENCES, (400.0, 1200.0), strict=True)}
        for k, name in enumerate(VARIANTS)
    }
    return Run(Path(kind), kind, kind == "snn", seed, SEQUENCES, scores)


def test_a_row_is_the_mean_of_the_seeds_weighted_by_length() -> None:
    plain = {"04": relative(2.0, 400.0), "07": relative(4.0, 1200.0)}
    lines = table([run("snn", 0, 1.0), run("snn", 1, 2.0), run("cnn", 0, 5.0)], plain, SEQUENCES)
    rows = {line.split("|")[1].strip(" *"): line for line in lines[2:]}
    assert rows["AI-IMU's constants"].endswith("| 1 | 2.00 | 4.00 | 3.500 |")
    # The network of seeds 0 and 1: 2 and 3 %.
    assert rows[BEST].endswith("| 2 | 2.50 | 2.50 | 2.500 ± 0.707 |")
    assert rows["learned constants, by ear"].endswith("| 1.50 | 1.50 | 1.500 ± 0.707 |")
    assert rows["CNN"].endswith("| 1 | 6.00 | 6.00 | 6.000 |")
    assert "0.057" in rows[f"{BEST}: r_rel, deg/100 m"]
    assert "1.25" in rows[f"{BEST}: horizontal"]


def test_runs_that_saw_a_sequence_are_left_out() -> None:
    plain = dict.fromkeys(SEQUENCES, relative(2.0, 400.0))
    seen = Run(Path("x"), "snn", True, 0, ("04",), run("snn", 0, 1.0).scores)
    assert len(table([seen], plain, SEQUENCES)) == 3
