"""A scene's map on disk: as if made in one piece, whole or not at all."""

from __future__ import annotations

import math
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_app.map import run as run_module
from edge_app.map.model import NODATA, Layers, PixelModel
from edge_app.map.picture import palette
from edge_app.map.pixels import Pixel
from edge_app.map.run import Mapping, map_scene
from edge_app.map.scene import Scaling, open_scene
from models.errors import InputError
from tests.edge_app.map.scenes import COUNTS, PLACE, land, write_scene
from tests.tiny_spectral import (
    BANDS,
    LABELS,
    names_of,
    write_tiny_spectral,
)

SENTINEL = Scaling(1e-4, 0.0)
ALL = Layers(confidence=True, indices=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PixelModel:
    return PixelModel(write_tiny_spectral(tmp_path_factory.mktemp("bundles") / "tiny"))


def flat(counts: NDArray[Any]) -> NDArray[Any]:
    return counts.reshape(len(counts), -1)


def nowhere(counts: NDArray[Any]) -> NDArray[np.bool_]:
    return np.zeros(counts.shape[1], np.bool_)


@contextmanager
def mapping(path: Path, model: PixelModel, layers: Layers = ALL) -> Iterator[Mapping]:
    with open_scene(path, model.bands) as scene:
        yield Mapping(scene, model, SENTINEL, layers)


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"blockysize": 7, "compress": "deflate"},
    {"tiled": True, "blockxsize": 16, "blockysize": 32},
    {"tiled": True, "blockxsize": 64, "blockysize": 16, "interleave": "pixel"},
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.data())
def test_tiled_is_as_whole(tmp_path: Path, model: PixelModel, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    side = data.draw(st.sampled_from([16, 24, 40, 64, 300]))
    profile = data.draw(st.sampled_from(LAYOUTS))
    counts, _ = land(height, width, data.draw(st.integers(0, 9)))
    counts[:, :: data.draw(st.integers(2, 9)), ::3] = 0
    counts[:, 0, 0] = COUNTS[0]
    whole = model.map(flat(counts), nowhere(flat(counts)), SENTINEL, ALL)
    out = tmp_path / "map"
    with mapping(write_scene(tmp_path / "scene.tif", counts, **profile), model) as job:
        total = map_scene(job, out, force=True, side=side)
    assert whole.confidence is not None
    assert whole.indices is not None
    assert (total.pixels == whole.tally.pixels).all()
    assert (total.classes == whole.tally.classes).all()
    with rasterio.open(out / "classes.tif") as file:
        np.testing.assert_array_equal(file.read(1).ravel(), whole.classes)
    with rasterio.open(out / "confidence.tif") as file:
        np.testing.assert_array_equal(file.read(1).ravel(), whole.confidence)
    with rasterio.open(out / "indices.tif") as file:
        np.testing.assert_allclose(flat(file.read()), whole.indices, atol=1e-6)


def test_the_files_say_what_they_are(tmp_path: Path, model: PixelModel) -> None:
    with mapping(write_scene(tmp_path / "scene.tif", land(30, 40)[0]), model) as job:
        map_scene(job, tmp_path / "map")
    files = {path.name for path in (tmp_path / "map").iterdir()}
    assert files == {"classes.tif", "confidence.tif", "indices.tif", "quicklook.png"}
    with rasterio.open(tmp_path / "map" / "classes.tif") as file:
        assert (file.crs, file.transform, file.nodata) == ("EPSG:32633", PLACE, NODATA)
        assert (file.dtypes, file.compression.name) == (("uint8",), "deflate")
        assert file.block_shapes == [(256, 256)]
        colours = file.colormap(1)
        assert [colours[k][:3] for k in range(3)] == palette(3)
        assert colours[NODATA] == (0, 0, 0, 0)
        assert file.tags(1) == {f"CLASS_{k}": label for k, label in enumerate(LABELS)}
        assert file.tags()["BUNDLE"] == "tiny-spectral 0.1.0"
    with rasterio.open(tmp_path / "map" / "indices.tif") as file:
        assert file.descriptions == names_of(BANDS)
        assert (file.crs, file.transform) == ("EPSG:32633", PLACE)
        assert math.isnan(file.nodata)


@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_a_turned_scene_keeps_its_place(tmp_path: Path, model: PixelModel, crs: str | None) -> None:
    turned = rasterio.transform.Affine(10, 3, 14, 3, -10, 45)
    scene = write_scene(tmp_path / "s.tif", land(30, 40)[0], crs=crs, transform=turned)
    with mapping(scene, model, Layers()) as job:
        map_scene(job, tmp_path / "map.tif")
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.crs, file.transform) == (crs, turned)


