"""Which network and which vehicle a command localizes with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.bundle import find_bundle
from robot.noise import ConstantNoise, NoiseModel
from robot.noise_file import Sensor
from robot.pose import Options
from robot.profile import Profile, profile_of

NONE = "none"


@dataclass(frozen=True)
class Chosen:
    """What to localize with.

    Attributes:
        model: What sets the noise.
        profile: Of the vehicle that the network was trained for; None without a network.
        mark: What makes it the one that it is.
    """

    model: NoiseModel
    profile: Profile | None
    mark: str

    def options(self, options: Options) -> Options:
        """With what is known of the vehicle."""
        return options if self.profile is None else self.profile.options(options)


def choose(bundle: str, sensor: Sensor, *, given: bool, note: Callable[[str], None]) -> Chosen:
    """The network of a bundle, which belongs to a vehicle, or constants, which belong to none.

    Args:
        bundle: A shipped bundle's name, a folder, `none`, or empty for none.
        sensor: The constants.
        given: Whether the user gave them: then they go before the bundle's.
        note: Told what was chosen where that may surprise.

    Raises:
        InputError: There is no such bundle, or it does not do this.
    """
    if bundle in ("", NONE):
        if not bundle and not given:
            note("constant noise; a network trained for your vehicle: --bundle NAME")
        return Chosen(ConstantNoise(sensor.noise), None, repr(sensor.noise))
    from robot.adapter import NetworkNoise  # late: it loads a runtime

    opened = find_bundle(bundle)
    known = opened.manifest.profile
    profile = Profile() if known is None else profile_of(known, str(Path(opened.path)))
    noise = sensor.noise if given else profile.noise
    model = NetworkNoise(opened, noise=noise)
    return Chosen(model, profile, f"{model.artefact.sha256} {noise!r} {profile!r}")
