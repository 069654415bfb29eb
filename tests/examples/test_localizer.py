"""A program without any code of ours localizes as the robot does: examples/localizer."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.localizer.step import LEVELLED
from export.localizer.stream import run_stream
from models.bundle import MANIFEST, SHIPPED, open_bundle
from models.runtime import open_runner
from robot.align import level
from robot.health import Limits
from robot.lie import Array
from robot.pose import Options
from robot.profile import profile_of
from robot.simulation.log import write_log
from robot.simulation.simulate import simulate
from robot.state import Covariance
from robot.track import track
from training.inertial.evaluate import Foretold

EXAMPLE = Path(__file__).parents[2] / "examples" / "localizer"
GRAPH = SHIPPED / "localizer-graph"


def node(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["node", str(EXAMPLE / "localize.mjs"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runtime() -> None:
    if shutil.which("node") is None or not (EXAMPLE / "node_modules").is_dir():
        pytest.skip("the example's runtime is not installed: npm ci in examples/localizer")


@pytest.fixture(scope="module")
def model() -> Path:
    if not (GRAPH / MANIFEST).is_file():
        pytest.skip("no bundle localizer-graph is shipped")
    bundle = open_bundle(GRAPH)
    (artefact,) = (a for a in bundle.manifest.artefacts if a.scheme == "f64")
    bundle.read(artefact)
    return GRAPH / artefact.file


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s of a drive that begins at rest, with what a log may hold besides samples."""
    folder = tmp_path_factory.mktemp("logs")
    made = simulate("urban", seconds=5.0, still=1.0, grade="tactical", seed=2)
    path, _ = write_log(made, folder / "drive.csv")
    lines = path.read_text("utf-8").splitlines(keepends=True)
    lines[100:100] = [lines[99], lines[50], "gap\n", "1,2,3\n", "\n"]  # again, late, no samples
    path.write_text("".join(lines), "utf-8")
    return path


def samples(log: Path) -> Array:
    """[N, 7] time, gyro, accelerometer."""
    lines = log.read_text("utf-8").splitlines()
    rows = [r for line in lines if len(r := line.split(",")) == 7 and not line.startswith("time")]
    table = np.array(rows, np.float64)
    latest = np.maximum.accumulate(np.concatenate(([-np.inf], table[:-1, 0])))
    return np.asarray(table[table[:, 0] > latest])


@pytest.mark.parametrize("speed", [0.0, 3.0])
def test_it_goes_where_the_localizer_goes(
    speed: float, runtime: None, model: Path, log: Path
) -> None:
    done = node(model, log, *([speed] if speed else []))
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header == "time,east,north,up"
    way = np.array([line.split(",") for line in lines], np.float64)
    rows = samples(log)
    assert np.array_equal(way[:, 0], rows[:, 0])
    assert len(rows) == 601

    velocity = np.array((speed, 0.0, 0.0))
    given = {"sample": rows[:, 1:], "dt": np.diff(rows[:, 0], prepend=rows[0, 0])[:, None]}
    runner = open_runner(model.read_bytes(), "onnx")
    found = run_stream(runner, given, {"velocity": velocity}, ("next_position", "slip"))
    np.testing.assert_allclose(way[:, 1:], found["next_position"], atol=1e-9)

    profile = profile_of(open_bundle(GRAPH).manifest.profile, "manifest")
    state, spread = profile.start(level(rows[0, 4:], 0.0, np.eye(3)), velocity)
    spread = Covariance(spread.matrix + np.diag([LEVELLED**2] * 2 + [0.0] * 19))
    unscreened = Limits(np.inf, np.inf, stuck_after=1 << 40, spike_hold=0)
    expected = track(
        rows[:, 0],
        rows[:, 1:4],
        rows[:, 4:],
        options=Options(still=None, slip_gate=None, drift=profile.drift, limits=unscreened),
        model=Foretold(profile.noise, found["slip"]),
        start=(replace(state, velocity=velocity), spread),
    ).trajectory
    assert np.linalg.norm(expected.positions[-1]) > 5
    np.testing.assert_allclose(way[:, 1:], expected.positions, atol=1e-6)


def test_it_says_how_it_is_used(runtime: None) -> None:
    done = node()
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
