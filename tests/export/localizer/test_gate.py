"""The gate of a localizer: what passes, what fails, and that it can fail at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.localizer.gate import APART, judge_step, judge_whole
from export.localizer.ways import Judge, judge_by, localize
from models.errors import GateError
from models.runtime import Port
from robot.lie import Array, so3_exp
from tests.export.runs import PROFILE, drive
from training.inertial.networks import CONSTANT, Network

DRIVE = drive()
SLIP = 10.0 ** np.random.default_rng(1).uniform(-2, 2, (len(DRIVE.times), 2))
JUDGE = Judge(DRIVE, PROFILE, SLIP, localize(DRIVE, PROFILE, SLIP))
METRES = DRIVE.truth.distances[-1]


class Recited:
    """A runner whose answers are written down, whatever it is told."""

    runtime = "none"

    def __init__(self, inputs: Mapping[str, int], outputs: Mapping[str, Array]) -> None:
        self.inputs = tuple(Port(n, (1, w), np.dtype(np.float32)) for n, w in inputs.items())
        self.outputs = tuple(
            Port(n, (1, *v.shape[1:]), np.dtype(np.float32)) for n, v in outputs.items()
        )
        self._rows, self._at = list(outputs.values()), -1

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        raise NotImplementedError

    def call(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        self._at += 1
        return [rows[self._at : self._at + 1] for rows in self._rows]


def step(slip: Array) -> Recited:
    return Recited({"sample": 6}, {"slip": slip})


def whole(positions: Array, rotations: Array) -> Recited:
    start = {"sample": 6, "dt": 1, "rotation": 9, "velocity": 3}
    states = {f"next_{name}": np.zeros((len(positions), start[name])) for name in list(start)[2:]}
    runner = Recited(start, states | {"next_position": positions, "next_rotation": rotations})
    runner.inputs = tuple(
        replace(p, shape=(1, 3, 3)) if p.name == "rotation" else p for p in runner.inputs
    )
    return runner


def test_the_same_passes() -> None:
    verdict = judge_step(step(SLIP), "f32", [JUDGE])
    assert verdict.failures == ()
    assert verdict.parity["slip"].max_error == 0
    (way,) = verdict.ways
    assert (way.apart, way.turned, way.n) == (0, 0, len(DRIVE.times))
    assert way.metres == pytest.approx(METRES, abs=1e-3)
    verdict = judge_whole(whole(JUDGE.way.positions, JUDGE.way.rotations), "f64", [JUDGE])
    assert verdict.failures == ()
    assert verdict.ways == (way.model_copy(update={"tolerance": APART["f64"]}),)


def test_a_slip_in_other_units_fails() -> None:
    verdict = judge_step(step(100 * SLIP), "f32", [JUDGE])
    assert len(verdict.failures) == 2
    assert "apart" in verdict.failures[0]
    assert "RMS error" in verdict.failures[1]


def test_rows_exchanged_fail() -> None:
    assert judge_step(step(SLIP[:, ::-1]), "wi8_afp32", [JUDGE]).failures


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_what_is_no_variance_fails(value: float) -> None:
    slip = SLIP.copy()
    slip[77, 1] = value
    verdict = judge_step(step(slip), "f16", [JUDGE])
    assert verdict.failures == ("slip: no variance, NaN or infinity at 1 samples",)


@given(scheme=st.sampled_from(list(APART)), share=st.sampled_from((0.9, 1.1)), seed=st.integers(0))
@settings(max_examples=20)
def test_how_far_a_way_may_part(scheme: Any, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    aside = rng.normal(size=3)
    row = rng.integers(len(DRIVE.times))
    positions = JUDGE.way.positions.copy()
    positions[row] += share * APART[scheme] * METRES * aside / np.linalg.norm(aside)
    verdict = judge_whole(whole(positions, JUDGE.way.rotations), scheme, [JUDGE])
    assert len(verdict.failures) == (share > 1)


def test_a_turned_way_is_told() -> None:
    turned = JUDGE.way.rotations @ so3_exp(np.array((0.0, 0.0, 1e-3)))
    (way,) = judge_whole(whole(JUDGE.way.positions, turned), "f32", [JUDGE]).ways
    assert way.turned == pytest.approx(1e-3, rel=1e-3)


def test_a_way_to_nowhere_fails() -> None:
    positions = JUDGE.way.positions.copy()
    positions[-5:] = np.nan
    verdict = judge_whole(whole(positions, JUDGE.way.rotations), "f32", [JUDGE])
    assert verdict.failures == (f"{DRIVE.name}: NaN or infinity at 5 samples",)


def test_a_network_that_says_the_same_all_along_proves_nothing() -> None:
    network = Network(CONSTANT, dtype="float64")
    with pytest.raises(GateError, match="says the same all along urban 5"):
        judge_by(DRIVE, network, network.in_float32(), PROFILE)
