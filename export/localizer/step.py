"""The whole localizer as a stream: network and filter in one graph, for stock runtimes.

One call takes an IMU sample and gives the pose at it. It is `training.inertial.filter.step` of one
drive, with these differences, none of which changes the way:

- The filter is exactly indifferent to where the origin is, but its covariance is not small far
  from it, and single precision would not bear that. So the origin is moved to the IMU after each
  step, by an exact linear map of the covariance; the place is summed up beside the filter, with
  what rounding leaves out carried along (Kahan 1965).
- A covariance of zeros, with which states begin, is a beginning: the profile's takes its place, and
  its mount, lever and accelerometer bias. The rotation may then be given; one of zeros is levelled
  by the first sample, heading 0. Velocity, gyro bias and position may be given too. That call
  gives the start back; its dt does not count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from export.localizer.adapter_step import SAMPLE, network_states, said_tensor
from export.localizer.stream import NEXT, Stream, Values, state_tensors
from models.contract import Tensor as Description
from robot.lie import Array
from robot.profile import Profile
from training.inertial import filter as invariant
from training.inertial.lie import Tensor, apply, product, skew, transpose
from training.inertial.networks import Network

DT = Description(
    name="dt",
    shape=(1, 1),
    dtype="float32",
    meaning="time since the sample before, positive; at the first, anything",
    units="s",
)
STATES = {  # in the order of a packed state, but for the last two
    "rotation": ((3, 3), "from the IMU's axes to the world's: east, north, up", ""),
    "velocity": ((3,), "of the IMU in the world", "m/s"),
    "position": ((3,), "of the IMU in the world", "m"),
    "gyro_bias": ((3,), "what the gyro shows at no rotation", "rad/s"),
    "accel_bias": ((3,), "what the accelerometer shows too much", "m/s^2"),
    "mount": ((3, 3), "from the body's axes to the IMU's", ""),
    "lever": ((3,), "the IMU's place as seen from the point that does not slip", "m"),
    "position_rest": ((3,), "what rounding left out of position", "m"),
    "covariance": (
        (21, 21),
        "of the right-invariant error (robot/state.py), as seen from the IMU's place",
        "",
    ),
}
LEVELLED = 0.03  # rad, deviation of roll and pitch that the first sample tells, of an IMU at rest
_SHORTEST = 1e-6  # s; two samples of one time do not make a NaN


def localizer_step(network: Network, profile: Profile) -> Stream:
    """Network and filter in the network's precision.

    Without `still`, `slip_gate`, `tone` and `echo`, this is what a `robot.localizer.Localizer`
    does that asks the network at each sample.

    Args:
        network: Of the head `slip` alone.
        profile: The constants.
    """
    kind = network.compute_dtype
    first, spread = profile.start(np.eye(3), np.zeros(3))
    start = {name: getattr(first, name)[None] for name in ("accel_bias", "mount", "lever")}
    start["covariance"] = spread.matrix[None]
    variances = np.square(invariant.densities(profile.noise))[None]
    memory, remembered = network_states(network)
    states, fed = state_tensors(
        {name: (1, *shape) for name, (shape, _, _) in STATES.items()},
        {name: meaning for name, (_, meaning, _) in STATES.items()},
    )
    states = tuple(t.model_copy(update={"units": STATES[t.name][2]}) for t in states)
    fed = tuple(t.model_copy(update={"units": STATES[str(t.feeds)][2]}) for t in fed)

    def step(values: Values) -> dict[str, Any]:
        sample = values["sample"]
        said, after = network.step(sample, {t.name: values[t.name] for t in memory})
        x, p, begun = _begin(values, start)
        y, q = invariant.step(
            x,
            p,
            sample,
            ops.maximum(values["dt"][:, 0], _SHORTEST),
            variances=ops.convert_to_tensor(variances, kind),
            slip=said["slip"],
            drift=ops.convert_to_tensor(profile.drift, kind) if profile.drift else None,
        )
        moved = y[:, 12:15]
        q = _seen_from(moved, q)
        y, q = ops.where(begun, y, x), ops.where(begun[..., None], q, p)
        position, rest = values["position"], values["position_rest"]
        move = ops.where(begun, moved, ops.zeros_like(moved)) - rest
        place = position + move
        after |= _parts(y) | {
            "position": place,
            "position_rest": (place - position) - move,
            "covariance": q,
        }
        return {"slip": said["slip"]} | {NEXT + name: value for name, value in after.items()}

    return Stream(
        network,
        step,
        (SAMPLE, DT, *states, *memory),
        (said_tensor("slip", 2), *fed, *remembered),
        kind,
    )


def _begin(values: Values, start: dict[str, Array]) -> tuple[Tensor, Tensor, Tensor]:
    """Packed state [1, 33] at the origin, covariance, and whether [1, 1] they are no beginning."""
    begun = values["covariance"][:, 0, :1] > 0
    wide = begun[..., None]
    kind = values["sample"].dtype
    levelled = ops.sum(ops.square(values["rotation"]), (-2, -1), keepdims=True) < 0.5
    of = {
        name: ops.where(
            begun if value.ndim == 2 else wide, values[name], ops.convert_to_tensor(value, kind)
        )
        for name, value in start.items()
    }
    rotation = ops.where(levelled, _level(values["sample"][:, 3:]), values["rotation"])
    tilt = np.diag([LEVELLED**2] * 2 + [0.0] * 19)[None]
    spread = of["covariance"] + ops.where(levelled, ops.convert_to_tensor(tilt, kind), 0.0)
    parts = (
        ops.reshape(rotation, (1, 9)),
        values["velocity"],
        ops.zeros_like(values["velocity"]),
        values["gyro_bias"],
        of["accel_bias"],
        ops.reshape(of["mount"], (1, 9)),
        of["lever"],
    )
    return ops.concatenate(parts, -1), spread, begun


def _level(force: Tensor) -> Tensor:
    """The rotation [1, 3, 3] that lifts the specific force [1, 3] of an IMU at rest to the zenith.

    Its rows are the world's axes as the IMU sees them; its x axis looks east.
    """
    up = _unit(force)
    east = _unit(ops.convert_to_tensor(((1.0, 0.0, 0.0),), up.dtype) - up[:, :1] * up)
    return ops.stack((east, apply(skew(up), east), up), 1)


def _unit(vector: Tensor) -> Tensor:
    length = ops.sqrt(ops.sum(ops.square(vector), -1, keepdims=True))
    return vector / ops.maximum(length, 1e-6)


def _seen_from(place: Tensor, p: Tensor) -> Tensor:
    """The covariance [1, 21, 21] once the origin is moved to a place [1, 3].

    The error of the position there is e_p - place^ e_rot, as `robot.state.Covariance.world` has it.
    """
    hat = skew(place)
    rows = p[:, 6:9] - product(hat, p[:, :3])
    p = ops.concatenate((p[:, :6], rows, p[:, 9:]), 1)
    columns = p[:, :, 6:9] - product(p[:, :, :3], transpose(hat))
    return ops.concatenate((p[:, :, :6], columns, p[:, :, 9:]), 2)


def _parts(x: Tensor) -> dict[str, Tensor]:
    """The states in a packed one, by name; its position is none of them."""
    ends = np.cumsum([int(np.prod(shape)) for shape, _, _ in STATES.values()]).tolist()
    begins = [0, *ends]
    return {
        name: ops.reshape(x[:, begin:end], (1, *shape))
        for (name, (shape, _, _)), begin, end in zip(STATES.items(), begins, ends, strict=False)
        if end <= x.shape[-1] and name != "position"
    }
