"""Memory between trainings that share a process."""

from __future__ import annotations

import gc

import keras


def forget() -> None:
    """Free the networks of this process that nothing refers to any more."""
    keras.backend.clear_session()
    gc.collect()  # a compiled loop is large, and held in cycles
