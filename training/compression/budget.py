"""What a choice of widths costs, and the widths that a budget allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from training.compression.graph import Group
from training.layers.macs import macs

Shares = NDArray[np.float64]  # [G], of each group's channels


class Cost:
    """MACs as a function of the share of channels that each group keeps.

    A layer's MACs go with the shares of the groups that it reads and makes; a layer that passes on
    a group's channels goes with that one alone.
    """

    def __init__(self, flat: keras.Model, groups: Sequence[Group]) -> None:
        counted = macs(flat)
        none = len(groups)  # of a share that is always 1
        reads = {group.consumer: i for i, group in enumerate(groups)}
        makes = {group.producer: i for i, group in enumerate(groups)}
        passes = {name: i for i, group in enumerate(groups) for name in group.between}
        names = list(counted.by_layer)
        self.channels = np.array([group.channels for group in groups])
        self.by_layer = np.array([counted.by_layer[name] for name in names])
        self.first = np.array([reads.get(name, passes.get(name, none)) for name in names])
        self.second = np.array([makes.get(name, none) for name in names])

    @property
    def full(self) -> float:
        """With all channels."""
        return float(self.by_layer.sum())

    def total(self, shares: Shares) -> float:
        """MACs at shares [G]."""
        return float(self._each(shares).sum())

    def of(self, widths: NDArray[np.int64]) -> float:
        """MACs at widths [G]."""
        return self.total(widths / self.channels)

    def elasticities(self, shares: Shares) -> Shares:
        """[G] relative change of the MACs for that of each share: what a share costs."""
        each = self._each(shares)
        parts = [each[self.first == g].sum() + each[self.second == g].sum() for g in self._groups]
        return np.asarray(np.array(parts) / each.sum())

    def scaled(self, shares: Shares, fraction: float) -> Shares:
        """Shares in the same ratio that cost a fraction of all; those beyond 1 stay there."""
        return np.minimum(self._scale(lambda s: s * shares, fraction, shares) * shares, 1.0)

    def _each(self, shares: Shares) -> Shares:
        padded = np.append(np.minimum(shares, 1.0), 1.0)
        return np.asarray(self.by_layer * padded[self.first] * padded[self.second])

    @property
    def _groups(self) -> range:
        return range(len(self.channels))

    def _scale(self, at: Callable[[float], Shares], fraction: float, shares: Shares) -> float:
        """The largest scale, up to where all shares are 1, that costs at most a fraction."""
        low, high = 0.0, float(1 / shares.min())
        if self.total(at(high)) <= fraction * self.full:
            return high
        for _ in range(30):
            middle = (low + high) / 2
            fits = self.total(at(middle)) <= fraction * self.full
            low, high = (middle, high) if fits else (low, middle)
        return low

    def within(self, shares: Shares, fraction: float, multiple: int) -> NDArray[np.int64]:
        """The largest widths in the ratio of shares that cost at most a fraction of all.

        Args:
            shares: [G]; those that would grow beyond 1 stay there.
            fraction: Of the MACs with all channels.
            multiple: Widths are multiples of it, as kernels like them, but for those that are full.

        Raises:
            InputError: Not even the least widths are so cheap.
        """

        def widths(scale: float) -> NDArray[np.int64]:
            wanted = np.minimum(scale * shares, 1.0) * self.channels
            steps = np.maximum(np.floor(wanted / multiple + 0.5), 1) * multiple
            return np.minimum(steps.astype(np.int64), self.channels)

        if self.of(widths(0.0)) > fraction * self.full:
            least = self.of(widths(0.0)) / self.full
            raise InputError(f"MACs {fraction:g} of all: at least {least:.3f} are needed")
        return widths(self._scale(lambda s: widths(s) / self.channels, fraction, shares))
