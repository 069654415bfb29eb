"""Start weights: packed archives, Keras files, and every wrong file refused in one line."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.errors import InputError
from models.preprocess import load_photo
from training.flowers.network import build_network
from training.flowers.recipe import Recipe
from training.flowers.weights import (
    load_backbone_weights,
    read_npz_weights,
    start_record,
    weights_record,
)

Arrays = dict[str, NDArray[Any]]


def backbone(channels: int = 4) -> keras.Model:
    """Three layers with weights, one without."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(channels, 3, use_bias=False, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.DepthwiseConv2D(3, name="deep")(x)
    return keras.Model(image, x, name="tiny")


def values(model: keras.Model) -> dict[str, list[NDArray[np.float32]]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def arrays_of(model: keras.Model) -> Arrays:
    """What an archive of the model holds, as float32."""
    return {
        f"{name}/{i}:w": value
        for name, layer in values(model).items()
        for i, value in enumerate(layer)
    }


def archive(path: Path, arrays: Arrays) -> Path:
    np.savez(path, **arrays)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_backbone_weights(backbone(), path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_a_whole_archive(tmp_path: Path) -> None:
    source, model = backbone(), backbone()
    path = archive(tmp_path / "w.npz", arrays_of(source))
    assert load_backbone_weights(model, path) == ()
    for name, expected in values(source).items():
        for a, b in zip(values(model)[name], expected, strict=True):
            assert np.array_equal(a, b)


def test_float16_and_scaled_int8_are_unpacked(tmp_path: Path) -> None:
    source, model = backbone(), backbone()
    arrays = arrays_of(source)
    kernel = arrays.pop("conv/0:w")
    scale = (np.abs(kernel).max(axis=(0, 1, 2)) / 127).astype(np.float16)
    packed = np.round(kernel / scale).astype(np.int8)
    arrays |= {"conv/0:kernel|int8": packed, "conv/0:kernel|scale": scale}
    arrays["deep/0:w"] = arrays["deep/0:w"].astype(np.float16)
    assert load_backbone_weights(model, archive(tmp_path / "w.npz", arrays)) == ()
    loaded = values(model)
    assert np.array_equal(loaded["conv"][0], packed * scale.astype(np.float32))
    assert np.allclose(loaded["conv"][0], kernel, atol=float(scale.max()))
    assert np.array_equal(loaded["deep"][0], arrays["deep/0:w"].astype(np.float32))


def test_weights_stand_in_the_order_of_their_index(tmp_path: Path) -> None:
    ordered = {f"layer/{i}:v{i}": np.full(2, i) for i in (10, 2, 0, 1)}
    read = read_npz_weights(archive(tmp_path / "w.npz", ordered))
    assert [int(a[0]) for a in read["layer"]] == [0, 1, 2, 10]
    assert {a.dtype for a in read["layer"]} == {np.dtype(np.float32)}


def test_layers_that_the_file_lacks_start_fresh(tmp_path: Path) -> None:
    source, model = backbone(), backbone()
    before = values(model)
    arrays = {k: v for k, v in arrays_of(source).items() if k.startswith("norm/")}
    arrays["norm/3:w"] = np.full(4, 7.0)
    path = archive(tmp_path / "w.npz", arrays)
    assert load_backbone_weights(model, path) == ("conv", "norm", "deep")
    assert np.array_equal(values(model)["conv"][0], before["conv"][0])
    assert np.array_equal(values(model)["norm"][3], np.ones(4))  # 7 was another conv's variance


def test_a_normalisation_keeps_the_statistics_of_a_layer_that_came_with_it(tmp_path: Path) -> None:
    model = backbone()
    arrays = {k: v for k, v in arrays_of(backbone()).items() if not k.startswith("deep/")}
    arrays["norm/3:w"] = np.full(4, 7.0)
    assert load_backbone_weights(model, archive(tmp_path / "w.npz", arrays)) == ("deep",)
    assert np.array_equal(values(model)["norm"][3], np.full(4, 7.0))


def test_a_second_backbone_in_a_process_takes_the_same_archive(tmp_path: Path) -> None:
    """Keras names the same layers conv2d, then conv2d_1: a sweep builds many of a kind."""

    def unnamed() -> keras.Model:
        image = keras.Input((8, 8, 3))
        second = keras.layers.Conv2D(5, 1)  # made first, and so numbered first
        x = keras.layers.BatchNormalization()(second(keras.layers.Conv2D(4, 3)(image)))
        return keras.Model(image, keras.layers.Conv2D(4, 3, name="conv")(x), name="tiny")

    source, model = unnamed(), unnamed()
    kinds = ("conv2d_1", "conv2d", "batch_normalization", "conv")
    arrays = {
        f"{name}/{i}:w": value + 0.5
        for name, layer in zip(kinds, values(source).values(), strict=True)
        for i, value in enumerate(layer)
    }
    assert load_backbone_weights(model, archive(tmp_path / "w.npz", arrays)) == ()
    for a, b in zip(model.get_weights(), source.get_weights(), strict=True):
        assert np.array_equal(a, b + 0.5)


def test_another_backbones_archive_is_refused(tmp_path: Path) -> None:
    arrays = arrays_of(backbone()) | {"block7/0:w": np.zeros(3)}
    message = refusal(archive(tmp_path / "w.npz", arrays))
    assert "layer 'block7' is not in tiny; these are another backbone's weights" in message


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({"conv/0:w": np.zeros((3, 3, 3, 5))}, "[(3, 3, 3, 5)], tiny needs [(3, 3, 3, 4)]"),
        ({"deep/2:w": np.zeros(4)}, "tiny needs [(3, 3, 4, 1), (4,)]"),
    ],
)
def test_a_shape_that_does_not_fit(changes: Arrays, shapes: str, tmp_path: Path) -> None:
    message = refusal(archive(tmp_path / "w.npz", changes))
    assert f"layer '{next(iter(changes)).partition('/')[0]}' has shapes" in message
    assert shapes in message


