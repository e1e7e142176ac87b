"""What holding costs and pays, apart from what prices earn: the metric group ``financing``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.sources import Historical
from engine.strategies import Choice, Strategy
from engine.studies import Study

DAY = 86_400_000_000
YEAR = 365.25
PARTS = ("cash_interest", "margin_interest", "borrow_fees", "funding", "dividends")


class Trader(Strategy):
    """Trades once, after the first bar, and closes before the last."""

    side = Choice("none", ["none", "long", "short", "levered"])

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.side == "long":
                order.market(50)
            elif self.side == "short":
                order.market(-50)
            elif self.side == "levered":
                order.market(200)


def metrics(
    side: str, execution: Mapping[str, Any], prices: Any = None, **columns: Any
) -> dict[str, float]:
    """Trade on days at a price of 100, or at prices that are given, and return the metrics."""
    close = np.full(30, 100.0) if prices is None else np.asarray(prices)
    count = len(close)
    given = {name: np.broadcast_to(np.asarray(v, float), (count,)) for name, v in columns.items()}
    bars = Bars(
        "X",
        np.arange(count, dtype=np.int64) * DAY,
        *[close] * 4,
        np.ones(count),
        BarCalendar("24/7", "1d"),
        columns=given,
    )
    made = Study(
        "financing",
        Historical(bars),
        Trader,
        {"side": side},
        execution={"cash": 10_000.0, **execution},
        record={"metrics": ["net_pnl", "financing"]},
    ).run()
    return made.frame.select("net_pnl", *PARTS, "net_financing").row(0, named=True)


LEVER = {"initial_margin": 0.25}


@pytest.mark.parametrize(
    ("part", "side", "execution", "columns", "sign"),
    [
        ("cash_interest", "none", {"cash_interest": 0.05}, {}, 1),
        ("cash_interest", "long", {"cash_interest": -0.02}, {}, -1),
        ("margin_interest", "levered", {"margin_interest": 0.08, "instrument": LEVER}, {}, 1),
        ("borrow_fees", "short", {"instrument": {"borrow_rate": 0.03}}, {}, 1),
        ("funding", "long", {"instrument": {"funding": 0.1}}, {}, 1),
        ("funding", "short", {"instrument": {"funding": 0.1}}, {}, -1),
        ("dividends", "long", {}, {"dividend_yield": 0.001}, 1),
        ("dividends", "short", {}, {"dividend_yield": 0.001}, -1),
    ],
)
def test_each_part_holds_what_is_paid_alone_and_prices_that_stand_leave_nothing_else(
    part: str, side: str, execution: dict, columns: dict, sign: int
) -> None:
    found = metrics(side, execution, **columns)
    assert found[part] * sign > 0.0
    assert {name for name in PARTS if found[name]} == {part}
    received = found[part] if part in ("cash_interest", "dividends") else -found[part]
    assert found["net_financing"] == received
    assert found["net_pnl"] == pytest.approx(received, rel=1e-9)


def test_a_short_sale_pays_for_every_bar_that_it_is_held_over() -> None:
    found = metrics("short", {"instrument": {"borrow_rate": 0.03}})
    assert found["borrow_fees"] == pytest.approx(28 * 5_000.0 * 0.03 / YEAR, rel=1e-12)


def test_the_parts_make_up_financing_and_financing_is_what_the_rates_change() -> None:
    prices = 100.0 + np.random.default_rng(3).normal(0.0, 1.0, 60).cumsum()
    rates = {"cash_interest": 0.04, "instrument": {"borrow_rate": 0.03, "funding": 0.05}}
    found = metrics("short", rates, prices, dividend_yield=0.0005)
    plain = metrics("short", {}, prices)
    parts = found["cash_interest"] + found["dividends"]
    paid = found["margin_interest"] + found["borrow_fees"] + found["funding"]
    assert all(found[name] for name in PARTS if name != "margin_interest")
    assert found["net_financing"] == pytest.approx(parts - paid, rel=1e-12)
    assert found["net_pnl"] - plain["net_pnl"] == pytest.approx(found["net_financing"], rel=1e-9)
    assert all(plain[name] == 0.0 for name in (*PARTS, "net_financing"))
