"""Synthetic axles: a rough road, felt twice, in noise, under a known speed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.echo import LEVELS, TOGETHER, Echo, Spectrum, listen, log_likelihood, spectrum
from robot.lie import Array
from tests.robot.sounds import PERIOD, echo, rolled, speeds


def dt(rows: int) -> Array:
    return np.full(rows, PERIOD)


@given(st.floats(4.0, 11.0), st.floats(-0.08, 0.08), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_right_difference_is_the_likeliest(mean: float, off: float, seed: int) -> None:
    true = speeds(256, mean, seed)
    believed = true - off * true.mean()
    offsets, likelihood = listen(echo(), rolled(true, seed=seed), dt(256), believed)
    # The steps are 0.5 % of the speed.
    assert offsets[np.argmax(likelihood)] == pytest.approx(off * true.mean(), abs=0.02 * mean)


def test_more_noise_tells_less() -> None:
    true = speeds(256, 8.0)
    sure = [
        float(np.ptp(log_likelihood(echo(), spectrum(echo(), rolled(true, noise), dt(256), true))))
        for noise in (0.3, 3.0, 30.0)
    ]
    assert sure[0] > 2 * sure[1] > 4 * sure[2]
    assert sure[2] < 10


@pytest.mark.parametrize("sigma", [0.1, 1.0, 5.0])
def test_the_noise_of_the_imu_is_measured(sigma: float) -> None:
    """White noise has the same power in every line, and it is the one said."""
    true = speeds(256, 9.0)
    rows = [spectrum(echo(), rolled(true, sigma, seed), dt(256), true) for seed in range(40)]
    assert np.mean([r.noise for r in rows], axis=0) == pytest.approx(sigma**2, rel=0.1)
    rng = np.random.default_rng(0)
    scale = np.repeat((0.01, 0.1), 3)
    only = [spectrum(echo(), scale * rng.normal(size=(256, 6)), dt(256), true) for _ in range(40)]
    power = np.mean([np.square(np.abs(r.amplitudes)) for r in only], axis=(0, 1))
    assert power == pytest.approx(1.0, rel=0.1)


def test_what_is_slow_and_lasting_says_nothing() -> None:
    """Gravity, a bias and a long push on the accelerator are no bumps."""
    true = speeds(256, 8.0)
    samples = rolled(true)
    pushed = samples + np.array((0.1, 0.2, 0.3, 1.0, 2.0, 9.8))
    pushed[:, 3] += np.linspace(0, 1, 256)
    hints = [listen(echo(), one, dt(256), true) for one in (samples, pushed)]
    np.testing.assert_allclose(hints[1].likelihood, hints[0].likelihood, atol=1e-6)


def test_it_is_what_the_spectral_matrix_says() -> None:
    """Beside the matrix of each line written out, with NumPy's inverse and determinant."""
    rng, known = np.random.default_rng(3), echo()
    front, rear, rest = known.answers
    lines = len(known.lines)
    z = rng.normal(size=(lines, 3)) + 1j * rng.normal(size=(lines, 3))
    noise, speed = np.array((0.3, 1.0, 0.1)), 7.0
    expected = np.zeros(known.points)
    for e, more in enumerate(known.supposed):
        delay = known.wheelbase / (speed * (1 + more))
        by_level = np.empty((len(LEVELS), lines))
        for g, level in enumerate(LEVELS):
            for f in range(lines):
                phase = 2 * np.pi * known.lines[f] / known.window * delay
                kept = np.exp(-0.5 * (known.blur * phase) ** 2)
                pair = np.stack((front[f], rear[f] * np.exp(-1j * phase)), axis=1)
                shared = pair @ np.array(((1, kept), (kept, 1))) @ pair.conj().T
                matrix = level * (shared + np.diag(rest[f])) + np.diag(noise)
                quadratic = (z[f].conj() @ np.linalg.solve(matrix, z[f])).real
                by_level[g, f] = -np.linalg.slogdet(matrix)[1] - quadratic
        for begin in range(0, lines, TOGETHER):
            sums = by_level[:, begin : begin + TOGETHER].sum(axis=1) + known.chances
            expected[e] += np.logaddexp.reduce(sums)
    found = log_likelihood(known, Spectrum(z, noise, speed))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_lines_beyond_the_sample_rate_are_left_out() -> None:
    true = speeds(512, 8.0)
    samples, known = rolled(true), echo()
    thinned = spectrum(known, samples[::4][:64], 4 * dt(64), true[::4][:64])
    assert len(thinned.amplitudes) == np.sum(known.lines < 0.46 * 25 * known.window)
    assert np.ptp(log_likelihood(known, thinned)) > 1.0


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_too_few_samples_say_nothing(rows: int) -> None:
    true = speeds(256, 8.0)
    few, apart = np.linspace(0, 255, rows).astype(int), np.full(rows, 2.56 / rows)
    hint = listen(echo(), rolled(true)[few], apart, true[few])
    assert np.isfinite(hint.likelihood).all()
    assert np.ptp(hint.likelihood) < 1.0


def test_one_who_knows_no_answers_hears_nothing() -> None:
    none = ((0.0, 0.0, 0.0),) * 2
    deaf = replace(echo(), front=none, rear=none)
    true = speeds(256, 8.0)
    assert np.ptp(listen(deaf, rolled(true), dt(256), true).likelihood) < 1e-9


@pytest.mark.parametrize(
    "wrong",
    [
        {"wheelbase": 0.0},
        {"knots": (2.0, 1.0)},
        {"knots": (0.0, 1.0)},
        {"front": ((0.0,) * 3,)},
        {"chances": (0.0,)},
        {"points": 2},
    ],
)
def test_an_echo_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        replace(echo(), **wrong)  # type: ignore[arg-type]


def test_one_without_answers_can_be_said() -> None:
    assert Echo(0.3).wheelbase == 0.3
