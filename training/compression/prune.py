"""Post-training convex pruning of the inputs of dense and 1x1 layers.

In the spirit of Net-Trim (Aghasi, Abdi, Nguyen, Romberg, NeurIPS 2017): a trained layer's kernel is
replaced by the sparsest one that answers nearly alike on photos. Sparse by single weights saves
nothing on LiteRT or ONNX Runtime, which multiply zeros too; so whole inputs are dropped here, by
the convex programme (group lasso; He, Zhang, Sun, ICCV 2017, select channels by lasso)

    min over W of  1/2 tr((W - W0)' S (W - W0)) + p sum_i |W_i|

with S the covariance of the inputs on photos, W0 the kernel and W_i the row of input i: half the
mean square error of the answers, which needs no photo once S is known. The rows that stay, as p
falls, rank the inputs; least squares on the first of them then gives back what the penalty shrank.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]

_RIDGE = 1e-6  # of the mean variance: photos may be fewer than inputs
_PENALTIES = np.geomspace(0.7, 0.01, 10)  # of the one that drops all


def group_lasso(
    covariance: Matrix, kernel: Matrix, penalty: float, start: Matrix, iterations: int = 40
) -> Matrix:
    """Solve the programme by accelerated proximal gradients (FISTA; Beck and Teboulle 2009).

    Args:
        covariance: [C, C] of the inputs.
        kernel: [C, K] the trained one.
        penalty: p.
        start: [C, K].
        iterations: Steps; the error falls with their square.

    Returns:
        [C, K], with rows of exact zeros.
    """
    step = 1 / max(float(np.linalg.norm(covariance, 2)), 1e-30)
    solution, ahead, momentum = start, start, 1.0
    for _ in range(iterations):
        moved = ahead - step * (covariance @ (ahead - kernel))
        norms = np.linalg.norm(moved, axis=1, keepdims=True)
        shrunk = moved * np.maximum(0.0, 1 - step * penalty / np.maximum(norms, 1e-30))
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = shrunk + (momentum - 1) / grown * (shrunk - solution)
        solution, momentum = shrunk, grown
    return solution


def ranking(covariance: Matrix, kernel: Matrix) -> NDArray[np.int64]:
    """[C] inputs from the most to the least needed: by the penalty at which each comes to stay.

    Inputs that come in at the same penalty, and those that never do, stand by what they add to the
    answers by themselves.
    """
    # Single precision is enough to rank by, and twice as fast.
    covariance, kernel = covariance.astype(np.float32), kernel.astype(np.float32)
    alone = np.sqrt(np.maximum(np.diag(covariance), 0)) * np.linalg.norm(kernel, axis=1)
    largest = np.linalg.norm(covariance @ kernel, axis=1).max()
    entered = np.full(len(kernel), len(_PENALTIES))
    solution = np.zeros_like(kernel)
    for step, share in enumerate(_PENALTIES):
        solution = group_lasso(covariance, kernel, share * largest, solution)
        present = np.any(solution != 0, axis=1)
        entered = np.where(present, np.minimum(entered, step), len(_PENALTIES))
    return np.asarray(np.lexsort((-alone, entered)))


def errors(covariance: Matrix, kernel: Matrix, order: NDArray[np.int64]) -> Matrix:
    """What is lost when the first inputs of an order stand in for all.

    Returns:
        [C + 1]: the share of the answers' variance that least squares on the first k inputs leaves
        unexplained, from 1 at k = 0 to 0 at k = C.
    """
    ordered = _steady(covariance)[np.ix_(order, order)]
    factor = np.linalg.cholesky(ordered)
    # Row k of the factor's transpose is what input k adds that the inputs before it do not say.
    added = np.sum((factor.T @ kernel[order]) ** 2, axis=1)
    left = np.append(np.cumsum(added[::-1])[::-1], 0.0)
    return np.asarray(left / max(float(added.sum()), 1e-30))


def refit(covariance: Matrix, kernel: Matrix, kept: NDArray[np.int64]) -> Matrix:
    """[k, K] the kernel of the kept inputs whose answers are nearest to the trained ones."""
    steady = _steady(covariance)
    return np.asarray(np.linalg.solve(steady[np.ix_(kept, kept)], steady[kept] @ kernel))


def _steady(covariance: Matrix) -> Matrix:
    mean = max(float(np.trace(covariance)) / len(covariance), 1e-12)
    return np.asarray(covariance + _RIDGE * mean * np.eye(len(covariance)))
