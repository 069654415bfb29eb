"""The results page of the RC car: each long run, by what the other long runs taught."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.errors import InputError
from models.files import write_text
from models.progress import track
from robot.lie import Array
from robot.pose import OPTIONS
from robot.state import Noise
from training.inertial import rccar
from training.inertial.rccar import LONG, Run
from training.inertial.rccar_figure import draw_ways
from training.inertial.rccar_learn import Car, Lesson, learn, lesson, locate, plain_way

PAGE, PICTURE = "rccar.md", "rccar.png"
IMUS = (1, 2)
# Final horizontal error of the path, %, of an InEKF with constants not tuned for the car, measured
# with another program: slip variances (0.05, 0.2), gyro bias and forward axis from the truth of the
# scored run itself, start at 0.3 m/s with RTK's heading. By run, IMUs 1 and 2.
UNTUNED = {
    **{"h": (10.9, 5.4), "i": (19.4, 27.8), "j": (13.3, 25.9)},
    **{"k": (26.3, 32.4), "l": (3.6, 18.3), "m": (12.8, 20.8)},
}


def rougher(car: Car, factor: float) -> Car:
    """The car with all noise of rates, forces and slip larger by a factor."""
    known = car.profile.noise
    lateral, vertical = known.slip
    noise: Noise = replace(known.rougher(factor), slip=(lateral * factor**2, vertical * factor**2))
    return replace(car, profile=replace(car.profile, noise=noise))


OURS = "as above"
VARIANTS: Mapping[str, Callable[[Car], Car]] = {
    OURS: lambda car: car,
    "half the noise": lambda car: rougher(car, 0.5),
    "twice the noise": lambda car: rougher(car, 2.0),
    "biases of the gyro's axes independent": lambda car: replace(
        car, together=np.diag(np.diag(car.together))
    ),
    "start fitted again, as for an unknown IMU": lambda car: replace(
        car, options=replace(car.options, restart=OPTIONS.restart)
    ),
}


@dataclass(frozen=True)
class Score:
    """A run and IMU that the car did not learn from; errors are final, horizontal, in m.

    Attributes:
        run: Its letter.
        imu: Its number.
        metres: Length of the path.
        plain: Error at a constant speed, by the yaw rate.
        errors: Of the localizer, by variant.
        way: [N, 2] where the localizer was, from the beginning, m.
        truth: [M, 2] where RTK was, from the beginning, m.
    """

    run: str
    imu: int
    metres: float
    plain: float
    errors: Mapping[str, float]
    way: Array
    truth: Array

    @property
    def untuned(self) -> float:
        """The untuned filter's error, % of the path."""
        return UNTUNED[self.run][self.imu - 1]

    def percent(self, variant: str = OURS) -> float:
        """Error of a variant, % of the path."""
        return 100 * self.errors[variant] / self.metres

    @property
    def plain_percent(self) -> float:
        """Error at a constant speed, % of the path."""
        return 100 * self.plain / self.metres


def name_of(run: str, imu: int) -> str:
    """As in `rccar.runs`."""
    return f"run_{run}_imu{imu}"


def scores(root: Path, variants: Iterable[str] = VARIANTS) -> list[Score]:
    """Score each long run by the lessons of the other long runs of the same IMU.

    Args:
        root: The data folder.
        variants: Of `VARIANTS`.

    Raises:
        InputError: Not all of the long runs are there.
    """
    wanted = [(run, imu) for imu in IMUS for run in LONG]
    if missing := {name_of(*key) for key in wanted} - set(rccar.runs(root)):
        raise InputError(
            f"{root / rccar.FOLDER}: {', '.join(sorted(missing))} not there; all of runs "
            f"{LONG[0]} to {LONG[-1]} are needed"
        )
    lessons: dict[tuple[str, int], Lesson] = {}
    for key in track(wanted, len(wanted), "learning from runs"):
        lessons[key] = lesson(rccar.read(root, name_of(*key)))
    found = []
    for run, imu in track(wanted, len(wanted), "scoring runs"):
        car = learn([lessons[other, imu] for other in LONG if other != run])
        # Its clock as it is: what is off between it and RTK's is not for us to know.
        scored = rccar.read(root, name_of(run, imu), synchronize=False)
        found.append(score(run, imu, scored, car, variants))
    return sorted(found, key=lambda s: (s.run, s.imu))