def test_a_keras_file(tmp_path: Path) -> None:
    source, model = backbone(), backbone()
    path = tmp_path / "w.weights.h5"
    source.save_weights(path)
    assert load_backbone_weights(model, path) == ()
    for a, b in zip(model.get_weights(), source.get_weights(), strict=True):
        assert np.array_equal(a, b)
    backbone(channels=5).save_weights(path)
    assert "does not fit tiny" in refusal(path)
    path.write_bytes(b"roses are red")
    assert "does not fit tiny" in refusal(path)


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_a_finished_run_of_the_same_backbone(tmp_path: Path) -> None:
    trained, fresh = backbone(), backbone()
    photo = keras.Input((8, 8, 3))
    whole = keras.Model(photo, keras.layers.GlobalMaxPooling2D()(trained(photo)))
    whole.save(tmp_path / "model.keras")
    assert load_backbone_weights(fresh, tmp_path / "model.keras") == ()
    assert all(
        np.array_equal(a, b)
        for a, b in zip(fresh.get_weights(), trained.get_weights(), strict=True)
    )
    with pytest.raises(InputError, match="does not fit tiny"):
        load_backbone_weights(backbone(5), tmp_path / "model.keras")
    backbone().save(tmp_path / "bare.keras")
    assert "no tiny in it, but " in refusal(tmp_path / "bare.keras")
    (tmp_path / "cut.keras").write_bytes((tmp_path / "model.keras").read_bytes()[:500])
    assert "Keras cannot load it" in refusal(tmp_path / "cut.keras")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"roses are red\n",
        b"PK\x03\x04 and no more",
        npy(np.zeros(3)),
        zipped("conv/0:w.txt", b"roses are red"),
        zipped("conv.npy", npy(np.zeros(3))),
        zipped("conv/0:w|int8.npy", npy(np.zeros(3, np.int8))),
        zipped("conv/0:w.npy", npy(np.array(["roses"]))),
        zipped("conv/0:w.npy", npy(np.zeros(300))[:200]),
    ],
    ids=["empty", "text", "cut", "npy", "txt", "no index", "no scale", "strings", "short"],
)
def test_what_is_no_weights_archive(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    assert "not a weights archive" in refusal(path)


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_no_pickle_is_ever_opened(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    for content in (
        pickle.dumps(Trap(sprung)),
        zipped("conv/0:w.npy", npy(np.array([Trap(sprung)], object))),
    ):
        path = tmp_path / "w.npz"
        path.write_bytes(content)
        assert "not a weights archive" in refusal(path)
        assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))  # noqa: S301 - the trap does work
    assert sprung.exists()


