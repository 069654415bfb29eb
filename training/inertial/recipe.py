"""The recipe of a localizer: everything that decides what a training run learns."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.errors import InputError, first_fault
from training.inertial import kitti
from training.inertial.emulate import PRESETS
from training.inertial.networks import CONFIGS, SNN, NetworkConfig


@dataclass(frozen=True)
class Recipe:
    """How to train a localizer on KITTI's drives.

    Attributes:
        network: What adapts the slip; its base is the profile's, to which the constants learn.
        hold_out: Sequences of the odometry benchmark whose drives are never seen.
        tone: Learn to hear the wheels, and train with the speeds heard.
        wheelbase: m, roughly, to learn to hear the axles from; 0: do not listen for them.
        emulations: Presets of `training.inertial.emulate`, without biases: every drive is learned
            from as recorded, and as an IMU of each of them would have recorded it.
        steps: Of the optimizer.
        batch: Windows a step.
        length: Samples a window, a multiple of 10.
        pairs: Most stretches that are scored in a window.
        learning_rate: Peak, of Adam; it falls to 0 along a cosine.
        warmup: Steps over which it rises.
        clip: Greatest norm of the gradient.
        weight_decay: Of the network's weights.
        seed: Decides every random choice.
    """

    network: NetworkConfig = SNN
    hold_out: tuple[str, ...] = kitti.SCORED
    tone: bool = True
    wheelbase: float = 2.7
    emulations: tuple[str, ...] = ("white",)
    steps: int = 300
    batch: int = 10
    length: int = 4000
    pairs: int = 256
    learning_rate: float = 3e-3
    warmup: int = 10
    clip: float = 0.1
    weight_decay: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values no training could use."""
        if unknown := set(self.hold_out) - set(kitti.SEQUENCES):
            raise ValueError(f"hold_out {', '.join(sorted(unknown))}: no such sequence")
        if unknown := set(self.emulations) - set(PRESETS):
            raise ValueError(
                f"emulations {', '.join(sorted(unknown))}: none of {', '.join(PRESETS)}"
            )
        if self.length % 10 or self.length < 100:
            raise ValueError(f"length {self.length}: must be a multiple of 10, 100 at least")
        if self.wheelbase < 0:
            raise ValueError(f"wheelbase {self.wheelbase} m: must be 0 at least")
        if min(self.steps, self.batch, self.pairs) < 1 or self.learning_rate <= 0:
            raise ValueError("steps, batch, pairs and learning_rate must be positive")

    @property
    def key(self) -> str:
        """A fingerprint."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def with_options(
    recipe: Recipe,
    *,
    kind: str | None = None,
    hold_out: Sequence[str] | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> Recipe:
    """A recipe with some values changed; None leaves one as it is.

    Raises:
        InputError: A value is impossible.
    """
    given = {"hold_out": tuple(hold_out) if hold_out else None, "steps": steps, "seed": seed}
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if kind is not None:
        if kind not in CONFIGS:
            raise InputError(f"--kind {kind}: not one of {', '.join(CONFIGS)}")
        changes["network"] = CONFIGS[kind]
    try:
        return replace(recipe, **changes)
    except ValueError as error:
        raise InputError(str(error)) from None


def load_recipe(path: Path) -> Recipe:
    """Read a TOML recipe; what it leaves out keeps its default.

    Raises:
        InputError: It cannot be read, or holds a name or value that no recipe has.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(Recipe).validate_python(values, extra="forbid")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML ({error})") from error
    except ValidationError as error:
        raise InputError(f"{path}: {first_fault(error, 'recipe')}") from None
