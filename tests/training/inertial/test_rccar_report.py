"""The RC car's page: that the scored run is left out, and what the page says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from models.errors import InputError
from tests.training.inertial.test_rccar import snake
from tests.training.inertial.test_rccar_learn import learned, taught
from training.cli import app
from training.inertial import rccar, rccar_report
from training.inertial.rccar import LONG
from training.inertial.rccar_learn import Lesson
from training.inertial.rccar_report import OURS, VARIANTS, Score, name_of

HALF = "half the noise"


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 9), st.floats(-2, 2), st.floats(-3, 3))
def test_nothing_after_the_first_metre_of_rtk_is_used(
    tmp_path: Path, seed: int, turn: float, shift: float
) -> None:
    snake(tmp_path, 0.4)
    before = rccar.read(tmp_path, "run_x_imu1", synchronize=False)
    path = tmp_path / rccar.FOLDER / "run_x_imu1.npz"
    with np.load(path) as file:
        known = dict(file)
    later = slice(20, None)  # 1 m takes 13 samples, and a course three more
    wild = np.random.default_rng(seed).normal(size=known["rtk_ned"][later].shape)
    known["rtk_ned"][later] = turn * known["rtk_ned"][later] + shift + wild
    np.savez(path, **known)
    after = rccar.read(tmp_path, "run_x_imu1", synchronize=False)
    assert after.heading == before.heading
    one, other = (rccar_report.score("x", 1, run, learned()).way for run in (before, after))
    np.testing.assert_array_equal(one, other)


def test_a_run_is_scored_by_what_the_others_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in LONG:
        for imu in (1, 2):
            snake(tmp_path, 0.0, name_of(run, imu))
    seen: list[tuple[str, tuple[str, ...]]] = []

    class Named(Lesson):
        name: str

    def lesson(run: rccar.Run) -> Lesson:
        named = Named(*taught(0))
        named.name = run.name
        return named

    def learn(lessons: list[Named]) -> tuple[str, ...]:
        return tuple(one.name for one in lessons)

    def score(run: str, imu: int, scored: rccar.Run, car: tuple[str, ...], _: object) -> Score:
        assert (scored.lag, scored.correlation) == (0.0, 0.0)
        assert scored.name == name_of(run, imu)
        seen.append((scored.name, car))
        return made(run, imu)

    for function in (lesson, learn, score):
        monkeypatch.setattr(rccar_report, function.__name__, function)
    found = rccar_report.scores(tmp_path)
    assert [(s.run, s.imu) for s in found] == [(run, imu) for run in LONG for imu in (1, 2)]
    assert len(seen) == 2 * len(LONG)
    for name, others in seen:
        assert name not in others
        assert set(others) == {name_of(r, int(name[-1])) for r in LONG if r != name[4]}


def made(run: str, imu: int, error: float = 10.0) -> Score:
    way = np.array(((0.0, 0.0), (1.0, 2.0)))
    return Score(run, imu, 200.0, 30.0, {OURS: error, HALF: 2 * error}, way, way + 0.5)


def test_the_page_and_its_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = dict(zip(LONG, (2.0, 4.0, 6.0, 10.0, 12.0, 100.0), strict=True))
    found = [made(run, imu, errors[run]) for run in LONG for imu in (1, 2)]
    monkeypatch.setattr(rccar_report, "scores", lambda root: found)
    result = CliRunner().invoke(
        app, ["localizer-rccar", "--data", str(tmp_path), "--out", str(tmp_path), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == pytest.approx(
        {"untuned InEKF": 18.85, "constant speed": 15.0, "ours": 4.0}
    )
    text = (tmp_path / "rccar.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert "| h | 2 | 200 | 5.4 | 15.0 | 1.0 | 2.0 |" in rows
    assert "| m | 1 | 200 | 12.8 | 15.0 | 50.0 | 100.0 |" in rows
    assert "| **median** | | | **18.85** | **15.00** | **4.00** | 8.0 |" in rows
    assert f"| {HALF} | 8.00 | 22.3 | 100.0 |" in rows
    assert "bombus train localizer-rccar" in text
    with Image.open(tmp_path / "rccar.png") as picture:
        assert picture.width > 800
    plain = CliRunner().invoke(
        app, ["localizer-rccar", "--data", str(tmp_path), "--out", str(tmp_path)]
    )
    assert "ours: median 4.00 % of the path" in plain.stdout


def test_missing_runs_are_told_in_a_line(tmp_path: Path) -> None:
    snake(tmp_path, 0.0, "run_h_imu1")
    with pytest.raises(InputError, match="run_m_imu2 not there; all of") as caught:
        rccar_report.scores(tmp_path)
    assert "\n" not in str(caught.value)


def test_variants_change_what_they_say() -> None:
    car = learned()
    half = VARIANTS[HALF](car).profile.noise
    assert half.gyro == 0.5 * car.profile.noise.gyro
    assert half.slip == pytest.approx([0.25 * x for x in car.profile.noise.slip])
    assert VARIANTS[OURS](car) is car
    alone = VARIANTS["biases of the gyro's axes independent"](car).together
    np.testing.assert_array_equal(alone, np.diag(np.diag(car.together)))
    again = VARIANTS["start fitted again, as for an unknown IMU"](car)
    assert car.options.restart is None
    assert again.options.restart is not None


@pytest.mark.slow
def test_the_error_is_at_most_half_of_the_untuned_filters(bombus_data: Path) -> None:
    middle = rccar_report.medians(rccar_report.scores(bombus_data, [OURS]))
    assert middle["untuned InEKF"] == pytest.approx(18.85)
    assert middle["ours"] <= 0.5 * middle["untuned InEKF"]
    assert middle["ours"] < middle["constant speed"]
