"""The numbers of a `robot.profile.Profile`, to be learned with the network through the filter."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from robot.profile import CLIMB, Deviations, Profile
from robot.state import Noise
from training.inertial.filter import densities
from training.inertial.lie import Tensor, turn

# A constant has one weight, felt at every sample: it may move faster than those of a network.
_PACE = 10.0
# A move by 1 is this much; of the others, which are positive, a factor of e.
_MOUNT, _LEVER, _ACCEL_BIAS, _DRIFT = 3e-3, 0.3, 1e-2, 3e-3
_DEVIATIONS = ("tilt", "velocity", "gyro_bias", "accel_bias", "mount", "lever")


@keras.saving.register_keras_serializable(package="bombus")
class Constants(keras.layers.Layer):  # type: ignore[misc]
    """A profile whose numbers are weights, 0 where they are the first profile's."""

    def __init__(self, first: Profile, **options: Any) -> None:
        super().__init__(**options)
        self.first = first
        self.build(())

    def build(self, shape: Any) -> None:
        """Make the weights."""
        sizes = {
            "mount": 3,
            "lever": 3,
            "accel_bias": 3,
            "deviations": len(_DEVIATIONS),
            "densities": 6,
            "slip": 2,
            "drift": 1,
        }
        self.parts = {
            name: self.add_weight(name=name, shape=(size,), initializer="zeros")
            for name, size in sizes.items()
        }
        self.built = True

    def _value(self, name: str, first: Any, scale: float | None = None) -> Tensor:
        weight = _PACE * self.parts[name]
        first = ops.convert_to_tensor(np.asarray(first), weight.dtype)
        return first * ops.exp(weight) if scale is None else first + scale * weight

    def noise(self) -> tuple[Tensor, Tensor]:
        """Densities [6], and the variances of slip [2] by which the network's are multiplied."""
        noise = self.first.noise
        return self._value("densities", densities(noise)), self._value("slip", noise.slip)

    def drift(self) -> Tensor:
        """Of the body in curves, s^2/m."""
        return self._value("drift", (self.first.drift,), _DRIFT)[0]

    def start(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """First states [B, 33] and covariances [B, 21, 21].

        Args:
            poses: [B, 15] true rotation by rows, velocity and position.
        """
        first, kind, batch = self.first, poses.dtype, poses.shape[0]
        mount, _ = turn(self._value("mount", first.mount, _MOUNT)[None])
        rest = (
            ops.zeros((3,), kind),
            self._value("accel_bias", first.accel_bias, _ACCEL_BIAS),
            ops.reshape(mount, (9,)),
            self._value("lever", first.lever, _LEVER),
        )
        rest = ops.broadcast_to(ops.concatenate(rest)[None], (batch, 18))
        given = [getattr(first.deviations, name) for name in _DEVIATIONS]
        d = ops.square(self._value("deviations", given))
        zero = ops.zeros_like(d[:1])
        diagonal = (d[0], d[0], zero[0], d[1], d[1], CLIMB**2 * d[1], *[zero[0]] * 3)
        biases = ops.repeat(d[2:], 3)
        p0 = ops.concatenate((ops.stack(diagonal), biases))[:, None] * ops.eye(21, dtype=kind)
        return ops.concatenate((poses, rest), -1), ops.broadcast_to(p0[None], (batch, 21, 21))

    def profile(self) -> Profile:
        """What has been learned; tone and echo are the first profile's."""
        rates, slip = (_numbers(values) for values in self.noise())
        gyro, accel, gyro_bias, accel_bias, mount, lever = rates
        given = [getattr(self.first.deviations, name) for name in _DEVIATIONS]
        return Profile(
            noise=Noise(gyro, accel, gyro_bias, accel_bias, mount, lever, (slip[0], slip[1])),
            deviations=Deviations(*_numbers(self._value("deviations", given))),
            mount=_vector(self._value("mount", self.first.mount, _MOUNT)),
            lever=_vector(self._value("lever", self.first.lever, _LEVER)),
            accel_bias=_vector(self._value("accel_bias", self.first.accel_bias, _ACCEL_BIAS)),
            drift=float(ops.convert_to_numpy(self.drift())),
            tone=self.first.tone,
            echo=self.first.echo,
        )

    def get_config(self) -> dict[str, Any]:
        """For Keras; a profile is kept beside the weights, not in them."""
        raise NotImplementedError("constants are saved as a profile, with `profile()`")


def _numbers(values: Tensor) -> list[float]:
    return [float(x) for x in ops.convert_to_numpy(values)]


def _vector(values: Tensor) -> tuple[float, float, float]:
    x, y, z = _numbers(values)
    return x, y, z
