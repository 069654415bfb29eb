"""Class folders: what counts as a photo, what is refused, and hashes that mean the content."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.photos import FEW_SERIES, LabelledPhotos, scan_class_folders, scan_photos


def lay(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}")
    return root


def names(photos: LabelledPhotos) -> list[str]:
    return [path.relative_to(photos.root).as_posix() for path in photos.paths]


def in_memory(*counts: int) -> LabelledPhotos:
    """So many photos a class, without files."""
    targets = np.repeat(np.arange(len(counts)), counts)
    paths = tuple(Path(f"{t}/{i:04d}.jpg") for i, t in enumerate(targets))
    return LabelledPhotos(Path(), paths, targets, tuple(map(str, range(len(counts)))))


def refusal(root: Path, labels: tuple[str, ...] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        scan_class_folders(root, labels)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_lists_classes_in_order(tmp_path: Path) -> None:
    lay(tmp_path, "rose/2.jpg", "rose/1.jpg", "daisy/9.png", "loose.jpg")
    photos = scan_class_folders(tmp_path)
    assert photos.labels == ("daisy", "rose")
    assert names(photos) == ["daisy/9.png", "rose/1.jpg", "rose/2.jpg"]
    assert photos.targets.tolist() == [0, 1, 1]
    assert photos.targets.dtype == np.int64
    assert len(photos) == 3


def test_hidden_files_and_folders_do_not_count(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg", "a/.DS_Store", "a/.thumbs/1.jpg", "b/1.jpg", ".git/1.jpg")
    assert names(scan_class_folders(tmp_path)) == ["a/1.jpg", "b/1.jpg"]
    assert names(scan_photos(tmp_path)) == ["a/1.jpg", "b/1.jpg"]


def test_a_hidden_folder_above_does_not_hide_them(tmp_path: Path) -> None:
    root = lay(tmp_path / ".cache" / "flowers", "a/1.jpg", "b/1.jpg")
    assert names(scan_class_folders(root)) == ["a/1.jpg", "b/1.jpg"]


def test_photos_in_nested_folders_belong_to_the_class(tmp_path: Path) -> None:
    lay(tmp_path, "a/2019/may/1.jpg", "a/z.jpg", "b/1.jpg")
    photos = scan_class_folders(tmp_path)
    assert names(photos) == ["a/2019/may/1.jpg", "a/z.jpg", "b/1.jpg"]
    assert photos.targets.tolist() == [0, 0, 1]


def test_targets_index_the_labels_of_the_model(tmp_path: Path) -> None:
    lay(tmp_path, "b/1.jpg", "c/1.jpg")
    photos = scan_class_folders(tmp_path, ("c", "a", "b"))
    assert photos.labels == ("c", "a", "b")
    assert photos.targets.tolist() == [2, 0]


def test_refuses_what_is_no_set_of_classes(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nothing")
    assert "no such folder" in refusal(lay(tmp_path / "file", "x") / "x")
    assert "no class folders" in refusal(lay(tmp_path / "flat", "1.jpg", "2.jpg"))
    assert "1 class (a); a classifier needs at least 2" in refusal(lay(tmp_path / "one", "a/1"))
    empty = lay(tmp_path / "empty", "a/1.jpg", "b/.hidden")
    assert f"{empty / 'b'}: an empty class" in refusal(empty)


def test_one_class_is_enough_where_the_labels_are_known(tmp_path: Path) -> None:
    assert len(scan_class_folders(lay(tmp_path, "a/1.jpg"), ("a", "b"))) == 1


def test_refuses_an_unknown_label(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, "a/1.jpg", "tulip/1.jpg"), ("a", "b"))
    assert "folder 'tulip' is none of the 2 known labels" in message


def test_photos_without_classes(tmp_path: Path) -> None:
    photos = scan_photos(lay(tmp_path, "1.jpg", "x/2.jpg", "x/y/3.jpg"))
    assert names(photos) == ["1.jpg", "x/2.jpg", "x/y/3.jpg"]
    assert photos.labels == (".", "x", "x/y")
    assert photos.targets.tolist() == [0, 1, 2]
    (tmp_path / "empty").mkdir()
    for folder, words in ((tmp_path / "empty", "an empty folder"), (tmp_path / "no", "no such")):
        with pytest.raises(InputError, match=words):
            scan_photos(folder)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 120), st.integers(0, 9))
def test_stratified_is_balanced_and_repeatable(counts: list[int], n: int, seed: int) -> None:
    photos = in_memory(*counts)
    chosen = photos.stratified(n, seed)
    assert len(chosen) == min(n, sum(counts))
    assert len(set(chosen.paths)) == len(chosen)
    assert chosen.paths == tuple(sorted(chosen.paths))
    assert chosen.labels == photos.labels
    label_of = dict(zip(photos.paths, photos.targets, strict=True))
    assert [label_of[path] for path in chosen.paths] == chosen.targets.tolist()
    taken = Counter(chosen.targets.tolist())
    most = max(taken.values(), default=0)
    for label, count in enumerate(counts):  # a class is behind only when it has no more
        assert taken[label] >= min(count, most - 1)
    assert photos.stratified(n, seed).paths == chosen.paths


def test_stratified_takes_others_by_another_seed() -> None:
    photos = in_memory(50, 50)
    assert photos.stratified(20, 0).paths != photos.stratified(20, 1).paths


def named(*names: str, root: str = "") -> LabelledPhotos:
    """Photos of these names, without files."""
    paths = tuple(Path(root, name) for name in sorted(names))
    return LabelledPhotos(Path(root), paths, np.zeros(len(paths), np.int64), ("a",))


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("rose_001.jpg", "rose"),
        ("rose-1.jpg", "rose"),
        ("rose 12.jpeg", "rose"),
        ("rose7.png", "rose"),
        ("rose _- 7.png", "rose"),
        ("garden/rose_2.jpg", "garden/rose"),
        ("rose.jpg", "rose"),
        ("rose_2_leaf.jpg", "rose_2_leaf"),
        ("rose_1.2_3.jpg", "rose_1.2"),
        ("2019_may_4.jpg", "2019_may"),
        ("0007.jpg", "0007"),  # no name but the number: a series of its own
    ],
)
def test_a_series_is_the_name_less_its_number(name: str, series: str) -> None:
    assert named(name).series == (series,)
    assert named(name, root="/some/where_3").series == (series,)


NAMES = st.builds(
    "{}{}{:03d}.jpg".format,
    st.text("abcdeé/", min_size=1, max_size=4).map(lambda t: t.strip("/") or "a"),
    st.sampled_from(["_", "-", " ", ""]),
    st.integers(0, 12),
)


MANY = [f"series {chr(97 + i)}_1.jpg" for i in range(FEW_SERIES)]


@given(st.sets(NAMES, max_size=40), st.booleans())
def test_halves_share_nothing_and_leave_nothing_out(names: set[str], many: bool) -> None:
    photos = named(*names, *(MANY if many else ()))
    halves = photos.halves()
    first, second = (set(half.paths) for half in halves)
    assert not first & second
    assert first | second == set(photos.paths)
    if many:
        assert not set(halves[0].series) & set(halves[1].series)
    for half in halves:
        assert half.labels == photos.labels
        assert len(half.targets) == len(half)


@given(st.sets(NAMES, max_size=30), st.sets(NAMES, max_size=30))
def test_photos_added_later_move_no_other(names: set[str], more: set[str]) -> None:
    before = named(*names, *MANY).halves()
    after = named(*names, *MANY, *(more - names), root="").halves()
    for old, new in zip(before, after, strict=True):
        assert set(old.paths) <= set(new.paths)


def test_halves_do_not_depend_on_the_place() -> None:
    names = [f"species{chr(97 + i)}_1.jpg" for i in range(20)]
    here, there = (named(*names, root=root).halves()[0] for root in ("", "/data/others"))
    assert [p.name for p in here.paths] == [p.name for p in there.paths]


def test_halves_are_about_halves() -> None:
    letters = "abcdefghij"
    photos = named(*(f"{a}{b}{c}_1.jpg" for a in letters for b in letters for c in letters))
    first, second = map(len, photos.halves())
    assert first + second == 1000
    assert 450 < first < 550


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep file names in Unicode")
def test_a_file_name_that_is_not_utf8_has_its_half() -> None:
    photos = named(os.fsdecode(b"\xe9t\xe9_1.jpg"), os.fsdecode(b"\xe9t\xe9_2.jpg"), *MANY)
    assert sum(map(len, photos.halves())) == len(photos)


def test_names_that_a_camera_gives_are_halved_one_by_one() -> None:
    photos = named(*(f"IMG_{i:04d}.jpg" for i in range(400)))
    assert set(photos.series) == {"IMG"}
    assert all(150 < len(half) < 250 for half in photos.halves())


def test_hash_is_that_of_names_and_contents(tmp_path: Path) -> None:
    photos = scan_class_folders(lay(tmp_path, "a/1.jpg", "b/2.jpg"))
    contents = [hashlib.sha256(f"content of {name}".encode()) for name in ("a/1.jpg", "b/2.jpg")]
    assert photos.digests == tuple(h.hexdigest() for h in contents)
    lines = f"a/1.jpg\0{photos.digests[0]}\nb/2.jpg\0{photos.digests[1]}\n"
    assert photos.sha256 == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("change", ["content", "name", "class", "more", "swap"])
def test_hash_changes_with_the_set(tmp_path: Path, change: str) -> None:
    root = lay(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    before = scan_class_folders(root).sha256
    one, two = root / "a" / "1.jpg", root / "a" / "2.jpg"
    if change == "content":
        one.write_bytes(one.read_bytes() + b".")
    elif change == "swap":
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)
    elif change == "more":
        lay(root, "b/2.jpg")
    else:
        one.rename(root / ("b/2.jpg" if change == "class" else "a/3.jpg"))
    assert scan_class_folders(root).sha256 != before


@given(st.dictionaries(st.sampled_from("pqrst"), st.binary(max_size=4), min_size=1, max_size=4))
@settings(deadline=None, max_examples=25)
def test_hash_does_not_depend_on_the_place(files: dict[str, bytes]) -> None:
    hashes = set()
    for _ in range(2):
        with TemporaryDirectory() as folder:
            for name, data in files.items():
                lay(Path(folder), f"a/{name}", "b/1")
                (Path(folder) / "a" / name).write_bytes(data)
            hashes.add(scan_class_folders(Path(folder)).sha256)
    assert len(hashes) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep file names in Unicode")
def test_a_file_name_that_is_not_utf8_has_a_hash(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg", "b/1.jpg")
    before = scan_class_folders(tmp_path).sha256
    (tmp_path / "a" / os.fsdecode(b"\xe9t\xe9.jpg")).write_bytes(b"photo")
    photos = scan_class_folders(tmp_path)
    assert len(photos) == 3
    assert photos.sha256 != before
