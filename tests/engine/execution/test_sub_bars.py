"""Resting orders worked on the sub-bars of a bar, while the strategy decides on whole bars."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS, sub_bar_fields
from engine.execution import Execution
from engine.execution.layout import TRADE_COLUMNS, TRADE_ROWS
from engine.sources import GBM, Heston, Merton
from engine.strategies import Float, Strategy, prepare_strategy
from engine.testing import SCRIPT_FIELDS, Scripted, orders_around

COUNT, BARS = 6, 50
COSTS = Execution(
    cash=1e7,
    commission={"rate": 0.001, "maker_rate": 0.0002, "minimum": 1.0},
    slippage={"bps": 2.0},
)


class Bracket(Strategy):
    """Always in the market, between two prices at the same distance."""

    name = "symmetric_bracket"
    width = Float(0.01, low=1e-4, high=0.5)

    def on_bar(self, bar, order, account):
        if account.position == 0.0:
            take, loss = bar.close * (1.0 + self.width), bar.close * (1.0 - self.width)
            order.market(100.0, take_profit=take, stop_loss=loss)


def trades_of(values: np.ndarray, fields: tuple[str, ...], tif_unit: int) -> np.ndarray:
    """Closed trades, with bars counted in units of `tif_unit`."""
    values = values.copy()
    tif = fields.index("tif")
    values[:, tif] = np.where(values[:, tif] > 0, values[:, tif] * tif_unit, values[:, tif])
    engine = prepare_strategy(
        Scripted,
        COSTS,
        symbols=("X",),
        fields=fields,
        steps=values.shape[2],
        bars_per_year=252.0 * tif_unit,
        record_trades=True,
    )
    scratch = engine.scratch()
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    engine.run(np.ascontiguousarray(values[None]), np.empty((1, 0)), metrics, status, scratch)
    assert status[0, 0] == 0
    trades = scratch.simulation.trades[: scratch.simulation.counts[TRADE_ROWS]].copy()
    for name in ("entry_bar", "exit_bar"):
        trades[:, TRADE_COLUMNS.index(name)] //= tif_unit
    return trades[:, : TRADE_COLUMNS.index("mfe")]


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_orders_fill_as_they_would_on_the_fine_bars_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = (GBM(sigma=0.3), Merton(sigma=0.2, jump_intensity=60.0), Heston())[seed % 3]
    fine = source.paths(seeds=seed, steps=BARS * COUNT, dt=1 / 252 / COUNT).values[0, :, :5]
    joined = source.paths(seeds=seed, steps=BARS, dt=1 / 252, sub_bars=COUNT)
    sub = joined.values[0, :, [joined.fields.index(name) for name in sub_bar_fields(COUNT)]]
    script = orders_around(joined.close[0], rng, spread=0.012, tifs=(-1.0, 1.0, 3.0, math.inf))
    # Stops that trail and orders for the close follow the bars, which are others.
    script[0, np.isin(script[0], (11.0, 12.0, 13.0))] = 0.0
    # On the fine bars the strategy acts at the close of every COUNT-th and sees no other.
    on_fine = np.zeros((len(SCRIPT_FIELDS), BARS * COUNT))
    on_fine[:, COUNT - 1 :: COUNT] = script
    fields = BAR_FIELDS + SCRIPT_FIELDS
    expected = trades_of(np.concatenate([fine[0], on_fine])[None], fields, COUNT)
    whole = np.concatenate([joined.values[0, 0, :5], script])
    values = np.concatenate([whole, sub.reshape(-1, BARS)])[None]
    found = trades_of(values, fields + sub_bar_fields(COUNT), 1)
    np.testing.assert_array_equal(found, expected)


def mean_net_pnl(sub_bars: int) -> tuple[float, float]:
    block = GBM(mu=0.0, sigma=0.3).paths(seeds=range(1000), steps=252, sub_bars=sub_bars)
    engine = prepare_strategy(
        Bracket,
        Execution(cash=1e6),
        symbols=block.symbols,
        fields=block.fields,
        steps=252,
        bars_per_year=252.0,
    )
    metrics = np.empty((1000, 1, len(engine.metric_names)))
    status = np.empty((1000, 1), dtype=np.int8)
    engine.run(block.values, engine.encode({})[None], metrics, status, engine.scratch())
    assert not status.any()
    pnl = metrics[:, 0, engine.metric_names.index("net_pnl")]
    return float(pnl.mean()), float(pnl.std() / np.sqrt(len(pnl)))


@pytest.mark.slow
def test_a_bracket_on_a_fair_price_earns_nothing_on_sub_bars_and_loses_by_the_pessimistic_rule():
    # A martingale stopped at any time keeps its mean (Doob, 1953): the true expectation is zero.
    mean, error = mean_net_pnl(104)
    assert abs(mean) < 4 * error
    mean, error = mean_net_pnl(1)
    assert mean < -50 * error


def test_strategies_do_not_see_sub_bars() -> None:
    fields = BAR_FIELDS + sub_bar_fields(4)
    few = prepare_strategy(Bracket, symbols=("X",), fields=fields, steps=9, bars_per_year=252.0)
    none = prepare_strategy(
        Bracket, symbols=("X",), fields=BAR_FIELDS, steps=9, bars_per_year=252.0
    )
    assert few._event_loop is none._event_loop


@pytest.mark.parametrize("first", ["high", "low"])
def test_the_side_that_the_path_touched_first_fills(first: str) -> None:
    up, down = (101.0, 103.0, 100.9), (99.0, 99.1, 97.0)  # open, high, low
    order = [up, down] if first == "high" else [down, up]
    flat = (100.0, 100.0, 100.0)
    whole = np.array(
        [
            [100.0, 100.0, order[0][0], 100.0],
            [100.0, 100.0, 103.0, 100.0],
            [100.0, 100.0, 97.0, 100.0],
            [100.0, 100.0, 100.0, 100.0],
            [1e6] * 4,
        ]
    )
    sub = np.array([[*flat, *flat], [*flat, *flat], [*order[0], *order[1]], [*flat, *flat]]).T
    engine = prepare_strategy(
        Bracket,
        Execution(cash=1e6),
        symbols=("X",),
        fields=BAR_FIELDS + sub_bar_fields(2),
        steps=4,
        bars_per_year=252.0,
        record_trades=True,
    )
    scratch = engine.scratch()
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    values = np.concatenate([whole, sub])[None, None]
    engine.run(
        np.ascontiguousarray(values), engine.encode({"width": 0.02})[None], metrics, status, scratch
    )
    trade = dict(zip(TRADE_COLUMNS, scratch.simulation.trades[0], strict=True))
    assert trade["exit_bar"] == 2
    assert trade["exit_price"] == (102.0 if first == "high" else 98.0)
