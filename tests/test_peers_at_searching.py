"""Other programs search the same job and find the same answers, or their figures say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.execution import random_walks
from benchmarks.peers.searching import (
    backtesting_grid,
    backtesting_sambo,
    optuna_around_backtesting,
    our_grid,
    our_profit,
    our_walk,
    vectorbt_walk,
)

BARS = random_walks(1, 700)[0, 0]
# Of profits of a million: cents, and for vectorbt, which holds parts of shares, some of them.
CLOSE, SHARES = 0.01, 1_000.0


def test_backtesting_py_finds_the_same_set_of_the_grid() -> None:
    pytest.importorskip("backtesting")
    ours, theirs = our_grid(BARS), backtesting_grid(BARS)
    assert theirs[0] == ours[0]
    assert theirs[1] == pytest.approx(ours[1], abs=CLOSE)


def test_sambo_and_optuna_report_what_their_sets_earn_here() -> None:
    pytest.importorskip("backtesting")
    pytest.importorskip("sambo")
    pytest.importorskip("optuna")
    for pair, profit in (backtesting_sambo(BARS, 12), optuna_around_backtesting(BARS, 12)):
        assert profit == pytest.approx(our_profit(BARS, pair), abs=CLOSE)


@pytest.mark.slow
def test_vectorbts_splitter_loop_chooses_the_same_sets() -> None:
    pytest.importorskip("vectorbt")
    ours, theirs = our_walk(BARS, 300, 100), vectorbt_walk(BARS, 300, 100)
    assert [pair for pair, _ in theirs] == [pair for pair, _ in ours]
    assert len(ours) == 4
    np.testing.assert_allclose([b for _, b in theirs], [b for _, b in ours], atol=SHARES)
