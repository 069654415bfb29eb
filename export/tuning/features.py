"""What a network's last layer reads: the rows whose leverage says which inputs are telling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from export.conversion.quantize import Feeds, fed
from export.conversion.served import Served

BATCH = 32


def features(served: Served, feeds: Feeds) -> NDArray[np.float32]:
    """[N, F] what the layer behind the first output reads, flattened.

    Args:
        served: Of a functional Keras model.
        feeds: [N, ...] per input.
    """
    names = [spec.name for spec in served.signature]
    count = len(feeds[names[0]])
    parts = []
    for start in range(0, count, BATCH):
        given = [fed(feeds[name][start : start + BATCH]) for name in names]
        parts.append(np.asarray(_read(served.model, given)))
    rows: NDArray[np.float32] = np.concatenate(parts).reshape(count, -1)
    return rows


def _read(model: Any, given: list[Any]) -> Any:
    """What the layer reads that makes a model's first output, models inside models included."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    history = keras.tree.flatten(graph.outputs)[0]._keras_history
    sources = history.operation._inbound_nodes[history.node_index].input_tensors
    places = {id(tensor): place for place, tensor in enumerate(graph.inputs)}
    inner = [tensor for tensor in sources if id(tensor) not in places]
    made = {}
    if inner:
        answers = keras.tree.flatten(keras.Model(graph.inputs, inner)(given, training=False))
        made = {id(tensor): answer for tensor, answer in zip(inner, answers, strict=True)}
    read = [made[id(t)] if id(t) in made else given[places[id(t)]] for t in sources]
    return _read(history.operation, read) if isinstance(history.operation, keras.Model) else read[0]
