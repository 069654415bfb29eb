"""The way of a sample from its source through the localizer to the sinks, and what was counted."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from models.errors import InputError
from models.progress import progress_bar
from robot.fixes import Fixes
from robot.health import Health
from robot.localizer import Localizer
from robot.log import Row
from robot.pose import Pose
from robot.snapshot import load, save

T = TypeVar("T")
_BAR_STEP = 500  # samples from one update of the progress bar to the next


def with_bar(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, behind a progress bar."""
    with progress_bar() as bar:
        task = bar.add_task(what, total=total, note="")
        for count, item in enumerate(items, 1):
            yield item
            if count % _BAR_STEP == 0:
                bar.update(task, completed=count)
        bar.update(task, completed=total)


@dataclass
class Tally:
    """What was counted on the way.

    Attributes:
        samples: That were pushed.
        flags: How many of them had each flag.
        metres: Length of the estimated way.
        first: Time of the first pose, s.
        last: The last pose.
    """

    samples: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    metres: float = 0.0
    first: float = math.nan
    last: Pose | None = None

    def add(self, pose: Pose) -> None:
        """Count a pose."""
        self.samples += 1
        if pose.health is not Health.OK:
            self.flags.update(str(flag.name) for flag in pose.health)
        if self.last is None:
            self.first = pose.time
        elif Health.ALIGNING not in self.last.health:
            self.metres += float(np.linalg.norm(pose.position - self.last.position))
        self.last = pose

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        told: dict[str, Any] = {
            "samples": self.samples,
            "metres": self.metres,
            "flags": dict(self.flags),
        }
        if self.last is not None:
            told["seconds"] = self.last.time - self.first
            told["position"] = self.last.position.tolist()
        return told

    def __str__(self) -> str:
        """One line for people."""
        if self.last is None:
            return "no samples came"
        flags = ", ".join(f"{n:,} {name.lower()}" for name, n in self.flags.most_common())
        seconds = self.last.time - self.first
        return (
            f"{self.samples:,} samples, {seconds:.1f} s, {self.metres:,.1f} m; "
            f"health: {flags or 'all is well'}"
        )


class Keeper:
    """Saves a localizer now and then."""

    def __init__(self, path: Path | None, mark: str, every: float) -> None:
        """Make a keeper.

        Args:
            path: Where; None for nowhere.
            mark: Of what must be the same to go on, see `robot.snapshot`.
            every: s of the computer's clock.
        """
        self._path, self._mark, self._every = path, mark, every
        self._due = time.monotonic() + every

    def look(self, localizer: Localizer) -> None:
        """Save it if it is time."""
        if self._path is not None and time.monotonic() >= self._due:
            self.keep(localizer)

    def keep(self, localizer: Localizer) -> None:
        """Save it, unless there is nothing to save yet."""
        if self._path is not None and localizer.aligned:
            save(self._path, self._mark, localizer.save())
        self._due = time.monotonic() + self._every


def resume(localizer: Localizer, path: Path, mark: str) -> float:
    """Restore what a `Keeper` saved; the time to go on from, s.

    Raises:
        InputError: There is none, or it was made with something else.
    """
    saved = load(path, mark)
    try:
        localizer.restore(saved)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: not a localizer's state ({error}); remove it") from error
    return float(saved["clock"][0])


class Interruptible:
    """Ctrl-C, and a service manager's SIGTERM, end the wait for a sample, not the work on one.

    A second one interrupts whatever goes on.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked = self._waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruptible:
        """Take over the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if again or self._waiting:
            raise KeyboardInterrupt

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """The items until it is asked."""
        iterator = iter(items)
        while not self.asked:
            try:
                self._waiting = True
                item = next(iterator)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield item


def localize(
    rows: Iterable[Row],
    localizer: Localizer,
    on_pose: Callable[[Pose], None],
    *,
    fixes: Fixes | None = None,
    keeper: Keeper | None = None,
) -> Tally:
    """Push rows, until there are no more.

    Args:
        rows: What to push.
        localizer: What to push into.
        on_pose: Told of each pose.
        fixes: Each applied after the first sample that is not before it: the next pose tells.
        keeper: Looks after each.
    """
    tally = Tally()
    for row in rows:
        pose = localizer.push(row.time, row.gyro, row.accel)
        if fixes is not None:
            fixes.apply(localizer, pose.time, row.gyro)
        if row.filled:
            pose = Pose(pose.time, pose.packed, pose.covariance, pose.health | Health.FILLED)
        tally.add(pose)
        on_pose(pose)
        if keeper is not None:
            keeper.look(localizer)
    return tally
