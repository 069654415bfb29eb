"""`bombus app map`: a scene in, its map and one clear line out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.edge_app.map.scenes import land, write_scene
from tests.tiny_spectral import BANDS, LABELS, write_tiny_spectral

Bombus = Callable[..., tuple[int, str, str]]
LAND, CLASSES = land(40, 50)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_spectral(tmp_path_factory.mktemp("bundles") / "tiny").path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene.tif", LAND)


def test_maps_into_a_folder(bombus: Bombus, bundle: Path, scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "map"
    code, said, err = bombus("app", "map", scene, "--bundle", bundle, "--out", out)
    assert (code, err) == (0, "")
    assert said.startswith(f"{out}: 50 x 40 pixels, water ")
    assert said.count("\n") == 1
    assert {path.name for path in out.iterdir()} == {"classes.tif", "quicklook.png"}
    with rasterio.open(out / "classes.tif") as file:
        np.testing.assert_array_equal(file.read(1), CLASSES)


def test_json_and_force(bombus: Bombus, bundle: Path, scene: Path, tmp_path: Path) -> None:
    counts = LAND.copy()
    counts[:, :2] = 0
    write_scene(scene, counts)
    command = ("app", "map", scene, "--bundle", bundle, "--out", tmp_path / "map", "--json")
    code, said, _ = bombus(*command, "--indices", "--confidence")
    assert code == 0
    result = json.loads(said)
    assert (result["width"], result["height"]) == (50, 40)
    expected = np.bincount(CLASSES[2:].ravel()).tolist()
    assert result["classes"] == dict(zip(LABELS, expected, strict=True))
    assert result["no_class"] == {"zero": 100}
    assert (result["scale"], result["runtime"]) == (1e-4, "onnxruntime")
    assert len(list((tmp_path / "map").iterdir())) == 4
    code, said, err = bombus(*command)
    assert (code, said) == (2, "")
    assert "already there; choose another name or add --force" in err
    assert bombus(*command, "--force")[0] == 0
    assert len(list((tmp_path / "map").iterdir())) == 2


def test_classes_alone_go_into_a_file(
    bombus: Bombus, bundle: Path, scene: Path, tmp_path: Path
) -> None:
    out = tmp_path / "map.tif"
    assert bombus("app", "map", scene, "--bundle", bundle, "--out", out, "--threads", 2)[0] == 0
    with rasterio.open(out) as file:
        np.testing.assert_array_equal(file.read(1), CLASSES)
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", "map.tif"}


def test_bands_scale_and_nodata_of_the_user(
    bombus: Bombus, bundle: Path, scene: Path, tmp_path: Path
) -> None:
    counts = (LAND[::-1] * 1e-4 + 0.1).astype(np.float32)
    counts[0, :4] = 9
    write_scene(scene, counts, None, crs=None)
    options = ("--bands", "B8, B4,b03,B02", "--scale", 1, "--offset", -0.1, "--nodata", 9)
    command = ("app", "map", scene, "--bundle", bundle, "--out", tmp_path / "map")
    code, said, err = bombus(*command, *options)
    assert code == 0
    assert "no coordinate reference system" in err
    assert err.count("\n") == 1
    assert said.endswith("without a class: 200 nodata\n")
    with rasterio.open(tmp_path / "map" / "classes.tif") as file:
        np.testing.assert_array_equal(file.read(1)[4:], CLASSES[4:])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--bundle", "flowers"), "its task is image-classification"),
        (("--bundle", "/nowhere"), "no bundle there"),
        (("--runtime", "abacus"), "abacus"),
        (("--artefact", "nothing.onnx"), "no artefact"),
        (("--bands", "B2,B3,B4"), "4 bands, but 3 names"),
        (("--bands", "B3,B2,B4,B8"), "correct --bands"),
        (("--scale", "0"), "give a scale above 0"),
        (("--scale", "1"), "% of its pixels are above 2 as reflectance with scale 1 and"),
        (("--offset", "-9000"), "% of its pixels are negative as reflectance"),
        (("--nodata", "much"), "--nodata"),
    ],
)
def test_refuses(
    bombus: Bombus,
    bundle: Path,
    scene: Path,
    options: tuple[str, str],
    words: str,
) -> None:
    usual = () if options[0] == "--bundle" else ("--bundle", bundle)
    code, said, err = bombus("app", "map", scene, *usual, *options, "--out", scene.parent / "map")
    assert (code, said) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert list(scene.parent.iterdir()) == [scene]


def test_a_damaged_scene(bombus: Bombus, bundle: Path, scene: Path) -> None:
    scene.write_bytes(scene.read_bytes()[:-500])
    code, said, err = bombus("app", "map", scene, "--bundle", bundle, "--out", scene.parent / "map")
    assert (code, said) == (2, "")
    assert f"{scene}: " in err
    assert "get it again" in err or "no GeoTIFF" in err
    assert list(scene.parent.iterdir()) == [scene]


def test_bands_of_the_bundle_are_told(bombus: Bombus, bundle: Path, scene: Path) -> None:
    write_scene(scene, LAND, None)
    _, _, err = bombus("app", "map", scene, "--bundle", bundle, "--out", scene.parent / "map")
    assert "its 4 bands have no names; say --bands" in err
    assert f"the bundle reads {','.join(BANDS)}" in err
