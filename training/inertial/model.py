"""What is trained: a network and a vehicle's constants, judged by where the filter ends up."""

from __future__ import annotations

from typing import Any

import keras

from robot.profile import Profile
from training.inertial.constants import Constants
from training.inertial.filter import poses, run
from training.inertial.lie import Tensor
from training.inertial.losses import Pairs, displacements, mean
from training.inertial.networks import Network
from training.inertial.windows import POSE_EVERY


class Localization(keras.Model):  # type: ignore[misc]
    """From windows of samples to the poses that the filter makes of them."""

    def __init__(self, network: Network, first: Profile, **options: Any) -> None:
        """Put the network, whose `base` should be (1, 1), in front of the filter.

        Args:
            network: Its `slip` multiplies the profile's.
            first: Where the constants start from.
            options: Keras's.
        """
        super().__init__(dtype="float64", **options)
        self.network, self.constants = network, Constants(first, dtype="float64")
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> tuple[Tensor, Tensor]:
        """A batch of `windows.Batch` to positions [B, N, 3] and rotations [B, N, 3, 3] at 10 Hz."""
        x0, p0 = self.constants.start(inputs["starts"])
        densities, slip = self.constants.noise()
        outputs, _ = self.network.run(inputs["samples"], training=training)
        states = run(
            inputs["samples"],
            inputs["dt"],
            x0,
            p0,
            outputs["slip"] * slip,
            noise=densities,
            speed=inputs["speeds"],
            drift=self.constants.drift(),
        ).states
        return poses(x0, states, POSE_EVERY)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, *unused: Any, **more: Any
    ) -> Tensor:
        """Mean relative error of the stretches, as the metric counts it; a fraction."""
        del x, unused, more
        pairs = Pairs(**y)
        positions, rotations = y_pred
        return mean(displacements(positions, rotations, pairs), pairs)
