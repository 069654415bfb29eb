"""Which band is which of the catalogue's symbols, and which of its indices are differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from training.spectral.catalogue import MSS, Array, apart, computed, differences, symbols

SENTINEL = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
REGIONS = ["A", "B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "WV", "S1", "S2"]


def columns(*names: str, seed: int = 5) -> dict[str, Array]:
    draw = np.random.default_rng(seed)
    return {name: draw.uniform(0.01, 0.6, 40) for name in names}


def test_sentinel_2_is_known_by_its_numbers() -> None:
    assert symbols(SENTINEL) == dict(zip(SENTINEL, REGIONS, strict=True))
    padded = ["B01", "B02", "B8A", "B12"]
    assert symbols(padded) == {"B01": "A", "B02": "B", "B8A": "N2", "B12": "S2"}


def test_the_only_near_infrared_of_landsat_8_is_n() -> None:
    names = [f"SR_B{k}" for k in range(1, 8)]
    expected = ["A", "B", "G", "R", "N", "S1", "S2"]
    assert symbols(names, "landsat8") == dict(zip(names, expected, strict=True))


def test_numbers_that_sensors_disagree_on_mean_nothing() -> None:
    assert symbols(["SR_B1", "SR_B2", "SR_B3", "SR_B4"]) == {}
    assert symbols(["B2", "B3", "B4"], "landsat7") == {"B2": "G", "B3": "R", "B4": "N"}


def test_words_tell_without_a_sensor() -> None:
    names = ["B2_blue", "B4_red", "B5_nir", "B6_swir1", "Mean_Green", "GLCM_pan", "R", "texture"]
    expected = {"B2_blue": "B", "B4_red": "R", "B5_nir": "N", "B6_swir1": "S1"}
    assert symbols(names) == expected | {"Mean_Green": "G", "R": "R"}


def test_the_scanner_of_the_first_landsats_has_a_band_across_the_red_edge() -> None:
    names = ["p5_b1", "p5_b2", "p5_b3", "p5_b4"]
    assert symbols(names, MSS) == {"p5_b1": "G", "p5_b2": "R", "p5_b4": "N"}


def test_an_unknown_sensor_is_said_in_a_line() -> None:
    with pytest.raises(InputError, match=r"platform 'hubble': not one of landsat4, .*sentinel2b"):
        symbols(["B1"], "hubble")


def test_the_differences_are_what_the_catalogue_computes() -> None:
    """On other spectra than those that they were found by."""
    known = {one.name: one for one in differences()}
    assert (known["NDVI"].first, known["NDVI"].second) == ("N", "R")
    assert (known["NDBI"].first, known["NDBI"].second) == ("S1", "N")
    assert known["AFRI1600"].weight == pytest.approx(0.66)
    assert not {"EVI", "SR", "OSAVI", "IPVI", "DVI", "NDSInw", "kNDVI"} & known.keys()
    spectra = columns("N", "N2", "R", "G", "B", "A", "RE1", "RE2", "S1", "S2")
    values, seen = computed(spectra), 0
    for one in differences():
        if {one.first, one.second} <= spectra.keys():
            a, b = spectra[one.first], one.weight * spectra[one.second]
            np.testing.assert_allclose(values[one.name], (a - b) / (a + b), rtol=1e-9)
            seen += 1
    assert seen > 40


def test_what_depends_on_the_gain_is_left_out() -> None:
    values = computed(columns("N", "R", "G", "B"))
    assert {"NDVI", "SR", "GLI"} <= values.keys()
    assert not {"EVI", "SAVI", "DVI", "NDMI"} & values.keys()
    dark = columns("N", "R") | {"R": np.zeros(40)}
    assert "SR" not in computed(dark)  # infinite
    assert "NDVI" not in computed(dark)  # constant


@given(st.floats(0.05, 20.0), st.floats(0.05, 20.0))
def test_how_far_two_weights_are_apart(one: float, other: float) -> None:
    ratio = np.exp(np.linspace(-8.0, 8.0, 4001))
    gap = np.abs((ratio - one) / (ratio + one) - (ratio - other) / (ratio + other)).max()
    assert apart(one, other) == pytest.approx(gap, abs=1e-5)
