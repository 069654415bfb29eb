from __future__ import annotations

import numpy as np

from training.spectral.splits import Split
from training.spectral.trial import padded


def test_scored_rows_are_filled_up_to_the_longest() -> None:
    none = np.zeros(0, np.int64)
    rows, weights = padded([Split(none, np.array([4, 7])), Split(none, np.array([1, 2, 3]))])
    np.testing.assert_array_equal(rows, [[4, 7, 4], [1, 2, 3]])
    np.testing.assert_array_equal(weights, [[1, 1, 0], [1, 1, 1]])
