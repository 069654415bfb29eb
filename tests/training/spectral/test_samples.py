from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import InputError
from tests.training.spectral.spectra import spectra
from training.spectral.samples import Samples, fingerprint, parse_classes

GOOD = spectra(60, classes=3, groups=6)


def with_value(value: float) -> Samples:
    values = GOOD.values.copy()
    values[7, 2] = value
    return replace(GOOD, values=values)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (replace(GOOD, bands=("red", "green", "red", "nir")), "band 'red' is there twice"),
        (replace(GOOD, values=GOOD.values[:, :1], bands=("red",)), "1 band; two are needed"),
        (GOOD.rows(np.zeros(60, np.bool_)), "no labelled sample"),
        (with_value(np.nan), r"red of row 7 \(nan\) is not a number"),
        (with_value(np.inf), r"red of row 7 \(inf\) is not a number"),
        (with_value(-0.25), r"red of row 7 \(-0.25\) is negative"),
        (GOOD.measured(1.0, -1000.0), r"blue of row 0 .* is negative; .*--offset"),
        (GOOD.measured(0.0, 0.0), "row 0 is 0 in all bands"),
        (replace(GOOD, targets=np.full(60, 1)), "every sample is 'b'; two classes"),
        (GOOD.rows(np.arange(60) > 35), "8 samples of 'a'; 10 are needed"),
    ],
)
def test_what_no_network_could_learn_from(samples: Samples, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        samples.checked()
    assert "\n" not in str(caught.value)


def test_good_samples_pass() -> None:
    assert GOOD.checked() is GOOD


def test_counts_become_reflectance() -> None:
    counts = replace(GOOD, values=np.round(GOOD.values * 10_000) + 1000)
    measured = counts.measured(1e-4, -1000.0)
    np.testing.assert_allclose(measured.values, GOOD.values, atol=5.1e-5)


def test_bands_by_name_and_order() -> None:
    chosen = GOOD.with_bands(["nir", "green"])
    np.testing.assert_array_equal(chosen.values, GOOD.values[:, [3, 1]])
    assert chosen.bands == ("nir", "green")
    with pytest.raises(InputError, match="no band 'swir'; there are blue, green, red, nir"):
        GOOD.with_bands(["swir"])


def test_classes_are_joined_and_left_out() -> None:
    joined = GOOD.with_classes({"rest": ["*"], "third": ["c"]})
    np.testing.assert_array_equal(joined.targets, GOOD.targets == 2)
    assert joined.classes == ("rest", "third")
    pair = GOOD.with_classes({"late": ["c"], "early": ["a"]})
    kept = GOOD.targets != 1
    np.testing.assert_array_equal(pair.targets, GOOD.targets[kept] == 0)
    np.testing.assert_array_equal(pair.values, GOOD.values[kept])
    assert pair.groups is not None
    assert GOOD.groups is not None
    np.testing.assert_array_equal(pair.groups, GOOD.groups[kept])


def test_classes_that_are_not_there_or_taken_twice() -> None:
    with pytest.raises(InputError, match="no class 'd'; there are a, b, c"):
        GOOD.with_classes({"x": ["d"]})
    with pytest.raises(InputError, match="class 'a' is taken twice"):
        GOOD.with_classes({"x": ["a"], "y": ["a", "b"]})


def test_written_definitions_of_classes() -> None:
    assert parse_classes(["corn=till, no till", "rest=*"]) == {
        "corn": ["till", "no till"],
        "rest": ["*"],
    }
    for text in ("corn", "=till", "corn=", "corn=till,,x"):
        with pytest.raises(InputError, match="write NEW=OLD"):
            parse_classes([text])
    with pytest.raises(InputError, match="'a' is defined twice"):
        parse_classes(["a=x", "a=y"])


def test_a_fingerprint_sees_values_classes_and_groups() -> None:
    others = (
        with_value(0.5),
        replace(GOOD, targets=GOOD.targets[::-1]),
        replace(GOOD, groups=None),
    )
    assert len({fingerprint(s) for s in (GOOD, *others)}) == 4
    assert fingerprint(GOOD) == fingerprint(spectra(60, classes=3, groups=6))
