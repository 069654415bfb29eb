"""Any sink: by its name, all or nothing, several at once, no more often than asked for."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from robot.health import Health
from robot.pose import Pose
from robot.sinks import Sink, open_sink, open_sinks, read_trajectory
from robot.sinks.base import FileSink
from robot.sinks.thin import Thinned
from robot.sinks.tum import writer
from tests.robot.sinks.poses import driven, known, written

NAMES = ["a.tum", "a.kitti", "a.kitti.txt", "a.csv", "a.jsonl", "a.mcap", "a.rrd"]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def make(path: Path, force: bool = False) -> Sink:
    if path.suffix == ".rrd":
        pytest.importorskip("rerun")
    return open_sink(str(path), force=force)


def use(sink: Sink, poses: Sequence[Pose], error: BaseException | None = None) -> None:
    """Write poses, and then, perhaps, let something go wrong."""
    with sink as entered:
        for pose in poses:
            entered.write(pose)
        if error is not None:
            raise error


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.poses: list[Pose] = []

    def write(self, pose: Pose) -> None:
        self.poses.append(pose)

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_its_name_once_it_is_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deep" / name
    with make(path) as sink:
        for pose in driven()[:5]:
            sink.write(pose)
        assert not path.exists()
    beside = ["deep/a.times.txt"] if "kitti" in name else []
    assert names(tmp_path) == ["deep", f"deep/{name}", *beside]
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupt_keeps_what_was_written(tmp_path: Path, name: str) -> None:
    path, whole = tmp_path / "1" / name, tmp_path / "2" / name
    with pytest.raises(KeyboardInterrupt):
        use(make(path), driven()[:5], KeyboardInterrupt())
    use(make(whole), driven()[:5])
    if name.endswith(".rrd"):  # bears the time of writing
        assert path.stat().st_size == pytest.approx(whole.stat().st_size, rel=0.1)
    else:
        assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [OSError("the sensor is gone"), ValueError("x")])
def test_an_error_leaves_what_was_there_and_is_told_as_it_is(
    tmp_path: Path, name: str, error: Exception
) -> None:
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(type(error), match=str(error)):
        use(make(path, force=True), driven()[:1], error)
    assert names(tmp_path) == [name]
    assert path.read_text() == "old"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_is_replaced_by_force_only(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(InputError, match="already there"):
        make(path)
    with make(path, force=True) as sink:
        sink.write(driven()[0])
    assert b"old" not in path.read_bytes()[:3]


def test_times_of_kitti_are_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "a.times.txt").write_text("old")
    with pytest.raises(InputError, match=r"a\.times\.txt: already there"):
        open_sink(str(tmp_path / "a.kitti"))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("way.xyz", "no format of ours; choose .tum"),
        ("way", "no format of ours"),
        ("udp://", "no address"),
        ("udp://localhost", "no address"),
        ("udp://localhost:0", "no address"),
        ("udp://localhost:99999", "no address"),
        ("udp://[::1:5", "no address"),
        ("udp://no.such.host.invalid:5", "not known"),
    ],
)
def test_no_such_sink(where: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_sink(where)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_no_such_rate(tmp_path: Path, rate: float) -> None:
    with pytest.raises(InputError, match="more than 0 poses a second"):
        open_sink(str(tmp_path / "a.tum"), rate=rate)


@pytest.mark.parametrize(
    ("name", "install"), [("a.rrd", "rerun-sdk"), ("a.mcap", r"bombus\[robot")]
)
def test_a_missing_package_is_named_at_once(
    tmp_path: Path, name: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=f"pip install '{install}") as caught:
        open_sink(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sink = open_sink(str(tmp_path / "file" / "a.tum"))
    with pytest.raises(InputError, match="cannot be written"):
        sink.__enter__()


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "a.tum"
    sink = FileSink(path, lambda _: writer("enu")(full))
    with pytest.raises(InputError, match=r"a\.tum: cannot be written \(No space left"):
        use(sink, driven() * 20)
    assert names(tmp_path) == []


def test_several_at_once(tmp_path: Path) -> None:
    both = [str(tmp_path / "a.tum"), str(tmp_path / "a.csv")]
    with open_sinks(both) as sink:
        for pose in driven():
            sink.write(pose)
    one, other = (read_trajectory(Path(where)) for where in both)
    np.testing.assert_array_equal(one.positions, other.positions)
    assert len(one.times) == len(driven())


def test_if_one_fails_none_appears(tmp_path: Path) -> None:
    both = [str(tmp_path / "a.tum"), str(tmp_path / "a.mcap")]
    with pytest.raises(InputError, match="MCAP holds 0 to"), open_sinks(both) as sink:
        sink.write(known(-1.0))
    assert names(tmp_path) == []


def test_the_same_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        open_sinks([str(tmp_path / "a.tum")] * 2)


def test_thinned_to_a_rate_of_the_sources_clock() -> None:
    kept = Kept()
    with Thinned(kept, 10.0) as sink:
        for pose in driven():
            sink.write(pose)
    np.testing.assert_allclose([p.time for p in kept.poses], np.arange(21) / 10, atol=1e-12)
    # What befell the one at 0.14 s is told at 0.2 s, and once.
    ill = [p.time for p in kept.poses if p.health & Health.SPIKE]
    assert ill == [pytest.approx(0.2)]


@given(
    times=st.lists(st.floats(0, 100), min_size=1, max_size=50),
    rate=st.floats(0.1, 1000),
)
def test_never_more_often_than_the_rate(times: list[float], rate: float) -> None:
    kept = Kept()
    sink = Thinned(kept, rate)
    for time in sorted(times):
        sink.write(known(time))
    told = [p.time for p in kept.poses]
    assert told[0] == min(times)
    assert len(told) <= (max(times) - min(times)) * rate + 1 + 1e-5
    assert set(told) <= set(times)


def test_a_time_is_written_once_and_what_is_not_finite_never(tmp_path: Path) -> None:
    pose = known()
    infinite = pose.covariance.matrix.copy()
    infinite[3, 3] = math.inf
    bad = [
        replace(pose, time=math.nan),
        replace(pose, time=-math.inf),
        replace(pose, packed=np.full(33, math.nan)),
        replace(pose, covariance=type(pose.covariance)(infinite), health=Health.DIVERGED),
    ]
    late = replace(known(2.0), health=Health.LATE)
    path = written(tmp_path / "a.jsonl", [*bad, pose, pose, *bad, known(2.0), late, known(3.0)])
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [t["time"] for t in told] == [1.5, 2.0, 3.0]
    assert [t["health"] for t in told] == [["DIVERGED"], ["DIVERGED"], ["LATE"]]


def test_a_clock_that_was_set_back_goes_on() -> None:
    kept = Kept()
    sink = Thinned(kept, 10.0)
    for time in (5.0, 5.1, 1.0, 1.1):
        sink.write(known(time))
    assert [p.time for p in kept.poses] == [5.0, 5.1, 1.0, 1.1]
