"""Standard input, UDP, TCP and a serial line."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from robot.sources import Reading, open_source
from robot.sources.lines import LONGEST
from robot.sources.live import Live, steady_clock
from robot.sources.serial_line import open_serial
from robot.sources.stdin import open_stdin
from tests.robot.sources.logs import Log, make_log, same_samples

ROOT = Path(__file__).parents[3]
SAMPLE = b'{"gyro":[1,2,3],"accel":[4,5,6]}\n'


def ticking(*times: float) -> Callable[[], float]:
    steps: Iterator[float] = iter(times) if times else count(100.0)
    return lambda: next(steps)


def json_lines(log: Log) -> list[bytes]:
    table = zip(log.times.tolist(), log.gyro.tolist(), log.accel.tolist(), strict=True)
    return [json.dumps({"time": t, "gyro": g, "accel": a}).encode() for t, g, a in table]


def stream(*chunks: bytes, clock: Callable[[], float] | None = None, **reading: object) -> Live:
    how = Reading(**reading)  # type: ignore[arg-type]
    return Live("test", iter(chunks), how, clock=clock or ticking())


def test_a_pipe_with_bad_lines_between() -> None:
    log = make_log()
    lines = json_lines(log)
    lines[7:7] = [b"garbage", b"{", b"\xff\xfe", b"[" * 20_000, b"{" + b"x" * LONGEST + b"}"]
    lines[3:3] = [b"", b"# a comment"]
    source = open_stdin(Reading(), io.BytesIO(b"\n".join(lines)))
    same_samples(source, log)
    assert source.bad == 5
    assert source.live
    assert source.count is None
    assert source.truth() is None
    assert source.truth_velocity() is None


def test_standard_input_of_a_process() -> None:
    log = make_log()
    code = (
        "from robot.sources import load, open_source\n"
        "s = open_source('-')\nprint(len(load(s)[0]), s.bad)"
    )
    piped = b"\n".join([*json_lines(log), b"junk"])
    done = subprocess.run(
        [sys.executable, "-c", code], input=piped, capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == [b"50", b"1"]


def test_a_table_may_come_through_a_pipe() -> None:
    lines = b"t [ms];ax;ay;az;gx;gy;gz\n1000;1;2;3;4;5;6\n1010;1,5;2;3;4;5;6\n"
    first, second = stream(lines)
    assert first == (1.0, (4, 5, 6), (1, 2, 3))
    assert second.time == pytest.approx(1.01)
    assert second.accel[0] == 1.5


def test_axes_and_units_of_a_stream() -> None:
    line = b'{"time":2000,"gyro":[180,90,null],"accel":[1,2,3]}\n'
    (found,) = stream(line, axes="-y,x,z", gyro_unit="deg/s", accel_unit="g", time_unit="ms")
    assert found.time == 2.0
    assert found.gyro[:2] == pytest.approx((-math.pi / 2, math.pi))
    assert math.isnan(found.gyro[2])
    assert found.accel == pytest.approx((-2 * 9.80665, 9.80665, 3 * 9.80665))


@pytest.mark.parametrize("stamp", ["NaN", "Infinity", "-Infinity", "1e999", "true", '"1"', "[1]"])
def test_a_stamp_that_is_no_number_is_bad(stamp: str) -> None:
    good = b'{"time":1,"gyro":[1,2,3],"accel":[4,5,6]}\n'
    source = stream(good, good.replace(b"1", stamp.encode(), 1), good)
    assert [s.time for s in source] == [1, 1]
    assert source.bad == 1


def test_samples_without_time_get_that_of_their_arrival() -> None:
    chunks = (SAMPLE, SAMPLE, SAMPLE[:9], SAMPLE[9:])
    times = [s.time for s in stream(*chunks, clock=ticking(5.0, 5.5, 5.7, 6.0, 7.0))]
    assert times == [5.0, 5.5, 6.0]


def test_samples_that_arrive_together_are_spread_over_the_time_since_the_last() -> None:
    times = [s.time for s in stream(SAMPLE, 4 * SAMPLE, clock=ticking(5.0, 6.0, 7.0))]
    assert times == [5.0, 5.25, 5.5, 5.75, 6.0]


def test_the_first_sample_settles_whether_there_are_times() -> None:
    timed = b'{"time":1,"gyro":[1,2,3],"accel":[4,5,6]}\n'
    first = stream(timed, SAMPLE, timed)
    assert [s.time for s in first] == [1, 1]
    assert first.bad == 1
    second = stream(SAMPLE, timed, SAMPLE, clock=ticking(5.0, 6.0, 7.0, 8.0))
    assert [s.time for s in second] == [5, 7]
    assert second.bad == 1


def test_a_header_that_says_nothing_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        source = stream(b"a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n")
        assert len(list(source)) == 1
    assert "in that order" in caplog.text


def test_the_arrivals_clock_goes_forward() -> None:
    clock = steady_clock()
    times = [clock() for _ in range(1000)]
    assert times == sorted(times)


def test_udp() -> None:
    log = make_log()
    source = open_source("udp://127.0.0.1:0")
    port = int(source.name.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        lines = json_lines(log)
        for packet in (b"junk", b"", b"\n".join(lines[:3]), *lines[3:]):
            sender.sendto(packet, ("127.0.0.1", port))
    found = list(islice(source, 50))
    np.testing.assert_allclose([s.time for s in found], log.times)
    np.testing.assert_allclose([s.gyro for s in found], log.gyro)
    assert source.bad == 1
    source.close()
    source.close()
    assert list(source) == []


def test_closing_ends_a_wait() -> None:
    source = open_source("udp://127.0.0.1:0")
    threading.Timer(0.1, source.close).start()
    assert list(source) == []


def serve(data: bytes) -> int:
    """A server that says something to its first caller and hangs up: its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with server, server.accept()[0] as caller:
            caller.sendall(data)

    threading.Thread(target=answer, daemon=True).start()
    return int(server.getsockname()[1])


