"""The audit of calibration data: every fault is named, sound data pass without a word."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.audit import FEW, Audit, audit
from models.errors import InputError

PHOTO = {"image": (0.0, 255.0)}


def photos(n: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    """[N, 6, 6, 3], levels over the whole range."""
    return np.random.default_rng(seed).integers(0, 256, (n, 6, 6, 3), np.uint8)


def rows(n: int = 40, features: int = 4) -> NDArray[np.float32]:
    """[N, features] in [-1, 1)."""
    return np.random.default_rng(1).uniform(-1, 1, (n, features)).astype(np.float32)


def names(n: int) -> list[str]:
    return [f"{i:064x}" for i in range(n)]


def of_photos(images: NDArray[Any], **others: Any) -> Audit:
    arguments = {"ranges": PHOTO, "digests": names(len(images)), "held_out": {}} | others
    return audit({"image": images}, **arguments)


def only(audited: Audit, severity: str) -> str:
    """The one thing that is wrong."""
    (finding,) = audited.findings
    assert finding.severity == severity
    return finding.line


def test_sound_data_pass_without_a_word() -> None:
    targets = np.arange(40) % 4
    found = audit(
        {"image": photos(), "age": rows(features=1)},
        {"image": (0.0, 255.0), "age": None},
        names(40),
        {"validation": ["other"], "test": []},
        targets=targets,
        labels=("ant", "bee", "fly", "moth"),
    )
    assert found.findings == ()
    found.refuse()
    assert found.record["n"] == found.record["distinct"] == 40
    assert found.record["classes"] == dict.fromkeys(("ant", "bee", "fly", "moth"), 10)
    assert found.record["inputs"]["image"] == {
        "least": 0.0,
        "greatest": 255.0,
        "declared": [0.0, 255.0],
    }
    assert found.record["inputs"]["age"]["declared"] is None
    assert found.record["warnings"] == []
    assert found.lines()[:2] == [
        "calibration: 40 samples, 4 classes of 10..10",
        "image: 0..255, declared 0..255",
    ]
    assert len(found.lines()) == 3


def test_no_samples_are_refused() -> None:
    found = of_photos(photos(0), targets=np.array([], np.int64), labels=("ant", "bee"))
    assert "no samples" in only(found, "refuse")
    with pytest.raises(InputError, match=r"^calibration data: no samples"):
        found.refuse()
    assert found.lines()[0] == "calibration: 0 samples"


@pytest.mark.parametrize(("n", "few"), [(1, True), (FEW - 1, True), (FEW, False)])
def test_few_samples_are_a_warning(n: int, few: bool) -> None:
    found = of_photos(photos(n))
    if few:
        assert f"{n} samples, fewer than {FEW}" in only(found, "warn")
        found.refuse()
        assert found.lines()[-1].startswith("warning: ")
    else:
        assert found.findings == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("declared", [(-1.0, 1.0), None])
def test_numbers_that_are_none_are_refused(
    value: float, declared: tuple[float, float] | None
) -> None:
    data = rows()
    data[7, 2] = data[9, 0] = value
    found = audit({"x": data}, {"x": declared}, names(40), {})
    assert "x: 2 samples have NaN or infinity, at 7, 9" in only(found, "refuse")
    json.dumps(found.record, allow_nan=False)
    assert found.lines()[1].startswith("x: ")


@pytest.mark.parametrize(
    ("scale", "severity"),
    [(1.0, None), (1 + 1e-7, None), (1.01, "refuse"), (255.0, "refuse"), (0.34, None)],
)
def test_what_leaves_the_declared_range_is_refused(scale: float, severity: str | None) -> None:
    data = rows() / np.abs(rows()).max()
    data[0, 0], data[1, 0] = 1, -1
    found = audit({"x": data * np.float32(scale)}, {"x": (-1.0, 1.0)}, names(40), {})
    if severity:
        assert "leaves the declared -1..1" in only(found, severity)
    else:
        assert found.findings == ()


def test_photos_scaled_already_are_a_warning() -> None:
    line = only(of_photos(photos().astype(np.float32) / 255), "warn")
    assert line.startswith("image: 0..1 is 0.4 % of the declared 0..255")
    assert "units" in line


@pytest.mark.parametrize(("top", "narrow"), [(84, True), (85, False)])
def test_less_than_a_third_of_the_range_is_a_warning(top: int, narrow: bool) -> None:
    dark = np.random.default_rng(2).integers(0, top + 1, (40, 6, 6, 3), np.uint8)
    assert dark.max() == top
    found = of_photos(dark)
    assert ("under a third" in only(found, "warn")) if narrow else found.findings == ()


def test_data_that_never_vary_are_refused() -> None:
    found = of_photos(np.full((40, 6, 6, 3), 7, np.uint8))
    assert found.refusals == ("no input varies; give samples that differ",)
    assert found.warnings == ("image: always 7; give values that vary",)


def test_one_input_of_several_may_stand_still() -> None:
    values: dict[str, NDArray[Any]] = {"image": photos(), "state": np.zeros((40, 8), np.float32)}
    found = audit(values, PHOTO | {"state": None}, names(40), {})
    assert only(found, "warn") == "state: always 0; give values that vary"


@pytest.mark.parametrize("noise", [0, 1, 2])
def test_photos_that_show_nothing_are_a_warning(noise: int) -> None:
    images = photos()
    images[3] = [200, 10, 30]  # a colour is not a picture
    images[8] = 128
    images[8, 2, 2] += noise
    found = of_photos(images)
    assert "image: 2 of 40 samples are constant but for 1 %, at 3, 8" in only(found, "warn")


def test_a_faint_picture_is_one() -> None:
    images = photos()
    images[8] = 128
    images[8, 2, 2] += 3
    assert of_photos(images).findings == ()


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
def test_a_series_whose_every_channel_stands_still_is_a_warning(dtype: type) -> None:
    series: NDArray[Any] = np.random.default_rng(3).integers(-128, 128, (40, 50, 6)).astype(dtype)
    series[2] = np.arange(6)
    series[4, :, 1:] = 0  # a channel still moves
    found = audit({"imu": series}, {"imu": None}, names(40), {})
    assert "imu: 1 of 40 samples are constant" in only(found, "warn")


def test_features_that_never_change_are_a_warning() -> None:
    data = rows(features=9)
    data[:, [1, 3, 4, 5, 6, 7]] = 0.5
    line = only(audit({"x": data}, {"x": (-1.0, 1.0)}, names(40), {}), "warn")
    assert "6 of 9 values never change, at 1, 3, 4, 5, 6 and 1 more" in line


def test_scalars_and_booleans_are_features() -> None:
    age, flag = rows(features=1)[:, 0], rows(features=1) > 0
    found = audit({"age": age, "flag": flag}, {"age": None, "flag": (0, 1)}, names(40), {})
    assert found.findings == ()


def test_every_input_is_needed_and_known() -> None:
    found = audit({"a": rows(), "z": rows()}, {"a": None, "b": None}, names(40), {})
    assert found.refusals == (
        "nothing for b; the model takes a, b",
        "no input is called z; the model takes a, b",
    )


def test_inputs_must_have_as_many_samples() -> None:
    found = audit({"a": rows(), "b": rows(39)}, {"a": None, "b": None}, names(40), {})
    assert only(found, "refuse") == "b: 39 values for 40 samples; give one for each"


def test_copies_are_a_warning() -> None:
    digests = names(40)
    digests[7] = digests[8] = digests[0]
    found = of_photos(photos(), digests=digests)
    assert "2 of 40 samples are copies" in only(found, "warn")
    assert found.record["distinct"] == 38


def test_what_judges_must_not_be_in_it() -> None:
    digests = names(40)
    held_out = {"validation": {digests[3], digests[4]}, "test": [digests[5]], "unknown": ["x"]}
    found = of_photos(photos(), digests=digests, held_out=held_out)
    assert [line.partition(";")[0] for line in found.refusals] == [
        "2 samples are in the validation data too",
        "1 samples are in the test data too",
    ]
    with pytest.raises(InputError, match=r"validation data too.*test data too") as raised:
        found.refuse()
    assert "\n" not in str(raised.value)


def test_a_class_without_samples_is_a_warning() -> None:
    targets = np.array([0] * 20 + [2] * 20)
    line = only(of_photos(photos(), targets=targets, labels=("ant", "bee", "fly")), "warn")
    assert line == "1 of 3 classes have no sample: bee; give some of each"


@pytest.mark.parametrize(("few", "uneven"), [(8, False), (7, True)])
def test_more_than_five_times_as_many_is_a_warning(few: int, uneven: bool) -> None:
    targets = np.array([1] * few + [0] * 40)
    found = of_photos(photos(len(targets)), targets=targets, labels=("ant", "bee"))
    if uneven:
        assert "40 samples of ant, 7 of bee, more than 5 times as many" in only(found, "warn")
    else:
        assert found.findings == ()


def test_a_target_without_a_label_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="zip"):
        of_photos(photos(), targets=np.arange(40), labels=("ant", "bee"))


def test_everything_wrong_is_told_at_once() -> None:
    images = photos(4).astype(np.float32)
    images[1, 0, 0, 0] = np.nan
    digests = ["a", "a", "b", "c"]
    targets = np.zeros(4, np.int64)
    found = of_photos(
        images, digests=digests, held_out={"test": "c"}, targets=targets, labels=("ant", "bee")
    )
    assert (len(found.refusals), len(found.warnings)) == (2, 3)
    assert found.record["warnings"] == list(found.warnings)
    assert [line.partition(":")[0] for line in found.lines()[-5:]] == ["warning"] * 3 + [
        "refused"
    ] * 2
    assert json.loads(json.dumps(found.record, allow_nan=False)) == found.record


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 50),
    classes=st.integers(1, 4),
    shared=st.integers(0, 3),
)
def test_the_order_of_samples_changes_no_count(
    seed: int, n: int, classes: int, shared: int
) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 3, 3, 1), np.uint8)
    digests = np.array([f"{d}" for d in rng.integers(0, 2 * n, n)])
    targets, labels = rng.integers(0, classes, n), [f"c{i}" for i in range(classes)]
    held_out = {"test": [str(d) for d in digests[:shared]]}
    order = rng.permutation(n)

    def look(rows: NDArray[Any]) -> Audit:
        return of_photos(
            images[rows],
            digests=[str(d) for d in digests[rows]],
            held_out=held_out,
            targets=targets[rows],
            labels=labels,
        )

    before, after = look(np.arange(n)), look(order)
    for a, b in zip(before.findings, after.findings, strict=True):
        assert a.severity == b.severity
        assert a.line.partition(", at ")[0] == b.line.partition(", at ")[0]
    assert bool(before.refusals) == bool(after.refusals)
    assert shared == 0 or before.refusals
    assert before.record["classes"] == after.record["classes"]
    assert before.record["inputs"] == after.record["inputs"]


@given(
    place=st.tuples(st.integers(0, 39), st.integers(0, 3)),
    value=st.one_of(
        st.sampled_from([np.nan, np.inf, -np.inf]),
        st.floats(1.01, 1e30).map(np.float32),
        st.floats(-1e30, -1.01).map(np.float32),
    ),
)
def test_one_wrong_value_anywhere_is_enough(place: tuple[int, int], value: float) -> None:
    data = rows()
    data[place] = value
    assert audit({"x": data}, {"x": (-1.0, 1.0)}, names(40), {}).refusals
