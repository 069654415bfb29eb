"""Bias correction: what rounding the weights adds to a layer's mean output is taken off its bias.

With weights W rounded to W + e, the output is off by e * x, of which the mean over the inputs,
e * E[x], is known from a few of them (Nagel et al., ICCV 2019, arXiv 1906.04721, section 4.2 and
appendix D, the empirical one). The mean is that of each place, so that padding is counted right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from export.tuning.linear import Kernel, Linear, folded, functionals, nodes

BATCH = 32
LEVELS = 127  # of a sign


def correct_biases(model: keras.Model, samples: Any) -> int:
    """Correct the biases in place; batch normalisation is folded.

    Args:
        model: Functional or Sequential.
        samples: [N, ...] of its input, or a list of these, one per input.

    Returns:
        How many layers were corrected.
    """
    graphs = zip(functionals(model), list(folded(model)), strict=True)
    layers = {id(graph): found for graph, found in graphs}
    means = _mean_inputs(model, samples, layers)
    corrected = 0
    for linear, mean in means:
        if linear.bias is None:
            continue
        shift = linear.apply(mean[None], rounded(linear) - linear.kernel)
        linear.bias = linear.bias - shift.reshape(-1, shift.shape[-1]).mean(axis=0)
        corrected += 1
    return corrected


def rounded(linear: Linear) -> Kernel:
    """The kernel as both converters store it: 8 bits, symmetric, a scale per output channel."""
    kernel = linear.kernel
    axes = (0, 1) if linear.depthwise else tuple(range(kernel.ndim - 1))
    scale = np.maximum(np.abs(kernel).max(axis=axes, keepdims=True), 1e-12) / LEVELS
    return np.asarray(np.round(kernel / scale) * scale, np.float32)


def _mean_inputs(
    model: Any, samples: Any, layers: dict[int, list[Linear]]
) -> list[tuple[Linear, NDArray[np.float32]]]:
    """What each linear layer reads, the mean over the samples, models inside models included."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    wanted = layers[id(graph)]
    calls = Counter(id(node.operation) for node in nodes(graph))
    inner = [  # a model called twice reads two things, of which neither is its mean
        node
        for node in nodes(graph)
        if isinstance(node.operation, keras.Model) and calls[id(node.operation)] == 1
    ]
    tensors = [linear.read for linear in wanted]
    tensors += [tensor for node in inner for tensor in node.input_tensors]
    if not tensors:
        return []
    probe = keras.Model(graph.inputs, tensors)
    sums, passed, count = [0.0] * len(wanted), list[list[Any]](), 0
    for batch in _batches(samples):
        answers = [np.asarray(a) for a in keras.tree.flatten(probe(batch, training=False))]
        count += len(answers[0])
        sums = [s + a.sum(axis=0) for s, a in zip(sums, answers, strict=False)]
        passed.append(answers[len(wanted) :])
    found = [(linear, np.asarray(s) / count) for linear, s in zip(wanted, sums, strict=True)]
    given = [np.concatenate(parts) for parts in zip(*passed, strict=True)]
    for node in inner:
        mine = [given.pop(0) for _ in node.input_tensors]
        found += _mean_inputs(node.operation, mine, layers)
    return found


def _batches(samples: Any) -> Iterator[list[Any]]:
    arrays = samples if isinstance(samples, list) else [samples]
    for start in range(0, len(arrays[0]), BATCH):
        yield [array[start : start + BATCH] for array in arrays]
