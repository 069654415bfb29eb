"""Optimizers and learning-rate schedules by name, as data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from models.errors import InputError
from training.flowers.diffgrad import DiffGrad
from training.flowers.muon import Muon
from training.flowers.recipe import Stage

OPTIMIZERS: dict[str, Callable[[Any], keras.optimizers.Optimizer]] = {
    "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "adamw": keras.optimizers.AdamW,
    "diffgrad": DiffGrad,
    # Not the classifiers. A second one (`training.flowers.distill`) is a copy, which Keras names
    # without the model that it is in.
    "muon": lambda rate: Muon(rate, exclude_layers=["(^|/)logits/"]),
}

# The documented default rates, around which a search looks: Keras's, but for two of which Keras
# itself says that they want more. Adadelta's is its paper's (arXiv 1212.5701), Adagrad's PyTorch's.
DEFAULT_RATES = dict.fromkeys(OPTIMIZERS, 0.001) | {
    "sgd": 1e-2,
    "adagrad": 1e-2,
    "adadelta": 1.0,
}


def check_optimizer(name: str) -> None:
    """Raise `InputError` when no optimizer has this name."""
    if name not in OPTIMIZERS:
        raise InputError(f"optimizer {name!r} is unknown; one of {', '.join(OPTIMIZERS)}")


def rescaled_rate(optimizer: str, rate: float, before: int, after: int) -> float:
    """The learning rate that does with batches of `after` photos what `rate` did with `before`.

    SGD's grows as the batch does (Goyal et al., arXiv 1706.02677), the root of that is for those
    that divide by the gradient's size (Malladi et al., arXiv 2205.10287).
    """
    return rate * (after / before if optimizer == "sgd" else math.sqrt(after / before))


def build_optimizer(stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The stage's optimizer with its learning-rate schedule over `epochs * steps_per_epoch`."""
    check_optimizer(stage.optimizer)
    return OPTIMIZERS[stage.optimizer](_learning_rate(stage, stage.epochs * steps_per_epoch))


def _learning_rate(stage: Stage, steps: int) -> Any:
    warmup = int(stage.warmup * steps)
    peak = stage.learning_rate
    if stage.schedule == "constant" and warmup == 0:
        return peak
    return WarmupDecay(peak, warmup, steps, stage.schedule)


@keras.saving.register_keras_serializable("bombus")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Linear rise from 0 to `peak`, then constant, linear or cosine decay to 0 at `steps`."""

    def __init__(self, peak: float, warmup: int, steps: int, shape: str) -> None:
        """Args: peak rate, warm-up steps, all steps, and `constant`, `linear` or `cosine`."""
        self.peak, self.warmup, self.steps, self.shape = peak, warmup, steps, shape

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step, a scalar tensor."""
        ops = keras.ops
        step = ops.cast(step, "float32") + 1.0
        rising = step / max(self.warmup, 1)
        done = ops.clip((step - self.warmup) / max(self.steps - self.warmup, 1), 0.0, 1.0)
        falling = {
            "constant": lambda: ops.ones_like(done),
            "linear": lambda: 1.0 - done,
            "cosine": lambda: 0.5 * (1.0 + ops.cos(done * 3.141592653589793)),
        }[self.shape]()
        return self.peak * ops.where(step <= self.warmup, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "steps": self.steps,
            "shape": self.shape,
        }
