"""`bombus robot replay`, `evaluate`, `calibrate` and `tune`, as a person would use them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot.calibration.cbo import move
from robot.noise_file import load_sensor
from robot.score import score
from robot.sinks import read_trajectory
from robot.state import Noise
from tests.robot.logs import QUIET, refused, write_drive

Bombus = Callable[..., tuple[int, str, str]]
PNG = b"\x89PNG\r\n\x1a\n"
SEARCH = ("--rounds", 2, "--particles", 4, "--parameters", "slip_lateral,slip_vertical")


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drive(tmp_path_factory.mktemp("drive"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of a sensor at rest."""
    rng = np.random.default_rng(0)
    white = rng.normal(size=(2, 12_000, 3))
    path = tmp_path_factory.mktemp("bench") / "bench.npz"
    gyro, accel = 0.01 + 1e-2 * white[0], (0.1, 0.0, 9.9) + 0.1 * white[1]
    np.savez(path, t=np.arange(12_000) / 100, gyro=gyro, acc=accel)
    return path


def way(bombus: Bombus, drive: Path, out: Path) -> Path:
    assert bombus("robot", "run", drive / "drive.csv", "--to", out, *QUIET)[0] == 0
    return out


# evaluate


def test_a_log_with_its_truth_is_scored(bombus: Bombus, drive: Path) -> None:
    code, out, err = bombus("robot", "evaluate", drive / "drive.npz", *QUIET, "--json")
    assert code == 0
    assert (
        err == f"{drive / 'drive.npz'}: starts from heading and place of the truth (--start-from)\n"
    )
    told = json.loads(out)
    assert 0 < told["t_rel_percent"] < 50
    assert told["r_rel_deg_per_100_m"] > 0
    assert told["segments"] == sum(row["segments"] for row in told["lengths"].values()) > 0
    beside = bombus(
        *("robot", "evaluate", drive / "drive.csv", "--truth", drive / "drive.truth.tum"),
        *(*QUIET, "--json"),
    )
    assert json.loads(beside[1])["t_rel_percent"] == pytest.approx(told["t_rel_percent"], rel=1e-3)


