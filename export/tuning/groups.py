"""Which operations are left in float together: the blocks of a graph, and its kinds of operation.

A boundary between float and 8 bits costs a conversion of the tensor that crosses it, so a block
begins and ends where a single tensor carries everything. That tensor is in 8 bits as long as one
side of it is, so neighbouring blocks make a group, too; and so do all operations of a kind, since
one that a runtime has no fast 8-bit code for is slow wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from export.conversion.graphs import Operation

MOST_BLOCKS = 16
# Those with weights, as TFLite and ONNX name them. What is quick in 8 bits is first of all these.
WEIGHTED = frozenset(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL")
) | {"Conv", "ConvTranspose", "Gemm", "MatMul"}


class Group(NamedTuple):
    """Operations that are left in float together, by name.

    Attributes:
        name: Of the group.
        members: The operations.
        begins: Of a block, the layer that it begins with.
    """

    name: str
    members: frozenset[str]
    begins: str = ""


def groups(operations: Sequence[Operation], most_blocks: int = MOST_BLOCKS) -> list[Group]:
    """All that a search may spare: kinds, everything without weights, blocks; none twice.

    Args:
        operations: Of the float graph, in the order that they run.
        most_blocks: Blocks are merged until they are no more than these.
    """
    parts = blocks(operations, most_blocks)
    found = [*kinds(operations), *parts, *neighbours(parts)]
    first = {group.members: group for group in reversed(found)}
    return [group for group in found if first[group.members] is group]


def kinds(operations: Sequence[Operation]) -> list[Group]:
    """Every kind of operation, and all those together that have no weights."""
    found = [
        Group(f"all {kind}", frozenset(o.name for o in operations if o.kind == kind))
        for kind in dict.fromkeys(o.kind for o in operations)
    ]
    bare = frozenset(o.name for o in operations if o.kind not in WEIGHTED)
    return [*found, Group("all without weights", bare)] if bare else found


def blocks(operations: Sequence[Operation], most: int) -> list[Group]:
    """A graph cut where a single tensor carries everything, small neighbours merged."""
    sizes = [len(part) for part in _cut(operations)]
    while len(sizes) > most:
        pairs = [a + b for a, b in pairwise(sizes)]
        at = pairs.index(min(pairs))
        sizes[at : at + 2] = [pairs[at]]
    found, start = [], 0
    for number, size in enumerate(sizes, 1):
        names = [o.name for o in operations[start : start + size]]
        found.append(Group(f"block {number}", frozenset(names), _layer(names[0])))
        start += size
    return found


def neighbours(parts: Sequence[Group]) -> list[Group]:
    """Every two blocks that follow each other."""
    return [
        Group(f"blocks {number}-{number + 1}", a.members | b.members)
        for number, (a, b) in enumerate(pairwise(parts), 1)
    ]


def _cut(operations: Sequence[Operation]) -> list[Sequence[Operation]]:
    made = {tensor: i for i, o in enumerate(operations) for tensor in o.outputs}
    last = {tensor: i for i, o in enumerate(operations) for tensor in o.inputs if tensor in made}
    carried = [0] * len(operations)  # tensors that are made up to here and read later
    for tensor, reader in last.items():
        for i in range(made[tensor], reader):
            carried[i] += 1
    ends = [i + 1 for i in range(len(operations) - 1) if carried[i] == 1]
    edges = [0, *ends, len(operations)]
    return [operations[a:b] for a, b in pairwise(edges) if b > a]


def _layer(name: str) -> str:
    """The layer in an operation's name; of a fused one, the first."""
    first = name.partition(";")[0]
    *scopes, own = [part for part in first.split("/") if part != "batchnorm"]
    return scopes[-1] if scopes else own
