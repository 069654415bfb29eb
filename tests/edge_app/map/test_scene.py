"""Scenes on disk: bands by name, tiles, what holds no measurement, and what is refused."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine

from edge_app.map import scene as scene_module
from edge_app.map.bands import canonical
from edge_app.map.scene import Scaling, Scene, open_scene, scaling_of
from models.errors import InputError
from tests.edge_app.map.scenes import land, write_scene
from tests.tiny_spectral import BANDS

TRAINED = Scaling(1e-4, -1000.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scene.tif"


def read_tiles(path: Path, *wanted: str, **options: Any) -> None:
    with open_scene(path, wanted or BANDS, **options) as scene:
        for tile in scene.tiles():
            scene.read(tile)


def refusal(path: Path, *wanted: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_tiles(path, *wanted, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def read_all(scene: Scene) -> tuple[Any, Any]:
    return scene.read(rasterio.windows.Window(0, 0, *reversed(scene.shape)))


def test_bands_are_found_by_name_in_any_order(path: Path) -> None:
    counts, _ = land(5, 7)
    write_scene(path, counts[[3, 1, 0, 2]], ("b08", "B3", "B02", " B4 "))
    with open_scene(path, BANDS) as scene:
        read, empty = read_all(scene)
        assert scene.notes == ()
    np.testing.assert_array_equal(read, counts)
    assert not empty.any()


def test_names_of_the_caller_are_in_the_order_of_the_file(path: Path) -> None:
    counts, _ = land(5, 7)
    extra = np.zeros_like(counts[:1])
    write_scene(path, np.concatenate([extra, counts[::-1]]), None)
    with open_scene(path, BANDS, names=("SCL", "B8", "B4", "B3", "B2")) as scene:
        np.testing.assert_array_equal(read_all(scene)[0], counts)


@pytest.mark.parametrize(
    ("a", "b"), [("B02", "b2"), ("B8A", "b08a"), ("B10", "B010"), ("nir", "NIR "), ("B", "b")]
)
def test_the_same_name_written_otherwise(a: str, b: str) -> None:
    assert canonical(a) == canonical(b)


def test_other_bands_have_other_names() -> None:
    names = [f"B{i}" for i in range(20)] + ["B8A", "B80", "B0A", "SR_B2"]
    assert len({canonical(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("names", "given", "words"),
    [
        (None, (), "its 4 bands have no names; say --bands"),
        (("blue", "green", "red", "nir"), (), "no band B2, B3, B4, B8 among its 4 (BLUE, "),
        (("B2", "B3", "B4", ""), (), "no band B8 among its 4 (B2, B3, B4, ?)"),
        (("B2", "B02", "B3", "B4"), ("B2", "B3", "B4"), "4 bands, but 3 names in --bands"),
        (("B2", "B3", "B4", "B8"), ("B3", "B2", "B4", "B8"), "--bands says that band 1 is B3"),
        (None, ("B2", "B3", "B4", "B9"), "no band B8 among its 4"),
        (None, ("B2", "B3", "B4", "B02"), "no band B8 among"),
    ],
)
def test_bands_that_are_not_there(
    path: Path, names: tuple[str, ...] | None, given: tuple[str, ...], words: str
) -> None:
    write_scene(path, land(3, 4)[0], names)
    assert refusal(path, names=given).startswith(words)


def test_two_bands_of_one_name(path: Path) -> None:
    write_scene(path, land(3, 4)[0], ("B2", "B3", "B02", "B8"))
    assert refusal(path, "B2", "B3").startswith("two of its bands are named B2")
    with open_scene(path, ("B8", "B3")) as scene:  # not of those that are read
        assert scene.order == (4, 2)


def test_too_few_bands(path: Path) -> None:
    write_scene(path, land(3, 4)[0][:2], BANDS[:2])
    assert "no band B4, B8 among its 2" in refusal(path)


@pytest.mark.parametrize("keep", [0, 3, 8, 100, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("compress", ["none", "deflate"])
def test_truncated(path: Path, keep: float, compress: str) -> None:
    write_scene(
        path, land(600, 500)[0], tiled=True, blockxsize=64, blockysize=64, compress=compress
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    said = refusal(path)
    assert "no GeoTIFF" in said or "cannot be read at row" in said


def test_not_a_tiff(path: Path, tmp_path: Path) -> None:
    path.write_text("Dear surveyor,")
    assert "no GeoTIFF" in refusal(path)
    source = write_scene(tmp_path / "true.tif", land(3, 4)[0])
    path.write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="3"><VRTRasterBand dataType="UInt16" band="1">'
        f"<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    assert "no GeoTIFF" in refusal(path)  # nor one that leads to other files
    assert refusal(tmp_path / "none.tif").startswith("no such file")
    assert refusal(tmp_path).startswith("no such file")


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_zero_size(path: Path, shape: tuple[int, int]) -> None:
    width, height = shape
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 300)
    assert "no GeoTIFF" in refusal(path)


def test_complex_numbers(path: Path) -> None:
    write_scene(path, land(3, 4)[0].astype(np.complex64))
    assert refusal(path).startswith("its numbers are complex64")


def test_blocks_that_cannot_be_read_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scene(path, land(64, 64)[0], compress="deflate", blockysize=64, interleave="pixel")
    with open_scene(path, BANDS):
        pass
    monkeypatch.setattr(scene_module, "BLOCK_LIMIT", 4 * 64 * 64 * 2 - 1)
    assert "its blocks of 64 x 64 pixels" in refusal(path)


@pytest.mark.parametrize(
    ("dtype", "declared", "expected"),  # declared in the file, by the caller, and usually
    [
        ("uint16", (None, None, None), None),
        ("uint16", (0, None, 9), 0),
        ("uint16", (0, 7, 9), 7),
        ("uint16", (None, None, 9), 9),
        ("uint16", (None, -9999, None), None),
        ("uint16", (None, 0.5, None), None),
        ("uint16", (None, math.inf, None), None),
        ("int16", (-9999, None, None), -9999),
        ("float32", (-3.4e38, None, None), np.float32(-3.4e38)),
        ("float32", (math.nan, None, None), None),
    ],
)
def test_nodata(
    path: Path, dtype: str, declared: tuple[float | None, ...], expected: float | None
) -> None:
    own, given, usual = declared
    counts = land(3, 4)[0].astype(dtype)
    counts[2, 1, 3] = 0 if expected is None else expected
    write_scene(path, counts, nodata=own)
    with open_scene(path, BANDS, nodata=given, usual_nodata=usual) as scene:
        assert scene.nodata == expected
        _, empty = read_all(scene)
    assert empty.sum() == (expected is not None)
    assert empty[1, 3] == (expected is not None)


@pytest.mark.parametrize("inside", [True, False])
def test_a_mask_in_the_file_or_beside_it(path: Path, inside: bool) -> None:
    write_scene(path, land(20, 30)[0])
    mask = np.full((20, 30), 255, np.uint8)
    mask[4:9, 20:] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    beside = path.with_name("scene.tif.msk")
    assert beside.exists() != inside
    with open_scene(path, BANDS) as scene:
        np.testing.assert_array_equal(read_all(scene)[1], mask == 0)
    if not inside:
        whole = beside.read_bytes()
        for keep in (0, 100, len(whole) - 100):
            beside.write_bytes(whole[:keep])
            assert "scene.tif.msk: no mask" in refusal(path)


@pytest.mark.parametrize(
    ("crs", "transform", "words"),
    [
        (None, Affine.identity(), "no coordinate reference system"),
        ("EPSG:32633", None, ""),
        ("EPSG:32633", Affine(10, 3, 5e5, 3, -10, 5e6), ""),
        ("EPSG:4326", Affine(1e-4, 0, 14, 0, -1e-4, 45), "in degrees (EPSG:4326)"),
        ("EPSG:4326", None, "its corners are not on Earth in EPSG:4326"),
    ],
)
def test_where_it_is_only_gives_notes(
    path: Path, crs: str | None, transform: Affine | None, words: str
) -> None:
    place = {} if transform is None else {"transform": transform}
    write_scene(path, land(3, 4)[0], crs=crs, **place)
    with open_scene(path, BANDS) as scene:
        assert len(scene.notes) == bool(words)
        assert words in "".join(scene.notes)


def test_scaling(path: Path) -> None:
    write_scene(path, land(3, 4)[0])
    with open_scene(path, BANDS) as scene:
        assert scaling_of(scene, TRAINED) == TRAINED
        assert scaling_of(scene, TRAINED, scale=1.0) == Scaling(1.0, -1000.0)
        assert scaling_of(scene, TRAINED, offset=0.0) == Scaling(1e-4, 0.0)
    with rasterio.open(path, "r+") as file:  # value = count * scale + offset
        file.scales, file.offsets = [2e-4] * 4, [-0.2] * 4
    with open_scene(path, BANDS) as scene:
        assert scaling_of(scene, TRAINED) == Scaling(2e-4, -0.2 / 2e-4)
        assert scaling_of(scene, TRAINED, 1.0, 0.0) == Scaling(1.0, 0.0)
    with rasterio.open(path, "r+") as file:
        file.scales = [2e-4, 2e-4, 2e-4, 1e-4]
    assert "2 different scales" in refusal(path)


@pytest.mark.parametrize("pair", [(0, 0), (-1, 0), (math.nan, 0), (math.inf, 0), (1, math.nan)])
def test_no_scaling(pair: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="give a scale above 0"):
        Scaling(*pair)


class Blocks:
    """As much of a dataset as `Scene.tiles` looks at."""

    def __init__(self, height: int, width: int, block: tuple[int, int]) -> None:
        self.height, self.width, self.block_shapes = height, width, [block]


@given(
    st.integers(1, 5000),
    st.integers(1, 20000),
    st.sampled_from([(1, 0), (16, 0), (256, 256), (512, 512), (1024, 1024)]),
)
def test_tiles_cover_each_pixel_once_and_stay_small(
    height: int, width: int, block: tuple[int, int]
) -> None:
    dataset = Blocks(height, width, (block[0], block[1] or width))
    tiles = Scene(Path(), dataset, (1,), None, None, ()).tiles()
    assert sum(tile.width * tile.height for tile in tiles) == height * width
    assert max(tile.width * tile.height for tile in tiles) <= 1024 * 1024
    corners = {(tile.row_off, tile.col_off) for tile in tiles}
    assert len(corners) == len(tiles)
    for tile in tiles:
        assert tile.row_off % 256 == tile.col_off % 1024 == 0
        assert (tile.row_off + tile.height) % 256 == 0 or tile.row_off + tile.height == height
        assert (tile.col_off + tile.width) % 1024 == 0 or tile.col_off + tile.width == width
