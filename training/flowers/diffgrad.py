"""diffGrad (Dubey et al., arXiv 1909.11015): Adam, held back where the gradient stands still."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("bombus")
class DiffGrad(keras.optimizers.Optimizer):  # type: ignore[misc]
    """Adam's step times a friction between 1/2 and 1 for each weight.

    The friction is the logistic function of how much the weight's gradient changed since the last
    step, |g[t-1] - g[t]|, with g[0] = 0: a gradient that stays as it was halves the step.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "diffgrad",
        **kwargs: Any,
    ) -> None:
        """The paper's constants by default.

        Args:
            learning_rate: A number or a schedule.
            beta_1: Decay of the mean of gradients.
            beta_2: Decay of the mean of squared gradients.
            epsilon: Added to that mean's root.
            name: Of the optimizer.
            kwargs: Those of every Keras optimizer, such as `weight_decay`.
        """
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: list[Any]) -> None:
        """Make the means and the last gradient of each variable."""
        if self.built:
            return
        super().build(variables)
        self._means, self._squares, self._last = self.add_optimizer_variables(
            variables, ["mean", "square", "last_gradient"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a variable, as the paper's algorithm does."""
        index = self._get_variable_index(variable)
        mean, square, last = self._means[index], self._squares[index], self._last[index]
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        friction = ops.sigmoid(ops.abs(last - gradient))
        self.assign(mean, self.beta_1 * mean + (1 - self.beta_1) * gradient)
        self.assign(square, self.beta_2 * square + (1 - self.beta_2) * ops.square(gradient))
        self.assign(last, gradient)
        unbiased = mean / (1 - ops.power(self.beta_1, step))
        spread = ops.sqrt(square / (1 - ops.power(self.beta_2, step)))
        self.assign_sub(variable, rate * friction * unbiased / (spread + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}
