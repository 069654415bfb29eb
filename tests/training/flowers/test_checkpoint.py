"""Checkpoints: what the state names is whole, and nothing else is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from training.flowers.checkpoint import Checkpoint, Epoch, History, best_epoch


def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def step(model: keras.Model) -> None:
    gradients = [keras.ops.ones(v.shape) for v in model.trainable_variables]
    model.optimizer.apply(gradients, model.trainable_variables)


def epoch(accuracy: float, loss: float = 1.0) -> Epoch:
    return {"val_accuracy": accuracy, "val_loss": loss}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([0.1, 1.0])), min_size=1)
)
def test_the_best_epoch_is_the_first_of_highest_accuracy_then_lowest_loss(
    scores: list[tuple[float, float]],
) -> None:
    best = best_epoch([epoch(*score) for score in scores])
    accuracy, loss = scores[best]
    assert all((a, -v) <= (accuracy, -loss) for a, v in scores)
    assert all((a, -v) < (accuracy, -loss) for a, v in scores[:best])


def test_a_save_is_found_again_with_the_optimizer(tmp_path: Path) -> None:
    source, history = model(), [epoch(0.5)]
    for _ in range(3):
        step(source)
    Checkpoint(tmp_path / "c", "key").save("head", history, source)
    opened = Checkpoint(tmp_path / "c", "key")
    assert opened.history("head") == history
    assert opened.history("fine_tune") == []
    copy = model()
    copy.load_weights(opened.latest("head", history))
    step(source)
    step(copy)  # Adam's step depends on its moments and its count
    assert all(np.array_equal(a, b) for a, b in zip(source.weights, copy.weights, strict=True))
    assert int(copy.optimizer.iterations) == 4


def test_only_the_latest_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoint, history, net = Checkpoint(tmp_path, "key"), list[Epoch](), model()
    kept = []
    for accuracy in (0.5, 0.9, 0.7, 0.8):
        history.append(epoch(accuracy))
        checkpoint.save("head", history, net)
        kept.append(sorted(files(tmp_path) - {"state.json"}))
    assert [[int(name[5:8]) for name in names] for names in kept] == [[0], [1], [1, 2], [1, 3]]
    checkpoint.save("fine_tune", [epoch(0.1)], net)
    assert files(tmp_path) == {
        "state.json",
        "head-001.weights.h5",
        "fine_tune-000.weights.h5",
    }
    assert checkpoint.best("head", history).name in files(tmp_path)


def test_another_run_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "run" / "c", "one").save("head", [epoch(0.5)], model())
    before = {p: p.read_bytes() for p in (tmp_path / "run" / "c").iterdir()}
    with pytest.raises(InputError, match="another recipe or data; choose another --out"):
        Checkpoint(tmp_path / "run" / "c", "two")
    assert {p: p.read_bytes() for p in (tmp_path / "run" / "c").iterdir()} == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"key"', "null", '{"key": "one"}'])
def test_a_state_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(InputError, match="not a training state; choose another --out"):
        Checkpoint(tmp_path, "one")


def fail_at_once(self: keras.Model, path: Path) -> None:
    raise OSError(28, "No space left on device")


def fail_half_way(self: keras.Model, path: Path) -> None:
    path.write_bytes(b"half")
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("failure", "error"), [(fail_at_once, InputError), (fail_half_way, KeyboardInterrupt)]
)
def test_a_save_that_fails_leaves_the_one_before(
    failure: Callable[..., None],
    error: type[BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint, history = Checkpoint(tmp_path, "key"), [epoch(0.5)]
    checkpoint.save("head", history, model())
    before = files(tmp_path)
    monkeypatch.setattr(keras.Sequential, "save_weights", failure)
    with pytest.raises(error):
        checkpoint.save("head", [*history, epoch(0.9)], model())
    assert files(tmp_path) == before
    again = Checkpoint(tmp_path, "key")
    assert again.history("head") == history
    model().load_weights(again.latest("head", history))


def test_room_is_asked_for_before_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, net = Checkpoint(tmp_path / "c", "key"), model()
    checkpoint.require_room(net)
    assert files(tmp_path / "c") == set()
    checkpoint.save("head", [epoch(0.5)], net)
    size = checkpoint.latest("head", [epoch(0.5)]).stat().st_size

    written, unlink = list[int](), Path.unlink

    def note_size(path: Path) -> None:
        written.append(path.stat().st_size)
        unlink(path)

    monkeypatch.setattr(Path, "unlink", note_size)
    checkpoint.require_room(net)
    assert len(written) == 1
    assert written[0] >= size


def test_the_callers_history_is_not_shared(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save("head", [epoch(0.5)], model())
    history: History = checkpoint.history("head")
    history.append(epoch(0.9))
    assert len(checkpoint.history("head")) == 1
