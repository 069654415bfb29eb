"""MCAP and Rerun, read by their own packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import InputError
from robot.sinks import open_sink
from robot.sinks.jsonl import line
from robot.sinks.mcap import POSE, STATE
from tests.robot.sinks.poses import driven, known, written


def test_mcap_holds_every_pose_twice(tmp_path: Path) -> None:
    reader = pytest.importorskip("mcap.reader")
    path = written(tmp_path / "a.mcap", driven())
    states: list[tuple[int, Any]] = []
    poses: list[tuple[int, Any]] = []
    with path.open("rb") as file:
        for schema, channel, message in reader.make_reader(file).iter_messages():
            assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
            told = json.loads(message.data)
            check(told, json.loads(schema.data))
            {"/state": states, "/pose": poses}[channel.topic].append((message.log_time, told))
    for name, schema in (("foxglove.PoseInFrame", POSE), ("bombus.State", STATE)):
        assert schema["title"] == name
    assert [t for t, _ in states] == [t for t, _ in poses] == [2 * 10**7 * i for i in range(101)]
    assert [told for _, told in states] == [json.loads(line(p, "enu")) for p in driven()]
    _, last = poses[-1]
    assert last["timestamp"] == {"sec": 2, "nsec": 0}
    assert last["frame_id"] == "enu"
    np.testing.assert_allclose([*last["pose"]["position"].values()], driven()[-1].position)


def check(value: Any, schema: dict[str, Any]) -> None:
    """As much of JSON Schema as ours use."""
    match schema.get("type"):
        case "object":
            assert sorted(value) == sorted(schema["properties"]) == sorted(schema["required"])
            for name, inner in schema["properties"].items():
                check(value[name], inner)
        case "array":
            assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
            for item in value:
                check(item, schema["items"])
        case "number":
            assert isinstance(value, float | int)
        case "integer":
            assert isinstance(value, int)
            assert value >= schema["minimum"]
        case "string":
            assert isinstance(value, str)
        case None:
            assert value in schema["enum"]
        case kind:
            pytest.fail(f"a schema of ours uses {kind}")


def test_mcap_refuses_a_time_that_it_cannot_hold(tmp_path: Path) -> None:
    sink = open_sink(str(tmp_path / "a.mcap"))
    with pytest.raises(InputError, match="MCAP holds 0 to"), sink:
        sink.write(known(-0.5))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("batch", [10, 500])
def test_rerun_holds_every_pose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    rerun = pytest.importorskip("rerun")
    monkeypatch.setattr("robot.sinks.rerun.BATCH", batch)
    path = tmp_path / "a.rrd"
    with open_sink(f"rerun:{path}", world="ned") as sink:
        for pose in driven():
            sink.write(pose)
    table = rerun.dataframe.load_recording(path).view(index="time", contents="/**").select()
    held = table.read_all().to_pydict()
    times = [t.total_seconds() for t in held["time"]]
    np.testing.assert_allclose(times, [p.time for p in driven()], atol=1e-9)
    places = np.array([p[0] for p in held["/world/imu:Translation3D"]])
    expected = np.array([p.position for p in driven()])[:, [1, 0, 2]] * (1, 1, -1)
    np.testing.assert_allclose(places, expected, atol=1e-5)
    # Rerun keeps matrices by columns.
    turn = np.array(held["/world/imu:TransformMat3x3"][-1][0]).reshape(3, 3).T
    ned = np.array(((0, 1, 0), (1, 0, 0), (0, 0, -1)))
    np.testing.assert_allclose(turn, ned @ driven()[-1].rotation @ np.diag((1, -1, -1)), atol=1e-6)
    assert held["/health:Text"][7] == ["SPIKE SLIPPING"]
    assert len(held["/gyro_bias:Scalar"][-1]) == 3
