"""The groups SO(3) and SE_2(3), one element at a time, safe near no rotation and near half a turn.

Rotations are 3x3 matrices; extended poses (rotation R, velocity v, position p) are 5x5 matrices

    [R v p]
    [0 1 0]
    [0 0 1]

and tangent vectors of SE_2(3) are ordered (rotation, velocity, position), rad, m/s and m. All
arrays are float64. Jacobians are the left ones: Exp(x + dx) = Exp(J(x) dx) Exp(x) to first order.

Sources: Barfoot, State Estimation for Robotics (2017), chapter 7; Barrau and Bonnabel, The
Invariant Extended Kalman Filter as a Stable Observer, IEEE TAC 62(4), 2017, for SE_2(3).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vector = tuple[float, float, float]  # as people and files state one

_SERIES_BELOW = (
    1.0  # rad: below it the closed forms cancel, and their series converges in ten terms
)


def skew(x: Array) -> Array:
    """The matrix [3, 3] whose product with any y is the cross product x * y; x is [3]."""
    a, b, c = x.tolist()
    return np.array(((0.0, -c, b), (c, 0.0, -a), (-b, a, 0.0)))


def vee(matrix: Array) -> Array:
    """The x [3] of a skew-symmetric matrix [3, 3]; of another, that of its skew-symmetric part."""
    m = matrix
    return 0.5 * np.array((m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]))


def _coefficients(angle: float, first: int, last: int) -> tuple[float, ...]:
    """c_first .. c_last of c_k(t) = sum over j of (-1)^j t^(2j) / (2j + k)!, for k from 0 to 5.

    c_0 = cos t, c_1 = sin t / t, and c_(k+2) = (1/k! - c_k) / t^2. As matrix series,
    Exp(x) = 1 + c_1 X + c_2 X^2 and J(x) = 1 + c_2 X + c_3 X^2, with X = skew(x) and t = |x|.
    """
    t2 = angle * angle
    if angle < _SERIES_BELOW:
        # By Horner from the back: at t = 1 the eleventh term is below 1e-19 of the first.
        result = []
        for k in range(first, last + 1):
            total = 1.0
            for j in range(10, 0, -1):
                total = 1.0 - total * t2 / ((2 * j + k) * (2 * j + k - 1))
            result.append(total / math.factorial(k))
        return tuple(result)
    c = [math.cos(angle), math.sin(angle) / angle]
    for k in range(last - 1):
        c.append((1.0 / math.factorial(k) - c[k]) / t2)
    return tuple(c[first : last + 1])


def so3_exp(x: Array) -> Array:
    """The rotation [3, 3] about x [3] by its length in rad (Rodrigues)."""
    a, b, c = x.tolist()
    t2 = a * a + b * b + c * c
    if t2 < 0.01:  # series to t^8: 3e-17 of it is left out
        s = 1 - t2 / 6 * (1 - t2 / 20 * (1 - t2 / 42 * (1 - t2 / 72)))
        u = 0.5 * (1 - t2 / 12 * (1 - t2 / 30 * (1 - t2 / 56 * (1 - t2 / 90))))
    else:
        t = math.sqrt(t2)
        s = math.sin(t) / t
        half = math.sin(0.5 * t) / t
        u = 2 * half * half
    ab, ac, bc = u * a * b, u * a * c, u * b * c
    aa, bb, cc = u * a * a, u * b * b, u * c * c
    a, b, c = s * a, s * b, s * c
    return np.array(
        (
            (1 - bb - cc, ab - c, ac + b),
            (ab + c, 1 - aa - cc, bc - a),
            (ac - b, bc + a, 1 - aa - bb),
        )
    )


def so3_log(rotation: Array) -> Array:
    """The x [3] with Exp(x) = rotation and |x| <= pi.

    By way of the quaternion (Shepperd 1978), which keeps its digits near half a turn, where the
    textbook formula divides by sin(pi).
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    trace = a + e + i
    largest = max(trace, a, e, i)
    if largest == trace:
        w, x, y, z = 1 + trace, h - f, c - g, d - b
    elif largest == a:
        w, x, y, z = h - f, 1 + a - e - i, b + d, c + g
    elif largest == e:
        w, x, y, z = c - g, b + d, 1 - a + e - i, f + h
    else:
        w, x, y, z = d - b, c + g, f + h, 1 - a - e + i
    length = math.sqrt(x * x + y * y + z * z)
    if w < 0:
        w, x, y, z = -w, -x, -y, -z
    # 2 atan(u) / u tends to 2 as u = length / w tends to 0
    scale = 2 * math.atan2(length, w) / length if length > 1e-150 else 2 / w
    return np.array((scale * x, scale * y, scale * z))


