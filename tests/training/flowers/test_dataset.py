"""Splits, batches and the decoded cache: reproducible, whole, and no photo on two sides."""

from __future__ import annotations

import gc
import weakref
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import InputError
from models.photos import scan_class_folders
from models.preprocess import load_photo
from training.flowers import dataset
from training.flowers.dataset import UNLABELLED, Batches, Splits, decoded, load_splits


def lay(root: Path, classes: dict[str, list[int]]) -> Path:
    """One file per number; equal numbers are copies of one photo."""
    for label, contents in classes.items():
        (root / label).mkdir(parents=True)
        for i, content in enumerate(contents):
            (root / label / f"{i:03d}.jpg").write_text(f"photo {content}")
    return root


def paths_of(splits: Splits) -> dict[str, list[Path]]:
    return {name: list(photos.paths) for name, photos in splits.items()}


def sides_of_contents(splits: Splits) -> dict[str, set[str]]:
    sides = defaultdict(set)
    for name, photos in splits.items():
        for digest in photos.digests:
            sides[digest].add(name)
    return sides


@given(
    st.lists(
        st.lists(st.integers(0, 40), min_size=3, max_size=40, unique=True), min_size=2, max_size=4
    ),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_distinct_photos_are_dealt_out_in_proportion(lists: list[list[int]], seed: int) -> None:
    contents = {f"c{i}": [100 * i + n for n in numbers] for i, numbers in enumerate(lists)}
    with TemporaryDirectory() as folder:
        root = lay(Path(folder), contents)
        splits = load_splits(root, seed)
        assert splits.test is not None
        assert splits.labels == tuple(contents)
        for c, numbers in enumerate(lists):
            counts = [int((photos.targets == c).sum()) for _, photos in splits.items()]
            held = max(1, round(0.1 * len(numbers)))
            assert counts == [len(numbers) - 2 * held, held, held]
        everything = [path for paths in paths_of(splits).values() for path in paths]
        assert sorted(everything) == sorted(root.rglob("*.jpg"))
        assert paths_of(load_splits(root, seed)) == paths_of(splits)


@given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=30), min_size=2, max_size=3),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_copies_stay_on_one_side(lists: list[list[int]], seed: int) -> None:
    own = [[1000 * i + n for n in range(1, 4)] for i in range(len(lists))]  # of no other class
    contents = {f"c{i}": numbers + own[i] for i, numbers in enumerate(lists)}
    with TemporaryDirectory() as folder:
        root = lay(Path(folder), contents)
        splits = load_splits(root, seed)
        assert all(len(sides) == 1 for sides in sides_of_contents(splits).values())
        everything = [path for paths in paths_of(splits).values() for path in paths]
        assert sorted(everything) == sorted(root.rglob("*.jpg"))
        for _, photos in splits.items():
            for path, target in zip(photos.paths, photos.targets, strict=True):
                assert path.parent.name == splits.labels[target]


def test_the_seed_decides_the_split(tmp_path: Path) -> None:
    root = lay(tmp_path, {"a": list(range(30)), "b": list(range(100, 130))})
    assert paths_of(load_splits(root, 1)) != paths_of(load_splits(root, 2))


def test_a_class_of_two_photos_cannot_be_split(tmp_path: Path) -> None:
    root = lay(tmp_path, {"a": [1, 2, 3], "b": [4, 5, 5, 5]})
    with pytest.raises(InputError, match=r"b: 2 distinct photos; .* at least 3"):
        load_splits(root, 0)


def test_a_split_that_is_given_is_kept(tmp_path: Path) -> None:
    lay(tmp_path / "train", {"a": [1], "b": [2]})
    lay(tmp_path / "val", {"b": [3, 4]})
    splits = load_splits(tmp_path, 0)
    assert splits.test is None
    assert [name for name, _ in splits.items()] == ["train", "val"]
    assert splits.val.labels == ("a", "b")
    assert splits.val.targets.tolist() == [1, 1]
    lay(tmp_path / "test", {"a": [5]})
    splits = load_splits(tmp_path, 0)
    assert [(name, len(photos)) for name, photos in splits.items()] == [
        ("train", 2),
        ("val", 2),
        ("test", 1),
    ]


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ({"train": {"a": [1], "b": [2]}}, "has train/ but no val/"),
        ({"train": {"a": [1], "b": [2]}, "val": {"c": [3]}}, "folder 'c' is none of the 2 known"),
        ({"train": {"a": [1]}, "val": {"a": [3]}}, "1 class (a); a classifier needs at least 2"),
        ({".": {"a": [1, 2, 3], "b": []}}, "an empty class"),
        ({}, "no class folders"),
    ],
)
def test_unusable_folders(
    folders: dict[str, dict[str, list[int]]], words: str, tmp_path: Path
) -> None:
    for name, classes in folders.items():
        lay(tmp_path / name, classes)
    with pytest.raises(InputError) as caught:
        load_splits(tmp_path, 0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 9), st.integers(0, 9))