def score(run: str, imu: int, scored: Run, car: Car, variants: Iterable[str] = (OURS,)) -> Score:
    """Score a car on a run that it did not learn from; arguments as of `Score` and `scores`."""
    given = scored.times, scored.gyro, scored.heading
    ways = {
        name: locate(VARIANTS[name](car), *given[:2], scored.accel, scored.heading).trajectory
        for name in variants
    }
    truth = scored.places[:, :2] - scored.places[0, :2]
    end = scored.places_at(scored.times[-1:])[0, :2] - scored.places[0, :2]
    return Score(
        run,
        imu,
        scored.metres,
        float(np.linalg.norm(plain_way(car, *given)[-1] - end)),
        {name: float(np.linalg.norm(w.positions[-1, :2] - end)) for name, w in ways.items()},
        next(iter(ways.values())).positions[:, :2],
        truth,
    )


def write_report(root: Path, out: Path) -> list[Score]:
    """Score the runs; write the page and its picture into a folder."""
    found = scores(root)
    ways: dict[str, dict[str, Array]] = {}
    for s in found:
        ways.setdefault(f"run {s.run}", {"RTK": s.truth})[f"IMU {s.imu}"] = s.way
    draw_ways(ways, out / PICTURE)
    write_text(out / PAGE, page(found))
    return found


def medians(found: Sequence[Score]) -> dict[str, float]:
    """The median errors, % of the path, by method."""
    return {
        "untuned InEKF": float(np.median([s.untuned for s in found])),
        "constant speed": float(np.median([s.plain_percent for s in found])),
        "ours": float(np.median([s.percent() for s in found])),
    }


def page(found: Sequence[Score]) -> str:
    """The page."""
    middle = medians(found)
    lines = ["# RC car", "", *_INTRODUCTION, "", f"![Ways]({PICTURE})", ""]
    lines += [
        "| run | IMU | path, m | " + ", % | ".join(middle) + ", % | ours, m |",
        "|---|---|---|" + "---|" * (len(middle) + 1),
    ]
    lines += [
        f"| {s.run} | {s.imu} | {s.metres:.0f} | {s.untuned:.1f} | {s.plain_percent:.1f} | "
        f"{s.percent():.1f} | {s.errors[OURS]:.1f} |"
        for s in found
    ]
    lines += [
        "| **median** | | | "
        + " | ".join(f"**{percent:.2f}**" for percent in middle.values())
        + f" | {np.median([s.errors[OURS] for s in found]):.1f} |",
        "",
        *_COLUMNS,
        "",
        "## How much hangs on what was guessed",
        "",
        *_VARIED,
        "",
        "| | median, % | mean, % | worst, % |",
        "|---|---|---|---|",
    ]
    for variant in found[0].errors:
        percents = [s.percent(variant) for s in found]
        lines.append(
            f"| {variant} | {np.median(percents):.2f} | {np.mean(percents):.1f} | "
            f"{max(percents):.1f} |"
        )
    lines += ["", "Made by `bombus train localizer-rccar --data DATA`.", ""]
    return "\n".join(lines)


_INTRODUCTION = (
    "A small car with two cheap IMUs (Movella DOT, 120 Hz; the MoRPINet set of Etzion, Klein et",
    "al. 2024) snakes along for four minutes, 193 to 222 m a run; RTK sees where it is. The error",
    "is the distance in the plane between the last place and RTK's, over the length of RTK's path.",
    "",
    "Each run is scored by a car that was learned from the five other long runs of the same IMU.",
    "Of the scored run the localizer gets the samples, one after another, and two numbers: the",
    "first place and the first heading (RTK's course over the first metre, turned back by the",
    "gyro). Its biases, its speed, and the lag between its clock and RTK's (up to 0.7 s) are not",
    "used, and the lag is left in when the error is taken. The runs begin on the move: there is no",
    "standing still to take a bias from.",
    "",
    "Learned (`training/inertial/rccar_learn.py`): the filter follows each of the other runs with",
    "RTK's places as fixes, lags removed; the medians of what it holds in the end are the car's",
    "biases, mount and lever, and their spread is what the scored run begins with. Noise and slip",
    "are constants, guessed before any run was scored.",
)
_COLUMNS = (
    "- *untuned InEKF*: constants not tuned for the car, made with another program. It takes the",
    "  gyro's bias and the forward axis from the scored run's own RTK.",
    "- *constant speed*: no filter. The median speed of the other runs, and the yaw rate less the",
    "  bias that they taught.",
    "- *ours*: `robot.localizer`, no slip sideways or up. No speed is measured: in a snaking drive",
    "  the sideways force tells it.",
    "- What is left is heading. The bias of the yaw rate changes from run to run, nothing on a car",
    "  on the move shows it, and 0.05 deg/s are 12 degrees in the end. IMU 1 had three times its",
    "  usual bias in run m.",
)
_VARIED = (
    "The same protocol, one thing changed. Twelve errors have a wide spread: medians one per cent",
    "apart say little.",
)
