"""Learned indices: read back, ranked, named by the catalogue, drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spyndex  # type: ignore[import-untyped,unused-ignore]
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from scipy.stats import spearmanr  # type: ignore[import-untyped,unused-ignore]

from models.errors import InputError
from training.layers.normalized_difference import Classical, NormalizedDifference
from training.spectral import index_figure
from training.spectral.catalogue import computed, symbols
from training.spectral.indices import (
    NEAR,
    Array,
    Index,
    evaluate,
    importance,
    ranked,
    read_layer,
)

COLOURS = (index_figure.EQUAL, index_figure.NEAR, index_figure.NEW)
LANDSAT = tuple(f"SR_B{k}" for k in range(1, 8))


@pytest.fixture(scope="module")
def landsat() -> Array:
    """Urban, vegetation and water, 120 spectra of Landsat 8, from spyndex's package."""
    values: Array = spyndex.datasets.open("spectral")[list(LANDSAT)].to_numpy(np.float64)
    return values


@pytest.fixture(scope="module")
def sentinel(bombus_data: Path) -> tuple[Array, tuple[str, ...]]:
    """Villages, forest and water by Sentinel-2."""
    with np.load(bombus_data / "spectral" / "rstoolbox_sen2.npz") as file:
        return file["X"].astype(np.float64), tuple(map(str, file["bands"]))


def known(index: Index, values: Array, bands: tuple[str, ...], sensor: str | None = None) -> str:
    [learned] = ranked([index], np.ones(1), values, bands, sensor)
    return str(learned)


def test_a_layer_is_read_back_as_it_computes(landsat: Array) -> None:
    layer = NormalizedDifference(epsilon=0.0, initializer=Classical(0.5, seed=3))
    y = np.asarray(layer(landsat.astype(np.float32)))
    indices = read_layer(layer, LANDSAT)
    assert [(one.first, one.second) for one in indices[:2]] == [
        ("SR_B1", "SR_B2"),
        ("SR_B1", "SR_B3"),
    ]
    np.testing.assert_allclose(evaluate(indices, landsat, LANDSAT), y, atol=1e-6)
    assert len({one.name for one in indices}) == 21
    with pytest.raises(InputError, match=r"6 names of bands: the layer takes more"):
        read_layer(layer, LANDSAT[:6])


def test_names_and_the_value_of_darkness() -> None:
    assert Index("B8A", "B5", 1.0, 1.32).name == "ND(B8A, 1.32 B5)"
    assert Index("B8A", "B5", 3.0, 3.001).name == "ND(B8A, B5)"
    assert Index("B8A", "B5", 2.0, 1.0).name == "ND(B8A, 0.5 B5)"
    index = Index("a", "b", 2.0, 1.0)
    assert index.ratio == 2.0
    y = evaluate([index], np.array([[0.0, 0.0], [0.0, 3.0], [1.0, 2.0]]), ["a", "b"])
    np.testing.assert_array_equal(y, [[0.0], [-1.0], [0.0]])


def test_importance_is_weight_times_spread() -> None:
    draw = np.random.default_rng(0)
    y = draw.normal(size=(5000, 3)) * [0.1, 0.2, 0.3]
    np.testing.assert_allclose(importance(np.array([1.0, -2.0, 0.0]), y), [0.1, 0.4, 0.0], rtol=0.1)
    weights = draw.normal(size=(3, 4))
    scores = importance(weights, y)
    shifted = weights + draw.normal(size=(3, 1))  # the same for all classes: decides nothing
    np.testing.assert_allclose(importance(shifted, y), scores)
    one = np.array([[1.0], [2.0], [0.0]])
    np.testing.assert_allclose(importance(one * [-0.5, 0.5], y), 0.5 * importance(one, y))


def test_the_most_important_comes_first(landsat: Array) -> None:
    indices = [Index("SR_B1", "SR_B2", 1.0, 1.0), Index("SR_B5", "SR_B4", 1.0, 1.0)]
    learned = ranked(indices, np.array([0.1, 0.7]), landsat, LANDSAT, "landsat8")
    assert [(one.index.second, one.importance) for one in learned] == [
        ("SR_B4", 0.7),
        ("SR_B2", 0.1),
    ]
    with pytest.raises(InputError, match=r"3 importances for 2 indices"):
        ranked(indices, np.ones(3), landsat, LANDSAT)


