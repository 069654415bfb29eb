"""The network of a localizer as a stream: one IMU sample in, what it says of the noise out."""

from __future__ import annotations

from typing import Any

from keras import ops

from export.localizer.stream import NEXT, Stream, Values, state_tensors
from models.contract import Tensor
from training.inertial.networks import Network

SAMPLE = Tensor(
    name="sample",
    shape=(1, 6),
    dtype="float32",
    meaning="gyro x y z, then accelerometer x y z; x forward, y left, z up",
    axes=("batch", "axis"),
    units="rad/s, m/s^2",
)
_SAID = {
    "slip": ("variances of the body's lateral and vertical velocity", "m^2/s^2"),
    "still": ("probability of standing still", ""),
    "speed": ("forward speed and its variance", "m/s, m^2/s^2"),
    "process": ("factors on the variances of gyro and accelerometer noise", ""),
}


def said_tensor(name: str, width: int) -> Tensor:
    """The description of an output that is no state."""
    meaning, units = _SAID.get(name, ("spikes", ""))
    return Tensor(name=name, shape=(1, width), dtype="float32", meaning=meaning, units=units)


def network_states(network: Network) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The network's states, as inputs and as outputs."""
    shapes = {name: tuple(map(int, value.shape)) for name, value in network.start().items()}
    return state_tensors(shapes, {name: name.replace("_", " ") for name in shapes})


def adapter_step(network: Network) -> Stream:
    """The network's step in the network's precision, as `robot.adapter` calls it."""
    states, fed = network_states(network)

    def step(values: Values) -> dict[str, Any]:
        said, after = network.step(values["sample"], {t.name: values[t.name] for t in states})
        return said | {NEXT + name: value for name, value in after.items()}

    # Once, to see what it says.
    said, _ = network.step(ops.zeros(SAMPLE.shape, network.compute_dtype), network.start())
    tensors = tuple(said_tensor(name, int(value.shape[-1])) for name, value in said.items())
    return Stream(network, step, (SAMPLE, *states), (*tensors, *fed), network.compute_dtype)
