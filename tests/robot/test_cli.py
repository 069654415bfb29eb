"""`bombus robot run` and `simulate`, as a person would use them."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot.sinks import read_trajectory
from tests.robot.logs import QUIET, refused, write_drive

Bombus = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drive(tmp_path_factory.mktemp("drive"))


@pytest.fixture(scope="module")
def poses(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `run` says of it, a line a pose."""
    from bombus import run

    out = tmp_path_factory.mktemp("poses") / "poses.jsonl"
    assert run(["robot", "run", str(drive / "drive.csv"), "--to", str(out), *QUIET]) == 0
    return out.read_text("utf-8").splitlines()


def started(*words: object, **streams: Any) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "bombus", "robot", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, text=True, **streams)


def table(path: Path) -> tuple[str, np.ndarray[Any, Any]]:
    """A CSV's header and numbers."""
    header = path.read_text("utf-8").splitlines()[0]
    return header, np.loadtxt(path, delimiter=",", skiprows=1)


# simulate


def test_a_simulated_drive_is_the_same_in_both_formats(drive: Path) -> None:
    header, rows = table(drive / "drive.csv")
    assert header.startswith("time [s],gyro_x [rad/s],")
    with np.load(drive / "drive.npz") as log:
        np.testing.assert_allclose(rows[:, 0], log["t"], atol=1e-6)
        np.testing.assert_allclose(rows[:, 1:4], log["gyro"], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(rows[:, 4:7], log["acc"], rtol=1e-6, atol=1e-9)
        truth = read_trajectory(drive / "drive.truth.tum")
        np.testing.assert_allclose(truth.positions, log["p_gt"], atol=1e-6)


def test_simulate_reports(bombus: Bombus, tmp_path: Path) -> None:
    words = ("robot", "simulate", "--out", tmp_path / "a.csv", "--seconds", 5, "--kind", "rc-car")
    code, out, err = bombus(*words, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["files"] == [str(tmp_path / "a.csv"), str(tmp_path / "a.truth.tum")]
    assert told["samples"] == 1501
    refused(bombus(*words), "a.csv: already there")
    assert bombus(*words, "--force")[0] == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--grade", "golden"], "golden"),
        (["--kind", "submarine"], "submarine"),
        (["--seconds", "-3"], "-3"),
        (["--rate", "0"], "0"),
        (["--rate", "1"], "give 10 Hz or more"),
        (["--seconds", "1e9"], "at most 10,000,000 samples"),
    ],
)
def test_simulate_refuses(bombus: Bombus, tmp_path: Path, words: list[str], what: str) -> None:
    refused(bombus("robot", "simulate", "--out", tmp_path / "a.csv", *words), what)
    assert list(tmp_path.iterdir()) == []


def test_simulate_writes_only_what_it_knows(bombus: Bombus, tmp_path: Path) -> None:
    refused(bombus("robot", "simulate", "--out", tmp_path / "a.xls"), ".csv or .npz")


# run


def test_run_gives_a_pose_a_sample(bombus: Bombus, drive: Path, poses: list[str]) -> None:
    code, out, err = bombus("robot", "run", drive / "drive.csv", *QUIET)
    assert code == 0
    assert out.splitlines() == poses
    assert err.startswith("1,001 samples, 20.0 s, ")
    assert "aligning" in err
    assert err.count("\n") == 1


def test_run_writes_several_sinks_at_once(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("way.tum", "way.csv", "way.kitti")]
    to = [word for out in outs for word in ("--to", out)]
    code, out, err = bombus(
        "robot", "run", drive / "drive.csv", *to, "--rate", 10, *QUIET, "--json"
    )
    assert (code, out) == (0, "")
    ways = [read_trajectory(path) for path in outs]
    for way in ways:
        assert len(way.times) == 201
        np.testing.assert_allclose(way.positions, ways[0].positions, atol=1e-6)
    told = json.loads(err)
    assert told["samples"] == 1001
    assert told["position"] == pytest.approx(ways[0].positions[-1], abs=1e-6)
    again = bombus("robot", "run", drive / "drive.csv", "--to", outs[0], *QUIET)
    refused(again, "way.tum: already there")


