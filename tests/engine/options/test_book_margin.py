"""Buying power in the book: sizes, what the underlying covers, margin calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.options.built_ins import ShortPut, ShortStrangle
from engine.options.layout import EXIT_REASONS
from engine.strategies import get_strategy
from tests.engine.options.conftest import run_on
from tests.engine.options.test_book import rows_of

SCAN = {"rule": "scan", "price_range": 0.08, "volatility_shift": 0.25}
SPOT = {"volatility": 0.3, "pricing": "black_scholes"}
SWAYING = 100.0 + 0.5 * np.sin(1.3 * np.arange(60))
DOWN_AND_UP = np.concatenate([np.linspace(100.0, 60.0, 25), np.linspace(60.0, 100.0, 35)])
CALLED = EXIT_REASONS.index("margin_call")


def scan_of_one(rows: dict[str, NDArray[np.float64]], place: int) -> float:
    """Return the scan margin at entry of a strangle whose legs begin at a row of the tape."""
    legs = slice(place, place + 2)
    bar = int(rows["entry_bar"][place])
    years = (rows["expiry_bar"][legs] - bar) / 252
    return float(
        mc.scan_margin(
            SWAYING[bar], rows["strike"][legs], years, [-1.0, -1.0], 0.3,
            call=rows["call"][legs] != 0.0, price_range=0.08, volatility_shift=0.25,
            multiplier=100.0,
        )
    )  # fmt: skip


def test_every_size_by_scan_margin_is_that_of_its_own_contracts() -> None:
    chosen = {"dte": 10, "roll_at_dte": 5, "sizing": "margin", "size": 0.5}
    ran = run_on(SWAYING, ShortStrangle, [chosen], {"volatility": 0.3, "margin": SCAN})
    rows = rows_of(ran)
    assert len(rows["units"]) >= 20
    for place in range(0, len(rows["units"]), 2):
        equity = ran.equity[0, 0, int(rows["entry_bar"][place])]
        assert -rows["units"][place] == np.floor(0.5 * equity / scan_of_one(rows, place))


def test_five_times_the_scan_margin_that_equity_covers_is_not_opened() -> None:
    chosen = {"dte": 10, "sizing": "margin", "size": 5.0}
    ran = run_on(SWAYING, ShortStrangle, [chosen], {"volatility": 0.3, "margin": SCAN})
    assert ran.metrics["trades"].tolist() == [[0.0]]
    assert ran.metrics["rejected_orders"].tolist() == [[50.0]]


def test_covered_calls_are_sized_by_the_margin_of_call_and_underlying() -> None:
    chosen = {"dte": 10, "sizing": "margin", "size": 0.95}
    ran = run_on(SWAYING, get_strategy("covered_call"), [chosen], SPOT)
    rows = rows_of(ran)
    first = int(np.flatnonzero(rows["call"] == 1)[0])
    one = 100.0 * (SWAYING[0] + rows["entry_price"][first])
    assert -rows["units"][first] == np.floor(0.95 * 100_000.0 / one)


def test_what_is_risked_is_the_loss_at_the_stop_after_the_spread() -> None:
    chosen = {"dte": 5, "sizing": "risk", "size": 0.1, "stop_loss": 2.0}
    options = {"volatility": 0.3, "spread": {"percent": 30}}
    rows = rows_of(run_on(SWAYING, ShortStrangle, [chosen], options))
    loss = 2.0 * 100.0 * (rows["entry_price"][0] + rows["entry_price"][1])
    assert -rows["units"][0] == np.floor(0.1 * 100_000.0 / loss)


@pytest.mark.parametrize(("margin", "share"), [(None, 0.5), (0.8, 0.8)])
def test_shares_under_a_covered_call_tie_up_what_regulation_t_asks_for(
    margin: float | None, share: float
) -> None:
    asked = mc.option_margin(
        100.0, [102.0], [10 / 252], [-1.0],
        mc.black76(100.0, [102.0], 10 / 252, 0.3).price, call=[True],
        underlying_units=100.0, underlying_rate=share,
    )  # fmt: skip
    options = SPOT | {"margin": "reg_t", "underlying_costs": {"margin": margin}}
    for factor, trades in ((0.999, 0.0), (1.001, 1.0)):
        ran = run_on(
            np.full(11, 100.0), get_strategy("covered_call"), [{"dte": 10, "call_otm": 2.0}],
            options, cash=factor * float(asked),
        )  # fmt: skip
        assert ran.metrics["trades"].tolist() == [[trades]]


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("wheel", {"dte": 6, "positions": 2, "entry_every": 2}),
        ("wheel", {"dte": 5, "sizing": "value", "size": 0.5}),
        ("covered_call", {"dte": 10, "call_otm": 0.0, "positions": 3, "entry_every": 3}),
    ],
)
def test_no_call_is_sold_on_more_than_is_held_and_not_yet_covered(
    name: str, chosen: dict[str, Any]
) -> None:
    options = SPOT | {"settlement": "physical", "margin": 0.0}
    rows = rows_of(run_on(DOWN_AND_UP, get_strategy(name), [chosen], options))
    assert ((rows["call"] == 1) & (rows["units"] < 0.0)).sum() > 2
    for bar in range(len(DOWN_AND_UP)):
        open_then = (rows["entry_bar"] <= bar) & (bar < rows["exit_bar"])
        calls = -rows["units"][open_then & (rows["call"] == 1)].sum()
        assert calls <= rows["units"][open_then & (rows["call"] == 2)].sum() + 1e-9


def test_a_margin_call_sells_the_underlying_too() -> None:
    crash = np.concatenate([np.full(3, 100.0), np.linspace(100.0, 55.0, 40)])
    chosen = {"dte": 10, "call_otm": 2.0, "contracts": 50.0}
    ran = run_on(crash, get_strategy("covered_call"), [chosen], {"volatility": 0.3})
    rows, equity = rows_of(ran), ran.equity[0, 0]
    called, underlying = rows["reason"] == CALLED, rows["call"] == 2
    at = rows["exit_bar"][called & ~underlying]
    assert len(at) >= 1
    assert ran.metrics["margin_calls"].tolist() == [[len(at)]]
    assert rows["exit_bar"][called & underlying].tolist() == at.tolist()
    # Until the next call is sold on what is bought anew, nothing moves equity.
    later = rows["entry_bar"][underlying & (rows["entry_bar"] > at[0])]
    until = int(later.min()) if len(later) else len(crash) - 1
    assert until > at[0] + 2
    np.testing.assert_allclose(equity[int(at[0]) : until + 1], equity[int(at[0])], rtol=1e-12)


class Holder(mc.OptionStrategy):
    """Hold the underlying, and no option."""

    legs = (mc.Leg(side="sell", right="put", otm=3.0, days=10),)

    def on_bar(self, bar: Any, order: Any, account: Any) -> None:
        if account.position == 0.0 and bar.close > 99.0:
            order.target(90.0)


def test_an_account_that_holds_the_underlying_alone_is_called() -> None:
    crash = np.concatenate([np.full(3, 100.0), np.linspace(100.0, 55.0, 40)])
    ran = run_on(crash, Holder, [{}], {"volatility": 0.3})
    equity = 100_000.0 + 9_000.0 * (crash - 100.0)
    called = int(np.flatnonzero(equity < 0.1 * 9_000.0 * crash)[0])
    np.testing.assert_allclose(ran.equity[0, 0, : called + 1], equity[: called + 1])
    assert (ran.equity[0, 0, called:] == ran.equity[0, 0, called]).all()
    assert ran.metrics["margin_calls"].tolist() == [[1.0]]


def test_margin_use_of_who_is_ruined_is_the_same_with_greeks_and_without() -> None:
    crash = np.concatenate([np.full(5, 100.0), np.full(20, 70.0)])
    chosen = {"dte": 10, "put_otm": 0.0, "contracts": 80.0}
    plain, told = (
        run_on(crash, ShortPut, [chosen], {"volatility": 0.3, "greeks": greeks})
        for greeks in (False, True)
    )
    assert plain.equity[0, 0, -1] < 0.0
    assert 0.5 < told.metrics["max_margin_use"][0, 0] <= 1.0
    assert told.metrics["max_margin_use"].tolist() == plain.metrics["max_margin_use"].tolist()
