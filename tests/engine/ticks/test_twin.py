"""Trading on ticks against its rules in plain Python, and against hftbacktest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from tests.engine.ticks.plain import Plain
from tests.engine.ticks.strategies import Busy, Ofi

_LATENCY = {"feed": "2ms", "entry": "1ms", "response": "1ms"}
_DRAWN = {leg: {"least": "1ms", "mean": "30ms"} for leg in ("feed", "entry", "response")}


def made_feed(seed: int, events: int = 400) -> dict[str, Any]:
    """A small market by chance: quotes that move, empty sides, trades at and through the touch."""
    draw = np.random.default_rng(seed)
    stamps = 1_700_000_000_000_000_000 + np.cumsum(draw.integers(0, 30_000_000, events))
    bid = np.round(100.0 + 0.1 * np.cumsum(draw.integers(-1, 2, events)), 1)
    ask = np.round(bid + 0.1 * draw.integers(1, 4, events), 1)
    bid_size, ask_size = (np.round(draw.integers(1, 40, events) * 0.01, 2) for _ in range(2))
    hold = draw.random(events) < 0.5
    for row in range(1, events):
        if hold[row]:
            bid[row], ask[row] = bid[row - 1], ask[row - 1]
    empty = draw.random(events) < 0.03
    bid[empty], bid_size[empty] = np.nan, np.nan
    trades = draw.random(events) < 0.4
    side = np.where(trades, draw.integers(-1, 2, events), 0)
    price = np.where(draw.random(events) < 0.5, bid, ask)
    price = np.where(trades, price, np.nan)
    size = np.where(trades, np.round(draw.integers(1, 20, events) * 0.01, 2), np.nan)
    return {
        **{"stamps": stamps, "bid_price": bid, "ask_price": ask, "bid_size": bid_size},
        **{"ask_size": ask_size, "trade_price": price, "trade_size": size, "trade_side": side},
    }


def _rows(result: mc.TickBacktest) -> list[tuple[Any, ...]]:
    names = ("stamp", "heard", "order", "maker", "units", "price", "fee", "position", "cash")
    return result.fills.select(names).rows()


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**6),
    queue=st.sampled_from(["pessimistic", "risk_averse", "power", "log_probability", "drawn"]),
    partial=st.booleans(),
    latency=st.sampled_from(
        [{}, _LATENCY, {"feed": "40ms", "entry": "15ms", "response": "90ms"}, _DRAWN]
    ),
    # Rarely, so that orders rest while many events concern none of them.
    every=st.sampled_from([1, 2, 3, 5, 7, 20, 50]),
)
def test_fills_are_those_of_the_plain_twin_bit_for_bit(
    seed: int, queue: str, partial: bool, latency: dict[str, Any], every: int
) -> None:
    terms = mc.TickSettings.model_validate(
        {
            **{"latency": latency, "queue": queue, "partial_fills": partial, "tick": 0.1},
            **{"lot": 0.01, "maker_fee": -0.0001, "taker_fee": 0.0005},
        }
    )
    ticks = mc.ArrayTicks(**made_feed(seed, events=400 if every < 10 else 1_200))
    twin = Plain(ticks, terms, 100_000.0, seed)
    twin.run(Busy, {"every": every})
    found = mc.backtest_ticks(Busy, ticks, {"every": every}, terms, seed=seed)
    assert _rows(found) == twin.fills


def test_an_order_that_fills_before_it_would_expire_brings_no_answer_forward() -> None:
    latency = {"feed": "40ms", "entry": "15ms", "response": "90ms"}
    terms = mc.TickSettings.model_validate(
        {
            **{"latency": latency, "queue": "risk_averse", "partial_fills": False, "tick": 0.1},
            **{"lot": 0.01, "maker_fee": -0.0001, "taker_fee": 0.0005},
        }
    )
    ticks = mc.ArrayTicks(**made_feed(128))
    twin = Plain(ticks, terms, 100_000.0)
    twin.run(Busy, {"every": 2})
    assert _rows(mc.backtest_ticks(Busy, ticks, {"every": 2}, terms)) == twin.fills


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 60), every=st.sampled_from([3, 40]))
def test_the_size_of_chunks_changes_no_bit(seed: int, size: int, every: int) -> None:
    feed, row = made_feed(seed), {"every": every}
    terms = {"latency": {"feed": "40ms", "entry": "5ms"}, "tick": 0.1, "lot": 0.01}
    whole = mc.backtest_ticks(Busy, mc.ArrayTicks(**feed), row, terms)
    parts = mc.backtest_ticks(Busy, mc.ArrayTicks(**feed, chunk_events=size), row, terms)
    assert _rows(whole) == _rows(parts)
    assert whole.metrics == parts.metrics
    assert whole.equity.equals(parts.equity)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), queue=st.sampled_from(["pessimistic", "log_probability"]))
def test_cash_and_positions_add_up(seed: int, queue: str) -> None:
    feed = made_feed(seed)
    terms = {"queue": queue, "tick": 0.1, "lot": 0.01, "maker_fee": -1e-4, "taker_fee": 5e-4}
    found = mc.backtest_ticks(Busy, mc.ArrayTicks(**feed), {}, terms)
    fills, metrics = found.fills, found.metrics
    cash = 100_000.0 - (fills["units"] * fills["price"] + fills["fee"]).sum()
    held = fills["units"].sum()
    bid, ask = (feed[name][np.isfinite(feed[name])][-1] for name in ("bid_price", "ask_price"))
    worth = cash + held * (bid if held > 0 else ask)
    assert metrics["final_equity"] == pytest.approx(worth, abs=1e-9)
    assert metrics["net_pnl"] == pytest.approx(worth - 100_000.0, abs=1e-9)
    assert metrics["fees_paid"] == pytest.approx(fills["fee"].sum(), abs=1e-12)
    if metrics["trades"]:
        closed = fills["pnl"].sum()
        assert metrics["expectancy"] * metrics["trades"] == pytest.approx(closed, abs=1e-9)


def test_parameter_sets_in_one_pass_trade_as_alone() -> None:
    from engine.ticks.running import TickRun

    ticks, terms = mc.ArrayTicks(**made_feed(7)), mc.TickSettings(tick=0.1, lot=0.01)
    rows = np.array([[every, 0.1] for every in (2.0, 3.0, 5.0)])
    together = TickRun(Busy, rows, terms, 1e5, ticks.symbols, record_fills=True)
    together.follow(ticks)
    for number, every in enumerate((2, 3, 5)):
        alone = mc.backtest_ticks(Busy, ticks, {"every": every}, terms)
        assert together.fills(number).equals(alone.fills)


def _reference() -> Path:
    folder = Path(os.environ.get("MC_REFERENCE", "/nowhere")) / "ticks"
    if not folder.is_dir():
        pytest.skip("MC_REFERENCE names no folder with ticks/l1_feed.csv")
    return folder


def test_all_fills_of_hftbacktest_happen_at_its_times_and_prices() -> None:
    folder = _reference()
    feed = pl.read_csv(folder / "l1_feed.csv")
    theirs = pl.read_csv(folder / "hftbacktest_fills_depth_risk_adverse.csv")
    trades = feed.select(pl.col("trade_px", "trade_sz").cast(pl.Float64).fill_null(np.nan))
    ticks = mc.ArrayTicks(
        *(feed[name].to_numpy() for name in ("exch_ts", "bid_px", "ask_px", "bid_sz", "ask_sz")),
        trade_price=trades["trade_px"].to_numpy(),
        trade_size=trades["trade_sz"].to_numpy(),
        trade_side=feed["trade_side"].to_numpy(),
    )
    terms = mc.TickSettings.model_validate(
        {
            **{"latency": _LATENCY, "queue": "risk_averse", "partial_fills": False},
            **{"maker_fee": -1e-4, "taker_fee": 5e-4, "tick": 0.1, "lot": 0.01},
        }
    )
    # There positions carry the rounding of their additions, and -0.49999999999999994 is below 0.5.
    found = mc.backtest_ticks(Ofi, ticks, {"most": 0.5001}, terms)
    fills = found.fills
    assert len(fills) == len(theirs) == 47
    # It notes a fill when it wakes up: with the first event that is heard of after the answer.
    wakes = feed["exch_ts"].to_numpy() + 2_000_000
    noted = wakes[np.searchsorted(wakes, fills["heard"].to_numpy())]
    assert noted.tolist() == theirs["local_ts"].to_list()
    np.testing.assert_allclose(fills["position"], theirs["position"], atol=1e-12)
    np.testing.assert_allclose(fills["fee"].cum_sum(), theirs["fee"], atol=1e-12)
    balance = fills["cash"] - 100_000.0 + fills["fee"].cum_sum()
    np.testing.assert_allclose(balance, theirs["balance"], atol=1e-7)
    assert found.metrics["fees_paid"] == pytest.approx(-2.3500975, abs=1e-12)
    assert found.metrics["maker_share"] == 1.0
