"""The export pipeline: Keras to verified, quantized bundles.

For programs, `from export import convert` and the other stages of `export.api`; they are imported
when they are first asked for, since TensorFlow takes its time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.api import benchmark, convert, diff, inspect, plan, sign, tune, verify

__all__ = ["benchmark", "convert", "diff", "inspect", "plan", "sign", "tune", "verify"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("export.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