def so3_left_jacobian(x: Array) -> Array:
    """J(x) [3, 3], the mean of Exp(s x) over s from 0 to 1."""
    c2, c3 = _coefficients(math.sqrt(float(x @ x)), 2, 3)
    matrix = skew(x)
    return np.asarray(np.eye(3) + c2 * matrix + c3 * (matrix @ matrix))


def so3_left_jacobian_inverse(x: Array) -> Array:
    """The inverse [3, 3] of J(x), for |x| < 2 pi."""
    angle = math.sqrt(float(x @ x))
    t2 = angle * angle
    if angle < 0.1:  # series: t^8 / 47900160 is left out
        factor = 1 / 12 + t2 / 720 * (1 + t2 / 42 * (1 + t2 / 40))
    else:
        factor = (1 - 0.5 * angle / math.tan(0.5 * angle)) / t2
    matrix = skew(x)
    return np.asarray(np.eye(3) - 0.5 * matrix + factor * (matrix @ matrix))


def project_to_rotation(matrix: Array) -> Array:
    """The rotation nearest to a matrix [3, 3] in the Frobenius norm, by SVD (Kabsch)."""
    u, _, vt = np.linalg.svd(matrix)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        u = u * np.array((1.0, 1.0, -1.0))
    return np.asarray(u @ vt)


def polish_rotation(rotation: Array) -> Array:
    """One Newton step towards the nearest rotation: an error e in RtR - 1 becomes 3/4 e^2.

    Much cheaper than `project_to_rotation`, and as good where rounding is all that went wrong.
    """
    return np.asarray(1.5 * rotation - 0.5 * (rotation @ (rotation.T @ rotation)))


def se23(rotation: Array, velocity: Array, position: Array) -> Array:
    """The extended pose [5, 5] of its parts."""
    pose = np.eye(5)
    pose[:3, :3], pose[:3, 3], pose[:3, 4] = rotation, velocity, position
    return pose


def se23_exp(x: Array) -> Array:
    """Exp of a tangent vector [9] as an extended pose [5, 5]: Exp(r), J(r) dv, J(r) dp."""
    jacobian = so3_left_jacobian(x[:3])
    return se23(so3_exp(x[:3]), jacobian @ x[3:6], jacobian @ x[6:9])


def se23_log(pose: Array) -> Array:
    """The tangent vector [9] of an extended pose [5, 5], its rotation no longer than pi."""
    r = so3_log(pose[:3, :3])
    inverse = so3_left_jacobian_inverse(r)
    return np.concatenate((r, inverse @ pose[:3, 3], inverse @ pose[:3, 4]))


def se23_inverse(pose: Array) -> Array:
    """The inverse [5, 5] of an extended pose."""
    back = pose[:3, :3].T
    return se23(back, -back @ pose[:3, 3], -back @ pose[:3, 4])


def se23_adjoint(pose: Array) -> Array:
    """Ad [9, 9] of an extended pose X: X Exp(x) = Exp(Ad x) X, exactly."""
    rotation = pose[:3, :3]
    ad = np.zeros((9, 9))
    ad[:3, :3] = ad[3:6, 3:6] = ad[6:, 6:] = rotation
    ad[3:6, :3] = skew(pose[:3, 3]) @ rotation
    ad[6:, :3] = skew(pose[:3, 4]) @ rotation
    return ad


def se23_left_jacobian(x: Array) -> Array:
    """J(x) [9, 9] of SE_2(3)."""
    jacobian = np.zeros((9, 9))
    jacobian[:3, :3] = jacobian[3:6, 3:6] = jacobian[6:, 6:] = so3_left_jacobian(x[:3])
    jacobian[3:6, :3] = _coupling(x[:3], x[3:6])
    jacobian[6:, :3] = _coupling(x[:3], x[6:])
    return jacobian


def se23_left_jacobian_inverse(x: Array) -> Array:
    """The inverse [9, 9] of J(x) of SE_2(3), for a rotation below 2 pi."""
    block = so3_left_jacobian_inverse(x[:3])
    inverse = np.zeros((9, 9))
    inverse[:3, :3] = inverse[3:6, 3:6] = inverse[6:, 6:] = block
    inverse[3:6, :3] = -block @ _coupling(x[:3], x[3:6]) @ block
    inverse[6:, :3] = -block @ _coupling(x[:3], x[6:]) @ block
    return inverse


def _coupling(rotation: Array, translation: Array) -> Array:
    """The block Q [3, 3] of the left Jacobian (Barfoot 2017, eq. 7.86), for both vectors [3]."""
    c3, c4, c5 = _coefficients(math.sqrt(float(rotation @ rotation)), 3, 5)
    f, r = skew(rotation), skew(translation)
    fr, rf = f @ r, r @ f
    frf, ff = fr @ f, f @ f
    return np.asarray(
        0.5 * r
        + c3 * (fr + rf + frf)
        + c4 * (ff @ r + r @ ff - 3 * frf)
        + 0.5 * (c4 - 3 * c5) * (frf @ f + f @ frf)
    )
