"""A run of `bombus train spectral`, and the manifest of the bundle that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.assemble import utc_now
from export.load import load_safely
from export.spectral.graph import BANDS, INDICES, LOGITS, SpectralGraph
from models.contract import Channel, Contract, SpectralPreprocess, labels_sha256
from models.errors import InputError, first_fault
from models.files import read_record
from models.schema import Finite, Positive
from training.spectral.readers import read_arrays
from training.spectral.train import CONTRACT, LEARNED, MODEL, RECIPE, TEST

_TOLD = ("recipe", "data", "data_sha256", "packages", "commit")  # of recipe.json


class Sensed(BaseModel):
    """What training says of a network's inputs and outputs; see `models.contract`."""

    model_config = ConfigDict(frozen=True)

    bands: Annotated[tuple[Channel, ...], Field(min_length=2)]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    unit: str
    scale: Positive
    offset: Finite


@dataclass(frozen=True)
class Rows:
    """Labelled samples as the network takes them.

    Attributes:
        values: [N, n].
        targets: [N] classes by number.
    """

    values: NDArray[np.float32]
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """What `training.spectral.train` made.

    Attributes:
        model: From bands [N, n] to logits.
        keras: The bytes of its file.
        sensed: Its bands and classes.
        learned: What it learned from.
        test: What it never saw.
        training: What `recipe.json` tells of it.
    """

    model: keras.Model
    keras: bytes
    sensed: Sensed
    learned: Rows
    test: Rows
    training: dict[str, Any]


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: It is not one that ended, or its parts do not fit together.
    """
    model, data = load_safely(folder / MODEL)
    try:
        sensed = Sensed.model_validate(read_record(folder / CONTRACT, remedy="train anew"))
    except ValidationError as error:
        raise InputError(f"{folder / CONTRACT}: {first_fault(error, 'table')}") from error
    learned, test = (_read_rows(folder / file, sensed) for file in (LEARNED, TEST))
    told = read_record(folder / RECIPE, remedy="train anew")
    return Run(model, data, sensed, learned, test, {k: told[k] for k in _TOLD if k in told})


def _read_rows(path: Path, sensed: Sensed) -> Rows:
    arrays = read_arrays(path)
    if not {"X", "y"} <= arrays.keys():
        raise InputError(f"{path}: it must hold X and y, not {', '.join(arrays)}; train anew")
    values, targets = arrays["X"].astype(np.float32), arrays["y"].astype(np.int64)
    wanted = (len(targets), len(sensed.bands))
    if values.shape != wanted or len(targets) == 0 or not np.isfinite(values).all():
        raise InputError(f"{path}: X {values.shape} is not {wanted} numbers; train anew")
    if targets.min() < 0 or targets.max() >= len(sensed.classes):
        raise InputError(f"{path}: y is not a number of one of the {len(sensed.classes)} classes")
    return Rows(values, targets)


def contract_of(
    run: Run, graph: SpectralGraph, *, name: str, version: str, license_id: str
) -> Contract:
    """What all artefacts share.

    Raises:
        InputError: It cannot be a contract: a name is missing or stands twice.
    """
    sensed, count = run.sensed, len(run.sensed.classes)
    inputs: dict[str, Any] = {
        "name": BANDS,
        "shape": (1, len(sensed.bands)),
        "dtype": "float32",
        "meaning": "values of a sensor's bands, 0 or more",
        "axes": ("row", "band"),
        "channels": sensed.bands,
        "units": sensed.unit,
    }
    logits = {"name": LOGITS, "shape": (1, count), "meaning": LOGITS, "axes": ("row", "class")}
    indices = {
        "name": INDICES,
        "shape": (1, len(graph.indices)),
        "meaning": "normalized differences",
        "axes": ("row", "index"),
        "channels": graph.indices,
        "range": (-1, 1),
    }
    outputs = [logits, indices] if graph.indices else [logits]
    try:
        return Contract.model_validate(
            {
                "schema": "bombus/bundle@1",
                "name": name,
                "version": version,
                "task": "spectral-classification",
                "license": license_id,
                "created": utc_now(),
                "labels": sensed.classes,
                "labels_sha256": labels_sha256(sensed.classes),
                "inputs": [inputs],
                "outputs": [{"dtype": "float32"} | output for output in outputs],
                "preprocess": SpectralPreprocess(
                    kind="spectral", scale=sensed.scale, offset=sensed.offset
                ),
            }
        )
    except ValidationError as error:
        raise InputError(f"contract: {first_fault(error, 'contract')}") from error
