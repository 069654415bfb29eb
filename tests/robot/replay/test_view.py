"""What a replay shows is what happened."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from robot.health import Health
from robot.metrics import Trajectory, absolute_errors
from robot.replay.view import POINTS, Panel, View, invariant, make_view, raster
from robot.state import State
from tests.robot.replay.runs import driven, long_run, seen
from tests.robot.simulated import states


def panel(view: View, title: str) -> Panel:
    return next(p for p in view.panels if p.title == title)


def fact(view: View, what: str) -> str:
    return next(f.value for f in view.facts if f.what == what)


@given(states(), states())
def test_errors_are_the_filters_own(estimate: State, truth: State) -> None:
    def alone(state: State) -> Trajectory:
        return Trajectory(np.zeros(1), state.position[None], state.rotation[None])

    expected = estimate.error_of(truth)
    if np.linalg.norm(expected[:3]) > 3.1:  # half a turn has two logarithms
        return
    found = invariant(alone(estimate), alone(truth))[0]
    np.testing.assert_allclose(found[:3], expected[:3], atol=1e-9)
    np.testing.assert_allclose(found[6:], expected[6:9], atol=1e-7)


def test_every_panel_there_is() -> None:
    titles = [p.title for p in seen().panels]
    assert titles == [
        "Position error over distance",
        "Height",
        "Heading error",
        "East error",
        "North error",
        "Up error",
        "Speed",
        "Slip expected (sigma)",
        "Gyro bias",
        "Accelerometer bias",
    ]
    count = len(seen().times)
    for p in seen().panels:
        curves = [line.values for line in p.lines]
        for band in p.bands:
            curves += [band.low, band.high]
        assert all(len(values) == count for values in curves)
        assert all(np.isfinite(values).all() for values in curves)


def test_errors_beside_their_bounds() -> None:
    run, _ = driven()
    view = seen()
    assert view.true_way is not None
    # The truth lies 1 km off, and is laid on the start.
    np.testing.assert_allclose(view.true_way[0], view.way[0])
    off = view.way - view.true_way
    far = panel(view, "Position error over distance")
    np.testing.assert_allclose(far.lines[0].values, np.linalg.norm(off[:, :2], axis=1))
    np.testing.assert_allclose(far.lines[1].values, np.linalg.norm(off, axis=1))
    heading = panel(view, "Heading error")
    expected = 3 * np.degrees(run.deviations[:, 2])
    np.testing.assert_allclose(heading.bands[0].high, expected)
    np.testing.assert_allclose(heading.bands[0].low, -expected)
    for p in view.panels[2:6]:  # the filter knows what it does not know
        inside = abs(p.lines[0].values) <= p.bands[0].high + 1e-9
        assert inside.mean() > 0.95
    about_z = panel(view, "Gyro bias").lines[2].values
    np.testing.assert_allclose(about_z, np.degrees(run.packed[:, 17]))


def test_the_summary_says_what_the_metrics_say() -> None:
    run, truth = driven()
    view = seen()
    score = absolute_errors(
        Trajectory(truth.times, truth.positions, truth.rotations), run.trajectory
    )
    assert fact(view, "Error at the end") == f"{score.final_horizontal:.2f} m"
    assert fact(view, "ATE") == f"{score.ate:.2f} m"
    assert fact(view, "Time") == "20.0 s"
    assert fact(view, "Path") == f"{run.trajectory.distances[-1]:.0f} m"
    ill = 100 * np.count_nonzero(run.health) / len(run.health)
    assert fact(view, "Flagged samples") == f"{ill:.1f} %"
    assert "NOT_FINITE" in view.facts[-1].meaning
    assert fact(view, "Drift, t_rel").endswith(" %")


def test_without_truth_there_are_bounds_only() -> None:
    run, truth = driven()
    elsewhen = Trajectory(truth.times + 1e4, truth.positions, truth.rotations)
    for none in (None, elsewhen, truth.at(slice(1))):
        view = make_view("x", run, truth=none)
        assert view.true_way is None
        assert [p.title for p in view.panels][:2] == ["Height", "Heading uncertainty"]
        assert panel(view, "East uncertainty").lines == ()
        assert [f.what for f in view.facts] == ["Time", "Path", "Flagged samples"]


def test_truth_of_places_alone_and_for_a_while() -> None:
    run, truth = driven()
    rows = slice(0, 400, 5)
    some = Trajectory(
        truth.times[rows], truth.positions[rows], np.full_like(truth.rotations[rows], np.nan)
    )
    view = make_view("x", run, truth=some)
    assert view.true_way is not None
    known = np.isfinite(view.true_way).all(axis=1)
    assert known[:396].all()
    assert not known[396:].any()
    assert panel(view, "Heading uncertainty").lines == ()
    facts = [f.what for f in view.facts]
    assert "ATE" in facts
    assert "Drift, t_rel" not in facts


def test_a_long_run_is_thinned_but_no_flag_is_lost() -> None:
    run, slip = long_run(30_011)
    view = make_view("x", run, slip=slip)
    assert len(view.times) == POINTS
    assert (view.times[0], view.times[-1]) == (0.0, 300.1)
    assert list(view.health) == ["SPIKE"]
    (row,) = np.flatnonzero(view.health["SPIKE"])
    assert view.times[row] <= 100.03 < view.times[row + 1]


def test_slip_is_shown_with_its_range() -> None:
    run, slip = long_run(10_000)
    shown = panel(make_view("x", run, slip=slip), "Slip expected (sigma)")
    times = make_view("x", run).times
    starts = np.rint(times * 100).astype(int)
    ends = [*starts[1:], 10_000]
    for i, (line, band) in enumerate(zip(shown.lines, shown.bands, strict=True)):
        parts = [np.sqrt(slip[a:b, i]) for a, b in zip(starts, ends, strict=True)]
        np.testing.assert_allclose(line.values, [p.mean() for p in parts])
        np.testing.assert_allclose(band.low, [p.min() for p in parts])
        np.testing.assert_allclose(band.high, [p.max() for p in parts])
    assert shown.log


@pytest.mark.parametrize(("count", "neurons"), [(50, 3), (10_000, 7), (5_000, 900), (2, 1)])
def test_a_raster_counts_every_spike(count: int, neurons: int) -> None:
    spikes = np.random.default_rng(0).random((count, neurons)) < 0.2
    shares = raster(spikes)
    assert shares.shape[0] == neurons
    assert shares.size <= 300_000
    assert shares.min() >= 0
    assert shares.max() <= 1
    bins = shares.shape[1]
    sizes = np.diff(np.linspace(0, count, bins + 1).round())
    assert shares @ sizes == pytest.approx(spikes.sum(axis=0))


def test_flags_by_their_names() -> None:
    run, _ = driven()
    both = run.health.copy()
    both[5] |= (Health.DIVERGED | Health.SLIPPING).value
    view = make_view("x", replace(run, health=both))
    assert {"DIVERGED", "SLIPPING", "NOT_FINITE"} <= set(view.health)
    assert view.health["DIVERGED"].sum() == 1


def test_headings_are_from_east_anticlockwise() -> None:
    run, _ = driven()
    view = make_view("x", run)
    row = len(view.times) // 2
    ahead = run.trajectory.rotations[row] @ (1.0, 0, 0)
    assert math.atan2(ahead[1], ahead[0]) == pytest.approx(view.headings[row])
