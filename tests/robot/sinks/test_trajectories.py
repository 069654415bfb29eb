"""TUM, KITTI and CSV: what is written is read again, and a bad row is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from robot.pose import Pose
from robot.sinks import read_trajectory
from robot.sinks.csv import columns
from robot.sinks.world import World, quaternion
from tests.robot.sinks.poses import any_pose, driven, known, written

NAMES = ["a.tum", "a.kitti", "a.csv"]
WORLDS: list[World] = ["enu", "ned"]
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", NAMES)
def test_read_as_written(tmp_path: Path, name: str, world: World) -> None:
    read = read_trajectory(written(tmp_path / name, driven(), world), world=world)
    np.testing.assert_allclose(read.times, [p.time for p in driven()], atol=1e-9)
    np.testing.assert_allclose(read.positions, [p.position for p in driven()], atol=1e-9)
    np.testing.assert_allclose(read.rotations, [p.rotation for p in driven()], atol=1e-8)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", NAMES)
@SAME_FOLDER
@given(pose=any_pose())
def test_any_pose_is_read_as_written(tmp_path: Path, name: str, world: World, pose: Pose) -> None:
    read = read_trajectory(written(tmp_path / name, [pose], world), world=world)
    np.testing.assert_allclose(read.times, [pose.time], rtol=1e-15, atol=1e-9)
    np.testing.assert_allclose(read.positions, [pose.position], atol=1e-8)
    np.testing.assert_allclose(read.rotations, [pose.rotation], atol=1e-8)


@given(pose=any_pose())
def test_quaternions_are_scipys(pose: Pose) -> None:
    spatial = pytest.importorskip("scipy.spatial.transform")
    theirs = spatial.Rotation.from_matrix(pose.rotation).as_quat()
    ours = np.array(quaternion(pose.rotation))
    assert ours[3] >= 0
    assert abs(abs(ours @ theirs) - 1) < 1e-12


def test_the_worlds_by_hand(tmp_path: Path) -> None:
    half = np.sqrt(0.5)
    enu = np.loadtxt(written(tmp_path / "a.tum", [known()]))
    np.testing.assert_allclose(enu, [1.5, 1, 2, 3, 0, 0, half, half], atol=1e-9)
    # In NED 2 m north come first, 3 m up are -3 m down, and heading north is no turn at all.
    ned = np.loadtxt(written(tmp_path / "b.tum", [known()], "ned"))
    np.testing.assert_allclose(ned, [1.5, 2, 1, -3, 0, 0, 0, 1], atol=1e-9)


def test_a_table_tells_its_world_and_all_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", [known()], "ned")
    header, row = (line.split(",") for line in path.read_text().splitlines())
    assert header == columns("ned")
    told = dict(zip(header, row, strict=True))
    assert told.pop("health") == "OK"
    numbers = {name: float(value) for name, value in told.items()}
    assert (numbers["north"], numbers["east"], numbers["down"]) == (2, 1, -3)
    assert (numbers["v_north"], numbers["v_east"], numbers["v_down"]) == (4, 0, 0)
    # Biases are along the IMU's axes: forward, right, down.
    assert [numbers[f"gyro_bias_{i}"] for i in "xyz"] == [0.1, -0.2, -0.3]
    # The covariance was made of 1 .. 21 in ENU; north is its second.
    assert numbers["sd_r_north"] == 2
    assert numbers["sd_v_down"] == 6
    assert (numbers["sd_north"], numbers["sd_east"]) == (8, 7)
    assert numbers["sd_accel_bias_z"] == 15


def test_a_table_of_others_is_read_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "qw, qx,qy,qz,note,up,north,east,time\n1,0,0,0,x,3,2,1,0.5\n\n1,0,0,0,,6,5,4,1\n"
    )
    read = read_trajectory(path)
    np.testing.assert_array_equal(read.positions, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(read.times, [0.5, 1.0])


@pytest.mark.parametrize("name", ["a.tum", "a.kitti"])
def test_a_text_file_is_known_by_its_columns(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, driven()).rename(tmp_path / "a.txt")
    assert len(read_trajectory(path).times) == len(driven())


def test_times_of_kitti_may_stand_elsewhere(tmp_path: Path) -> None:
    path = written(tmp_path / "a.kitti", driven())
    times = (tmp_path / "a.times.txt").rename(tmp_path / "times.txt")
    with pytest.raises(InputError, match="have no times"):
        read_trajectory(path)
    assert len(read_trajectory(path, times=times).times) == len(driven())
    times.write_text("0\n1\n")
    with pytest.raises(InputError, match="2 times for the 101 poses"):
        read_trajectory(path, times=times)


TUM = "0 0 0 0 0 0 0 1"
KITTI = "1 0 0 0 0 1 0 0 0 0 1 0"
CSV = "time,east,north,up,qx,qy,qz,qw"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tum", f"# x\n{TUM}\n\n1 0 0 0 0 0 1\n", "row 4: 7 fields, not 8"),
        ("a.tum", f"{TUM}\n1 0 zero 0 0 0 0 1\n", "row 2: 'zero' is no finite number"),
        ("a.tum", f"{TUM}\n1 0 nan 0 0 0 0 1\n", "row 2: 'nan' is no finite number"),
        ("a.tum", f"{TUM}\n1 0 1e999 0 0 0 0 1\n", "row 2: '1e999' is no finite number"),
        ("a.tum", f"{TUM}\n1 0 0 0 0 0 0 0\n", "row 2: a quaternion of length 0"),
        ("a.tum", f"{TUM}\n{TUM}\n", "row 2: time 0 s is not after 0 s"),
        ("a.tum", "# only this\n\n", "holds no poses"),
        ("a.tum", "", "holds no poses"),
        ("a.tum", b"\xff\xfe\x00", "not a text file"),
        ("a.kitti", f"{KITTI}\n{KITTI} 5\n", "row 2: 13 fields, not 12"),
        ("a.kitti", "1 0 0 0 0 1 0 0 0 0 -1 0\n", "row 1: not a rotation"),
        ("a.kitti", "1 0 0 0 0 2 0 0 0 0 1 0\n", "row 1: not a rotation"),
        ("a.csv", CSV, "no poses below its header"),
        ("a.csv", "time,x,y\n0,0,0\n", "no column 'east'; its first row is to name time, east"),
        ("a.csv", "time,down\n0,0\n", "no column 'north'"),
        ("a.csv", f"{CSV}\n0,0,0,0,0,0,0,1\n1,0\n", "row 3: 2 fields, but 8 columns"),
        ("a.csv", f"{CSV}\n0,0,0,,0,0,0,1\n", "row 2: '' is no finite number"),
        ("a.csv", f"{CSV}\n0,0,0,0,0,0,0,3\n", "row 2: a quaternion of length 3"),
        ("a.xyz", "", "no trajectory by its name"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "a.times.txt").write_text("0\n")
    with pytest.raises(InputError, match=message) as caught:
        read_trajectory(path)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.tum: cannot be read \(No such file"):
        read_trajectory(tmp_path / "a.tum")


@pytest.mark.parametrize("name", [*NAMES, "a.txt"])
@SAME_FOLDER
@given(data=st.one_of(st.binary(max_size=200), st.text(" 01.,-e\nnaif#", max_size=200)))
def test_anything_is_read_or_refused(tmp_path: Path, name: str, data: bytes | str) -> None:
    path = tmp_path / name
    head = f"{CSV}\n".encode() if name == "a.csv" else b""
    path.write_bytes(head + (data if isinstance(data, bytes) else data.encode()))
    (tmp_path / "a.times.txt").write_text("0\n")
    try:
        read = read_trajectory(path)
    except InputError:
        return
    assert len(read.times) == len(read.positions) == len(read.rotations) > 0
    assert np.isfinite(read.positions).all()


def test_evo_reads_them_alike(tmp_path: Path) -> None:
    interface = pytest.importorskip("evo.tools.file_interface")
    tum = interface.read_tum_trajectory_file(str(written(tmp_path / "a.tum", driven())))
    kitti = interface.read_kitti_poses_file(str(written(tmp_path / "a.kitti", driven())))
    for theirs in (tum, kitti):
        poses = np.array(theirs.poses_se3)
        np.testing.assert_allclose(poses[:, :3, 3], [p.position for p in driven()], atol=1e-8)
        np.testing.assert_allclose(poses[:, :3, :3], [p.rotation for p in driven()], atol=1e-8)
    np.testing.assert_allclose(tum.timestamps, [p.time for p in driven()], atol=1e-9)
