"""Spikes, and what stands in for their derivative, by the names that snntorch 1.0.0 gives them.

A spike is a step function: its derivative is zero almost everywhere. A surrogate keeps the step's
values and takes the derivative of something soft instead (Neftci, Mostafa and Zenke, arXiv
1901.09948):

    spike = step(x) + (soft(x) - stop_gradient(soft(x)))

The bracket is exactly zero, so spikes are exactly 0 and 1; no custom gradient is needed, so every
backend and exporter understands it. x is the membrane less its threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any  # of whichever backend
Function = Callable[[Tensor], Tensor]

ALPHA = 2.0  # snntorch's defaults
SLOPE = 25.0


def atan(x: Tensor) -> Tensor:
    """Slope 1 / (1 + (pi x)^2); Fang et al., ICCV 2021."""
    return ops.arctan(x * (0.5 * math.pi * ALPHA)) / math.pi


def fast_sigmoid(x: Tensor) -> Tensor:
    """Slope 1 / (1 + 25 |x|)^2; Zenke and Ganguli, Neural Computation 2018."""
    return x / (1.0 + SLOPE * ops.abs(x))


def sigmoid(x: Tensor) -> Tensor:
    """Slope 25 s (1 - s) of s = 1 / (1 + exp(-25 x))."""
    return ops.sigmoid(SLOPE * x)


def triangular(x: Tensor) -> Tensor:
    """Slope 1 below the threshold and -1 from there on, which is what snntorch calls triangular.

    Seldom of use; `tent` is the triangle of the literature.
    """
    return x * ops.where(x >= 0.0, -ops.ones_like(x), ops.ones_like(x))


def tent(x: Tensor) -> Tensor:
    """Slope max(0, 1 - |x|); Esser et al., PNAS 2016. Not in snntorch."""
    near = ops.clip(x, -1.0, 1.0)
    return near * (1.0 - 0.5 * ops.abs(near))


def boxcar(x: Tensor) -> Tensor:
    """Slope 1 where |x| < 1/2; Wu et al., Frontiers in Neuroscience 2018. Not in snntorch."""
    return ops.clip(x, -0.5, 0.5)


def straight_through_estimator(x: Tensor) -> Tensor:
    """Slope 1 everywhere; Bengio, Leonard and Courville, arXiv 1308.3432."""
    return x


SURROGATES: dict[str, Function] = {
    function.__name__: function
    for function in (
        atan,
        fast_sigmoid,
        sigmoid,
        triangular,
        tent,
        boxcar,
        straight_through_estimator,
    )
}


def step(x: Tensor) -> Tensor:
    """1 where x > 0, else 0, of x's type; no gradient."""
    return ops.cast(x > 0.0, x.dtype)


def spiking(surrogate: str) -> Function:
    """The step function with a surrogate's gradient.

    Raises:
        ValueError: There is no such surrogate.
    """
    if surrogate not in SURROGATES:
        raise ValueError(f"no surrogate {surrogate!r}; one of {', '.join(SURROGATES)}")
    soft = SURROGATES[surrogate]

    def spike(x: Tensor) -> Tensor:
        smooth = soft(x)
        return step(x) + (smooth - ops.stop_gradient(smooth))

    return spike