def test_a_trajectory_is_scored(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    made = way(bombus, drive, tmp_path / "way.tum")
    truth = drive / "drive.truth.tum"
    code, out, err = bombus("robot", "evaluate", made, "--truth", truth, "--json")
    assert (code, err) == (0, "")
    expected = score(read_trajectory(truth), read_trajectory(made)).as_json()
    told = json.loads(out)
    lengths, expected_lengths = told.pop("lengths"), expected.pop("lengths")
    assert told == pytest.approx(expected)
    assert lengths.keys() == expected_lengths.keys()
    window = ("--begin", 5, "--end", 15)
    _, out, _ = bombus("robot", "evaluate", made, "--truth", truth, "--json", *window)
    assert json.loads(out)["poses"] == 501
    truth_of_places = tmp_path / "gnss.csv"
    known = read_trajectory(truth)
    rows = [f"{t},{x},{y},{z},1" for t, (x, y, z) in zip(known.times, known.positions, strict=True)]
    truth_of_places.write_text("\n".join(["time,x,y,z,sigma", *rows]))
    _, out, _ = bombus("robot", "evaluate", made, "--truth", truth_of_places, "--json")
    assert json.loads(out)["ate"] == pytest.approx(expected["ate"], rel=1e-6)
    assert json.loads(out)["r_rel_deg_per_100_m"] is None


def test_the_truth_against_itself_is_perfect(bombus: Bombus, drive: Path) -> None:
    truth = drive / "drive.truth.tum"
    code, out, err = bombus(
        "robot", "evaluate", truth, "--truth", drive / "drive.npz", "--lengths", "20,50"
    )
    assert (code, err) == (0, "")
    header, *rows, last = out.splitlines()
    assert header.split()[:3] == ["metres", "t_rel", "%"]
    assert [row.split()[:2] for row in rows] == [["20", "0.00"], ["50", "0.00"], ["all", "0.00"]]
    assert last.startswith("ATE 0.00 m; at the end 0.00 m off")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["drive.csv"], "drive.csv: carries no truth; say where it is with --truth"),
        (["drive.truth.tum"], "a trajectory carries no truth"),
        (["drive.csv", "--truth", "none.tum"], "none.tum"),
        (["drive.csv", "--truth", "drive.csv"], "drive.csv: carries no truth"),
        (["drive.npz", "--lengths", "10,-3"], "--lengths: '-3'"),
        (["drive.truth.tum", "--truth", "drive.npz", "--begin", "99"], "they share 0 poses"),
        (["-"], "-: a stream; record it first"),
    ],
)
def test_evaluate_refuses_in_a_line(
    bombus: Bombus, drive: Path, words: list[str], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(drive)
    with (drive / "drive.csv").open(encoding="utf-8") as log:
        monkeypatch.setattr(sys, "stdin", log)
        refused(bombus("robot", "evaluate", *words, *QUIET), what)


def test_kitti_is_scored_as_the_house_does(bombus: Bombus, bombus_data: Path) -> None:
    log = bombus_data / "kitti-imu" / "2011_09_30_drive_0027.npz"
    words = ("--start-from", "truth", "--no-still", *QUIET, "--json")
    code, out, _ = bombus("robot", "evaluate", log, *words)
    assert code == 0
    told = json.loads(out)
    # Constant (1, 10): 1.31 % and 0.30 deg/100 m by the same protocol.
    assert told["t_rel_percent"] == pytest.approx(1.31, abs=0.06)
    assert told["r_rel_deg_per_100_m"] == pytest.approx(0.30, abs=0.02)


# replay


def test_a_log_is_drawn(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    out = tmp_path / "replay"
    words = ("robot", "replay", drive / "drive.npz", "--out", out, *QUIET)
    code, said, _ = bombus(*words, "--json")
    assert code == 0
    told = json.loads(said)
    assert sorted(told["files"]) == sorted(path.name for path in out.iterdir())
    assert told["samples"] == 1001
    assert (out / "replay.png").read_bytes().startswith(PNG)
    assert "drive.npz" in (out / "replay.html").read_text("utf-8")
    ways = [read_trajectory(out / f"way.{kind}") for kind in ("tum", "csv")]
    np.testing.assert_allclose(ways[0].positions, ways[1].positions)
    refused(bombus(*words), "replay: already there")


def test_a_log_without_truth_is_drawn_too(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    out = tmp_path / "replay"
    code, said, err = bombus("robot", "replay", drive / "drive.csv", "--out", out, *QUIET)
    assert (code, err) == (0, "")
    assert said == f"{out}: replay.html, replay.png, way.tum, way.csv\n"
    made = way(bombus, drive, tmp_path / "way.tum")
    assert (out / "way.tum").read_text() == made.read_text()


def test_two_samples_are_drawn(bombus: Bombus, tmp_path: Path) -> None:
    log = tmp_path / "two.csv"
    log.write_text("0,0,0,0,0,0,9.8\n0.01,0,0,0,0,0,9.8\n")
    out = tmp_path / "replay"
    assert bombus("robot", "replay", log, "--out", out, *QUIET)[0] == 0
    assert (out / "replay.png").read_bytes().startswith(PNG)


def test_a_log_is_not_written_over(bombus: Bombus, drive: Path) -> None:
    log = drive / "drive.csv"
    before = log.read_bytes()
    refused(bombus("robot", "calibrate", log, "--out", log, "--force"), "would be lost")
    refused(bombus("robot", "tune", log, "--out", log, "--force"), "would be lost")
    assert log.read_bytes() == before


def test_without_matplotlib_it_says_what_to_install(
    bombus: Bombus, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ("robot", "replay", drive / "drive.csv", "--out", tmp_path / "replay", *QUIET)
    refused(bombus(*words), "bombus[robot]")
    assert list(tmp_path.iterdir()) == []


# calibrate


def test_a_bench_log_is_calibrated(bombus: Bombus, bench: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "noise.toml", tmp_path / "allan.png"
    words = ("robot", "calibrate", bench, "--out", out, "--plot", plot, "--margin", 2)
    code, said, err = bombus(*words)
    assert (code, err) == (0, "")
    sensor_name, axis, mean, *_ = said.splitlines()[1].split()
    assert (sensor_name, axis) == ("gyro", "x")
    assert float(mean) == pytest.approx(0.01, abs=3e-4)
    assert plot.read_bytes().startswith(PNG)
    sensor = load_sensor(out)
    assert sensor.noise.gyro == pytest.approx(2e-3, rel=0.1)
    assert sensor.noise.accel == pytest.approx(2e-2, rel=0.1)
    np.testing.assert_allclose(sensor.gyro_bias, 0.01, atol=5e-4)
    assert sensor.accel_bias == (0.0, 0.0, 0.0)
    refused(bombus(*words), "noise.toml: already there")
    code, said, _ = bombus("robot", "calibrate", bench, "--json")
    told = json.loads(said)
    assert told["allan"]["gyro_x"]["white"] == pytest.approx(1e-3, rel=0.1)
    assert told["allan"]["gyro_x"]["walk"] is None


def test_what_was_calibrated_is_taken_out(bombus: Bombus, bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "noise.toml"
    assert bombus("robot", "calibrate", bench, "--out", out, "--level")[0] == 0
    code, said, _ = bombus("robot", "run", bench, "--noise", out, "--rate", 0.1)
    assert code == 0
    first, *_, last = (json.loads(line) for line in said.splitlines())
    assert np.abs(last["gyro_bias"]).max() < 1e-3
    assert np.abs(last["position"]).max() < 0.5
    assert first["time"] == 0.0


def test_a_log_that_moves_is_told_of(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    refused(bombus("robot", "calibrate", drive / "drive.csv"), "10 s are needed")
    log = tmp_path / "late.csv"
    words = ("--seconds", 10, "--still", 20, "--grade", "automotive")
    assert bombus("robot", "simulate", "--out", log, *words)[0] == 0
    code, _, err = bombus("robot", "calibrate", log)
    assert code == 0
    moving, short = err.splitlines()
    assert "late.csv: the log moves: only 0.0 to " in moving
    assert "do not tell the noise well" in short


# tune


def test_tuning_improves_and_is_taken_by_run(bombus: Bombus, drive: Path, tmp_path: Path) -> None:
    out = tmp_path / "noise.toml"
    words = ("robot", "tune", drive / "drive.npz", "--out", out, *SEARCH)
    code, said, _ = bombus(*words, "--check", drive / "drive.npz", "--json")
    assert code == 0
    told = json.loads(said)
    fitted, checked = told["logs"]
    assert [fitted["tuned_on"], checked["tuned_on"]] == [True, False]
    assert fitted["t_rel_percent_after"] < fitted["t_rel_percent_before"]
    assert checked["t_rel_percent_after"] == fitted["t_rel_percent_after"]
    noise = load_sensor(out).noise
    assert list(noise.slip) == told["noise"]["slip"] != list(Noise().slip)
    assert noise.gyro == Noise().gyro
    assert [path.name for path in tmp_path.iterdir()] == ["noise.toml"]
    _, scored, _ = bombus("robot", "evaluate", drive / "drive.npz", "--noise", out, "--json")
    assert json.loads(scored)["t_rel_percent"] == pytest.approx(fitted["t_rel_percent_after"])
    refused(bombus(*words), "noise.toml: already there")


def test_an_interrupted_tuning_goes_on(
    bombus: Bombus, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, twice = tmp_path / "once.toml", tmp_path / "twice.toml"
    words = ("robot", "tune", drive / "drive.npz", *SEARCH, "--out")
    assert bombus(*words, once)[0] == 0

    real: Any = move

    def interrupted(swarm: Any, *rest: Any) -> Any:
        if swarm.rounds == 1:
            raise KeyboardInterrupt
        return real(swarm, *rest)

    monkeypatch.setattr("robot.calibration.tune.move", interrupted)
    code, _, err = bombus(*words, twice)
    assert code == 130
    assert "run the same command again to go on" in err
    assert not twice.exists()
    monkeypatch.setattr("robot.calibration.tune.move", real)
    refused(bombus(*words, twice, "--seed", 1), "saved with other options")
    code, said, _ = bombus(*words, twice)
    assert code == 0
    assert "t_rel % before" in said
    assert twice.read_text() == once.read_text()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["drive.csv"], "drive.csv: carries no truth"),
        (["drive.npz", "--parameters", "giro"], "parameter 'giro'"),
        (["drive.npz", "drive.npz", "--truth", "drive.truth.tum"], "--truth is of one log"),
        (["drive.npz", "--rounds", "0"], "--rounds"),
        (["drive.npz", "--start-from", "guess"], "'guess'"),
    ],
)
def test_tune_refuses_in_a_line(
    bombus: Bombus, drive: Path, words: list[str], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(drive)
    refused(bombus("robot", "tune", *words, "--out", "noise.toml"), what)
    assert not (drive / "noise.toml").exists()
