"""Spiking neurons, and the leaky integrator that reads them.

Conventions are snntorch 1.0.0's `Leaky`: with I the input current, s = [V > threshold], and the
reset one step late,

    subtract:  V_t = beta V_(t-1) + I_t - threshold s_(t-1)
    zero:      V_t = beta V_(t-1) (1 - s_(t-1)) + I_t

Gradients do not pass through the reset. Decays are learned per channel as logits, which keeps
them within 0 and 1.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.layers.recurrence import Advance, Cell, Fixed, State, Tensor
from training.layers.surrogates import spiking, step

Decay = float | tuple[float, float]
Reset = Literal["subtract", "zero"]


def decays(decay: Decay, units: int) -> NDArray[np.float64]:
    """One decay a channel: all the same, or with time constants spaced evenly in their logarithm.

    Args:
        decay: What is left after one step, within 0 and 1; or the least and the greatest of it.
        units: Channels.

    Raises:
        ValueError: Out of bounds.
    """
    ends = decay if isinstance(decay, tuple) else (decay, decay)
    if not all(0 < end < 1 for end in ends):
        raise ValueError(f"decay {decay}: it lies between 0 and 1, both excluded")
    rates = [-math.log(end) for end in ends]  # 1 / time constant in steps
    return np.asarray(np.exp(-np.geomspace(rates[0], rates[1], units)))


def _as_decay(value: Any) -> Decay:
    """A pair may come as a list, from JSON."""
    return value if isinstance(value, float) else (float(value[0]), float(value[1]))


class _Leaky(Cell):
    """What has one decay a channel."""

    def __init__(self, *, decay: Decay = 0.9, learn_decay: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.decay = _as_decay(decay)
        self.learn_decay = learn_decay

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the decays' logits, of as many channels as there are inputs."""
        self.units = int(shape[-1] or 0)
        self.logit = self._logits("logit", self.decay)
        self.built = True

    def _logits(self, name: str, decay: Decay) -> Any:
        values = decays(decay, self.units)
        return self.add_weight(
            name=name,
            shape=(self.units,),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(
                np.log(values / (1 - values)), dtype
            ),
            trainable=self.learn_decay,
        )

    @property
    def beta(self) -> Tensor:
        """[units] what is left of the state after one step."""
        return ops.sigmoid(self.logit)

    def fixed(self) -> Fixed:
        """The decays."""
        return {"beta": self.beta}

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        config: dict[str, Any] = super().get_config()
        return config | {"decay": self.decay, "learn_decay": self.learn_decay}


@keras.saving.register_keras_serializable(package="bombus")
class LeakyIntegrator(_Leaky):
    """A running mean per channel, beta m + (1 - beta) x, without spikes: what reads them."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The mean."""
        return {"mean": (self.units,)}

    def prepare(self, inputs: Tensor) -> Tensor:
        """Its share of the mean."""
        return (1.0 - self.beta) * inputs

    def motion(self, *, smooth: bool) -> Advance:
        """Decay and add."""
        return lambda current, state, fixed: {"mean": fixed["beta"] * state["mean"] + current}

    def show(self, current: Tensor, state: State, *, smooth: bool) -> Tensor:
        """The mean."""
        return state["mean"]


@keras.saving.register_keras_serializable(package="bombus")
class LIF(_Leaky):
    """Leaky integrate-and-fire neurons, one a channel: currents in, spikes out."""

    def __init__(
        self,
        *,
        threshold: float = 1.0,
        reset: Reset = "subtract",
        surrogate: str = "atan",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if reset not in {"subtract", "zero"}:
            raise ValueError(f"reset {reset!r}: it is subtract or zero")
        self.threshold = threshold
        self.reset = reset
        self.surrogate = surrogate
        self.spike = spiking(surrogate)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The membrane."""
        return {"membrane": (self.units,)}

    def motion(self, *, smooth: bool) -> Advance:
        """Leak, take in the current, and reset what fired before."""

        def advance(current: Tensor, state: State, fixed: Fixed) -> State:
            return {"membrane": self._charged(current, state, fixed, step(self.excess(state)))}

        return advance

    def _charged(self, current: Tensor, state: State, fixed: Fixed, fired: Tensor) -> Tensor:
        beta, membrane, fired = fixed["beta"], state["membrane"], ops.stop_gradient(fired)
        if self.reset == "zero":
            return beta * (membrane * (1.0 - fired)) + current
        return beta * membrane + current - self.threshold * fired

    def excess(self, state: State) -> Tensor:
        """The membrane less its threshold: above zero it spikes."""
        return state["membrane"] - self.threshold

    def show(self, current: Tensor, state: State, *, smooth: bool) -> Tensor:
        """Spikes, 0 or 1."""
        return (self.spike if smooth else step)(self.excess(state))

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        return super().get_config() | {
            "threshold": self.threshold,
            "reset": self.reset,
            "surrogate": self.surrogate,
        }


@keras.saving.register_keras_serializable(package="bombus")
class ALIF(LIF):
    """Neurons that tire: each spike raises the threshold for a while.

    Bellec et al., arXiv 1803.09574: threshold_t = threshold + strength a_t, where
    a_t = rho a_(t-1) + (1 - rho) s_(t-1). The gradient passes through a.
    """

    def __init__(self, *, adaptation: Decay = 0.99, strength: float = 1.8, **options: Any) -> None:
        super().__init__(**options)
        self.adaptation = _as_decay(adaptation)
        self.strength = strength

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the decays' logits of membranes and thresholds."""
        super().build(shape)
        self.adaptation_logit = self._logits("adaptation_logit", self.adaptation)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The membrane, and how tired the neuron is."""
        return {"membrane": (self.units,), "fatigue": (self.units,)}

    def fixed(self) -> Fixed:
        """The decays of both."""
        return super().fixed() | {"rho": ops.sigmoid(self.adaptation_logit)}

    def motion(self, *, smooth: bool) -> Advance:
        """As LIF, with the threshold raised by what fired before."""
        spike = self.spike if smooth else step

        def advance(current: Tensor, state: State, fixed: Fixed) -> State:
            fired, rho = spike(self.excess(state)), fixed["rho"]
            return {
                "membrane": self._charged(current, state, fixed, fired),
                "fatigue": rho * state["fatigue"] + (1.0 - rho) * fired,
            }

        return advance

    def excess(self, state: State) -> Tensor:
        """The membrane less its raised threshold."""
        return super().excess(state) - self.strength * state["fatigue"]

    def get_config(self) -> dict[str, Any]:
        """For Keras to save."""
        return super().get_config() | {"adaptation": self.adaptation, "strength": self.strength}
