"""Fixes from a table beside the log."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from robot.align import Prior
from robot.fixes import Fix, Fixes, read_fixes
from robot.localizer import Localizer
from robot.pose import Options
from robot.sinks.world import World
from robot.state import Covariance, State

NUMPY = Options(engine="numpy")


def written(folder: Path, *rows: str) -> Path:
    path = folder / "fixes.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_each_kind_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "time, x, y, z, position_sigma, speed, speed_sigma, heading, heading_sigma",
        "1.5, 10, 20, 30, 2, , , , ",
        "",
        "1.0, , , , , 3.5, 0.1, 90, 5",
    )
    assert read_fixes(path) == [
        Fix(1.5, "position", (10.0, 20.0, 30.0), 2.0),
        Fix(1.0, "speed", (3.5,), 0.1),
        Fix(1.0, "heading", (math.pi / 2,), math.radians(5)),
    ]


def test_one_kind_needs_no_name_for_its_deviation(tmp_path: Path) -> None:
    path = written(tmp_path, "time,x,y,sigma", "0,1,2,3")
    assert read_fixes(path) == [Fix(0.0, "position", (1.0, 2.0), 3.0)]


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("time,x,y,z,sigma", "0,1,2,3,1", (2.0, 1.0, -3.0)),
        ("time,x,y,sigma", "0,1,2,1", (2.0, 1.0)),
        ("time,heading,sigma", "0,90,1", (0.0,)),
        ("time,heading,sigma", "0,0,1", (math.pi / 2,)),
        ("time,speed,sigma", "0,4,1", (4.0,)),
    ],
)
def test_a_ned_world_is_turned(
    tmp_path: Path, header: str, row: str, expected: tuple[float, ...]
) -> None:
    (fix,) = read_fixes(written(tmp_path, header, row), "ned")
    assert fix.values == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["time,x,y,z"], "no column 'sigma'"),
        (["time,x,z,sigma"], "it is to name time and x,y,z or speed"),
        (["x,y,z,sigma"], "its first row names x, y, z, sigma"),
        (["time,speed,heading,sigma"], "no column 'speed_sigma'"),
        (["time,speed,sigma"], "holds no fixes"),
        (["time,speed,sigma", "1,2"], "row 2: 2 fields, but 3 columns"),
        (["time,speed,sigma", "1,fast,1"], "row 2: 'fast' is no finite number"),
        (["time,speed,sigma", "1,inf,1"], "row 2: 'inf' is no finite number"),
        (["time,speed,sigma", "1,1,1", "2,1,0"], "row 3: sigma 0 must be above 0"),
        ([""], "its first row names nothing"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, rows: list[str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_fixes(written(tmp_path, *rows))
    assert words in str(caught.value)


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_fixes(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00time")
    with pytest.raises(InputError, match="not a CSV file"):
        read_fixes(tmp_path / "bytes.csv")


def rolling(world: World = "enu") -> Localizer:
    """East at about 5 m/s, its place and speed not well known."""
    state = State.at_rest(velocity=np.array((5.0, 0.0, 0.0)))
    spread = Covariance.of_deviations(
        heading=0.2, velocity=(1.0, 1.0, 0.1), position=(5.0, 5.0, 1.0)
    )
    localizer = Localizer(NUMPY, start=(state, spread.about(state)))
    localizer.push(0.0, (0, 0, 0), (0, 0, 9.80655))
    localizer.push(0.01, (0, 0, 0), (0, 0, 9.80655))
    return localizer


def test_fixes_are_applied_in_time_and_once() -> None:
    localizer = rolling()
    fixes = Fixes([Fix(0.5, "speed", (6.0,), 0.01), Fix(0.01, "position", (1.0, 2.0), 0.01)])
    fixes.apply(localizer, 0.0, np.zeros(3))
    assert (fixes.used, fixes.refused) == (0, 0)
    fixes.apply(localizer, 0.01, np.zeros(3))
    assert (fixes.used, fixes.refused) == (1, 0)
    np.testing.assert_allclose(localizer.state.position[:2], (1.0, 2.0), atol=1e-3)
    assert localizer.state.velocity[0] == pytest.approx(5.0, abs=0.3)
    fixes.apply(localizer, 0.5, np.zeros(3))
    assert fixes.used == 2
    assert localizer.state.velocity[0] == pytest.approx(6.0, abs=0.01)


def test_a_place_is_carried_on_to_the_time_of_the_sample() -> None:
    localizer = rolling()
    Fixes([Fix(0.0, "position", (0.0, 0.0, 0.0), 1e-3)]).apply(localizer, 0.4, np.zeros(3))
    assert localizer.state.position[0] == pytest.approx(2.0, abs=0.01)


def test_a_heading_turns_the_body() -> None:
    localizer = rolling()
    Fixes([Fix(0.01, "heading", (0.1,), 1e-4)]).apply(localizer, 0.01, np.zeros(3))
    ahead = localizer.state.rotation[:, 0]
    assert math.atan2(ahead[1], ahead[0]) == pytest.approx(0.1, abs=1e-3)


def test_a_wild_fix_is_refused_and_an_old_one_left_out() -> None:
    localizer = rolling()
    before = localizer.state.position.copy()
    fixes = Fixes([Fix(0.01, "position", (1e5, 0.0), 1.0), Fix(-5.0, "position", (0.0, 0.0), 1.0)])
    fixes.apply(localizer, 0.01, np.zeros(3))
    assert (fixes.used, fixes.refused) == (0, 1)
    np.testing.assert_array_equal(localizer.state.position, before)


def test_nothing_is_fixed_before_the_start_is_made() -> None:
    localizer = Localizer(Options(engine="numpy", prior=Prior()))
    localizer.push(0.0, (0, 0, 0), (0, 0, 9.8))
    fixes = Fixes([Fix(0.0, "speed", (1.0,), 1.0)])
    fixes.apply(localizer, 0.0, np.zeros(3))
    assert (fixes.used, fixes.refused) == (0, 0)
