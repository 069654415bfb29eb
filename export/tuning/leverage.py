"""Which inputs set the ranges: sampled by their statistical leverage, beside plain chance.

The leverage of a row of a matrix is the squared norm of its row in an orthonormal basis of the
matrix's best rank-k approximation: how much of that approximation hangs on it. Rows drawn with
probabilities in proportion span the matrix far better than as many drawn uniformly, if some rows
matter much more than others (Mahoney, "Randomized algorithms for matrices and data", 2011;
Drineas, Magdon-Ismail, Mahoney & Woodruff, JMLR 13, 2012). Here a row is what a network's last
layer reads of an input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.metrics import FloatArray


def leverage_scores(rows: FloatArray, rank: int | None = None) -> NDArray[np.float64]:
    """Leverage of each row, relative to the best approximation of a rank.

    Args:
        rows: [N, F].
        rank: At most that of the matrix, which is the default.

    Returns:
        [N], each from 0 to 1; their sum is the rank.
    """
    left, singular, _ = np.linalg.svd(np.asarray(rows, np.float64), full_matrices=False)
    least = singular.max(initial=0.0) * max(rows.shape) * np.finfo(np.float64).eps
    full = int(np.count_nonzero(singular > least))
    basis = left[:, : full if rank is None else min(rank, full)]
    return np.asarray((basis**2).sum(axis=1))


def by_leverage(rows: FloatArray, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw rows without replacement, with probabilities in proportion to their leverage.

    The rank is half of `n`: with as many directions as rows, all rows would be alike.

    Args:
        rows: [N, F].
        n: At most N.
        rng: Draws.

    Returns:
        [n] row numbers, ascending.
    """
    scores = leverage_scores(rows, max(1, n // 2))
    scores = scores + 1e-9 / len(scores)  # so that there are always n to draw
    return np.sort(rng.choice(len(rows), n, replace=False, p=scores / scores.sum()))


def by_chance(count: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `n` of `count` rows uniformly, ascending."""
    return np.sort(rng.choice(count, n, replace=False))
