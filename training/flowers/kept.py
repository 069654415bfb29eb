"""Answers of a model to photos, kept on disk with a hash of all that they follow from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.files import writing_to

Logits = NDArray[np.float32]


def kept_logits(path: Path, depends: bytes, make: Callable[[], Logits]) -> Logits:
    """Logits [N, K] from a file, or made and put there.

    Args:
        path: An `.npz`; one that depends on something else is replaced.
        depends: All that they follow from.
        make: Makes them.
    """
    key = hashlib.sha256(depends).hexdigest()
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["key"]) == key:
                return np.asarray(kept["logits"])
    logits = make()
    with writing_to(path) as temporary, temporary.open("wb") as file:
        np.savez(file, key=key, logits=logits)
    return logits
