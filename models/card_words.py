"""What a model card says of a task: what a model of it is for, and where it must not be trusted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Of one task; each a sentence or more.

    Attributes:
        uses: What it is made for.
        others: What it must not be used for.
        limits: What holds of every model of this task.
    """

    uses: str
    others: str
    limits: tuple[str, ...]


_DRIFT = (
    "It belongs to the kind of vehicle, and to the IMU and its mounting, that it learned from; on "
    "another vehicle, constants may do better until it has learned from that one's drives.",
    "Nothing but an IMU comes in, so the error of the position grows with the way, without end.",
)
_SAFETY = (
    "Steering or stopping a vehicle by it alone, or whatever else people's safety hangs on: it is "
    "one source of odometry among others."
)

TASKS = {
    "image-classification": Words(
        "Naming which of its labels a photo shows, on a phone or a robot, without a network.",
        "Whatever a wrong name can do harm by, such as whether a plant may be eaten or touched; "
        "and photos of people.",
        (
            "It sees one centred square of the photo, scaled to the size of its input, and gives "
            "one answer: of several things in a photo it names one.",
            "Photos unlike those that it learned from (another season, camera, distance or part of "
            "the world) may be recognised less often than the metrics say.",
        ),
    ),
    "imu-noise-adaptation": Words(
        "Telling the filter of `bombus robot` how far to trust its assumptions on a vehicle's "
        "motion, from the last seconds of an IMU.",
        _SAFETY,
        _DRIFT,
    ),
    "imu-localization": Words(
        "Following a vehicle's pose from nothing but an IMU, sample by sample.", _SAFETY, _DRIFT
    ),
    "spectral-classification": Words(
        "Telling its labels apart in pixels or samples of its bands, such as for a map.",
        "Decisions on a single field or person without a look at the place; other sensors or "
        "bands than its own.",
        (
            "Values must be proportional to the light, with the sensor's offset taken off; else "
            "the answer changes with the light.",
            "It knows the region, season and sensor of the samples that it learned from, and "
            "always answers with one of its labels, whatever lies on the ground.",
        ),
    ),
}

UNKNOWN = Words(
    "Not stated: the maker of the model knows.",
    "Whatever its maker has not tried.",
    ("What it takes and gives, and how its files agree, is all that the manifest says.",),
)
