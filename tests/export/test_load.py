"""Loading `.keras` files from anywhere."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import pytest

from export.load import load_keras
from models.errors import InputError

CUSTOM = """
import keras

@keras.saving.register_keras_serializable("garden")
class Doubling(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


def _save(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


def _classifier(*extra: keras.layers.Layer, size: int = 32, classes: int = 3) -> keras.Model:
    layers = [keras.Input((size, size, 3)), *extra, keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([*layers, keras.layers.Dense(classes)])


def _refused(path: Path, *imports: str) -> str:
    with pytest.raises(InputError) as caught:
        load_keras(path, imports)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


def test_tells_shape_and_content(tmp_path: Path) -> None:
    path = _save(_classifier(size=48, classes=5), tmp_path / "m.keras")
    source = load_keras(path)
    assert (source.image_size, source.classes) == (48, 5)
    assert source.data == path.read_bytes()


def test_refuses_lambda_layers(tmp_path: Path) -> None:
    model = _classifier(keras.layers.Lambda(lambda x: x / 2))
    assert "Lambda" in _refused(_save(model, tmp_path / "m.keras"))


def test_refuses_a_lambda_within_a_nested_model(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(lambda x: x)])
    assert "Lambda" in _refused(_save(_classifier(inner), tmp_path / "m.keras"))


def test_refuses_a_class_that_nobody_registered(tmp_path: Path) -> None:
    """Keras itself would import whatever module the file names, or say so at length."""

    class Own(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    message = _refused(_save(_classifier(Own()), tmp_path / "m.keras"))
    assert "Own, which is neither Keras's nor registered" in message
    assert "registered layer class" in message


def test_unknown_layers_need_their_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "garden_layers.py").write_text(CUSTOM)
    monkeypatch.syspath_prepend(str(tmp_path))
    import garden_layers  # type: ignore[import-not-found]

    path = _save(_classifier(garden_layers.Doubling()), tmp_path / "m.keras")
    registered = "garden>Doubling"
    keras.saving.get_custom_objects().pop(registered)
    sys.modules.pop("garden_layers")
    message = _refused(path)
    assert registered in message
    assert "--import" in message
    assert load_keras(path, ["garden_layers"]).classes == 3
    keras.saving.get_custom_objects().pop(registered)


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    path = _save(_classifier(), tmp_path / "m.keras")
    assert "no_such_module_here" in _refused(path, "no_such_module_here")


@pytest.mark.parametrize(
    ("name", "content"),
    [("m.keras", b"not a zip"), ("m.keras", b""), ("m.h5", b"\x89HDF\r\n"), ("m.txt", b"text")],
)
def test_refuses_other_files(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert "not a .keras file" in _refused(tmp_path / name)


def test_refuses_a_truncated_archive(tmp_path: Path) -> None:
    path = _save(_classifier(), tmp_path / "m.keras")
    path.write_bytes(path.read_bytes()[:-200])
    _refused(path)


def test_refuses_an_archive_with_damaged_weights(tmp_path: Path) -> None:
    path = _save(_classifier(), tmp_path / "m.keras")
    damaged = tmp_path / "damaged.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(damaged, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[: len(data) // 2] if name.endswith(".h5") else data)
    assert "Keras cannot load it" in _refused(damaged)


def test_refuses_what_is_not_an_image_classifier(tmp_path: Path) -> None:
    table = keras.Sequential([keras.Input((10,)), keras.layers.Dense(2)])
    grey = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.GlobalAveragePooling2D()])
    maps = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3)])
    for name, model in (("table", table), ("grey", grey), ("maps", maps)):
        assert "is exported so far" in _refused(_save(model, tmp_path / f"{name}.keras"))


def test_missing_file(tmp_path: Path) -> None:
    assert "cannot be read" in _refused(tmp_path / "none.keras")
