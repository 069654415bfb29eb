"""`bombus export inspect`: every kind of file, and every kind of trouble in one."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import onnx
import pytest
from onnx import TensorProto, helper

from bombus import run
from export.child import in_child
from export.inspection.anatomy import Anatomy
from export.inspection.look import anatomy_of, look_at
from models.bundle import SHIPPED
from models.errors import IntegrityError
from tests.export.inspection.child import repacked
from tests.tiny_bundles import tiny_onnx, write_tiny

LOCALIZER = SHIPPED / "localizer"
MODELS = sorted(p.name for p in LOCALIZER.iterdir() if p.suffix in (".keras", ".tflite", ".onnx"))
CHILD = "tests.export.inspection.child"


@pytest.fixture(scope="module")
def keras_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("keras") / "m.keras"
    layers = [keras.Input((8, 8, 3), name="image"), keras.layers.Conv2D(4, 3), keras.layers.ReLU()]
    keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]).save(
        path
    )
    return path.read_bytes()


def test_keras(keras_bytes: bytes) -> None:
    found = anatomy_of(keras_bytes, "m.keras")
    assert found.made_by == f"Keras {keras.__version__}"
    assert {"Conv2D", "Dense", "ReLU"} <= found.ops.keys()
    assert [(w.dtype, w.numbers, w.bytes) for w in found.weights] == [("float32", 122, 488)]
    assert found.dangers == ()


def test_the_ends_of_a_functional_model_are_told(tmp_path: Path) -> None:
    a, b = (keras.Input((size,), name=name) for name, size in (("a", 3), ("b", 4)))
    answer = keras.layers.Dense(2, name="answer")(keras.layers.Concatenate()([a, b]))
    keras.Model([a, b], [answer]).save(tmp_path / "two.keras")
    found = look_at(tmp_path / "two.keras").anatomy
    assert list(map(str, found.inputs)) == ["a: float32[?, 3]", "b: float32[?, 4]"]
    assert list(map(str, found.outputs)) == ["answer"]


def test_tflite() -> None:
    found = look_at(LOCALIZER / "localizer_wi8_afp32.tflite").anatomy
    assert "sample: float32[1, 6]" in map(str, found.inputs)
    assert "slip: float32[1, 2]" in map(str, found.outputs)
    assert found.ops["FULLY_CONNECTED"] == 3
    assert found.weights[0].dtype == "int8"
    assert found.contract is not None
    assert found.contract["task"] == "imu-noise-adaptation"
    assert found.dangers == ()


def test_onnx() -> None:
    found = anatomy_of(tiny_onnx(), "tiny.onnx")
    assert found.format == "onnx"
    assert sum(found.ops.values()) == len(onnx.load_from_string(tiny_onnx()).graph.node)
    assert found.dangers == ()


@pytest.mark.parametrize("file", MODELS)
def test_it_survives_a_way_through_json(file: str) -> None:
    found = anatomy_of((LOCALIZER / file).read_bytes(), file)
    assert Anatomy.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_a_bundle_shows_every_file(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "inspect", "localizer"]) == 0
    shown = capfd.readouterr().out
    for file in LOCALIZER.iterdir():
        assert (file.name in shown) == (file.name in MODELS)
    assert "safe to load" in shown
    assert "needs --import of what registers bombus>Network" in shown
    assert run(["export", "inspect", "localizer", "--json"]) == 0
    files = json.loads(capfd.readouterr().out)
    assert {f["format"] for f in files} == {"keras", "onnx", "tflite"}


def test_a_bundle_with_a_changed_file_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = write_tiny(tmp_path / "tiny")
    file = bundle.path / bundle.manifest.artefacts[0].file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert run(["export", "inspect", str(bundle.path)]) == 6
    assert "SHA-256" in capfd.readouterr().err


def test_what_is_no_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rose.jpg"
    path.write_bytes(b"\xff\xd8 no model")
    assert run(["export", "inspect", str(path)]) == 2
    assert capfd.readouterr().err == (
        "bombus: rose.jpg: no model; a .keras, .tflite or .onnx file is looked at\n"
    )
    assert run(["export", "inspect", str(tmp_path / "nothing")]) == 2


@pytest.mark.parametrize(
    ("kind", "safe"),
    [
        ({"module": "os", "class_name": "system", "registered_name": None}, False),
        ({"module": "builtins", "class_name": "eval", "registered_name": None}, False),
        ({"module": "own", "class_name": "Own", "registered_name": "Own"}, False),
        ({"module": None, "class_name": "Own", "registered_name": "My>Own"}, True),
    ],
)
def test_what_a_file_would_import_is_told(
    kind: dict[str, Any], safe: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sound, path = tmp_path / "sound.keras", tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(sound)
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1] |= kind
                data = json.dumps(config).encode()
            new.writestr(name, data)
    assert run(["export", "inspect", str(sound)]) == 0
    assert "no operation of unknown origin" in capfd.readouterr().out
    assert run(["export", "inspect", str(path)]) == (0 if safe else 6)
    said = capfd.readouterr().out
    assert "unknown origin" not in said
    told = "and what is imported for it" if safe else f"NOT SAFE to load: {kind['module']}."
    assert told in said


def test_a_lambda_layer_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)]).save(path)
    assert run(["export", "inspect", str(path)]) == 6
    said = capfd.readouterr()
    assert "NOT SAFE to load: a Lambda layer, which is code in a file" in said.out
    assert said.err.endswith("not safe to load, see above; do not use it\n")


@pytest.mark.parametrize(
    ("name", "what"),
    [("../../.bashrc", "leaves the archive"), ("/etc/x", "leaves"), ("x.pkl", "carries code")],
)
def test_odd_files_in_the_archive_are_told(keras_bytes: bytes, name: str, what: str) -> None:
    data = repacked(keras_bytes, lambda entries: entries.update({name: b"x"}))
    (danger,) = anatomy_of(data, "m.keras").dangers
    assert what in danger


def test_weights_in_another_file_are_told(keras_bytes: bytes, tmp_path: Path) -> None:
    def link(entries: dict[str, bytes]) -> None:
        path = tmp_path / "w.h5"
        path.write_bytes(entries["model.weights.h5"])
        with h5py.File(path, "a") as file:
            file["stolen"] = h5py.ExternalLink("/etc/passwd", "/")
        entries["model.weights.h5"] = path.read_bytes()

    (danger,) = anatomy_of(repacked(keras_bytes, link), "m.keras").dangers
    assert danger == "the weight 'stolen' lies in another file"


def test_a_zip_bomb_is_not_unpacked(keras_bytes: bytes) -> None:
    def claims(data: bytes) -> bytes:
        """The directory says that an entry unpacks to 4 GB and a bit: nothing has to be there."""
        changed = bytearray(data)
        place = changed.rindex(b"PK\x01\x02")
        changed[place + 24 : place + 28] = (0xFFFFFFFE).to_bytes(4, "little")
        return bytes(changed)

    data = repacked(keras_bytes, lambda entries: entries.update(a=b"", b=b""))
    data = claims(data)
    with pytest.raises(IntegrityError, match="zip bomb"):
        anatomy_of(data, "m.keras")


def test_onnx_weights_in_another_file_are_told() -> None:
    model = onnx.load_from_string(tiny_onnx())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret.bin"
    (danger,) = anatomy_of(model.SerializeToString(), "m.onnx").dangers
    assert "other files" in danger


def test_onnx_operations_of_strangers_are_told() -> None:
    node = helper.make_node("Steal", ["x"], ["y"], domain="com.stranger")
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy"]
    graph = helper.make_graph([node], "g", ports[:1], ports[1:])
    imports = [helper.make_opsetid("com.stranger", 1)]
    data = helper.make_model(graph, opset_imports=imports).SerializeToString()
    (danger,) = anatomy_of(data, "m.onnx").dangers
    assert danger == "operations of 'com.stranger', which need code from elsewhere"


def test_a_crash_of_a_reader_is_one_line() -> None:
    with pytest.raises(IntegrityError, match="rose: its reader ended with SIGABRT; do not trust"):
        in_child(f"{CHILD}:crash", "rose")
    with pytest.raises(IntegrityError, match="rose: not read in 3 s"):
        in_child(f"{CHILD}:hang", "rose", seconds=3)
    with pytest.raises(IntegrityError, match=r"rose: its reader ended with .*MemoryError"):
        in_child(f"{CHILD}:devour", "rose")


@pytest.mark.parametrize("kind", ["keras", "onnx", "tflite"])
def test_mutations_neither_crash_nor_hang(kind: str, keras_bytes: bytes, tmp_path: Path) -> None:
    path = LOCALIZER / f"localizer_f32.{kind}"
    if kind == "keras":
        path = tmp_path / "m.keras"
        path.write_bytes(keras_bytes)
    arguments = kind, str(path), "10000"
    read = in_child(f"{CHILD}:survive", *arguments, megabytes=3000, seconds=250)
    assert 0 < read < 10_000


@pytest.mark.slow
@pytest.mark.timeout(2000)
@pytest.mark.parametrize("kind", ["keras", "onnx", "tflite"])
def test_mutations_do_no_harm_to_what_loads_them(
    kind: str, keras_bytes: bytes, tmp_path: Path
) -> None:
    """LiteRT itself dies of one damaged file in some thousands: stray files get their own process.

    There a crash is one line for people, and nothing else.
    """
    path = tmp_path / f"m.{kind}"
    path.write_bytes(
        keras_bytes
        if kind == "keras"
        else (SHIPPED / "spectral" / f"spectral_f32.{kind}").read_bytes()
    )
    first, loaded, crashes = 0, 0, 0
    while first < 10_000:
        arguments = kind, str(path), str(first), "10000"
        try:
            loaded += in_child(f"{CHILD}:survive_loading", *arguments, megabytes=8000, seconds=1900)
            break
        except IntegrityError as error:
            if not re.search(r"its reader ended with SIG(SEGV|ABRT|BUS|FPE)", str(error)):
                raise
            crashes += 1
            first = int(path.with_suffix(".at").read_text()) + 1
    assert crashes <= (5 if kind == "tflite" else 0)
    assert loaded < 10_000
