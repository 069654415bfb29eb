"""Learn how a vehicle's body answers to its axles from drives whose speed is known.

`robot.echo` says what is learned and uses it. Each window is heard with a speed that is off by a
known share; the answers are those that make the share likeliest among all that are supposed, and,
for less, the shakes themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from robot.ear import EVERY
from robot.echo import AXES, LEVELS, TOGETHER, Echo, Rows, Spectrum, spectrum
from robot.lie import Array
from robot.recording import Recording
from training.inertial.hearing import believed, bells
from training.inertial.lie import Tensor

LINES = (2, 39)  # multiples of 1 / window, first and last
KNOTS = 12
_SPREAD = 0.3  # of the first answers, which have no direction yet
_SHAKES = 0.3  # what a line's likelihood counts beside the surprise about the speed
_RATE, _BATCH = 0.02, 128
_PARTS = ("front", "front_imaginary", "rear", "rear_imaginary")


class Windows(NamedTuple):
    """What N windows sounded like, the speed believed in, m/s, and what was true of it."""

    amplitudes: Array  # [N, F, 3, 2] real and imaginary parts
    noise: Array  # [N, 3]
    speeds: Array  # [N]
    truth: Array  # [N], as fractions of the speeds


def unlearned(wheelbase: float) -> Echo:
    """What to learn from: the wheelbase, roughly, and answers of nothing."""
    knots = np.geomspace(*LINES, KNOTS) / Echo(wheelbase).window
    none: Rows = ((0.0, 0.0, 0.0),) * KNOTS
    return Echo(wheelbase, tuple(knots.tolist()), none, none, none, none, none)


def windows(recording: Recording, echo: Echo, rng: np.random.Generator) -> Windows:
    """Listen to a drive as a filter would whose speed is off by an unknown constant.

    Args:
        recording: A drive with truth, with a sample rate that reaches every line.
        echo: What to listen for; its answers are not used.
        rng: Draws the constants, within half of the echo's span.
    """
    found, truth = list[Spectrum](), list[float]()
    limits = {"window": echo.window, "slowest": echo.slowest, "span": echo.span}
    for rows in believed(recording, rng, every=echo.window / 4, **limits):
        found.append(spectrum(echo, rows.samples, rows.dt, rows.speeds))
        truth.append(rows.truth)
    lines = np.array([s.amplitudes for s in found]).reshape(-1, len(echo.lines), len(AXES))
    noise = np.array([s.noise for s in found]).reshape(-1, len(AXES))
    parts = np.stack((lines.real, lines.imag), axis=-1)
    return Windows(parts, noise, np.array([s.speed for s in found]), np.array(truth))


def fit(echo: Echo, heard: Sequence[Windows], *, epochs: int = 12, seed: int = 0) -> Echo:
    """The echo with the answers learned.

    Args:
        echo: Of `unlearned`.
        heard: The windows of each drive.
        epochs: Passes over all windows.
        seed: Of the first answers and of the order of windows.

    Raises:
        ValueError: There is no window at all.
    """
    joined = Windows(*(np.concatenate(part) for part in zip(*heard, strict=True)))
    if not len(joined.truth):
        raise ValueError("no drive has a window fast enough to hear the axles in")
    power = np.square(joined.amplitudes).sum(axis=-1)
    quiet = joined.noise.sum(axis=1) <= np.median(joined.noise.sum(axis=1))
    answers = Answers(echo, np.median(power[quiet], axis=0), seed)
    inputs = [keras.Input(part.shape[1:]) for part in joined[:3]]
    model = keras.Model(inputs, answers(inputs))
    steps = -(-len(joined.truth) // _BATCH) * epochs
    rate = keras.optimizers.schedules.PolynomialDecay(_RATE, steps, 0.05 * _RATE)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=answers.loss)
    keras.utils.set_random_seed(seed)
    target = bells(echo.supposed, joined.truth)
    model.fit(list(joined[:3]), target, batch_size=_BATCH, epochs=epochs, verbose=0)
    return answers.learned()


@keras.saving.register_keras_serializable(package="bombus")
class Answers(keras.layers.Layer):  # type: ignore[misc]
    """`robot.echo.log_likelihood` with its numbers as weights.

    Takes amplitudes [N, F, 3, 2], noise [N, 3] and speeds [N]; gives [N, E].
    """

    def __init__(self, echo: Echo, power: Array, seed: int, **options: Any) -> None:
        """Begin with answers that have no direction.

        Args:
            echo: Its wheelbase and blur are where to begin.
            power: [F, 3] what the lines mostly have.
            seed: Of the first answers.
            options: Of any layer.
        """
        super().__init__(**options)
        self.echo = echo
        at, knots = np.log(echo.lines / echo.window), np.log(echo.knots)
        hats = np.stack([np.interp(at, knots, row) for row in np.eye(len(knots))], axis=1)
        columns = np.log(power).T
        ordinary = np.stack([np.interp(knots, at, column) for column in columns], axis=1)
        kind = self.compute_dtype
        self._hats, self._ordinary = hats.astype(kind), ordinary.astype(kind)
        self._frequencies = (echo.lines / echo.window).astype(kind)
        self._levels = LEVELS.astype(kind)
        groups = np.arange(len(echo.lines)) // TOGETHER
        self._together = np.eye(groups[-1] + 1, dtype=kind)[groups]
        self._supposed = (1.0 + echo.supposed).astype(kind)
        shape, draws = ordinary.shape, np.random.default_rng(seed)
        self.parts = {
            name: self.add_weight(name=name, shape=shape, initializer="zeros")
            for name in (*_PARTS, "rest")
        }
        for name in _PARTS:
            self.parts[name].assign(draws.normal(0.0, _SPREAD, shape))
        self.chances = self.add_weight(name="chances", shape=(len(LEVELS),), initializer="zeros")
        # Factors of e: of the wheelbase, the blur and the trust.
        self.scales = self.add_weight(name="scales", shape=(3,), initializer="zeros")
        self.built = True

    def _knots(self, name: str) -> Tensor:
        """[K, 3] a part at the knots, in the units of `robot.echo`."""
        if name == "rest":
            return self.parts[name] + self._ordinary - 2.0
        return self.parts[name] * np.exp(0.5 * self._ordinary) / math.sqrt(2.0)

    def _lines(self, name: str) -> Tensor:
        return ops.matmul(self._hats, self._knots(name))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The log-likelihood of each difference, up to one number."""
        lines, noise, speeds = inputs
        echo, scales = self.echo, ops.exp(self.scales)
        supposed = speeds[:, None, None] * self._supposed[:, None]
        phase = 2 * math.pi * echo.wheelbase * scales[0] * self._frequencies / supposed
        kept = ops.exp(-0.5 * ops.square(echo.blur * scales[1] * phase))
        cosine, sine, lost = kept * ops.cos(phase), kept * ops.sin(phase), 1.0 - kept * kept
        a, b = (_Complex(*map(self._lines, pair)) for pair in (_PARTS[:2], _PARTS[2:]))
        z, rest = _Complex(lines[..., 0], lines[..., 1]), ops.exp(self._lines("rest"))
        level = self._levels[:, None, None, None]
        weight = 1.0 / (level * rest + noise[:, None, :])  # [L, N, F, 3]
        (aa, _), (bb, _), (zz, _) = (v.within(v, weight) for v in (a, b, z))  # [L, N, 1, F]
        ab, az, bz = a.within(b, weight), a.within(z, weight), b.within(z, weight)
        between, crossed = az.conj() * bz, az.conj() * ab * bz
        near, far, twice = az.power(), bz.power(), ops.square(level) * lost
        determinant = (
            1.0
            + level * (aa + bb + 2.0 * (ab.real * cosine + ab.imag * sine))
            + twice * (aa * bb - ab.power())
        )
        explained = level * (near + far + 2.0 * (between.real * cosine - between.imag * sine))
        explained += twice * (bb * near + aa * far - 2.0 * crossed.real)
        own = ops.sum(ops.log(weight), axis=-1)[:, :, None] - zz
        each = own - ops.log(determinant) + explained / determinant
        sums = ops.matmul(each, self._together)  # [L, N, E, groups]
        sums += ops.log_softmax(self.chances)[:, None, None, None]
        return ops.sum(ops.logsumexp(sums, axis=0), axis=-1)

    def loss(self, target: Tensor, likelihood: Tensor) -> Tensor:
        """The surprise about the speed and, for less, about the shakes; [N]."""
        trusted = ops.exp(self.scales[2]) * likelihood
        surprise = -ops.sum(target * ops.log_softmax(trusted, axis=-1), axis=-1)
        shakes = -ops.sum(target * likelihood, axis=-1) / len(self.echo.lines)
        return surprise + _SHAKES * shakes

    def learned(self) -> Echo:
        """What has been learned; windows half a window apart are next to independent."""
        echo, scales = self.echo, np.exp(ops.convert_to_numpy(self.scales))
        parts: dict[str, Any] = {n: _rows(self._knots(n)) for n in (*_PARTS, "rest")}
        return replace(
            echo,
            **parts,
            wheelbase=echo.wheelbase * float(scales[0]),
            blur=echo.blur * float(scales[1]),
            trust=float(scales[2]) * min(1.0, EVERY / (0.5 * echo.window)),
            chances=tuple(ops.convert_to_numpy(ops.log_softmax(self.chances)).tolist()),
        )

    def get_config(self) -> dict[str, Any]:
        """For Keras; an echo is kept in a profile."""
        raise NotImplementedError("answers are saved as an echo, with `learned()`")


class _Complex(NamedTuple):
    """A complex tensor as two: not every backend learns through complex numbers."""

    real: Tensor
    imag: Tensor

    def conj(self) -> _Complex:
        return _Complex(self.real, -self.imag)

    def __mul__(self, other: Any) -> _Complex:
        real = self.real * other.real - self.imag * other.imag
        return _Complex(real, self.real * other.imag + self.imag * other.real)

    def power(self) -> Tensor:
        return self.real * self.real + self.imag * self.imag

    def within(self, other: _Complex, weight: Tensor) -> _Complex:
        """[L, N, 1, F] self^H weight other."""
        product = self.conj() * other
        return _Complex(*(ops.sum(part * weight, axis=-1)[:, :, None] for part in product))


def _rows(values: Tensor) -> Rows:
    return tuple((float(x), float(y), float(z)) for x, y, z in ops.convert_to_numpy(values))