@pytest.mark.parametrize(
    ("first", "second", "weight", "expected"),
    [
        ("SR_B5", "SR_B4", 1.0, "= NDVI"),
        ("SR_B5", "SR_B4", 1.015, "= NDVI"),
        ("SR_B5", "SR_B4", 1.3, "≈ NDVI"),
        ("SR_B4", "SR_B5", 0.9, "≈ RNDVI (VrNIRBI)"),
        ("SR_B2", "SR_B5", 1.0, "= −BNDVI"),
        ("SR_B3", "SR_B6", 1.0, "= MNDWI (NDSI)"),
        ("SR_B5", "SR_B6", 0.66, "= AFRI1600"),
        ("SR_B6", "SR_B5", 1.0, "= NDBI"),
    ],
)
def test_known_indices_are_recognised(
    landsat: Array, first: str, second: str, weight: float, expected: str
) -> None:
    index = Index(first, second, 1.0, weight)
    [learned] = ranked([index], np.ones(1), landsat, LANDSAT, "landsat8")
    names = str(learned.match)
    if expected == "= NDVI":  # TSAVI with spyndex's constants is the same formula
        assert names == "= NDVI (TSAVI)"
    else:
        assert names.startswith(expected)
    assert learned.match is not None
    assert learned.match.correlation == pytest.approx(1.0)
    assert learned.match.equal == expected.startswith("=")


def test_without_a_sensor_numbers_are_not_guessed(landsat: Array) -> None:
    index = Index("SR_B5", "SR_B4", 1.0, 1.0)
    assert known(index, landsat, LANDSAT) == "ND(SR_B5, SR_B4)"


def test_dark_samples_do_not_hide_what_an_index_is(landsat: Array) -> None:
    values = np.concatenate([landsat, np.zeros((5, 7)), np.eye(7)])
    index = Index("SR_B5", "SR_B4", 1.0, 1.3)
    assert known(index, values, LANDSAT, "landsat8").startswith("ND(SR_B5, 1.3 SR_B4) ≈ NDVI")
    assert known(index, np.zeros((5, 7)), LANDSAT, "landsat8") == "ND(SR_B5, 1.3 SR_B4)"


def test_a_red_edge_index_is_recognised(sentinel: tuple[Array, tuple[str, ...]]) -> None:
    values, bands = sentinel
    assert known(Index("B8A", "B5", 1.0, 1.0), values, bands) == "ND(B8A, B5) = SeLI"
    assert known(Index("B8", "B5", 1.0, 1.0), values, bands) == "ND(B8, B5) = NDREI"
    learned = known(Index("B8", "B5", 1.0, 1.32), values, bands)
    assert learned.startswith("ND(B8, 1.32 B5) ≈ NDREI")
    assert known(Index("B7", "B8A", 1.0, 1.0), values, bands) == "ND(B7, B8A)"


def test_the_nearest_is_the_one_of_highest_rank_correlation(
    sentinel: tuple[Array, tuple[str, ...]],
) -> None:
    """By scipy's own ranks, over the whole catalogue."""
    values, bands = sentinel
    index = Index("B8A", "B12", 1.0, 1.1)  # of no known pair
    [learned] = ranked([index], np.ones(1), values, bands)
    y = evaluate([index], values, bands)[:, 0]
    regions = symbols(bands)
    columns = {symbol: values[:, bands.index(band)] for band, symbol in regions.items()}
    found = {name: abs(spearmanr(y, c).statistic) for name, c in computed(columns).items()}
    highest = max(found.values())
    assert learned.match is not None
    assert learned.match.correlation == pytest.approx(highest, abs=1e-9)
    assert [found[name] for name in learned.match.names] == pytest.approx([highest] * 2)
    assert NEAR <= learned.match.correlation < 1.0
    assert not learned.match.equal


def test_the_picture_shows_what_was_found(landsat: Array, tmp_path: Path) -> None:
    def painted(indices: list[Index]) -> list[bool]:
        scores = np.linspace(0.1, 1.0, len(indices))
        path = tmp_path / "indices.png"
        index_figure.draw_indices(
            ranked(indices, scores, landsat, LANDSAT, "landsat8"), LANDSAT, path
        )
        pixels = imread(path)[..., :3]
        close = [np.abs(pixels - to_rgb(colour)).max(-1) < 0.01 for colour in COLOURS]
        return [bool(seen.sum() > 500) for seen in close]

    bent, ultramarine = Index("SR_B5", "SR_B4", 1.0, 1.3), Index("SR_B1", "SR_B2", 1.0, 1.0)
    assert painted([bent, ultramarine]) == [False, True, True]
    assert painted([Index("SR_B5", "SR_B4", 1.0, 1.0)]) == [True, False, False]