def test_no_such_file_or_kind(tmp_path: Path) -> None:
    assert "no such weights file" in refusal(tmp_path / "missing.npz")
    assert "no such weights file" in refusal(tmp_path)
    other = tmp_path / "weights.pt"
    other.write_bytes(b"x")
    assert "must be a .npz, a .weights.h5 or a .keras file" in refusal(other)


@given(st.data())
@settings(deadline=None, max_examples=120)
def test_a_damaged_archive_loads_or_is_refused(draw: st.DataObject) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **{"conv/0:w": np.arange(108.0).reshape(3, 3, 3, 4)})
    data = bytearray(file.getvalue())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.npz"
        path.write_bytes(data)
        with suppress(InputError):
            assert "conv" not in load_backbone_weights(backbone(), path)


def test_the_record_names_the_file_and_its_content_only(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(b"anything")
    digest = hashlib.sha256(b"anything").hexdigest()
    assert weights_record(str(path)) == {"weights": "w.npz", "weights_sha256": digest}
    assert weights_record("none") == {"weights": "none"}
    assert weights_record("imagenet") == {"weights": "imagenet"}
    with pytest.raises(InputError, match="No such file"):
        weights_record(str(tmp_path / "missing.npz"))


def test_only_a_run_of_ours_has_a_record_of_its_own(tmp_path: Path) -> None:
    run = {"recipe": {"image_size": 64}, "seconds": {"head": 30, "fine_tune": 60.0}}
    record = tmp_path / "training.json"
    run |= {"val": {"top1": 0.5, "n": 2}, "start": {"val": 0.25}, "history": []}
    record.write_text(json.dumps(run))
    told = {"recipe": {"image_size": 64}, "minutes": 1.5, "val": 0.5, "start": {"val": 0.25}}
    assert start_record(str(tmp_path / "model.keras")) == told
    assert start_record(str(tmp_path / "w.npz")) is None
    assert start_record("none") is None
    record.write_text("{")
    with pytest.raises(InputError, match=r"training\.json"):
        start_record(str(tmp_path / "model.keras"))
    record.unlink()
    assert start_record(str(tmp_path / "model.keras")) is None


@pytest.mark.slow
def test_imagenet_weights_name_imagenet_photos(bombus_data: Path) -> None:
    """Loaded right, MobileNet and its own classifier know what is on the photos."""
    folder = bombus_data / "imagenet-weights"
    weights = folder / "mobilenet_v1_1.0_224_notop.npz"
    network = build_network(Recipe(weights=str(weights)), 2)
    assert network.fresh_layers == ()
    photos = sorted((bombus_data / "not-in-flowers16" / "other-photos").glob("*.webp"))[::6]
    pixels = np.stack([load_photo(path, 224) for path in photos]).astype(np.float32)
    features = network.trunk.predict(pixels, batch_size=16, verbose=0)
    with np.load(folder / "mobilenet_v1_1.0_224_head1001.npz") as head:
        logits = features @ head["kernel"] + head["bias"]
    lines = (folder / "imagenet_labels_1001.txt").read_text().splitlines()
    labels = [line.split(",")[0].replace(" ", "_") for line in lines]
    best = np.argsort(-logits, axis=1)[:, :5]
    hits = [
        path.stem.split("_", 1)[1] in [labels[i] for i in row]
        for path, row in zip(photos, best, strict=True)
    ]
    assert len(hits) == 67
    assert np.mean(hits) > 0.85  # measured: 0.955
