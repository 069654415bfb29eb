"""What the search found, for the converters that make the final files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from export.conversion.graphs import Operation
from models.errors import ConversionError


@dataclass(frozen=True)
class Choice:
    """Of one graph, the operations left in float.

    Attributes:
        kinds: Of all its operations in order, by which the graph is known again: names count how
            often a model was traced.
        places: Of those in float.
    """

    kinds: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, operations: Sequence[Operation], names: Collection[str]) -> Choice:
        """From the names of those in float."""
        places = [i for i, operation in enumerate(operations) if operation.name in names]
        return cls(tuple(o.kind for o in operations), tuple(places))


@dataclass(frozen=True)
class Spared:
    """An `export.conversion.drafting.Spare` that knows the graphs it will be asked about."""

    choices: tuple[Choice, ...]

    def __call__(self, operations: Sequence[Operation]) -> list[str]:
        """Names of the operations of a graph that stay in float.

        Raises:
            ConversionError: It is none of the graphs that were tuned.
        """
        kinds = tuple(operation.kind for operation in operations)
        for choice in self.choices:
            if choice.kinds == kinds:
                return [operations[place].name for place in choice.places]
        raise ConversionError("the converted graph is not the one that was tuned; tune again")
