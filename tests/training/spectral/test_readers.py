from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine

from models.errors import InputError
from tests.training.spectral.spectra import spectra
from training.spectral.samples import load

MADE = spectra(60, groups=6)
assert MADE.groups is not None
GROUPS = MADE.groups
ARRAYS = {
    "X": MADE.values,
    "y": MADE.targets,
    "bands": np.array(MADE.bands),
    "classes": np.array(MADE.classes),
    "field": np.array([f"f{g}" for g in GROUPS]),
}
UTM = CRS.from_epsg(32633)


def write_csv(path: Path) -> Path:
    lines = ["id,blue,green,red,nir,field,label"]
    for k, (row, target, group) in enumerate(zip(MADE.values, MADE.targets, GROUPS, strict=True)):
        numbers = ",".join(f"{v!r}" for v in row.tolist())
        lines.append(f"x{k},{numbers},f{group},{'ab'[target]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_raster(
    path: Path, pixels: NDArray[np.generic], *, crs: CRS = UTM, west: float = 0.0, **more: object
) -> Path:
    count, height, width = pixels.shape
    profile = {"count": count, "height": height, "width": width, "dtype": pixels.dtype, **more}
    transform = Affine(10.0, 0.0, west, 0.0, -10.0, 0.0)
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **profile) as file:
        file.write(pixels)
        file.descriptions = ("B4", "B8")[:count]
    return path


def scene(folder: Path) -> tuple[Path, Path]:
    """8 x 10 pixels of two bands, nodata in a corner; three fields of two crops."""
    pixels = np.arange(1, 161, dtype=np.uint16).reshape(2, 8, 10)
    pixels[:, 0, 0] = 0
    labels = np.zeros((1, 8, 10), np.uint8)
    labels[0, :3, :4], labels[0, 5:, :4], labels[0, :, 6:] = 3, 3, 7
    return (
        write_raster(folder / "scene.tif", pixels, nodata=0),
        write_raster(folder / "labels.tif", labels),
    )


def test_an_npz_and_a_csv_hold_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "made.npz", **ARRAYS)
    tables = (tmp_path / "made.npz", write_csv(tmp_path / "made.csv"))
    for samples in (load(path, groups="field") for path in tables):
        np.testing.assert_array_equal(samples.values, MADE.values)
        np.testing.assert_array_equal(samples.targets, MADE.targets)
        assert samples.groups is not None
        np.testing.assert_array_equal(samples.groups, GROUPS)
        assert (samples.name, samples.bands, samples.classes) == ("made", MADE.bands, MADE.classes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": None}, "no array 'X'; there are"),
        ({"y": None}, "no array 'y'"),
        ({"field": None}, "no array 'field'"),
        ({"X": MADE.values[:, None]}, r"X has the shape \(60, 1, 4\); .* samples x 4 bands"),
        ({"y": MADE.targets[:-1]}, "y must have one entry for each of 60 rows"),
        ({"y": MADE.targets + 1}, "y must number the 2 classes from 0 on"),
        ({"X": np.array([object()])}, "not an npz of plain arrays"),
    ],
)
def test_an_npz_that_lacks_something(
    tmp_path: Path, change: dict[str, NDArray[np.generic] | None], words: str
) -> None:
    arrays = {k: v for k, v in (ARRAYS | change).items() if v is not None}
    np.savez(tmp_path / "made.npz", **arrays)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "made.npz", groups="field")


@pytest.mark.parametrize(
    ("old", "new", "options", "words"),
    [
        ("label", "type", {}, "no column 'label'; there are id, blue"),
        ("green", "blue", {}, "column 'blue' is there twice"),
        ("", "", {"bands": ["blue", "swir"]}, "no column 'swir'"),
        ("", "", {"bands": ["blue", "id"]}, "id of line 2 is 'x0', no number"),
        ("", "", {"groups": "tile"}, "no column 'tile'"),
        (",f0,", ",f0,,", {}, "line 2 has 8 fields, not 7"),
        (",f0,a", ",f0,a\nx,nan,1,1,1,f0,a", {}, r"blue of row 1 \(nan\) is not a number"),
    ],
)
def test_a_csv_that_cannot_be_used(
    tmp_path: Path, old: str, new: str, options: dict[str, str], words: str
) -> None:
    path = write_csv(tmp_path / "made.csv")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load(path, **options)  # type: ignore[arg-type]


def test_files_that_are_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "text.npz").write_text("no")
    (tmp_path / "photo.jpg").touch()
    for name, words in (
        ("empty.csv", "not a CSV table"),
        ("text.npz", "not an npz"),
        ("photo.jpg", "unknown kind of file; give .npz, .csv or .tif"),
        ("gone.npz", "no such file"),
    ):
        with pytest.raises(InputError, match=words):
            load(tmp_path / name)


def test_the_labelled_pixels_of_a_scene(tmp_path: Path) -> None:
    path, labels = scene(tmp_path)
    samples = load(path, labels=labels, scale=0.5)
    assert len(samples) == 3 * 4 + 3 * 4 + 8 * 4 - 1
    assert samples.bands == ("B4", "B8")
    assert samples.classes == ("3", "7")
    np.testing.assert_array_equal(samples.values[0], (0.5 * 2, 0.5 * 82))
    assert samples.groups is not None
    sizes = np.unique(samples.groups, return_counts=True)[1]
    assert sorted(sizes.tolist()) == [11, 12, 32]  # each field by itself
    assert len(np.unique(samples.groups[samples.targets == 0])) == 2


def test_labels_on_another_grid(tmp_path: Path) -> None:
    path, _ = scene(tmp_path)
    labels = np.ones((1, 8, 10), np.uint8)
    for name, other, words in (
        ("small", write_raster(tmp_path / "small.tif", labels[:, :5]), r"size \(5, 10\)"),
        ("crs", write_raster(tmp_path / "crs.tif", labels, crs=CRS.from_epsg(4326)), "CRS EPSG"),
        ("moved", write_raster(tmp_path / "moved.tif", labels, west=5.0), "transform"),
    ):
        with pytest.raises(InputError, match=f"{name}.tif: {words}.* bring it onto"):
            load(path, labels=other)


def test_scenes_that_cannot_be_read(tmp_path: Path) -> None:
    path, labels = scene(tmp_path)
    with pytest.raises(InputError, match="needs --labels"):
        load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        load(path, labels=labels)
    path.write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        load(path, labels=labels)
