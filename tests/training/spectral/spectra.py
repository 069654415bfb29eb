"""Samples that we make: two or three materials, told apart by the ratios of their bands."""

from __future__ import annotations

import numpy as np

from training.spectral.samples import Samples

SHAPES = np.array([[0.2, 0.3, 0.6, 0.4], [0.3, 0.2, 0.3, 0.6], [0.5, 0.4, 0.1, 0.2]])


def spectra(rows: int = 120, classes: int = 2, groups: int = 0, seed: int = 0) -> Samples:
    """Rows of four bands under random light, in turns of each class; groups are runs of rows."""
    rng = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    light = rng.uniform(0.5, 1.5, (rows, 1))
    values = SHAPES[targets] * light * (1 + 0.03 * rng.standard_normal((rows, 4)))
    return Samples(
        "made",
        values,
        targets,
        ("blue", "green", "red", "nir"),
        tuple("abc"[:classes]),
        np.arange(rows) * groups // rows if groups else None,
    )
