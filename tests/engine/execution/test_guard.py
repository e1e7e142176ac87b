"""Bars far from a margin call are passed over, and nothing else changes by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import Bars
from engine.strategies import Backtest, Float, Int, Strategy, backtest
from tests.engine.session_stamps import MINUTE, instant

# Too little to change a sum, enough that every bar is looked at.
NEXT_TO_NOTHING = 1e-300


class Swings(Strategy):
    """Long, short and flat by turns, beyond its means, with orders that rest."""

    every = Int(5)
    share = Float(1.0)

    def on_bar(self, bar, order, account):
        turn = bar.index % (3 * self.every)
        if turn == 0:
            order.target_percent(-self.share)
        elif turn == self.every:
            order.target_percent(self.share, stop_loss=bar.close * 0.9)
        elif turn == 2 * self.every:
            order.limit(-10.0, bar.close * 1.01)
        elif turn == 2 * self.every + 1:
            order.stop(-5.0, bar.close * 0.98, take_profit=bar.close * 0.9)
        elif turn == 3 * self.every - 1:
            order.close()


def walk(seed: int, volatility: float, cents: bool) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, 120)))
    close = np.round(close, 2) if cents else close
    opens = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opens, close) * (1.0 + rng.exponential(volatility, 120))
    low = np.minimum(opens, close) / (1.0 + rng.exponential(volatility, 120))
    stamps = instant("2024-03-04T00:00") + np.arange(120) * 60 * MINUTE
    return Bars("X", stamps, opens, high, low, close, np.full(120, 1e6))


def played(bars: Bars, values: dict[str, Any], terms: dict[str, Any], **more: Any) -> Backtest:
    settings = {"cash": 1e4, "instrument": terms, "commission": {"rate": 0.0007}, **more}
    return backtest(Swings, bars, values, settings)


@given(
    seed=st.integers(0, 10_000),
    volatility=st.sampled_from([0.002, 0.02, 0.08]),
    cents=st.booleans(),
    every=st.integers(1, 12),
    share=st.floats(0.1, 6.0),
    maintenance=st.sampled_from([0.0, 0.05, 0.25, 0.9]),
    fixed=st.sampled_from([0.0, 12.5]),
    futures=st.booleans(),
    liquidate=st.sampled_from(["all", "to_maintenance"]),
)
def test_what_bars_between_two_prices_do_to_an_account_is_what_every_bar_looked_at_does(
    seed, volatility, cents, every, share, maintenance, fixed, futures, liquidate
) -> None:
    bars = walk(seed, volatility, cents)
    terms: dict[str, Any] = {
        "initial_margin": max(maintenance, 0.1),
        "maintenance_margin": maintenance,
        "maintenance_margin_per_unit": fixed,
    }
    if futures:
        terms["multiplier"] = 5.0
    values = {"every": every, "share": share}
    guarded = played(bars, values, terms, liquidate=liquidate)
    looked_at = played(bars, values, {**terms, "funding": NEXT_TO_NOTHING}, liquidate=liquidate)
    np.testing.assert_array_equal(guarded.equity, looked_at.equity)
    assert guarded.orders.equals(looked_at.orders)
    assert guarded.trades.equals(looked_at.trades)


def test_a_short_sale_is_called_on_the_first_bar_that_comes_to_its_price() -> None:
    class Sells(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 0:
                order.market(-100.0)

    # 10,000 of cash and 10,000 of the sale: nothing is left at a price of 200.
    close = np.array([100.0, 100.0, 150.0, 199.0, 199.0, 150.0])
    high = np.array([100.0, 100.0, 199.9, 199.99999, 200.5, 150.0])
    stamps = instant("2024-03-04T00:00") + np.arange(6) * 60 * MINUTE
    low = np.minimum(close, np.concatenate([[100.0], close[:-1]]))
    opens = np.concatenate([[100.0], close[:-1]])
    bars = Bars("X", stamps, opens, np.maximum(high, opens), low, close, np.full(6, 1e6))
    found = backtest(Sells, bars, {}, {"cash": 1e4})
    assert found.trades["exit_bar"].to_list() == [4]
    assert found.trades["exit_price"][0] == pytest.approx(200.0)
