"""Costs and the widths that a budget allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from tests.training.compression.chains import mobile
from training.compression.budget import Cost
from training.compression.graph import find_groups, flatten


@pytest.fixture(scope="module")
def cost() -> Cost:
    flat = flatten(mobile())
    return Cost(flat, find_groups(flat))


@settings(max_examples=25)
@given(st.tuples(*[st.floats(0.05, 1.0)] * 3), st.floats(0.2, 1.0), st.sampled_from([1, 2, 4]))
def test_widths_meet_the_budget_and_no_wider_ones_would(
    cost: Cost, shares: tuple[float, ...], fraction: float, multiple: int
) -> None:
    wanted = np.array(shares)
    widths = cost.within(wanted, fraction, multiple)
    assert cost.of(widths) <= fraction * cost.full
    assert np.all((widths % multiple == 0) | (widths == cost.channels))
    assert np.all((widths >= 1) & (widths <= cost.channels))
    finer = cost.within(wanted, fraction, 1)
    assert cost.of(finer) >= fraction * cost.full * 0.75 or np.all(finer == cost.channels)


def test_equal_shares_give_equal_widths(cost: Cost) -> None:
    widths = cost.within(np.ones(3), 0.5, 1)
    np.testing.assert_allclose(widths / cost.channels, widths[0] / cost.channels[0], atol=0.05)


def test_a_budget_below_the_least_widths_is_refused(cost: Cost) -> None:
    with pytest.raises(InputError, match=r"at least 0\.\d+ are needed"):
        cost.within(np.ones(3), 0.001, 8)
