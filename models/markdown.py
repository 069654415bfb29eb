"""Tables of Markdown, for pages and cards that are generated."""

from __future__ import annotations

from collections.abc import Iterator


def table_head(*cells: str) -> Iterator[str]:
    """A table's first two lines."""
    yield table_row(*cells)
    yield table_row(*["---"] * len(cells))


def table_row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def percent(fraction: float) -> str:
    """In per cent, to two places."""
    return f"{100 * fraction:.2f}"


def interval(low: float, high: float) -> str:
    """From one fraction to another, in per cent."""
    return f"{percent(low)}–{percent(high)}"
