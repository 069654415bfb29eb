"""Muon for convolutions: Keras has it for matrices, and leaves kernels of four axes to AdamW."""

from __future__ import annotations

import math
import re
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bombus")
class Muon(keras.optimizers.Muon):  # type: ignore[misc]
    """Moves a convolution's kernel [H, W, I, O] as the matrix [H W I, O] that it multiplies by.

    The step is the momentum with all its singular values brought near 1 by five Newton-Schulz
    iterations (Jordan et al. 2024), scaled to the size of an AdamW step (Liu et al., arXiv
    2502.16982), so that rates mean the same to both. AdamW moves what is no matrix: biases,
    normalisation, and depthwise kernels, which have one column; and what `exclude_layers` names.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        if len(variable.shape) != 4:
            return bool(super()._should_use_adamw(variable))
        excluded = any(re.search(name, variable.path) for name in self.exclude_layers)
        return excluded or min(_matrix(variable.shape)) == 1

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign(m, self.momentum * m + gradient)
        ahead = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.reshape(ahead, _matrix(variable.shape))
        step = lr * self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """The shape of a kernel [..., O] as a matrix: rows and columns."""
    return math.prod(shape[:-1]), shape[-1]