@settings(deadline=None)
def test_an_epoch_is_a_permutation_set_by_seed_and_epoch(
    n: int, size: int, seed: int, epoch: int
) -> None:
    x = np.arange(n, dtype=np.uint8)[:, None]
    targets = np.arange(n) % 3

    def epoch_of(*order: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        batches = Batches(x, targets, 3, size, order_seed=order)
        return [batches[i] for i in range(len(batches))]

    batches = epoch_of(seed, 0, epoch)
    assert [len(b) for b, _ in batches] == [size] * (n // size) + [n % size] * (n % size > 0)
    rows, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert sorted(rows[:, 0].tolist()) == list(range(n))
    assert rows.dtype == y.dtype == np.float32
    assert np.array_equal(y, np.eye(3, dtype=np.float32)[targets[rows[:, 0].astype(int)]])
    again = np.concatenate([b for b, _ in epoch_of(seed, 0, epoch)])
    assert np.array_equal(rows, again)


def test_epochs_seeds_and_stages_differ_in_order() -> None:
    x, targets = np.arange(50)[:, None], np.zeros(50, np.int64)
    orders = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    rows = [tuple(Batches(x, targets, 1, 50, order_seed=o)[0][0][:, 0]) for o in orders]
    assert len(set(rows)) == len(orders)


@given(st.integers(1, 40), st.integers(1, 9), st.floats(0.05, 1.0))
def test_mixup_blends_photos_and_labels_alike(n: int, size: int, mixup: float) -> None:
    targets = np.arange(n) % 4
    x = np.eye(4)[targets]  # each row is its own label, so a blend must stay so
    batches = Batches(x, targets, 4, size, order_seed=(0, 1, 2), mixup=mixup)
    for i in range(len(batches)):
        blend, shares = batches[i]
        np.testing.assert_array_equal(blend, shares)
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
        assert (shares >= 0).all()
        np.testing.assert_array_equal(batches[i][0], blend)  # read again, drawn again alike


@given(st.lists(st.integers(UNLABELLED, 4), min_size=1, max_size=20), st.floats(0, 1))
def test_smoothing_spreads_labels_and_makes_up_none(targets: list[int], smoothing: float) -> None:
    rows = np.zeros((len(targets), 1))
    batches = Batches(rows, np.array(targets), 5, len(targets), smoothing=smoothing)
    for target, shares in zip(targets, batches[0][1], strict=True):
        total = 0.0 if target == UNLABELLED else 1.0
        assert shares.sum() == pytest.approx(total, abs=1e-6)
        others = shares if target == UNLABELLED else np.delete(shares, target)
        np.testing.assert_allclose(others, total * smoothing / 5, atol=1e-6)


def test_mixup_differs_from_epoch_to_epoch_and_from_none() -> None:
    x, targets = np.arange(60.0)[:, None], np.arange(60) % 3
    orders = [((0, 1, 2), 0.4), ((0, 1, 3), 0.4), ((0, 1, 2), 0.0)]
    first = [Batches(x, targets, 3, 60, order_seed=o, mixup=m)[0][0] for o, m in orders]
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])
    assert set(first[2][:, 0]) == set(x[:, 0])


def test_without_a_seed_photos_stay_in_order() -> None:
    batches = Batches(np.arange(7)[:, None], np.zeros(7, np.int64), 1, 3)
    assert [b[:, 0].tolist() for b, _ in (batches[i] for i in range(3))] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
    ]


def test_decoded_photos_are_cached_whole(
    drawn_flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = scan_class_folders(drawn_flowers / "val")
    pixels = decoded(photos, 48, tmp_path, "val")
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.stack([load_photo(p, 48) for p in photos.paths]))
    made = sorted(tmp_path.iterdir())
    assert len(made) == 1

    monkeypatch.setattr(dataset, "load_photo", None)  # would fail if a photo were opened
    assert np.array_equal(decoded(photos, 48, tmp_path, "val"), pixels)
    assert sorted(tmp_path.iterdir()) == made


def test_other_photos_or_sizes_are_decoded_anew(drawn_flowers: Path, tmp_path: Path) -> None:
    photos = scan_class_folders(drawn_flowers / "val")
    fewer = photos.take(np.arange(5, 25))
    assert decoded(photos, 40, tmp_path, "val").shape == (40, 40, 40, 3)
    assert decoded(photos, 32, tmp_path, "val").shape == (40, 32, 32, 3)
    assert np.array_equal(
        decoded(fewer, 32, tmp_path, "val"), decoded(photos, 32, tmp_path, "val")[5:25]
    )
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("error", [InputError("x.png: damaged"), OSError(28, "No space left")])
def test_decoding_that_fails_leaves_nothing(
    error: Exception, drawn_flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = scan_class_folders(drawn_flowers / "val")

    def fail(path: Path, size: int) -> object:
        if path == photos.paths[30]:
            raise error
        return load_photo(path, size)

    monkeypatch.setattr(dataset, "load_photo", fail)
    with pytest.raises(InputError):
        decoded(photos, 32, tmp_path / "cache", "val")
    assert list((tmp_path / "cache").iterdir()) == []


def test_released_rows_are_freed_whatever_the_backend_keeps() -> None:
    rows = np.ones((8, 4), np.float32)
    alive = weakref.ref(rows)
    batches = Batches(rows, np.arange(8) % 2, 2, 4, order_seed=(0,))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(batches, shuffle=False, verbose=0)
    batches.release()
    del rows
    gc.collect()
    assert alive() is None
