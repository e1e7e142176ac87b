"""A stop-loss and a take-profit of the whole study."""

from __future__ import annotations

import pytest

from engine.execution import Execution
from engine.sources import GBM
from engine.strategies import Choice, Strategy, backtest
from engine.studies import Study
from tests.engine.execution.conftest import bars_of


class Enters(Strategy):
    """Enters after the first bar."""

    how = Choice("market", ["market", "short", "own", "long", "limit"])

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.how == "market":
                order.market(10)
            elif self.how == "short":
                order.market(-10)
            elif self.how == "own":
                order.market(10, take_profit=130.0)
            elif self.how == "long":
                order.long()
            elif self.how == "limit":
                order.limit(10, 99.0)


CALM = (100.0, 101.0, 99.5, 100.0)


def fills(rows, how="market", **execution):
    made = backtest(
        Enters, bars_of([CALM, CALM, *rows]), {"how": how}, {"cash": 10_000.0, **execution}
    )
    done = made.orders.filter(made.orders["event"] == "filled")
    return list(zip(done["bar"], done["units"], done["price"], strict=True))


FALL, RISE = (100.0, 100.5, 90.0, 91.0), (100.0, 112.0, 99.0, 111.0)


def test_every_position_has_the_exits_of_the_settings() -> None:
    assert fills([FALL], stop_loss=0.05) == [(1, 10.0, 100.0), (2, -10.0, 95.0)]
    assert fills([RISE], take_profit=0.1) == [(1, 10.0, 100.0), (2, -10.0, 110.0)]
    assert fills([RISE], "short", stop_loss=0.05) == [(1, -10.0, 100.0), (2, 10.0, 105.0)]
    assert fills([FALL], "short", take_profit=0.1) == [(1, -10.0, 100.0), (2, 10.0, 90.0)]


def test_they_are_shares_of_the_price_of_the_fill() -> None:
    slipped = {"slippage": {"bps": 100.0}}
    assert fills([FALL], stop_loss=0.05, **slipped)[1][2] == pytest.approx(101.0 * 0.95 * 0.99)
    rows = [(99.5, 100.0, 98.0, 99.0), FALL]
    assert fills(rows, "limit", stop_loss=0.05)[-1] == (3, -10.0, pytest.approx(99.0 * 0.95))


def test_an_order_with_exits_of_its_own_keeps_them() -> None:
    assert fills([FALL], "own", stop_loss=0.05) == [(1, 10.0, 100.0)]


def test_a_size_by_risk_knows_the_default_stop() -> None:
    risk = {"sizing": {"kind": "fixed_risk", "risk": 0.01}}
    assert fills([FALL], "long", stop_loss=0.05, **risk)[0] == (1, 20.0, 100.0)


def test_a_study_with_default_exits_needs_the_ranges_of_its_bars() -> None:
    assert Execution(stop_loss=0.05).range_reads() == ("stop_loss",)
    assert Execution(take_profit=0.05).range_reads() == ("take_profit",)
    assert Execution(volume_limit=0.1, cash_interest=0.02).range_reads() == ()
    shape = {"seeds": range(3), "steps": 40, "workers": 1}
    calm = Study("calm", GBM(), "buy_and_hold", {}, **shape).run()
    exits = {"stop_loss": 0.02}
    careful = Study("careful", GBM(), "buy_and_hold", {}, execution=exits, **shape).run()
    assert calm.frame["average_mfe"].null_count() == 3
    assert careful.frame["average_mfe"].null_count() == 0
