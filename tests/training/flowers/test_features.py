"""Cached features: those of the trunk, in order, each chunk computed once."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from training.flowers import features
from training.flowers.features import cached_features

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8)


class Trunk:
    """Mean colours; counts the photos that it was shown."""

    def __init__(self) -> None:
        self.shown = 0

    def predict(self, batch: NDArray[np.float32], **_: object) -> NDArray[np.float32]:
        self.shown += len(batch)
        return np.asarray(batch.mean(axis=(1, 2)))


@pytest.fixture(autouse=True)
def chunks_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHUNK", 4)


def expected() -> NDArray[np.float16]:
    return np.asarray(PIXELS.astype(np.float32).mean(axis=(1, 2)), np.float16)


def test_features_are_those_of_a_keras_trunk(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    trunk = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    out = cached_features(trunk, PIXELS, tmp_path, "train-key")
    assert out.dtype == np.float16
    assert np.allclose(out, expected(), rtol=2**-10)


def test_a_chunk_is_computed_once(tmp_path: Path) -> None:
    trunk = Trunk()
    first = cached_features(trunk, PIXELS, tmp_path, "train-key")
    assert np.array_equal(first, expected())
    assert trunk.shown == 10
    assert np.array_equal(cached_features(trunk, PIXELS, tmp_path, "train-key"), first)
    assert trunk.shown == 10


def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    trunk = Trunk()
    cached_features(trunk, PIXELS, tmp_path, "train-key")
    chunks = sorted(tmp_path.rglob("*.npy"))
    assert len(chunks) == 3
    chunks[1].unlink()
    assert np.array_equal(cached_features(trunk, PIXELS, tmp_path, "train-key"), expected())
    assert trunk.shown == 14


def test_another_name_shares_nothing(tmp_path: Path) -> None:
    trunk = Trunk()
    cached_features(trunk, PIXELS, tmp_path, "train-key")
    cached_features(trunk, PIXELS, tmp_path, "train-other")
    cached_features(trunk, PIXELS, tmp_path, "val-key")
    assert trunk.shown == 30


def test_a_failure_keeps_the_chunks_before_it(tmp_path: Path) -> None:
    trunk = Trunk()

    class Failing(Trunk):
        def predict(self, batch: NDArray[np.float32], **_: object) -> NDArray[np.float32]:
            if self.shown >= 8:
                raise KeyboardInterrupt
            return super().predict(batch)

    with pytest.raises(KeyboardInterrupt):
        cached_features(Failing(), PIXELS, tmp_path, "train-key")
    assert [p.name for p in sorted(tmp_path.rglob("*.*"))] == ["0000000.npy", "0000004.npy"]
    assert np.array_equal(cached_features(trunk, PIXELS, tmp_path, "train-key"), expected())
    assert trunk.shown == 2


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "features-train-key").touch()
    with pytest.raises(InputError, match="cannot be written"):
        cached_features(Trunk(), PIXELS, tmp_path, "train-key")
