"""Fixtures that several packages' tests share; the dear ones are made once a session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests.drawing import SPECIES, draw_data_set

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# No test judges a time, hypothesis included: machines that test are busy. And a commit has one
# verdict: the examples are the same in every run, other ones are a search of its own.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("house")

MOST_WORKERS = 4  # each takes about a gigabyte


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for browsers and processes a third of the time."""
    return min(1 + (os.cpu_count() or 1), MOST_WORKERS)


@pytest.fixture(scope="session")
def bombus_data() -> Path:
    """The folder of real data; tests that need it skip where it is not."""
    folder = os.environ.get("BOMBUS_DATA", "")
    if not folder:
        pytest.skip("BOMBUS_DATA is not set: no real data here")
    return Path(folder)


@pytest.fixture(scope="session")
def drawn_flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ (24 a species), val/ (10) and test/ (10) of four species that we drew, 64 pixels."""
    root = tmp_path_factory.mktemp("drawn-flowers")
    return draw_data_set(root, {"train": 24, "val": 10, "test": 10})


@pytest.fixture(scope="session")
def tiny_classifier(drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained `.keras` classifier of the drawn flowers, `labels.txt` beside it."""
    import keras

    from models.photos import scan_class_folders
    from models.preprocess import load_photo

    photos = scan_class_folders(drawn_flowers / "train")
    x = np.stack([load_photo(path, 64) for path in photos.paths]).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3), name="image"),
            keras.layers.Rescaling(1 / 127.5, -1.0),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(len(SPECIES), name="head"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    model.fit(x, photos.targets, epochs=30, batch_size=16, verbose=0)
    folder = tmp_path_factory.mktemp("tiny-classifier")
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in photos.labels))
    return folder / "model.keras"


@pytest.fixture(scope="session")
def tiny_bundle(
    tiny_classifier: Path, drawn_flowers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny classifier as a bundle with every artefact; read it, copy it, do not change it."""
    from bombus import run

    out = tmp_path_factory.mktemp("bundles") / "tiny"
    code = run(
        [
            *("export", "convert", str(tiny_classifier), "--out", str(out), "--rounds", "0"),
            *("--calibrate", str(drawn_flowers / "train")),
            *("--validate", str(drawn_flowers / "val")),
        ]
    )
    assert code == 0
    return out


@pytest.fixture
def bombus(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run one `bombus` command line in this process: (exit code, output, error output)."""
    from bombus import run

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
