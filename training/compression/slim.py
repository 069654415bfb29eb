"""Surgery: the narrower model that is left when channels are dropped.

A channel that is constant where it is consumed, at c, adds c times its kernel to the output: that
goes into the consumer's bias, or into the mean of the batch normalisation after it, and the channel
can go. The answers are then the same, to rounding; with "same" padding and a kernel beyond 1x1 only
if c = 0, since the border is padded by zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from training.compression.graph import Group, rebuild, renew

Array = NDArray[Any]


@dataclass(frozen=True)
class Cut:
    """What is left of a group.

    Attributes:
        group: Whose channels.
        kept: [k] indices, in the order they shall have.
        kernel: The consumer's [..., k, outputs].
        shift: [outputs], added to what the consumer gives.
    """

    group: Group
    kept: NDArray[np.int64]
    kernel: Array
    shift: Array


def plain_cut(flat: keras.Model, group: Group, kept: NDArray[np.int64], means: Array) -> Cut:
    """Drop channels as if they were constant where they are consumed.

    Args:
        flat: The model that the group is of.
        group: Its channels.
        kept: [k] indices of those that stay.
        means: [C] what to take each for that goes.
    """
    kernel = np.asarray(flat.get_layer(group.consumer).kernel)
    gone = np.setdiff1d(np.arange(group.channels), kept)
    through = np.tensordot(means[gone], kernel[..., gone, :], ([0], [kernel.ndim - 2]))
    shift = through.reshape(-1, kernel.shape[-1]).sum(axis=0)
    return Cut(group, kept, kernel[..., kept, :], shift)


def slim(flat: keras.Model, cuts: Sequence[Cut]) -> keras.Model:
    """The model that is left; layers keep their names.

    Args:
        flat: From `flatten`.
        cuts: At most one of each of its groups.
    """
    made_by = {cut.group.producer: cut for cut in cuts}
    passed_by = {name: cut for cut in cuts for name in cut.group.between}
    read_by = {cut.group.consumer: cut for cut in cuts}
    absorbs = _normalisations(flat, read_by)

    def make(layer: Any) -> list[Any]:
        changes: dict[str, Any] = {}
        if layer.name in made_by:
            kept = len(made_by[layer.name].kept)
            changes["units" if isinstance(layer, layers.Dense) else "filters"] = kept
        if layer.name in read_by and read_by[layer.name].shift.any():
            changes["use_bias"] = layer.use_bias or layer.name not in absorbs
        return [renew(layer, **changes)]

    built, pairs = rebuild(flat, make)
    for old, (new,) in pairs:
        arrays = {w.name: np.asarray(w) for w in old.weights}
        if old.name in read_by:
            cut = read_by[old.name]
            arrays["kernel"] = cut.kernel
            if new.weights and new.use_bias:
                arrays["bias"] = arrays.get("bias", 0) + cut.shift
        for name, reader in absorbs.items():
            if old.name == reader:
                arrays["moving_mean"] = arrays["moving_mean"] - read_by[name].shift
        if old.name in made_by:
            arrays = {key: a[..., made_by[old.name].kept] for key, a in arrays.items()}
        if old.name in passed_by:
            kept_of = passed_by[old.name].kept
            arrays = {
                key: a[:, :, kept_of] if a.ndim == 4 else a[kept_of] for key, a in arrays.items()
            }
        new.set_weights([arrays[w.name] for w in new.weights])
    return built


def _normalisations(flat: keras.Model, readers: dict[str, Cut]) -> dict[str, str]:
    """The batch normalisation right behind each consumer that has one and no bias."""
    found = {}
    for layer in flat.layers:
        if isinstance(layer, layers.BatchNormalization):
            before = layer.input._keras_history.operation
            if before.name in readers and not before.use_bias:
                found[before.name] = layer.name
    return found
