"""The contract that our exporter embeds in a file, read without believing it."""

from __future__ import annotations

import json
from typing import Any

from models.runtime import CONTRACT_LIMIT


def parsed(text: str | bytes | None) -> dict[str, Any] | None:
    """The JSON object in a text, or None where there is none or it is no contract."""
    if text is None or len(text) > CONTRACT_LIMIT:
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
