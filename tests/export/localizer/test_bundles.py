"""`bombus export localizer`: both bundles, what they hold, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from export.localizer import gate as localizer_gate
from export.localizer.run import read_run
from export.localizer.ways import read_drive
from models.bundle import open_bundle
from models.errors import InputError
from robot.adapter import NetworkNoise
from robot.profile import profile_of
from robot.simulation.log import write_log
from robot.simulation.simulate import simulate
from tests.export.runs import PROFILE, network, write_run
from training.inertial.networks import SNN, Network

Bombus = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def refused(bombus: Bombus, run: Path, *words: str, code: int = 2) -> None:
    before = set(run.parent.rglob("*"))
    got, _, err = bombus("export", "localizer", run, "--out", run.parent / "out", "--rounds", 0)
    assert got == code, err
    assert err.startswith("bombus: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert set(run.parent.rglob("*")) == before


def test_no_run(bombus: Bombus, tmp_path: Path) -> None:
    refused(bombus, tmp_path / "run", "network.keras")


def test_a_run_that_did_not_end(bombus: Bombus, run: Path) -> None:
    (run / "run.json").unlink()
    refused(bombus, run, "run.json")


def test_a_profile_that_is_none(bombus: Bombus, run: Path) -> None:
    (run / "profile.json").write_text('{"wheels": 4}')
    refused(bombus, run, "profile.json", "wheels")
    (run / "profile.json").write_text("[")
    refused(bombus, run, "profile.json", "not JSON")
    (run / "profile.json").write_text("[]")
    refused(bombus, run, "profile.json", "a list, not a record")


def test_another_model(bombus: Bombus, run: Path) -> None:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(run / "network.keras")
    refused(bombus, run, "an adapter with the head slip")


def test_a_network_of_other_heads(bombus: Bombus, run: Path) -> None:
    Network(replace(SNN, heads=("slip", "still"))).save(run / "network.keras")
    refused(bombus, run, "an adapter with the head slip")


def test_a_bundle_is_there_already(bombus: Bombus, run: Path) -> None:
    (run.parent / "out-graph").mkdir()
    refused(bombus, run, "out-graph", "already there")


def test_a_log_without_attitudes(tmp_path: Path) -> None:
    path = tmp_path / "drive.npz"
    rows = np.random.default_rng(0).normal(size=(240, 3))
    np.savez(path, gyro=rows, acc=rows, imu_rate_hz=120, rtk_ned=rows[:20], rtk_rate_hz=10)
    with pytest.raises(InputError, match="no attitudes"):
        read_drive(str(path))


def test_a_log_is_a_drive(tmp_path: Path) -> None:
    made = simulate("urban", seconds=3.0, still=0.0, seed=3).recording
    (path,) = write_log(simulate("urban", seconds=3.0, still=0.0, seed=3), tmp_path / "drive.npz")
    read = read_drive(str(path))
    assert read.name == "drive"
    np.testing.assert_allclose(read.gyro, made.gyro)
    np.testing.assert_allclose(read.truth.positions, made.truth.positions, atol=1e-9)
    np.testing.assert_allclose(read.velocities, made.velocities, atol=1e-9)


def test_what_a_run_is(run: Path) -> None:
    read = read_run(run)
    assert read.profile == PROFILE
    assert read.training == {"recipe": {"seed": 0}, "data_sha256": "ab", "commit": "cd"}
    assert read.keras == (run / "network.keras").read_bytes()
    for mine, its in zip(network().get_weights(), read.network.get_weights(), strict=True):
        assert np.array_equal(mine, its)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_both_bundles(bombus: Bombus, run: Path) -> None:
    out, log = run.parent / "found", run.parent / "drive.npz"
    write_log(simulate("urban", seconds=20.0, still=1.0, grade="tactical", seed=5), log)
    code, said, err = bombus("export", "localizer", run, "--out", out, "--rounds", 1, "--log", log)
    assert code == 0, err
    assert said.count("PASSED") == 2
    assert "trained by ear" not in said
    step, whole = open_bundle(out), open_bundle(run.parent / "found-graph")
    for bundle in (step, whole):
        assert bombus("models", "verify", bundle.path)[0] == 0
        assert profile_of(bundle.manifest.profile, "manifest") == PROFILE
        assert bundle.manifest.source.training["recipe"] == {"seed": 0}
        assert bundle.manifest.source.git_commit == "cd"
    files = {(a.format, a.scheme): a for a in step.manifest.artefacts}
    assert {("keras", "f64"), ("tflite", "f32"), ("onnx", "f32")} <= files.keys()
    shutil.copy(out / files["keras", "f64"].file, run / "network.keras")
    assert read_run(run).keras == step.read(files["keras", "f64"])
    assert files["tflite", "f32"].latency is not None
    graphs = {(a.format, a.scheme): a for a in whole.manifest.artefacts}
    assert graphs.keys() == {("tflite", "f32"), ("onnx", "f64")}
    (way,) = graphs["onnx", "f64"].ways or ()
    assert way.apart < 1e-6
    (way,) = graphs["tflite", "f32"].ways or ()
    assert 0 < way.apart < 1e-4 * way.metres

    one, other = NetworkNoise(step), NetworkNoise(step, artefact=files["onnx", "f32"].file)
    memories = [model.start() for model in (one, other)]
    for row in np.random.default_rng(0).normal(size=(20, 6)):
        told = []
        for place, model in enumerate((one, other)):
            memories[place], advice = model.step(memories[place], row, 0.01)
            told.append(advice.noise.slip)
        np.testing.assert_allclose(told[0], told[1], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_goes_astray_is_not_written(
    bombus: Bombus, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(localizer_gate.APART, "f32", 1e-12)
    out = run.parent / "out"
    code, _, err = bombus("export", "localizer", run, "--out", out, "--rounds", 0)
    assert code == 4
    assert "m apart" in err
    assert not out.exists()
    assert not out.with_name("out-graph").exists()
    kept = {path.name for path in (run.parent / "out.rejected").iterdir()}
    assert kept == {"out_f32.tflite.rejected", "out_f32.onnx.rejected"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["2011_09_30_drive_0027", "2011_09_30_drive_0033"])  # 07 and 09
def test_kitti(name: str, bombus: Bombus, run: Path, bombus_data: Path) -> None:
    log, out = bombus_data / "kitti-imu" / f"{name}.npz", run.parent / "found"
    code, _, err = bombus("export", "localizer", run, "--out", out, "--rounds", 0, "--log", log)
    assert code == 0, err
    whole = open_bundle(out.with_name("found-graph"))
    apart = {
        a.scheme: max(w.apart / w.metres for w in a.ways or ()) for a in whole.manifest.artefacts
    }
    assert apart["f64"] < 1e-9
    assert apart["f32"] < 1e-3