def test_a_stream_gives_what_the_log_gives(
    bombus: Bombus, drive: Path, poses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (drive / "drive.csv").open(encoding="utf-8") as log:
        monkeypatch.setattr(sys, "stdin", log)
        code, out, _ = bombus("robot", "run", "-", *QUIET)
    assert code == 0
    assert out.splitlines() == poses


def test_axes_and_units_are_told(
    bombus: Bombus, drive: Path, poses: list[str], tmp_path: Path
) -> None:
    _, rows = table(drive / "drive.csv")
    turned = rows.copy()
    turned[:, [2, 3, 5, 6]] *= -1  # front right down
    turned[:, 1:4] *= 180 / np.pi
    turned[:, 4:7] /= 9.80665
    turned[:, 0] *= 1e3
    path = tmp_path / "raw.csv"
    np.savetxt(path, turned, fmt="%.15g", delimiter=";", header="ms;a;b;c;d;e;f", comments="")
    code, out, _ = bombus(
        *("robot", "run", path, *QUIET, "--axes", "frd", "--gyro-unit", "deg/s"),
        *("--accel-unit", "g", "--time-unit", "ms", "--columns", "ms,a,b,c,d,e,f"),
    )
    assert code == 0
    last, expected = json.loads(out.splitlines()[-1]), json.loads(poses[-1])
    assert last["position"] == pytest.approx(expected["position"], abs=1e-3)


def test_the_start_is_told(bombus: Bombus, drive: Path, poses: list[str]) -> None:
    code, out, _ = bombus(
        "robot", "run", drive / "drive.csv", *QUIET, "--heading", 90, "--position", 10, 20, 30
    )
    assert code == 0
    east, north, up = json.loads(poses[-1])["position"]
    turned = json.loads(out.splitlines()[-1])["position"]
    assert turned == pytest.approx((10 - north, 20 + east, 30 + up), abs=1e-5)


def test_a_ned_world_is_one_for_all_that_is_told(
    bombus: Bombus, drive: Path, poses: list[str]
) -> None:
    code, out, _ = bombus(
        *("robot", "run", drive / "drive.csv", *QUIET, "--world", "ned"),
        *("--heading", 90, "--position", 5, 6, 7),
    )
    assert code == 0
    east, north, up = json.loads(poses[-1])["position"]
    told = json.loads(out.splitlines()[-1])
    assert told["world"] == "ned"
    assert told["position"] == pytest.approx((5 + north, 6 + east, 7 - up), abs=1e-6)


def test_fixes_hold_the_way(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    truth = read_trajectory(drive / "drive.truth.tum")
    rows = range(0, len(truth.times), 50)
    lines = [f"{truth.times[i]},{','.join(map(str, truth.positions[i]))},0.5" for i in rows]
    fixes = tmp_path / "gnss.csv"
    fixes.write_text("\n".join(["time,x,y,z,sigma", *lines]) + "\n")
    ahead = truth.rotations[0][:, 0]
    heading = float(np.degrees(np.arctan2(ahead[1], ahead[0])))
    start = ("--heading", heading, "--heading-sigma", 5)
    ends = {}
    for name, extra in (("free", ()), ("fixed", ("--fixes", fixes))):
        code, out, err = bombus("robot", "run", drive / "drive.csv", *QUIET, *start, *extra)
        assert code == 0
        ends[name] = np.array(json.loads(out.splitlines()[-1])["position"])
        ends[name] -= truth.positions[-1] - (truth.positions[0] if name == "free" else 0)
    assert "fixes used, " in err
    assert np.linalg.norm(ends["fixed"]) < 1.0
    assert np.linalg.norm(ends["fixed"]) < 0.5 * np.linalg.norm(ends["free"])


def test_killed_it_goes_on_bit_for_bit(
    bombus: Bombus, drive: Path, poses: list[str], tmp_path: Path
) -> None:
    state = tmp_path / "state.npz"
    words = ("run", drive / "drive.csv", *QUIET, "--save", state, "--resume", state)
    process = started(
        *words, "--save-every", 0.01, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    said: list[str] = []
    while len(said) < 400 or not state.exists():  # a full pipe holds it up where we stop reading
        said.append(process.stdout.readline().rstrip("\n"))
    process.kill()
    process.communicate()
    assert said == poses[: len(said)]
    code, out, err = bombus("robot", *words)
    rest = out.splitlines()
    assert code == 0, err
    assert 0 < len(rest) < len(poses)
    assert rest == poses[-len(rest) :]
    assert len(rest) + len(said) >= len(poses) - 400
    refused(bombus("robot", *words), "ends at 20 s, but the saved state is of 20 s")


def test_ctrl_c_ends_a_stream_cleanly(drive: Path, poses: list[str], tmp_path: Path) -> None:
    way, state = tmp_path / "way.jsonl", tmp_path / "state.npz"
    process = started(
        *("run", "-", *QUIET, "--to", way, "--to", "-", "--save", state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = (drive / "drive.csv").read_text().splitlines(keepends=True)
    process.stdin.writelines(lines[:501])
    process.stdin.flush()
    said = [process.stdout.readline() for _ in range(500)]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert way.read_text() == "".join(said)
    assert way.read_text().splitlines() == poses[:500]
    assert state.exists()
    assert err.startswith("500 samples, ")


def test_what_was_saved_is_only_for_the_same_options(
    bombus: Bombus, drive: Path, tmp_path: Path
) -> None:
    state, log = tmp_path / "state.npz", drive / "drive.csv"
    out = ("--to", tmp_path / "way.tum", "--force")
    assert bombus("robot", "run", log, *QUIET, *out, "--save", state)[0] == 0
    refused(
        bombus("robot", "run", log, *QUIET, *out, "--resume", state, "--no-slip"),
        "saved with other options",
    )
    refused(
        bombus("robot", "run", log, *QUIET, *out, "--resume", tmp_path / "none.npz"), "not there"
    )
    refused(bombus("robot", "run", log, *QUIET, *out, "--resume", log), "not a saved state")
    refused(bombus("robot", "run", log, *QUIET, "--save", state), "state.npz: already there")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["nothing.csv"], "nothing.csv: not there"),
        (["drive.csv", "--to", "way.xyz"], "way.xyz: no format of ours"),
        (["drive.csv", "--to", "a.tum", "--to", "a.tum"], "a.tum: given twice"),
        (["drive.csv", "--to", "a.tum", "--rate", "0"], "rate 0"),
        (["drive.csv", "--axes", "flx"], "axes 'flx'"),
        (["drive.csv", "--gyro-unit", "rpm"], "unit 'rpm' of the gyro"),
        (["drive.csv", "--columns", "a,b"], "columns: 2 given"),
        (["drive.csv", "--noise", "none.toml"], "none.toml: cannot be read"),
        (["drive.csv", "--fixes", "none.csv"], "none.csv: cannot be read"),
        (["drive.csv", "--world", "mars"], "'mars'"),
        (["drive.csv", "--align", "-1"], "--align"),
        (["drive.csv", "--align", "inf"], "--align inf: give a number of at most 86,400"),
        (["drive.csv", "--heading", "nan"], "--heading nan: give a number of at most 360"),
        (["drive.csv", "--position", "0", "1e300", "0"], "--position 1e+300: give a number"),
        (["drive.csv", "--speed-sigma", "inf"], "--speed-sigma inf: give a number"),
        (["drive.csv", "--to", "drive.csv", "--force"], "drive.csv: is read from, and would be"),
        (["drive.csv", "--save", "drive.csv", "--force"], "drive.csv: is read from, and would be"),
        (["nothing.csv", "--noise", "none.toml", "--bundle", ""], "none.toml: cannot be read"),
        (["drive.csv", "--bundle", "flowers"], "its task is image-classification"),
        (["drive.csv", "--bundle", "nowhere"], "no bundle there"),
        (["udp://nowhere"], "udp://nowhere"),
    ],
)
def test_run_refuses_in_a_line(bombus: Bombus, drive: Path, words: list[str], what: str) -> None:
    quiet = [] if "--bundle" in words else QUIET
    before = sorted(drive.iterdir())
    with contextlib.chdir(drive):
        refused(bombus("robot", "run", *words, *quiet), what)
    assert sorted(drive.iterdir()) == before


def test_what_cannot_be_read_is_all_that_is_told(bombus: Bombus) -> None:
    refused(bombus("robot", "run", "nothing.csv"), "nothing.csv: not there")


@pytest.mark.parametrize("text", ["", "time,gx,gy,gz,ax,ay,az\n", "no\nrows\n"])
def test_a_stream_of_nothing_is_a_mistake(
    bombus: Bombus, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").write_text(text)
    with (tmp_path / "in").open(encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        refused(bombus("robot", "run", "-", *QUIET), "standard input: no samples came")


def test_a_log_in_another_unit_is_hinted_at(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    words = ("robot", "run", drive / "drive.csv", "--to", tmp_path / "way.tum", *QUIET)
    assert "is it in" not in bombus(*words)[2]
    code, _, err = bombus(*words, "--force", "--accel-unit", "g")
    assert code == 0
    assert "drive.csv: the accelerometer shows 10" in err.splitlines()[0]


def test_without_a_network_it_says_so(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    code, _, err = bombus("robot", "run", drive / "drive.csv", "--to", tmp_path / "way.tum")
    assert code == 0
    assert err.startswith("constant noise; a network trained for your vehicle: --bundle NAME")
