"""Train several networks of one architecture at once, each on rows of its own.

Networks of a hundred weights leave a processor idle most of the time. Their weights are stacked
along a new first axis, the network runs on all of them in one vectorized map, and all steps are
one compiled loop. Each network's gradient is its own, so each learns what it would learn alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.spectral.noise import DARKEST
from training.spectral.recipe import Training
from training.spectral.samples import Array, Indices, Samples

Tensor = Any
CHUNK = 2**18  # rows of all networks together, when only predicting


class Stack:
    """Networks of one architecture as one; made from the networks' weights, which stay as they are.

    Attributes:
        size: S, how many.
        trained: Variables [S, ...].
        kept: Those that are not trained: scales and running statistics.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        self.models = models
        self.size = len(models)
        self.trained = _stacked([m.trainable_variables for m in models])
        self.kept = _stacked([m.non_trainable_variables for m in models])
        self._predict = tf.function(self._logits, reduce_retracing=True)

    def gradients(self, values: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Each network's loss [S] of a batch [S, B, n], [S, B], and its gradients [S, ...].

        Running statistics move on.
        """

        # Differentiated inside of the map: from outside, TensorFlow never frees the function.
        def one(parts: Any) -> Any:
            trained, kept, x, y = parts
            with tf.GradientTape() as tape:
                tape.watch(trained)
                logits, kept, extra = self.models[0].stateless_call(
                    trained, kept, x, training=True, return_losses=True
                )
                loss = cross_entropy(y, logits) + sum(extra)
            return loss, tape.gradient(loss, trained), kept

        trained = [v.value for v in self.trained]
        parts = (trained, self._kept(), values, targets)
        losses, gradients, kept = tf.vectorized_map(one, parts)
        for variable, value in zip(self.kept, kept, strict=True):
            variable.assign(value)
        return losses, gradients

    def predict(self, values: Array) -> Indices:
        """Classes [S, N] of values [S, N, n]."""
        step = max(1, CHUNK // self.size)
        parts = [
            self._predict(tf.constant(values[:, k : k + step], tf.float32)).numpy()
            for k in range(0, values.shape[1], step)
        ]
        return classes_of(np.concatenate(parts, axis=1))

    def restore(self) -> None:
        """Give the networks the weights that they have here."""
        for k, model in enumerate(self.models):
            pairs = (
                (model.trainable_variables, self.trained),
                (model.non_trainable_variables, self.kept),
            )
            for own, stacked in pairs:
                for variable, value in zip(own, stacked, strict=True):
                    variable.assign(value[k])

    def _kept(self) -> list[Tensor]:
        return [v.value for v in self.kept]

    def _logits(self, values: Tensor) -> Tensor:
        def one(parts: Any) -> Any:
            return self.models[0].stateless_call(*parts, training=False)[0]

        return tf.vectorized_map(one, ([v.value for v in self.trained], self._kept(), values))


def fit(
    stack: Stack,
    samples: Samples,
    rows: Sequence[Indices],
    training: Training,
    *,
    augmentation: str,
    seeds: Sequence[int],
) -> NDArray[np.float64]:
    """Train with Adam, its rate falling to 0 along a cosine.

    Args:
        stack: S networks; their stacked weights are trained.
        samples: All rows, as measured.
        rows: Of each network, by number, what it learns from.
        training: How.
        augmentation: `none`, `noise` (of each band by itself) or `gain` (common to all).
        seeds: Of each network: order of its rows, and its noise.

    Returns:
        [S] mean loss of the last epoch; not finite where a training diverged.
    """
    order, epoch = batches(rows, training, seeds)
    steps = len(order)
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(training.learning_rate, steps)
    )
    optimizer.build(stack.trained)
    x = tf.constant(samples.values, tf.float32)
    y = tf.constant(samples.targets, tf.int32)

    def run(order: Tensor) -> Tensor:
        total = tf.zeros(stack.size)
        for step in tf.range(steps):
            batch = tf.gather(x, order[step])
            batch = augmented(batch, training, augmentation, seeds, step)
            losses, gradients = stack.gradients(batch, tf.gather(y, order[step]))
            optimizer.apply(gradients, stack.trained)
            total += tf.where(step >= steps - epoch, losses, 0.0)
        return total / epoch

    # Called as a concrete function, since each fit compiles one and TensorFlow warns of that.
    numbers = tf.constant(order)
    compiled = tf.function(run, jit_compile=True).get_concrete_function(numbers)
    return np.asarray(compiled(numbers).numpy(), np.float64)


def batches(
    rows: Sequence[Indices], training: Training, seeds: Sequence[int]
) -> tuple[NDArray[np.int32], int]:
    """Rows of each step, and steps an epoch.

    Each network goes through its own rows in one random order after another, as a stream that is
    cut into batches. All take as many steps; those with fewer rows than the mean see them a little
    more often.

    Returns:
        [steps, S, B] numbers of rows, and the mean network's steps an epoch.
    """
    size = min(training.batch, *(len(own) for own in rows))
    epoch = -(-round(np.mean([len(own) for own in rows])) // size)
    length = training.epochs * epoch * size
    order = np.empty((len(rows), length), np.int32)
    for k, (own, seed) in enumerate(zip(rows, seeds, strict=True)):
        rng = np.random.default_rng(seed)
        passes = [rng.permutation(own) for _ in range(-(-length // len(own)))]
        order[k] = np.concatenate(passes)[:length]
    return np.ascontiguousarray(order.reshape(len(rows), -1, size).swapaxes(0, 1)), epoch


def cross_entropy(targets: Tensor, logits: Tensor) -> Tensor:
    """Mean over a batch [B] of logits [B, 1], of class 1, or [B, K]."""
    if logits.shape[-1] == 1:
        wanted = tf.cast(targets, logits.dtype)
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=logits[..., 0])
        )
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    )


def classes_of(logits: NDArray[np.float32]) -> Indices:
    """[...] the likeliest of logits [..., 1] or [..., K]."""
    likeliest = logits[..., 0] > 0 if logits.shape[-1] == 1 else logits.argmax(axis=-1)
    return np.asarray(likeliest, np.int64)


def augmented(
    batch: Tensor, training: Training, augmentation: str, seeds: Sequence[int], step: Tensor
) -> Tensor:
    """A batch [S, B, n] with the noise of its step; each network's comes from its own seed."""
    if augmentation == "none":
        return batch
    _, size, bands = batch.shape
    if augmentation == "noise":
        level, width, least = training.noise, bands, 0.0
    else:
        level, width, least = training.gain, 1, DARKEST
    drawn = [tf.random.stateless_normal((size, width), tf.stack([seed, step])) for seed in seeds]
    return batch * tf.maximum(1.0 + level * tf.stack(drawn), least)


def _stacked(weights: Sequence[Sequence[Any]]) -> list[keras.Variable]:
    """Variables [S, ...] of S lists of variables.

    Raises:
        ValueError: One has a constraint, which would be applied across networks.
    """
    if any(v.constraint is not None for own in weights for v in own):
        raise ValueError("weights with a constraint cannot be stacked")
    return [
        keras.Variable(np.stack([keras.ops.convert_to_numpy(v) for v in same]))
        for same in zip(*weights, strict=True)
    ]
