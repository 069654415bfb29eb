"""Line-JSON: its content, and its ways out."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from models.errors import InputError
from robot.pose import Pose
from robot.sinks import open_sink
from robot.sinks.jsonl import line
from tests.robot.sinks.poses import any_pose, driven, known, written

ROOT = Path(__file__).parents[3]


def numbers(value: Any) -> list[float]:
    """All the numbers in a JSON value."""
    if isinstance(value, dict):
        return numbers([*value.values()])
    if isinstance(value, list):
        return [x for item in value for x in numbers(item)]
    return [value] if isinstance(value, float | int) else []


@given(pose=any_pose())
def test_one_line_of_finite_numbers(pose: Pose) -> None:
    text = line(pose, "ned")
    assert text.count("\n") == 1
    told = json.loads(text, parse_constant=pytest.fail)
    assert len(numbers(told)) == 1 + 3 + 4 + 3 + 3 + 3 + 15
    assert all(math.isfinite(x) for x in numbers(told))
    assert len(told["health"]) == bin(pose.health.value).count("1")
    assert len(text.encode()) < 1400  # a datagram that no network needs to cut


def test_what_a_line_says() -> None:
    told = json.loads(line(known(), "enu"))
    assert told["time"] == 1.5
    assert told["world"] == "enu"
    assert told["position"] == [1, 2, 3]
    assert told["quaternion"] == pytest.approx([0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    assert told["velocity"] == [0, 4, 0]
    assert told["gyro_bias"] == [0.1, 0.2, 0.3]
    assert told["deviations"]["rotation"] == [1, 2, 3]
    assert told["deviations"]["position"] == [7, 8, 9]
    assert told["deviations"]["accel_bias"] == [13, 14, 15]
    assert told["health"] == []


def test_a_file_and_standard_output_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.jsonl", driven())
    with open_sink("-") as sink:
        for pose in driven():
            sink.write(pose)
    assert capsys.readouterr().out == path.read_text()


def test_datagrams_arrive() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(20)
        with open_sink(f"udp://127.0.0.1:{listener.getsockname()[1]}") as sink:
            for pose in driven()[:3]:
                sink.write(pose)
                assert listener.recv(2000).decode() == line(pose, "enu")


def test_nobody_needs_to_listen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open_sink(f"udp://127.0.0.1:{port}") as sink:
        for pose in driven():
            sink.write(pose)


def test_a_reader_that_has_gone_is_one_line() -> None:
    program = (
        "from models.errors import InputError\n"
        "from robot.sinks import open_sink\n"
        "from tests.robot.sinks.poses import known\n"
        "try:\n"
        "    with open_sink('-') as sink:\n"
        "        for i in range(100000):\n"
        "            sink.write(known(float(i)))\n"
        "except InputError as error:\n"
        "    raise SystemExit(str(error))\n"
    )
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["time"] == 0
        process.stdout.close()
        said = process.stderr.read()
    assert said.strip() == (
        "standard output: its reader has gone; keep it reading, or write to a file"
    )
    assert InputError.exit_code == 2