def refused(job: Mapping, out: Path, **options: Any) -> str:
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        map_scene(job, out, **options)
    assert sorted(out.parent.rglob("*")) == before
    return str(caught.value)


def test_damage_leaves_nothing(tmp_path: Path, model: PixelModel) -> None:
    path = write_scene(
        tmp_path / "s.tif", land(96, 96)[0], tiled=True, blockxsize=16, blockysize=16
    )
    with rasterio.open(path) as file:
        hole = int(file.get_tag_item("BLOCK_OFFSET_2_1", "TIFF", bidx=1))
    with path.open("r+b") as damaged:  # a block that none of the first looks meets
        where = damaged.read().index(as_tiff(hole))
        damaged.seek(where)
        damaged.write(as_tiff(1 << 30))
    out = tmp_path / "map"
    with mapping(path, model) as job:
        assert "s.tif: cannot be read at row 16, column 32" in refused(job, out, side=16)


def as_tiff(offset: int) -> bytes:
    return offset.to_bytes(4, "little")


def test_an_interrupt_leaves_nothing(
    tmp_path: Path, model: PixelModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    plain = PixelModel.map

    def interrupted(self: PixelModel, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > run_module.LOOKS + 3:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(PixelModel, "map", interrupted)
    path = write_scene(tmp_path / "scene.tif", land(96, 96)[0])
    with mapping(path, model) as job, pytest.raises(KeyboardInterrupt):
        map_scene(job, tmp_path / "map", side=16)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("limit", [100, 1000, 3000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, model: PixelModel, limit: int) -> None:
    path = write_scene(tmp_path / "scene.tif", land(300, 300)[0])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with mapping(path, model, Layers()) as job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            assert "map.tif: cannot be written" in refused(job, tmp_path / "map.tif")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)


def test_what_is_refused(tmp_path: Path, model: PixelModel) -> None:
    counts, _ = land(20, 20)
    path = write_scene(tmp_path / "scene.tif", counts)
    (tmp_path / "map").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "folder.tif").mkdir()
    with mapping(path, model) as job:
        assert "already there" in refused(job, tmp_path / "map")
        assert "room for the classes only" in refused(job, tmp_path / "map.tif")
        assert "with other things in it" in refused(job, tmp_path, force=True)
        assert "is a file" in refused(job, tmp_path / "file", force=True)
    with mapping(path, model, Layers()) as job:
        assert "is the scene itself" in refused(job, path, force=True)
        assert "is a folder" in refused(job, tmp_path / "folder.tif", force=True)
    with mapping(write_scene(path, 0 * counts), model) as job:
        assert "none of its 400 pixels has a class (400 zero)" in refused(job, tmp_path / "out")
    with mapping(write_scene(path, counts * 1e-4), model) as job:
        assert "below 0.002 in every band" in refused(job, tmp_path / "out")
    with mapping(write_scene(path, counts.astype(np.int32) - 9999), model) as job:
        assert "are negative" in refused(job, tmp_path / "out")


def test_a_wrong_scaling_that_the_looks_miss_is_met_later(
    tmp_path: Path, model: PixelModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOOKS", 1)
    counts = np.uint32(1000) * land(64, 64)[0].astype(np.uint32)
    counts[:, :16, :16] = 0
    with mapping(write_scene(tmp_path / "scene.tif", counts), model) as job:
        assert "are above 2" in refused(job, tmp_path / "map", side=16)


def test_a_bundle_without_indices(tmp_path: Path) -> None:
    model = PixelModel(write_tiny_spectral(tmp_path / "bundle", indices=False))
    path = write_scene(tmp_path / "scene.tif", land(20, 20)[0])
    with mapping(path, model) as job:
        assert "gives no indices" in refused(job, tmp_path / "map")
    with mapping(path, model, Layers()) as job:
        assert map_scene(job, tmp_path / "map").pixels[Pixel.GOOD] == 400
