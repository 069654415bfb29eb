"""Samples on their way: interrupts, tallies, saved states."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from robot.engine import pack
from robot.health import Health
from robot.localizer import Localizer
from robot.log import Row
from robot.pose import Options, Pose
from robot.run import Interruptible, Keeper, Tally, localize, resume
from robot.snapshot import load, mark_of, save
from robot.state import Covariance, State
from tests.robot.logs import log

NUMPY = Options(engine="numpy")


def pose(time: float, x: float, health: Health = Health.OK) -> Pose:
    state = State.at_rest(position=np.array((x, 0.0, 0.0)))
    return Pose(time, pack(state), Covariance.of_deviations(), health)


def test_a_tally_counts() -> None:
    tally = Tally()
    assert str(tally) == "no samples came"
    for i, health in enumerate(
        (Health.ALIGNING, Health.OK, Health.SPIKE | Health.STUCK, Health.SPIKE)
    ):
        tally.add(pose(10.0 + i, 7.0 if i == 0 else 3.0 * i, health))
    told = json.loads(json.dumps(tally.as_json()))
    assert told == {
        "samples": 4,
        "seconds": 3.0,
        "metres": 6.0,  # the leap from the first guess is not of the way
        "position": [9.0, 0.0, 0.0],
        "flags": {"ALIGNING": 1, "SPIKE": 2, "STUCK": 1},
    }
    assert str(tally) == "4 samples, 3.0 s, 6.0 m; health: 2 spike, 1 aligning, 1 stuck"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_after_the_sample_at_hand(number: int) -> None:
    seen = []
    before = signal.getsignal(number)
    with Interruptible() as interrupt:
        for item in interrupt.until(range(10)):
            if item == 3:
                os.kill(os.getpid(), number)
            seen.append(item)
    assert seen == [0, 1, 2, 3]
    assert interrupt.asked
    assert signal.getsignal(number) == before


def test_a_signal_ends_the_wait_for_a_sample() -> None:
    def slow() -> Iterator[int]:
        yield 1
        os.kill(os.getpid(), signal.SIGINT)
        yield 2

    with Interruptible() as interrupt:
        assert list(interrupt.until(slow())) == [1]
    assert interrupt.asked


def test_a_second_signal_interrupts_the_work() -> None:
    def work(interrupt: Interruptible) -> None:
        for _ in interrupt.until(range(10)):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with Interruptible() as interrupt, pytest.raises(KeyboardInterrupt):
        work(interrupt)


def test_all_items_come_where_nobody_interrupts() -> None:
    with Interruptible() as interrupt:
        assert list(interrupt.until(range(5))) == list(range(5))
    assert not interrupt.asked


def push(rows: list[Row], localizer: Localizer, keeper: Keeper | None = None) -> list[Pose]:
    poses: list[Pose] = []
    localize(rows, localizer, poses.append, keeper=keeper)
    return poses


def test_a_saved_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    rows = list(log().rows()[0])[:200]
    whole = push(rows, Localizer(NUMPY))
    first = Localizer(NUMPY)
    keeper = Keeper(tmp_path / "state.npz", "mark", every=0.0)
    push(rows[:120], first, keeper)
    second = Localizer(NUMPY)
    last = resume(second, tmp_path / "state.npz", "mark")
    assert last == rows[119].time
    rest, count = log().rows(later=last)
    assert count == len(list(log().rows()[0])) - 120
    for a, b in zip(whole[120:], push(list(rest)[:80], second), strict=True):
        np.testing.assert_array_equal(a.packed, b.packed)
        np.testing.assert_array_equal(a.covariance.matrix, b.covariance.matrix)
        assert (a.time, a.health) == (b.time, b.health)


def test_a_hole_is_told_of_samples_made_up() -> None:
    known = log()
    keep = np.r_[:100, 110 : len(known.times)]
    torn = type(known)("torn", known.times[keep], known.gyro[keep], known.accel[keep])
    poses = push(list(torn.rows()[0])[:200], Localizer(NUMPY))
    assert sum(Health.FILLED in pose.health for pose in poses) == 10


def test_there_is_nothing_to_keep_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    push(list(log().rows()[0])[:5], Localizer(NUMPY), Keeper(path, "mark", every=0.0))
    assert not path.exists()


def test_a_keeper_waits_until_it_is_time(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    localizer = Localizer(NUMPY)
    keeper = Keeper(path, "mark", every=1e6)
    push(list(log().rows()[0])[:100], localizer, keeper)
    assert not path.exists()
    keeper.keep(localizer)
    assert path.exists()


def test_a_log_that_ends_before_the_saved_state_is_refused() -> None:
    with pytest.raises(InputError, match="the saved state is of 1000000 s"):
        log().rows(later=1e6)


def test_a_snapshot_is_only_for_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    arrays = {"x": np.arange(3.0), "text": np.array("é")}
    save(path, "mark", arrays)
    found = load(path, "mark")
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(found[name], value)
    with pytest.raises(InputError, match="saved with other options"):
        load(path, "other")
    with pytest.raises(InputError, match="not there"):
        load(tmp_path / "none.npz", "mark")
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_what_is_no_state_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_text("not a state")
    with pytest.raises(InputError, match="not a saved state"):
        load(path, "mark")
    save(path, "mark", {"x": np.zeros(33)})
    with pytest.raises(InputError, match="not a localizer's state"):
        resume(Localizer(NUMPY), path, "mark")


def test_marks_tell_what_matters_apart() -> None:
    marks = {
        mark_of(*parts)
        for parts in (
            (NUMPY,),
            (Options(engine="numpy", slip=False),),
            ("a", "b"),
            ("ab",),
            (b"ab",),
        )
    }
    assert len(marks) == 5
    assert mark_of(NUMPY) == mark_of(Options(engine="numpy"))
