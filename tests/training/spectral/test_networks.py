from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from tests.training.spectral.spectra import spectra
from training.spectral.networks import KINDS, build, count_parameters

ROWS = spectra().values * 3000


@pytest.mark.parametrize(
    ("kind", "classes", "parameters"),
    [
        ("ndl", 2, 136),  # the paper's figures, for ten bands
        ("mlp-z", 2, 541),
        ("ndl", 4, 274),
        ("mlp-z", 4, 679),
        ("ndl-fixed", 2, 46),
        ("ndl-bn", 2, 226),
        ("mlp-small-z", 2, 133),
        ("mlp-small-raw", 4, 274),
        ("contrast", 2, 157),  # 162 are 30 % of the large MLP's
        ("contrast", 4, 199),
    ],
)
def test_parameters_at_ten_bands(kind: str, classes: int, parameters: int) -> None:
    rows = np.random.default_rng(0).uniform(0.1, 1, (50, 10))
    assert count_parameters(build(kind, rows, classes, 0)) == parameters


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_out(kind: str, tmp_path: Path) -> None:
    for classes, width in ((2, 1), (3, 3)):
        model = build(kind, ROWS, classes, 1)
        logits = model(ROWS.astype(np.float32)).numpy()
        assert logits.shape == (len(ROWS), width)
        assert np.isfinite(logits).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(ROWS.astype(np.float32)), logits)


@pytest.mark.parametrize("kind", ["ndl", "ndl-fixed", "ndl-bn", "contrast", "mlp-sum"])
@pytest.mark.parametrize("gain", [0.5, 0.7, 2.0])
def test_a_common_gain_changes_nothing(kind: str, gain: float) -> None:
    model = build(kind, ROWS, 2, 0)
    logits, bright = (model((ROWS * g).astype(np.float32)).numpy() for g in (1.0, gain))
    np.testing.assert_allclose(bright, logits, atol=2e-5)


def test_networks_take_values_in_any_unit() -> None:
    """Scales come from the training rows."""
    for kind in ("ndl", "contrast", "mlp-z", "mlp-raw", "mlp-sum"):
        counts, shares = (build(kind, ROWS * unit, 2, 0) for unit in (1.0, 1e-4))
        np.testing.assert_allclose(
            counts(ROWS.astype(np.float32)), shares((ROWS * 1e-4).astype(np.float32)), atol=1e-4
        )


def test_a_seed_decides_the_first_weights() -> None:
    def first(seed: int) -> NDArray[np.float32]:
        return np.asarray(build("mlp-z", ROWS, 2, seed).get_layer("hidden").kernel)

    np.testing.assert_array_equal(first(3), first(3))
    assert not np.allclose(first(3), first(4))


def test_no_such_kind() -> None:
    with pytest.raises(InputError, match="kind 'tree': not one of ndl, "):
        build("tree", ROWS, 2, 0)
