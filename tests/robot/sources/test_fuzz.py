"""Whatever comes: a refusal in one line or finite stamps, and nothing else."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from robot.sources import Reading, Source, open_source
from robot.sources.live import Live
from tests.robot.sources import test_bag, test_mcap
from tests.robot.sources.logs import make_log
from tests.robot.sources.ros_messages import ROS1, ROS2, Maker
from tests.robot.sources.test_kitti import drawn, write_drive

# One folder for all examples: each writes the whole of its file anew.
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)

FIELDS = st.one_of(
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(["", "nan", "inf", "1e400", "x", '"', "1,5", "1_0", "\x00", "٣", "9" * 400]),
)
ROWS = st.lists(FIELDS, min_size=5, max_size=9)
JSONS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["time", "t", "gyro", "accel", "acc", "x", "y", "z", "sec", "nsec"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
NUMBERS = st.lists(st.none() | st.floats() | st.integers(), min_size=3, max_size=3)
SAMPLES = st.fixed_dictionaries(
    {"time": st.floats() | st.integers() | JSONS, "gyro": NUMBERS | JSONS, "accel": NUMBERS}
)
LINES = st.one_of(
    st.binary(max_size=60),
    ROWS.map(lambda row: ",".join(row).encode()),
    st.tuples(st.sampled_from("# %"), ROWS).map(lambda p: (p[0] + " ".join(p[1])).encode()),
    JSONS.map(lambda found: json.dumps(found).encode()),
    SAMPLES.map(lambda found: json.dumps(found).encode()),
    st.sampled_from(
        [b"t,gx,gy,gz,ax,ay,az", b"1,2,3,4,5,6,7", b"1.1,2,3,4,5,6,7", b"[" * 5000, b'{"a":' * 5000]
    ),
)
TEXTS = st.lists(LINES, max_size=20).map(b"\n".join)
READINGS = st.builds(
    Reading,
    time_unit=st.sampled_from([None, "s", "ns"]),
    columns=st.sampled_from([(), tuple("1234567"), tuple("234567"), ("-", *"234567")]),
    rate=st.sampled_from([None, 100.0]),
    delimiter=st.sampled_from([None, ",", "tab", "space", ";"]),
)


def read(where: str, reading: Reading) -> None:
    """Read all there is; a refusal of one line is fine."""
    try:
        source = open_source(where, reading)
    except InputError as refusal:
        said = str(refusal)
    else:
        said = ""
        stamps(source)
    assert "\n" not in said


def stamps(source: Source) -> None:
    """Check the times of a source and of its truth."""
    assert all(math.isfinite(sample.time) for sample in source)
    assert source.bad >= 0
    truth = source.truth()
    if truth is not None:
        assert (truth.times[1:] > truth.times[:-1]).all()


@FUZZ
@given(TEXTS, READINGS, st.sampled_from([".csv", ".jsonl"]))
def test_text_files(tmp_path: Path, text: bytes, reading: Reading, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    path.write_bytes(text)
    read(str(path), reading)


@given(TEXTS, READINGS, st.lists(st.integers(0, 1000), max_size=8))
def test_streams_and_so_the_serial_line(text: bytes, reading: Reading, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = (text[a:b] for a, b in pairwise(edges))
    source = Live("fuzz", chunks, reading)
    lines = text.count(b"\n") + 1
    samples = list(source)
    assert all(math.isfinite(sample.time) for sample in samples)
    assert all(len(sample.gyro) == len(sample.accel) == 3 for sample in samples)
    assert len(samples) + source.bad <= lines


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Sound files by suffix, to be damaged."""
    folder, log = tmp_path_factory.mktemp("sound"), make_log(20)
    import numpy as np

    np.savez(folder / "log.npz", t=log.times, gyro=log.gyro, acc=log.accel)
    paths = [
        folder / "log.npz",
        Path(test_mcap.write(folder, test_mcap.messages(log), chunk_size=800)),
        Path(test_bag.write_ros1(folder, test_bag.imu(Maker(ROS1), log))),
        Path(test_bag.only_file(folder, test_bag.imu(Maker(ROS2), log))),
    ]
    return {path.suffix: path.read_bytes() for path in paths}


@FUZZ
@given(
    st.sampled_from([".npz", ".mcap", ".bag", ".db3"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=9)), max_size=5),
    st.floats(0.5, 1),
)
def test_damaged_files(
    tmp_path: Path,
    sound: dict[str, bytes],
    suffix: str,
    damage: list[tuple[float, bytes]],
    kept: float,
) -> None:
    data = bytearray(sound[suffix])
    for at, other in damage:
        begin = int(at * len(data))
        data[begin : begin + len(other)] = other
    path = tmp_path / f"log{suffix}"
    path.write_bytes(data[: int(kept * len(data)) + 1])
    read(str(path), Reading())


@FUZZ
@given(st.sampled_from([".npz", ".mcap", ".bag", ".db3"]), st.binary(max_size=200))
def test_files_of_anything(tmp_path: Path, suffix: str, data: bytes) -> None:
    magic = {".mcap": b"\x89MCAP0\r\n", ".bag": b"#ROSBAG V2.0\n", ".npz": b"PK\x03\x04"}
    for begin in (b"", magic.get(suffix, b"SQLite format 3\x00")):
        (tmp_path / f"log{suffix}").write_bytes(begin + data)
        read(str(tmp_path / f"log{suffix}"), Reading())


@FUZZ
@given(st.lists(FIELDS | st.binary(max_size=5).map(repr), min_size=20, max_size=32), st.binary())
def test_packets_of_anything(tmp_path: Path, fields: list[str], stamp: bytes) -> None:
    oxts = tmp_path / "oxts"
    if not oxts.exists():
        write_drive(tmp_path, **drawn(6))
    (oxts / "data" / "0000000000.txt").write_text(" ".join(fields))
    (oxts / "timestamps.txt").write_bytes(
        stamp + b"".join(b"\n2011-09-30 12:40:25.%d" % i for i in range(1, 6))
    )
    read(str(tmp_path), Reading())
