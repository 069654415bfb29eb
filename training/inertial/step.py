"""A network's step as one function of named tensors with one state: what a robot calls fastest.

A runtime takes longer to hand over a small tensor than to add up a layer, so all parts of the
state travel as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from keras import ops

from training.inertial.networks import Network
from training.layers.recurrence import State, Tensor

Tensors = dict[str, Tensor]


def state_size(network: Network) -> int:
    """Numbers in the packed state; 0 for a network without a memory."""
    return sum(math.prod(value.shape) for value in network.start().values())


def pack(network: Network, state: State) -> Tensor:
    """The parts of a state, [B, ...] each, as one [B, N], in the order of `network.start`."""
    parts = [state[name] for name in network.start()]
    return ops.concatenate([ops.reshape(part, (part.shape[0], -1)) for part in parts], axis=1)


def unpack(network: Network, packed: Tensor) -> State:
    """The parts of a packed state [B, N]."""
    parts, first = {}, 0
    for name, like in network.start().items():
        size = math.prod(like.shape)
        part = packed[:, first : first + size]
        parts[name] = ops.reshape(part, (packed.shape[0], *like.shape[1:]))
        first += size
    return parts


def packed_step(network: Network) -> Callable[[Tensors], Tensors]:
    """The function that is exported.

    Returns:
        Takes `sample` [B, 6] and, of a network with a memory, `state` [B, N], zeros at first.
        Gives the outputs of `networks`, and `next_state`.
    """

    def step(tensors: Tensors) -> Tensors:
        state = unpack(network, tensors["state"]) if "state" in tensors else {}
        outputs, state = network.step(tensors["sample"], state)
        return outputs | ({"next_state": pack(network, state)} if state else {})

    return step
