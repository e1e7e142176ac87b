"""A market order that is all a bar has to fill goes a short way; the rows are the same."""

from __future__ import annotations

import numpy as np
import pytest
from polars.testing import assert_frame_equal

import engine as mc
from engine.bars import BAR_FIELDS
from engine.strategies import Float, Int, Strategy, backtest, prepare_strategy


class Swings(Strategy):
    """Opens and closes either side; `beside` leaves a limit that no bar reaches in the book."""

    beside = Float(0.0)
    room = Float(None, optional=True, doc="distance of both exits as a share of the close")
    way = Int(0, low=0, high=2, doc="units, a share of equity, or the sizing rule")

    def on_bar(self, bar, order):
        if bar.index == 0 and self.beside == 1.0:
            order.limit(1.0, 1e-6 * bar.close)
        turn = bar.index % 24
        loss, take = (1.0 - self.room) * bar.close, (1.0 + self.room) * bar.close
        if self.way == 1 and (turn == 3 or turn == 13):
            order.target_percent(0.9 if turn == 3 else -0.6)
        elif self.way == 2 and turn == 3:
            order.long()
        elif self.way == 2 and turn == 13:
            order.short()
        elif turn == 3:
            order.market(10.0, take_profit=take, stop_loss=loss)
        elif turn == 9:
            order.target(0.0)
        elif turn == 13:
            order.market(-10.0, take_profit=loss, stop_loss=take)
        elif turn == 20:
            order.target(0.0)


@pytest.mark.parametrize("room", [None, 0.004, 0.02])
@pytest.mark.parametrize("bracket_rule", ["pessimistic", "backtesting_py", "tradingview"])
def test_a_lone_market_order_fills_as_one_beside_an_order_that_never_does(
    room: float | None, bracket_rule: str
) -> None:
    block = mc.GBM(sigma=0.3).paths(seeds=[7], steps=480, dt=1 / 252, s0=100.0)
    stamps = np.arange(480, dtype=np.int64) * 86_400_000_000
    prices = (block.open[0], block.high[0], block.low[0], block.close[0], block.volume[0])
    bars = mc.Bars("X", stamps, *prices, calendar=mc.BarCalendar("24/7", "1d"))
    settings = {
        "cash": 5_000.0,
        "commission": {"per_unit": 0.01},
        "bracket_rule": bracket_rule,
    }
    lone, beside = (
        backtest(Swings, bars, {"beside": there, "room": room}, settings) for there in (0.0, 1.0)
    )
    assert len(lone.trades) >= 38
    assert_frame_equal(lone.trades, beside.trades)
    np.testing.assert_array_equal(lone.equity, beside.equity)
    fills = [found.orders.filter(found.orders["event"] == "filled") for found in (lone, beside)]
    assert_frame_equal(fills[0].drop("order"), fills[1].drop("order"))


@pytest.mark.parametrize("lot", [0.0, 0.1, 1.0])
def test_a_simulation_that_logs_no_order_has_the_metrics_of_one_that_does(lot: float) -> None:
    # An order that is logged goes the long way.
    settings = mc.Execution(
        cash=5_000.0,
        commission={"rate": 0.001, "minimum": 1.0},
        slippage={"bps": 2.0},
        instruments={"X": {"lot_size": lot}},
        position_limit=60.0,
    )
    engine = prepare_strategy(
        Swings, settings, symbols=("X",), fields=BAR_FIELDS, steps=480, bars_per_year=252.0
    )
    paths = mc.GBM(sigma=0.5).paths(seeds=[7, 8, 9], steps=480, dt=1 / 252, s0=100.0)
    values = np.ascontiguousarray(paths.values)
    parameters = np.array([engine.encode({"way": way}) for way in range(3)])
    found = []
    for logs in (False, True):
        metrics = np.empty((3, 3, len(engine.metric_names)))
        status = np.empty((3, 3), dtype=np.int8)
        engine.run(values, parameters, metrics, status, engine.scratch(record_orders=logs))
        assert not status.any()
        found.append(metrics)
    # Fewer where an account is lost.
    assert np.median(found[0][..., engine.metric_names.index("trades")]) >= 30
    np.testing.assert_array_equal(*found)
