"""Groups of operations: every operation in one block, cut where one tensor carries everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from export.conversion.graphs import Operation
from export.tuning.groups import blocks, groups, kinds, neighbours
from export.tuning.spared import Choice, Spared


def _chain(*kinds_of: str) -> list[Operation]:
    return [Operation(f"net/{i}/x", kind, [i], [i + 1]) for i, kind in enumerate(kinds_of)]


def _members(found: list[Operation], *places: int) -> frozenset[str]:
    return frozenset(found[place].name for place in places)


def test_a_residual_is_one_block() -> None:
    # 0 -> conv -> 1 -> conv -> 2 -> relu -> 3 ; add(1, 3) -> 4 -> dense -> 5
    found = [
        Operation("a", "Conv", [0, "weights"], [1]),
        Operation("b", "Conv", [1], [2]),
        Operation("c", "Relu", [2], [3]),
        Operation("d", "Add", [1, 3], [4]),
        Operation("e", "Gemm", [4], [5]),
    ]
    cut = [group.members for group in blocks(found, 99)]
    assert cut == [_members(found, 0), _members(found, 1, 2, 3), _members(found, 4)]


@given(st.integers(1, 40), st.integers(1, 10))
def test_blocks_hold_every_operation_once_and_are_no_more_than_asked(count: int, most: int) -> None:
    found = _chain(*["Conv"] * count)
    parts = [group.members for group in blocks(found, most)]
    assert len(parts) == min(count, most)
    assert sum(map(len, parts)) == count
    assert frozenset().union(*parts) == {o.name for o in found}
    assert max(map(len, parts)) <= 2 * -(-count // most)  # none swallows the others


def test_kinds_and_what_has_no_weights() -> None:
    found = _chain("Conv", "HardSwish", "Conv", "Mul")
    by_name = {group.name: group.members for group in kinds(found)}
    assert by_name == {
        "all Conv": _members(found, 0, 2),
        "all HardSwish": _members(found, 1),
        "all Mul": _members(found, 3),
        "all without weights": _members(found, 1, 3),
    }


def test_neighbours_share_the_tensor_between_them() -> None:
    found = _chain("Conv", "Tanh", "Conv")
    pairs = [group.members for group in neighbours(blocks(found, 9))]
    assert pairs == [_members(found, 0, 1), _members(found, 1, 2)]


def test_no_group_stands_twice() -> None:
    members = [group.members for group in groups(_chain("Conv", "Relu"))]
    assert len(members) == len(set(members)) == 3


def test_what_was_spared_is_found_again_under_other_names() -> None:
    tuned, other = _chain("Conv", "Relu", "Gemm"), _chain("CONV_2D", "MUL")
    spared = Spared((Choice.of(other, ()), Choice.of(tuned, ["net/1/x"])))
    again = [operation._replace(name=f"{operation.name}_2") for operation in tuned]
    assert spared(again) == ["net/1/x_2"]
    assert spared(other) == []