def test_tcp_until_the_other_side_hangs_up() -> None:
    log = make_log()
    port = serve(b"junk\n" + b"\n".join(json_lines(log)))
    source = open_source(f"tcp://127.0.0.1:{port}")
    same_samples(source, log)
    assert source.bad == 1


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("udp://127.0.0.1", "udp://HOST:PORT"),
        ("tcp://:99", "tcp://HOST:PORT"),
        ("udp://127.0.0.1:99999", "udp://HOST:PORT"),
        ("udp://[::1:5", "udp://HOST:PORT"),
        ("udp://256.1.1.1:5000", "not known|cannot listen"),
        ("tcp://127.0.0.1:1", "nobody answers"),
        ("serial:", "serial:DEVICE"),
        ("serial:/dev/nothing?speed=1", "serial:DEVICE"),
        ("serial:/dev/nothing?baud=fast", "serial:DEVICE"),
        ("serial:/dev/nothing-at-all", "cannot be opened"),
    ],
)
def test_what_cannot_be_reached_is_one_line(where: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_source(where)
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_one_line() -> None:
    source = open_source("udp://127.0.0.1:0")
    with pytest.raises(InputError, match="cannot listen"):
        open_source(source.name)
    source.close()


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: our end of it, and the name of the device at the other."""
    pty, tty = pytest.importorskip("pty"), pytest.importorskip("tty")
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(theirs)
        with suppress(OSError):  # a test may have hung up
            os.close(ours)


@pytest.mark.parametrize(
    "rows",
    [
        [b"%d,1,2,3,4,5,6\r\n" % i for i in range(5)],
        [b'{"t":%d,"gyro":[1,2,3],"acc":[4,5,6]}\n' % i for i in range(5)],
    ],
)
def test_a_serial_line_is_read_from_its_first_whole_line(
    terminal: tuple[int, str], rows: list[bytes]
) -> None:
    ours, device = terminal
    source = open_source(f"serial:{device}?baud=9600")
    # The first line was under way: of its seven numbers, six would pass for a row without time.
    os.write(ours, b",9,9,9,9,9,9\n" + rows[0] + b"\xff\xfe\n" + b"".join(rows[1:]))
    found = list(islice(source, 5))
    assert [s.time for s in found] == [0, 1, 2, 3, 4]
    assert {s[1:] for s in found} == {((1, 2, 3), (4, 5, 6))}
    assert source.bad == 1
    source.close()
    assert list(source) == []


def test_a_serial_line_without_times(terminal: tuple[int, str]) -> None:
    ours, device = terminal
    source = open_serial(f"serial:{device}", Reading(axes="frd"), clock=ticking())
    samples = iter(source)
    os.write(ours, b"boot\n0.1 0.2 0.3 1 2 3\n")
    first = next(samples)
    assert first[1:] == ((0.1, -0.2, -0.3), (1, -2, -3))
    os.write(ours, b"0.1 0.2 0.3 1 2 3\n")
    assert next(samples).time > first.time
    source.close()


def test_a_device_that_goes_away_ends_the_stream(
    terminal: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    ours, device = terminal
    source = open_serial(f"serial:{device}", Reading())
    samples = iter(source)
    os.write(ours, b"\n1,1,2,3,4,5,6\n2,1,2,3,4,5,6\n")
    assert [s.time for s in islice(samples, 2)] == [1, 2]
    os.close(ours)
    with caplog.at_level(logging.WARNING):
        assert list(samples) == []
    assert "lost" in caplog.text
