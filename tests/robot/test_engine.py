"""The step by numba and by numpy: the same equations, the same numbers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.engine import Step, make_step, pack, unpack
from robot.filter import Gate, World
from robot.lie import Array
from robot.state import Noise, State
from tests.robot.simulated import covariances, states, vectors

ROOT = Path(__file__).parents[2]
NUMBA = importlib.util.find_spec("numba") is not None
NOISE = Noise(gyro=0.01, accel=0.1, gyro_bias=0.02, accel_bias=0.03, mount=0.01, lever=0.05)


@pytest.fixture(scope="module")
def kernel() -> Iterator[None]:
    """`robot.kernel` as the Python that it is: to compile it takes numba ten seconds or more.

    Where an earlier test has it compiled already, it stays so: half of each does not work.
    """
    if "robot.kernel" in sys.modules:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_DISABLE_JIT", "1")
        import robot.kernel  # noqa: F401

        yield
    del sys.modules["robot.kernel"]


@given(states())
def test_packing_loses_nothing(state: State) -> None:
    again = unpack(pack(state))
    for name, value in vars(state).items():
        np.testing.assert_array_equal(getattr(again, name), value)


@pytest.mark.usefixtures("kernel")
@given(
    state=states(),
    matrix=covariances(),
    sample=vectors(6),
    how=st.tuples(
        st.sampled_from([World(), World.turning(0.8)]),
        st.sampled_from([None, Gate(0.5), Gate(0.5, soften=True)]),
        st.booleans(),
    ),
)
@settings(max_examples=25)
def test_numba_and_numpy_agree(
    state: State, matrix: Array, sample: Array, how: tuple[World, Gate | None, bool]
) -> None:
    world, gate, slip = how
    x = pack(state)
    for part in (x, matrix, sample):
        part.setflags(write=False)
    results = [
        make_step(engine, world, gate, 0.01)(x, matrix, sample, 0.02, NOISE, slip=slip)
        for engine in ("numba", "numpy")
    ]
    (x1, p1, nis1), (x2, p2, nis2) = results
    np.testing.assert_allclose(p1, p2, atol=1e-11 * np.abs(matrix).max())
    np.testing.assert_allclose(nis1, nis2, rtol=1e-6, atol=1e-9)
    assert np.abs(unpack(x1).error_of(unpack(x2))).max() < 1e-8
    assert (nis1 == 0) or slip


def test_auto_takes_numba_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(step: Step) -> str:
        return type(step).__name__

    assert name(make_step("numpy", World(), None)) == "_NumpyStep"
    monkeypatch.setattr("robot.engine.numba_is_there", lambda: False)
    assert name(make_step("auto", World(), None)) == "_NumpyStep"


COMPILED = """
import json, sys
import numpy as np
from robot import kernel, loops
from robot.engine import compiled, make_step, pack
from robot.filter import World
from robot.health import Screen
from robot.state import Covariance, Noise, State
from robot.still import STILL_LIMITS, Stillness
assert kernel.COMPILED
state = State.at_rest(velocity=np.array((10.0, 0.1, 0.0)))
sample = np.array((0.01, 0.02, 0.3, 0.5, 3.0, 9.8))
steps = {e: make_step(e, World.turning(0.8), None) for e in ("numba", "numpy")}
ends = {}
for name, step in steps.items():
    x, p = pack(state), Covariance.of_deviations().matrix
    for _ in range(1000):
        x, p, _ = step(x, p, sample, 0.01, Noise(), slip=True)
    ends[name] = (x, p)
rng = np.random.default_rng(0)
rows = rng.normal(size=(2000, 6)) * 10.0 ** rng.integers(-3, 4, size=(2000, 1))
rows[rng.random((2000, 6)) < 0.01] = np.nan
rows[500:600, 2] = 0.1
for loop in (loops.screen, loops.still):
    made = (Screen, Stillness)[loop is loops.still]
    pair = made(loop=loop), made(loop=compiled("numba", loop))
    for row in rows:
        if made is Screen:
            (a, x), (b, y) = (each.check(row) for each in pair)
            assert x == y
            assert (a == b).all()
        else:
            a, b = (each.take(np.nan_to_num(row), 0.01, STILL_LIMITS.row) for each in pair)
            assert abs(a - b) < 1e-9
print(json.dumps([float(np.abs(a - b).max()) for a, b in zip(*ends.values())]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not NUMBA, reason="numba is not installed")
def test_compiled_steps_agree_over_a_thousand(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMPILED],
        cwd=ROOT,
        env={"PYTHONPATH": ":".join(sys.path), "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    state, covariance = json.loads(done.stdout)
    assert state < 1e-8
    assert covariance < 1e-8
