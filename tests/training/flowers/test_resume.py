"""A run that is killed at any point goes on to the result of an unbroken one, bit for bit.

Tolerance: none. On TensorFlow's CPU backend, on one machine, weights and metrics are equal.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.training.conftest import Trained
from training.flowers.recipe import Recipe, dump_recipe
from training.flowers.train import train

ROOT = Path(__file__).parents[3]
PATIENCE = 240.0  # seconds until a process that should have come to a point is given up

# Run `bombus` with one function replaced by one that kills the process on a certain call.
KILL = """
import os, signal, sys
import {module} as module
original = {target}
def {name}(*args, **kwargs):
    if {when}:
        {before}
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
{target} = {name}
from bombus import main
sys.argv[0] = "bombus"
main()
"""


@contextmanager
def running(command: list[str], out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is no longer there afterwards, however the test ends."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with (out.parent / f"{out.name}.log").open("ab") as log:
        command = [sys.executable, *command]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def result(command: list[str], out: Path) -> int:
    with running(command, out) as process:
        return process.wait()


def epochs_done(out: Path, stage: str) -> int:
    state = out / "checkpoint" / "state.json"
    return len(json.loads(state.read_text())["history"].get(stage, [])) if state.exists() else 0


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while not reached():
        assert process.poll() is None, "the process ended before it was killed"
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.01)


def comparable(summary: dict[str, Any]) -> dict[str, Any]:
    """Without what may differ between two equal runs: seconds, and a checkout that moves on."""
    copy: dict[str, Any] = json.loads(json.dumps(summary))
    for key in ("seconds", "git_commit"):
        del copy[key]
    for epoch in (e for history in copy["history"].values() for e in history):
        del epoch["seconds"]
    return copy


def assert_same(out: Path, whole: Trained) -> None:
    summary = json.loads((out / "training.json").read_text())
    assert comparable(summary) == comparable(whole.summary)
    ours, theirs = (keras.models.load_model(f / "model.keras") for f in (out, whole.out))
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        assert np.array_equal(a, b), a.path
    hidden = [p for f in ("cache", "checkpoint") for p in (out / f).rglob(".*")]
    assert hidden == []


def killing(module: str, target: str, *, when: str, before: str = "pass") -> list[str]:
    """How to start a `bombus` that kills itself on a certain call of a function."""
    name = target.rpartition(".")[2]
    return ["-c", KILL.format(module=module, target=target, name=name, when=when, before=before)]


def train_until(line: str, data: Path, recipe: Recipe, out: Path) -> None:
    """A training that is interrupted as it says a line that begins so."""

    class Stop(Exception):
        pass

    def stop(said: str) -> None:
        if said.startswith(line):
            raise Stop

    with pytest.raises(Stop):
        train(data, recipe, out, say=stop)


@pytest.fixture
def arguments(trained: Trained, drawn_flowers: Path, tmp_path: Path) -> list[str]:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(dump_recipe(trained.recipe))
    return ["train", "flowers", "--data", str(drawn_flowers), "--recipe", str(recipe), "--out"]


@pytest.mark.timeout(900)
def test_killed_at_each_stage(arguments: list[str], trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "broken"
    plain = ["-m", "bombus", *arguments, str(out)]
    state = out / "checkpoint" / "state.json"

    # While features are being cached: photos are decoded, the head has not begun.
    with running(plain, out) as process:
        wait_until(lambda: len(list(out.glob("cache/*.npy"))) > 0, process)
    assert epochs_done(out, "fine_tune") == 0

    # While a checkpoint is being written.
    half = killing(
        "keras",
        "module.Model.save_weights",
        when="'fine_tune-000' in str(args[1])",
        before="args[1].write_bytes(b'half')",
    )
    assert result([*half, *arguments, str(out)], out) == -signal.SIGKILL
    assert epochs_done(out, "head") == trained.recipe.head.epochs
    assert epochs_done(out, "fine_tune") == 0
    assert len(list(out.glob("checkpoint/.fine_tune-000*"))) == 1

    # In the middle of an epoch: at the fourth batch of the second.
    middle = killing(
        "training.flowers.dataset",
        "module.Batches.__getitem__",
        when=f"args[1] == 3 and '\"fine_tune\"' in open({str(state)!r}).read()",
    )
    assert result([*middle, *arguments, str(out)], out) == -signal.SIGKILL
    assert epochs_done(out, "fine_tune") == 1

    assert result(plain, out) == 0
    assert_same(out, trained)


def test_stopped_after_a_stage_whose_best_epoch_was_not_its_last(
    small_recipe: Recipe, drawn_flowers: Path, tmp_path: Path
) -> None:
    """Then the stage's last weights are gone, and its best are what the next one began with."""
    recipe = replace(
        small_recipe,
        head=replace(small_recipe.head, epochs=3, learning_rate=1e-30),
        fine_tune=replace(small_recipe.fine_tune, epochs=2),
    )

    out = tmp_path / "broken"
    train_until("fine_tune 1/2", drawn_flowers, recipe, out)
    kept = {path.name for path in (out / "checkpoint").glob("*.h5")}
    assert kept == {"head-000.weights.h5", "fine_tune-000.weights.h5"}
    train(drawn_flowers, recipe, out, say=lambda line: None)
    whole = tmp_path / "whole"
    summary = train(drawn_flowers, recipe, whole, say=lambda line: None)
    assert_same(out, Trained(whole, recipe, summary, []))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_between_two_files(arguments: list[str], trained: Trained, tmp_path: Path) -> None:
    """Weights without a state that names them; a model without its record."""
    out = tmp_path / "broken"
    plain = ["-m", "bombus", *arguments, str(out)]

    unrecorded = killing(
        "training.flowers.checkpoint",
        "module.write_text",
        when="any(args[0].parent.glob('fine_tune-002*'))",
    )
    assert result([*unrecorded, *arguments, str(out)], out) == -signal.SIGKILL
    assert epochs_done(out, "fine_tune") == 2
    assert len(list(out.glob("checkpoint/fine_tune-002*"))) == 1

    unfinished = killing(
        "training.flowers.train", "module.write_text", when="args[0].name == 'training.json'"
    )
    assert result([*unfinished, *arguments, str(out)], out) == -signal.SIGKILL
    assert (out / "model.keras").exists()
    assert not (out / "training.json").exists()

    assert result(plain, out) == 0
    assert_same(out, trained)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random(arguments: list[str], trained: Trained, tmp_path: Path) -> None:
    """Killed a random while after it spoke first, until it is through."""
    out, record = tmp_path / "broken", tmp_path / "broken.log"
    plain, kills, rng = ["-m", "bombus", *arguments, str(out)], 0, np.random.default_rng(0)
    record.touch()
    while not (out / "training.json").exists():
        begun = record.stat().st_size
        with running(plain, out) as process:
            wait_until(lambda size=begun: record.stat().st_size > size, process)  # type: ignore[misc]
            with suppress(subprocess.TimeoutExpired):
                assert process.wait(rng.uniform(0, 6) * (1 + kills / 4)) == 0
        kills += process.returncode == -signal.SIGKILL
    assert kills > 0
    assert_same(out, trained)
