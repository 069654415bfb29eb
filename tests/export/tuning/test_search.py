"""The search on made-up costs: it ends within the budget and the gate, or says that it can't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.tuning.groups import Group
from export.tuning.search import choose, search, sensitivity
from export.tuning.trial import Trial, front


@dataclass(frozen=True)
class World:
    """A model whose operations add up.

    Attributes:
        errors: What each operation adds to the squared error in 8 bits; 1 in all is allowed.
        times: What each adds to the time in 8 bits; it may be negative.
        base: The time in which all are in float.
    """

    errors: tuple[float, ...]
    times: tuple[float, ...]
    base: float = 1.0

    def groups(self) -> list[Group]:
        return [Group(f"g{i}", frozenset([f"o{i}"])) for i in range(len(self.errors))]

    def measure(self, mixes: Sequence[Sequence[Group]]) -> list[Trial]:
        return [self._trial(mix) for mix in mixes]

    def _trial(self, mix: Sequence[Group]) -> Trial:
        spared = frozenset().union(*(group.members for group in mix))
        in_8_bits = [i for i in range(len(self.errors)) if f"o{i}" not in spared]
        error = sum(self.errors[i] for i in in_8_bits) ** 0.5
        return Trial(
            groups=tuple(group.name for group in mix),
            spared=spared,
            error=error,
            agreement=None,
            ratio=self.base + sum(self.times[i] for i in in_8_bits),
            size=1000 - 10 * len(in_8_bits),
            failures=() if error <= 1 else ("too far off",),
        )

    def run(self, limit: float = 1.0) -> tuple[list[Trial], list[Trial]]:
        every = self.groups()
        alone = [*self.measure([[]]), *sensitivity(every, self.measure)]
        return search(every, alone, self.measure, limit)


def _chosen(world: World, limit: float = 1.0) -> Trial | None:
    return next(iter(choose(*world.run(limit), limit)), None)


worlds = st.integers(2, 8).flatmap(
    lambda n: st.builds(
        World,
        st.tuples(*[st.floats(0, 3)] * n),
        st.tuples(*[st.floats(-0.2, 0.2)] * n),
    )
)


@given(worlds, st.floats(0.8, 1.2))
def test_what_is_chosen_passes_within_the_limit(world: World, limit: float) -> None:
    way, trials = world.run(limit)
    chosen = _chosen(world, limit)
    assert way[0] == trials[0]
    if chosen is None:
        assert not any(trial.passed and trial.ratio <= limit for trial in trials)
    else:
        assert chosen.passed
        assert chosen.ratio <= limit


@given(worlds, st.floats(0.8, 1.2))
def test_what_is_chosen_is_never_worse_than_plain_8_bits(world: World, limit: float) -> None:
    plain, chosen = world.measure([[]])[0], _chosen(world, limit)
    if chosen is not None and plain.ratio <= limit:
        assert chosen.error <= plain.error
    elif chosen is not None:
        assert chosen.ratio < plain.ratio


@given(worlds)
def test_a_mix_grows_out_of_one_that_was_measured(world: World) -> None:
    plain, *mixes = world.run()[1]
    known = {plain.groups}
    for mix in mixes:
        assert mix.groups[:-1] in known
        known.add(mix.groups)


@given(worlds)
def test_plain_8_bits_are_chosen_where_they_do(world: World) -> None:
    plain = world.measure([[]])[0]
    if plain.within(1.0):
        way, trials = world.run()
        assert way == [plain]
        assert len(trials) == 1 + len(world.errors)  # and nothing else is looked for


@given(st.integers(2, 10), st.data())
def test_a_planted_culprit_is_found(n: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, n - 1))
    errors = tuple(9.0 if i == culprit else 0.05 for i in range(n))
    world = World(errors, tuple(-0.05 for _ in range(n)))  # each is faster in 8 bits
    chosen = _chosen(world)
    assert chosen is not None
    assert f"o{culprit}" in chosen.spared


@given(st.integers(2, 10), st.data())
def test_what_is_slow_in_8_bits_is_spared_first(n: int, data: st.DataObject) -> None:
    slow = data.draw(st.integers(0, n - 1))
    times = tuple(0.9 if i == slow else -0.05 for i in range(n))
    chosen = _chosen(World((0.02,) * n, times))
    assert chosen is not None
    assert f"o{slow}" in chosen.spared


def test_a_culprit_too_dear_to_spare_is_said_to_be() -> None:
    world = World((4.0, 0.1), (-0.5, 0.0), base=1.3)  # in float it takes too long
    assert _chosen(world) is None


@given(worlds)
def test_no_mix_surpasses_one_of_the_front(world: World) -> None:
    trials = world.run()[1]
    best = front(trials)
    assert best
    for trial in trials:
        assert any(
            kept.error <= trial.error and kept.ratio <= trial.ratio and kept.size <= trial.size
            for kept in best
        )
    figures = [(t.error, t.ratio, t.size) for t in best]
    assert len(set(figures)) == len(figures)
    for a in figures:
        assert not any(b != a and all(x <= y for x, y in zip(b, a, strict=True)) for b in figures)


@pytest.mark.parametrize("limit", [0.9, 1.0, 1.1])
def test_the_search_ends(limit: float) -> None:
    world = World((0.5,) * 30, (0.01, -0.01) * 15)
    assert len(world.run(limit)[1]) <= 1 + 30 + 3 * 30
