"""Tables and line-JSON in a file."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from robot.sources import Reading, load, open_source
from tests.robot.sources.logs import Log, make_log, same_samples

HEADER = "time,gyro_x,gyro_y,gyro_z,accel_x,accel_y,accel_z"


@pytest.fixture(scope="module")
def log() -> Log:
    return make_log()


def rows(log: Log, delimiter: str = ",") -> list[str]:
    table = np.column_stack((log.times, log.gyro, log.accel)).tolist()
    return [delimiter.join(map(repr, row)) for row in table]


def write(folder: Path, lines: list[str], name: str = "log.csv", end: str = "\n") -> str:
    path = folder / name
    path.write_bytes((end.join(lines) + end).encode())
    return str(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", ", ", "   "])
@pytest.mark.parametrize("header", [True, False])
def test_tables_of_any_delimiter(tmp_path: Path, log: Log, delimiter: str, header: bool) -> None:
    first = [HEADER.replace(",", delimiter)] if header else []
    same_samples(open_source(write(tmp_path, first + rows(log, delimiter))), log)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_empty_lines_and_a_byte_order_mark(tmp_path: Path, log: Log, end: str) -> None:
    lines = ["\ufeff# made by hand, with some more words", "", "% and so on", HEADER, *rows(log)]
    lines.insert(20, "# a pause")
    source = open_source(write(tmp_path, lines, end=end))
    same_samples(source, log)
    assert source.bad == 0


def test_a_last_line_without_an_end(tmp_path: Path, log: Log) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\n".join(rows(log)))
    same_samples(open_source(str(path)), log)


@pytest.mark.parametrize(
    "titles",
    [
        "#timestamp [s],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],"
        "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]",
        "%time,field.angular_velocity.x,field.angular_velocity.y,field.angular_velocity.z,"
        "field.linear_acceleration.x,field.linear_acceleration.y,field.linear_acceleration.z",
        '"Time (s)","Gyroscope x (rad/s)","Gyroscope y (rad/s)","Gyroscope z (rad/s)",'
        '"Acceleration x (m/s^2)","Acceleration y (m/s^2)","Acceleration z (m/s^2)"',
        "t,wx,wy,wz,ax,ay,az",
    ],
)
def test_usual_headers(tmp_path: Path, log: Log, titles: str) -> None:
    same_samples(open_source(write(tmp_path, [titles, *rows(log)])), log)


def test_columns_in_another_order_are_found_by_name(tmp_path: Path, log: Log) -> None:
    table = np.column_stack((log.accel, np.zeros(len(log.times)), log.gyro, log.times)).tolist()
    lines = ["ax,ay,az,temperature,gx,gy,gz,t", *(",".join(map(repr, row)) for row in table)]
    where = write(tmp_path, lines)
    same_samples(open_source(where), log)
    named = ["t", "gx", "gy", "gz", "ax", "ay", "az"]
    same_samples(open_source(where, Reading(columns=["8", "5", "6", "7", "1", "2", "3"])), log)
    same_samples(open_source(where, Reading(columns=named)), log)


def test_units_of_the_header_and_of_the_user(tmp_path: Path, log: Log) -> None:
    degrees, gs = np.degrees(log.gyro), log.accel / 9.80665
    table = np.column_stack((log.times * 1e3, degrees, gs)).tolist()
    body = [",".join(map(repr, row)) for row in table]
    told = "t [ms],gx [deg/s],gy [deg/s],gz [deg/s],ax [g],ay [g],az [g]"
    same_samples(open_source(write(tmp_path, [told, *body])), log)
    said = Reading(time_unit="ms", gyro_unit="deg/s", accel_unit="g")
    same_samples(open_source(write(tmp_path, body), said), log)
    same_samples(open_source(write(tmp_path, [told.replace("[g]", "[lsb]"), *body]), said), log)
    with pytest.raises(InputError, match="'lsb'"):
        open_source(write(tmp_path, [told.replace("[g]", "[lsb]"), *body]))


def test_axes(tmp_path: Path, log: Log) -> None:
    _, gyro, accel = load(open_source(write(tmp_path, rows(log)), Reading(axes="frd")))
    np.testing.assert_array_equal(gyro, log.gyro * (1, -1, -1))
    np.testing.assert_array_equal(accel, log.accel * (1, -1, -1))


def test_decimal_commas(tmp_path: Path, log: Log) -> None:
    body = [row.replace(".", ",") for row in rows(log, ";")]
    same_samples(open_source(write(tmp_path, [HEADER.replace(",", ";"), *body])), log)
    same_samples(open_source(write(tmp_path, body)), log)


@pytest.mark.parametrize(
    ("title", "per_second"),
    [("time_s", 1), ("timestamp_ms", 1e3), ("t_us", 1e6), ("seconds_elapsed", 1), ("time_ns", 1e9)],
)
def test_a_time_whose_name_ends_in_its_unit(tmp_path: Path, title: str, per_second: float) -> None:
    log = make_log(start=0.0)
    table = np.column_stack((log.times * per_second, log.gyro, log.accel)).tolist()
    body = [HEADER.replace("time", title), *(",".join(map(repr, row)) for row in table)]
    times, _, _ = load(open_source(write(tmp_path, body)))
    np.testing.assert_allclose(times, log.times, atol=1e-9)


def test_rows_without_time_need_a_rate(tmp_path: Path) -> None:
    log = make_log(start=0.0)
    body = [row.split(",", 1)[1] for row in rows(log)]
    where = write(tmp_path, body)
    with pytest.raises(InputError, match=r"rate of its rows in Hz"):
        open_source(where)
    same_samples(open_source(where, Reading(rate=100)), log)
    same_samples(open_source(where, Reading(rate=100, time_unit="ms")), log)
    timed = write(tmp_path, rows(log))
    by_number = Reading(rate=100, columns=("-", *"234567"))
    same_samples(open_source(timed, by_number), log)
    same_samples(open_source(timed, Reading(rate=100, columns="234567")), log)


def test_bad_rows_are_counted_and_left_out(tmp_path: Path, log: Log) -> None:
    lines = [HEADER, *rows(log)]
    for row in ("1000.1,1,2,3", "garbage", "inf" + ",1" * 6, ",1,2,3,4,5,6", "1000.2" + ",1" * 9):
        lines.insert(10, row)
    lines[4:4] = ["x" * 100_000]
    source = open_source(write(tmp_path, lines))
    same_samples(source, log)
    assert source.bad == 6


def test_a_missing_number_inside_a_row_is_passed_on(tmp_path: Path, log: Log) -> None:
    lines = [HEADER, *rows(log), "1001,,nan,NULL,1,inf,3", "1001.01,1,2,3,4,5,6"]
    source = open_source(write(tmp_path, lines))
    time, gyro, accel = list(source)[-2]
    assert time == 1001
    assert all(map(math.isnan, gyro))
    assert accel == (1, math.inf, 3)
    assert source.bad == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "holds no samples"),
        (["# nothing"], "holds no samples"),
        (["time,a,b,c,d,e,f", "1,2,3,4,5,6,7"], "gyro_x"),
        (["Rate of turn, and what it feels", "t,a,b,c,d,e,f", "1,2,3,4,5,6,7"], "gyro_x"),
        (["1,2,3,4"] * 9, "none of 9 rows"),
        (["1,2,3,4,5,6,7,8"] * 9, "8 columns and no header"),
        ([HEADER, "1,2,3,4,5,6,7", "x", "y"], "first bad one is row 3"),
        ([HEADER, "1,2,3,4,5,6,7"], "2 at different times"),
        ([HEADER, "1,2,3,4,5,6,7", "1,2,3,4,5,6,7"], "2 at different times"),
        ([HEADER, "1000,2,3,4,5,6,7", "1010,2,3,4,5,6,7"], "time unit"),
        ([HEADER, *[f"{i},,,,1,2,3" for i in (1, 1.1, 1.2)]], "no gyro"),
        (["t,g_x,g_y,g_z,w_x,ax,ay,az", "1,2,3,4,5,6,7,8"], "g_x and w_x"),
    ],
)
def test_what_is_beyond_repair_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_source(write(tmp_path, lines))


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ({"columns": ("t", "a", "b")}, "3 given"),
        ({"columns": [*"123456", "nowhere"]}, "no column 'nowhere'.*no header"),
        ({"columns": "0123456"}, "no column '0'"),
        ({"rate": 0.0}, "above 0"),
        ({"axes": "xyz"}, "axes"),
        ({"gyro_unit": "rpm"}, "rpm"),
        ({"time_unit": "h"}, "'h'"),
    ],
)
def test_a_reading_that_cannot_be(
    tmp_path: Path, log: Log, reading: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        open_source(write(tmp_path, rows(log)), Reading(**reading))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shape",
    [
        lambda t, g, a: {"time": t, "gyro": g, "accel": a},
        lambda t, g, a: {"t": t, "gyro": g, "acc": a, "temperature": 20},
        lambda t, g, a: {
            "timestamp": t,
            "angular_velocity": dict(zip("xyz", g, strict=True)),
            "linear_acceleration": dict(zip("xyz", a, strict=True)),
        },
        lambda t, g, a: {
            "header": {"stamp": {"sec": int(t), "nanosec": round(t % 1 * 1e9)}},
            "angular_velocity": g,
            "linear_acceleration": a,
        },
    ],
)
def test_line_json(tmp_path: Path, log: Log, shape: object) -> None:
    assert callable(shape)
    table = zip(log.times.tolist(), log.gyro.tolist(), log.accel.tolist(), strict=True)
    lines = [json.dumps(shape(*row)) for row in table]
    lines[3:3] = ["{", '{"time": 1}', "[]", "{}"]
    source = open_source(write(tmp_path, lines, "log.jsonl"))
    same_samples(source, log)
    assert source.bad == 4


def test_json_fields_by_path_and_a_unit_of_time(tmp_path: Path, log: Log) -> None:
    lines = [
        json.dumps({"ms": t * 1e3, "imu": {"w": g, "f": dict(zip("xyz", a, strict=True))}})
        for t, g, a in zip(log.times.tolist(), log.gyro.tolist(), log.accel.tolist(), strict=True)
    ]
    columns = ["ms", "imu.w.0", "imu.w.1", "imu.w.2", "imu.f.x", "imu.f.y", "imu.f.z"]
    where = write(tmp_path, lines, "log.jsonl")
    same_samples(open_source(where, Reading(columns=columns, time_unit="ms")), log)


def test_what_is_not_there_or_not_known(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="a pipe or device; give it to standard input"):
        open_source(str(tmp_path / "pipe.csv"))
    with pytest.raises(InputError, match="not there"):
        open_source(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="no log in this folder"):
        open_source(str(tmp_path))
    (tmp_path / "log.xyz").write_text("1,2")
    with pytest.raises(InputError, match=r"not known.*\.csv"):
        open_source(str(tmp_path / "log.xyz"))
