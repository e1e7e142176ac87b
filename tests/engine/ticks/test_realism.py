"""What synthetic ticks have in common with a file, and what not, is said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.errors import Refusal
from engine.ticks import ArrayTicks, TickBootstrap, ZeroIntelligence, read_ticks, sample_ticks
from engine.ticks.censored import censored_quantiles
from engine.ticks.realism import TickRealism


def value(found: TickRealism, statistic: str) -> float:
    row = found.table.row(by_predicate=pl.col("statistic") == statistic, named=True)
    return float(row["file"])


def test_a_book_calibrated_on_its_own_kind_and_a_bootstrap_look_like_the_file() -> None:
    ticks = read_ticks(sample_ticks())
    book = mc.tick_realism(ZeroIntelligence.calibrate(ticks), ticks)
    assert book.score >= 0.85
    blocks = mc.tick_realism(TickBootstrap(ticks, block="60s"), ticks, seeds=range(6))
    assert blocks.score >= 0.9


def test_a_book_of_other_rates_and_sizes_does_not() -> None:
    ticks = read_ticks(sample_ticks())
    book = ZeroIntelligence.calibrate(ticks)
    quick = replace(book, rates=tuple(tuple(3.0 * r for r in row) for row in book.rates))
    found = mc.tick_realism(quick, ticks, seeds=range(4))
    assert "events_per_second" in found.missed
    assert found.score < 0.85
    sizes = (*book.quantiles[:1], tuple(4.0 * size for size in book.quantiles[1]))
    large = mc.tick_realism(replace(book, quantiles=(*sizes, *book.quantiles[2:])), ticks)
    assert "size_mean" in large.missed


def test_statistics_of_hand_made_events_are_those_worked_out() -> None:
    # A spread of one tick for two seconds of three, mids that go up one tick and back, by turns.
    count = 120
    at = np.arange(count)
    bid = np.where(at % 2 == 0, 10.0, 10.1)
    ask = np.where(at % 2 == 0, 10.1, 10.2)
    stamps = at * 10**9
    stamps[60:] += 7_200 * 10**9
    trade = at % 4 == 0
    ticks = ArrayTicks(
        stamps, bid, ask, np.full(count, 2.0), np.full(count, 4.0),
        trade_price=np.where(trade, bid, np.nan), trade_size=np.where(trade, 0.5, np.nan),
    )  # fmt: skip
    found = mc.tick_realism(ZeroIntelligence.calibrate(ticks), ticks, seeds=range(2))
    # Seconds without the night: 118 waits of a second and one of none.
    assert value(found, "events_per_second") == pytest.approx(119 / 118)
    assert value(found, "trade_share") == 0.25
    assert value(found, "trade_size_mean") == 0.5
    assert value(found, "spread_mean") == pytest.approx(1.0)
    assert value(found, "spread_one_tick") == 1.0
    assert value(found, "size_mean") == 3.0
    assert value(found, "size_variation") == pytest.approx(1 / 3)
    assert value(found, "move_size") == pytest.approx(1.0)
    # Over the night two moves of one way follow each other.
    assert value(found, "move_autocorrelation_1") == pytest.approx(-115 / 118, abs=1e-3)


def test_a_trade_that_took_all_that_was_shown_counts_as_that_large_or_larger() -> None:
    random = np.random.default_rng(4)
    wanted = random.exponential(2.0, 40_000)
    shown = random.exponential(3.0, 40_000)
    seen, more = np.minimum(wanted, shown), wanted >= shown
    at = np.array([0.1, 0.5, 0.8])
    found = censored_quantiles(seen, more, at)
    truth = -2.0 * np.log1p(-at)
    # Greenwood's variance is at most that of some 0.4 of the sample.
    errors = 2.0 * np.sqrt(at / (1.0 - at) / (0.4 * len(wanted)))
    assert (np.abs(found - truth) < 4.0 * errors).all()
    assert (np.quantile(seen, at) < truth - 4.0 * errors).any()


def test_what_cannot_be_compared_is_one_sentence() -> None:
    ticks = read_ticks(sample_ticks())
    book = ZeroIntelligence.calibrate(ticks)
    with pytest.raises(Refusal, match="seeds: found 1, allowed two or more"):
        mc.tick_realism(book, ticks, seeds=[1])
    few = ArrayTicks([1, 2], [1.0, 1.1], [2.0, 2.1], [1.0, 1.0], [1.0, 1.0])
    with pytest.raises(Refusal, match="ticks: found 2 events, allowed a hundred or more"):
        mc.tick_realism(book, few)
    assert not math.isnan(mc.tick_realism(book, ticks, seeds=range(2)).score)
