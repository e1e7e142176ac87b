"""Whatever the connection does: no order is lost, none is doubled."""

from __future__ import annotations

import pytest

from tests.engine.paper.random_scripts import check, session


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (40, 80))])
def test_no_order_is_lost_or_doubled_in_random_scripts(first: int) -> None:
    for seed in range(first, first + 40):
        check(session(seed, 8))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1_000, 11_000, 1_000))
def test_no_order_is_lost_or_doubled_in_ten_thousand_random_scripts(first: int) -> None:
    for seed in range(first, first + 1_000):
        check(session(seed, 8))
