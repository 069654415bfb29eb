"""One step of the filter for numba to compile: what `robot.filter` does, many times as fast.

Propagation and the no-slip update in one call, on a state packed into 33 numbers
(`engine.pack`). Import it late: numba takes a second to load. Without numba the functions still
run, as slow Python; `robot.engine` then takes `robot.filter` instead. The two agree to rounding,
which a test holds them to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from robot.lie import Array

F = TypeVar("F", bound=Callable[..., object])

try:
    import numba  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    COMPILED = False

    def _jit(function: F) -> F:
        return function
else:
    COMPILED = True

    def _jit(function: F) -> F:
        compiled: F = numba.njit(cache=True, error_model="numpy")(function)
        return compiled


PARAMETERS = 15  # see `step`


@_jit
def _turn(a: float, b: float, c: float, jacobian: bool) -> Array:
    """Exp(x) [9] of x = (a, b, c), or J(x) [9], by rows: `lie.so3_exp`, `so3_left_jacobian`."""
    t2 = a * a + b * b + c * c
    if t2 < 0.01:
        c1 = 1 - t2 / 6 * (1 - t2 / 20 * (1 - t2 / 42 * (1 - t2 / 72)))
        c2 = 0.5 * (1 - t2 / 12 * (1 - t2 / 30 * (1 - t2 / 56 * (1 - t2 / 90))))
        c3 = (1 - t2 / 20 * (1 - t2 / 42 * (1 - t2 / 72 * (1 - t2 / 110)))) / 6
    else:
        t = math.sqrt(t2)
        half = math.sin(0.5 * t) / t
        c1 = math.sin(t) / t
        c2 = 2 * half * half
        c3 = (1 - c1) / t2
    s, u = (c2, c3) if jacobian else (c1, c2)
    # 1 + s X + u X^2 with X^2 = x x' - t^2
    m = np.empty(9)
    m[0], m[4], m[8] = 1 - u * (b * b + c * c), 1 - u * (a * a + c * c), 1 - u * (a * a + b * b)
    m[1], m[3] = u * a * b - s * c, u * a * b + s * c
    m[2], m[6] = u * a * c + s * b, u * a * c - s * b
    m[5], m[7] = u * b * c - s * a, u * b * c + s * a
    return m


@_jit
def _product(x: Array, y: Array) -> Array:
    """The product [9] of two 3x3 matrices [9]."""
    z = np.empty(9)
    for i in range(3):
        for j in range(3):
            z[3 * i + j] = x[3 * i] * y[j] + x[3 * i + 1] * y[3 + j] + x[3 * i + 2] * y[6 + j]
    return z


@_jit
def _polished(x: Array) -> Array:
    """`lie.polish_rotation` of [9]."""
    gram = np.empty(9)
    for i in range(3):
        for j in range(3):
            gram[3 * i + j] = x[i] * x[j] + x[3 + i] * x[3 + j] + x[6 + i] * x[6 + j]
    z = _product(x, gram)
    for i in range(9):
        z[i] = 1.5 * x[i] - 0.5 * z[i]
    return z


@_jit
def _predict(  # noqa: PLR0912, PLR0915 -- loops are what numba is for
    x: Array, p: Array, sample: Array, dt: float, parameters: Array
) -> tuple[Array, Array]:
    """`filter.propagate`."""
    g = parameters[10]
    ex, ey, ez = parameters[11], parameters[12], parameters[13]
    earth = ex != 0.0 or ey != 0.0 or ez != 0.0
    y = x.copy()
    turned = _product(
        x[:9],
        _turn((sample[0] - x[15]) * dt, (sample[1] - x[16]) * dt, (sample[2] - x[17]) * dt, False),
    )
    rx, ry, rz = 0.0, 0.0, -g
    if earth:
        turned = _product(_turn(-ex * dt, -ey * dt, -ez * dt, False), turned)
        rx -= 2 * (ey * x[11] - ez * x[10])
        ry -= 2 * (ez * x[9] - ex * x[11])
        rz -= 2 * (ex * x[10] - ey * x[9])
    y[:9] = _polished(turned)
    m = np.empty(9)
    for i in range(9):
        m[i] = 0.5 * (x[i] + y[i])
    fx, fy, fz = sample[3] - x[18], sample[4] - x[19], sample[5] - x[20]
    y[9] += dt * (rx + m[0] * fx + m[1] * fy + m[2] * fz)
    y[10] += dt * (ry + m[3] * fx + m[4] * fy + m[5] * fz)
    y[11] += dt * (rz + m[6] * fx + m[7] * fy + m[8] * fz)
    half = 0.5 * dt
    v, at = np.empty(3), np.empty(3)
    for i in range(3):
        v[i] = 0.5 * (x[9 + i] + y[9 + i])
        y[12 + i] += dt * v[i]
        at[i] = 0.5 * (x[12 + i] + y[12 + i])
    # What half a step's noise adds, to the pose [9, 9]: lever lever' with lever = [1; v^; p^].
    lever = np.zeros((9, 3))
    for i in range(3):
        lever[i, i] = 1.0
    for k, arm in ((3, v), (6, at)):
        lever[k, 1], lever[k, 2], lever[k + 1, 2] = -arm[2], arm[1], -arm[0]
        lever[k + 1, 0], lever[k + 2, 0], lever[k + 2, 1] = arm[2], -arm[1], arm[0]
    added = np.empty((9, 9))
    spread = half * parameters[0]
    for i in range(9):
        for j in range(9):
            dot = lever[i, 0] * lever[j, 0] + lever[i, 1] * lever[j, 1] + lever[i, 2] * lever[j, 2]
            added[i, j] = spread * dot
    for i in range(3, 6):
        added[i, i] += half * parameters[1]

    phi = np.zeros((9, 15))
    for i in range(9):
        phi[i, i] = 1.0
    phi[3, 1], phi[4, 0] = g * dt, -g * dt
    phi[6, 1], phi[7, 0] = g * dt * half, -g * dt * half
    phi[6, 3] = phi[7, 4] = phi[8, 5] = dt
    for i in range(3):
        at[i] += half * v[i]
    v[2] -= half * g
    at[2] -= g * dt * dt / 6
    for j in range(3):
        a, b, c = -dt * m[j], -dt * m[3 + j], -dt * m[6 + j]
        phi[0, 9 + j] = phi[3, 12 + j] = a
        phi[1, 9 + j] = phi[4, 12 + j] = b
        phi[2, 9 + j] = phi[5, 12 + j] = c
        phi[6, 12 + j], phi[7, 12 + j], phi[8, 12 + j] = half * a, half * b, half * c
        for k, arm in ((3, v), (6, at)):
            phi[k, 9 + j] = arm[1] * c - arm[2] * b
            phi[k + 1, 9 + j] = arm[2] * a - arm[0] * c
            phi[k + 2, 9 + j] = arm[0] * b - arm[1] * a
    if earth:
        w = np.zeros((3, 3))
        w[0, 1], w[0, 2], w[1, 2] = -ez * dt, ey * dt, -ex * dt
        w[1, 0], w[2, 0], w[2, 1] = ez * dt, -ey * dt, ex * dt
        for j in range(3):
            for i in range(3):
                phi[i, j] -= w[i, j]
                phi[3 + i, 3 + j] -= 2 * w[i, j]
            for k, arm, sign in ((3, v, 1.0), (6, at, -1.0)):
                phi[k, j] += sign * (arm[1] * w[2, j] - arm[2] * w[1, j])
                phi[k + 1, j] += sign * (arm[2] * w[0, j] - arm[0] * w[2, j])
                phi[k + 2, j] += sign * (arm[0] * w[1, j] - arm[1] * w[0, j])

    q = p.copy()
    for i in range(9):
        for j in range(9):
            q[i, j] += added[i, j]
    for i in range(9, 21):
        q[i, i] += half * parameters[2 + (i - 9) // 3]
    rows = np.zeros((9, 21))
    for i in range(9):
        for k in range(15):
            factor = phi[i, k]
            if factor != 0.0:
                for j in range(21):
                    rows[i, j] += factor * q[k, j]
    for i in range(9):
        for j in range(9, 21):
            q[i, j] = q[j, i] = rows[i, j]
        for j in range(i + 1):
            total = added[i, j]
            for k in range(15):
                total += rows[i, k] * phi[j, k]
            q[i, j] = q[j, i] = total
    for i in range(9, 21):
        q[i, i] += half * parameters[2 + (i - 9) // 3]
    return y, q


@_jit
def _correct(x: Array, p: Array, sample: Array, parameters: Array) -> float:  # noqa: PLR0912, PLR0915
    """`measurements.no_slip` with `filter.update`; writes into x and p, returns the NIS."""
    h, r = np.zeros((2, 21)), np.empty(2)
    wx, wy, wz = sample[0] - x[15], sample[1] - x[16], sample[2] - x[17]
    lx, ly, lz = x[30], x[31], x[32]
    u = np.empty(3)
    for i in range(3):
        u[i] = x[i] * x[9] + x[3 + i] * x[10] + x[6 + i] * x[11]
    u[0] += ly * wz - lz * wy
    u[1] += lz * wx - lx * wz
    u[2] += lx * wy - ly * wx
    for n in range(2):
        a, b, c = x[22 + n], x[25 + n], x[28 + n]  # a column of the mount
        r[n] = -(a * u[0] + b * u[1] + c * u[2])
        for i in range(3):
            h[n, 3 + i] = x[3 * i] * a + x[3 * i + 1] * b + x[3 * i + 2] * c
        # rows of -mount' lever^, mount' u^ and -mount' w^
        h[n, 9], h[n, 10], h[n, 11] = c * ly - b * lz, a * lz - c * lx, b * lx - a * ly
        h[n, 15], h[n, 16], h[n, 17] = b * u[2] - c * u[1], c * u[0] - a * u[2], a * u[1] - b * u[0]
        h[n, 18], h[n, 19], h[n, 20] = c * wy - b * wz, a * wz - c * wx, b * wx - a * wy
    if parameters[14] != 0.0:
        ahead = x[21] * u[0] + x[24] * u[1] + x[27] * u[2]
        r[0] -= parameters[14] * ahead * ahead * (x[23] * wx + x[26] * wy + x[29] * wz)
    ph = np.zeros((21, 2))
    for i in range(21):
        for j in range(3, 21):
            ph[i, 0] += p[i, j] * h[0, j]
            ph[i, 1] += p[i, j] * h[1, j]
    s0, s1, s01 = parameters[6], parameters[7], 0.0
    for j in range(21):
        s0 += h[0, j] * ph[j, 0]
        s1 += h[1, j] * ph[j, 1]
        s01 += h[0, j] * ph[j, 1]
    det = s0 * s1 - s01 * s01
    nis: float = (s1 * r[0] * r[0] - 2 * s01 * r[0] * r[1] + s0 * r[1] * r[1]) / det
    if not math.isfinite(nis):
        return math.inf
    n0, n1, n01 = parameters[6], parameters[7], 0.0
    if nis > parameters[8]:
        if parameters[9] == 0.0:
            return nis
        more = nis / parameters[8] - 1
        n0, n1, n01 = n0 + more * s0, n1 + more * s1, more * s01
        s0, s1, s01 = s0 + more * s0, s1 + more * s1, s01 + more * s01
        det = s0 * s1 - s01 * s01
    gain = np.empty((21, 2))
    for i in range(21):
        gain[i, 0] = (s1 * ph[i, 0] - s01 * ph[i, 1]) / det
        gain[i, 1] = (s0 * ph[i, 1] - s01 * ph[i, 0]) / det
    for i in range(21):
        for j in range(21):
            p[i, j] -= gain[i, 0] * ph[j, 0] + gain[i, 1] * ph[j, 1]
    for i in range(21):
        ph[i, 0] = ph[i, 1] = 0.0
        for j in range(3, 21):
            ph[i, 0] += p[i, j] * h[0, j]
            ph[i, 1] += p[i, j] * h[1, j]
    for i in range(21):
        # of -(P H') K' + K N K'
        a = gain[i, 0] * n0 + gain[i, 1] * n01 - ph[i, 0]
        b = gain[i, 0] * n01 + gain[i, 1] * n1 - ph[i, 1]
        for j in range(21):
            p[i, j] += a * gain[j, 0] + b * gain[j, 1]
    for i in range(21):
        for j in range(i):
            p[i, j] = p[j, i] = 0.5 * (p[i, j] + p[j, i])
    d = np.empty(21)
    for i in range(21):
        d[i] = gain[i, 0] * r[0] + gain[i, 1] * r[1]
    exp, jacobian = _turn(d[0], d[1], d[2], False), _turn(d[0], d[1], d[2], True)
    x[:9] = _product(exp, x[:9])
    for k in (9, 12):
        a, b, c = x[k], x[k + 1], x[k + 2]
        e, f, g = d[k - 6], d[k - 5], d[k - 4]
        for i in range(3):
            x[k + i] = exp[3 * i] * a + exp[3 * i + 1] * b + exp[3 * i + 2] * c
            x[k + i] += jacobian[3 * i] * e + jacobian[3 * i + 1] * f + jacobian[3 * i + 2] * g
    x[21:30] = _polished(_product(_turn(d[15], d[16], d[17], False), x[21:30]))
    for i in range(6):
        x[15 + i] += d[9 + i]
    for i in range(3):
        x[30 + i] += d[18 + i]
    return nis


@_jit
def step(
    x: Array, p: Array, sample: Array, dt: float, parameters: Array
) -> tuple[Array, Array, float]:
    """Propagate, then hold the body to no slip. Nothing given is written to.

    Args:
        x: Packed state [33].
        p: Covariance [21, 21].
        sample: [6] gyro and accelerometer as measured, rad/s and m/s^2.
        dt: s.
        parameters: [15]: squares of the six densities of `Noise`, in their order; variances of
            lateral and vertical slip in this sample, m^2/s^2 (the first not above 0: no update);
            the gate's limit (infinity for none) and 1 if it softens; gravity, m/s^2; the Earth's
            rotation [3], rad/s; the drift in curves, s^2/m.

    Returns:
        State, covariance, and the slip's normalized innovation squared (0 without an update).
    """
    y, q = _predict(x, p, sample, dt, parameters)
    if parameters[6] <= 0.0:
        return y, q, 0.0
    return y, q, _correct(y, q, sample, parameters)
