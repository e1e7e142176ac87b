"""Rates of an account: constants and columns, interest on cash, borrowing, the risk-free rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.execution import Execution
from engine.statistics import performance
from engine.strategies import Choice, Strategy, backtest

DAY = 86_400_000_000
YEAR = 365.25


class Holds(Strategy):
    """Trades once, after the first bar."""

    side = Choice("none", ["none", "long", "short", "levered"])

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.side == "long":
                order.market(50)
            elif self.side == "short":
                order.market(-50)
            elif self.side == "levered":
                order.market(200)


def days(count: int, prices=None, **columns: object) -> Bars:
    """Bars of every day: a mean bar is a day, of 365.25 a year."""
    close = np.full(count, 100.0) if prices is None else np.asarray(prices, dtype=float)
    stamps = np.arange(count, dtype=np.int64) * DAY
    given = {name: np.broadcast_to(np.asarray(v, float), (count,)) for name, v in columns.items()}
    calendar = BarCalendar("24/7", "1d")
    return Bars("X", stamps, *[close] * 4, np.ones(count), calendar, columns=given)


def final(bars: Bars, side: str, **execution: object) -> float:
    made = backtest(Holds, bars, {"side": side}, {"cash": 10_000.0, **execution})
    return made.metrics["final_equity"]


# --- interest on cash --------------------------------------------------------------------------


def test_cash_earns_its_rate_for_every_bar() -> None:
    expected = 10_000.0 * (1.0 + 0.05 / YEAR) ** 400
    assert final(days(400), "none", cash_interest=0.05) == pytest.approx(expected, rel=1e-12)


def test_a_weekend_earns_the_interest_of_three_days() -> None:
    stamps = np.array([0, 1, 4, 5], dtype=np.int64) * DAY
    price = np.full(4, 100.0)
    bars = Bars("X", stamps, *[price] * 4, price, BarCalendar("XNYS", "1d"))
    made = backtest(Holds, bars, {}, {"cash": 10_000.0, "cash_interest": 0.05})
    first = 0.05 / bars.bars_per_year  # the first bar takes a mean one
    growth = (1.0 + first) * (1.0 + 0.05 / YEAR) * (1.0 + 0.15 / YEAR) * (1.0 + 0.05 / YEAR)
    assert made.metrics["final_equity"] == pytest.approx(10_000.0 * growth, rel=1e-12)


def test_what_is_left_beside_a_position_earns_and_what_is_owed_costs() -> None:
    # 5,000 left after the open of bar 1; 10,000 owed.
    left = 10_000.0 * (1.0 + 0.1 / YEAR) ** 2 - 5_000.0
    assert final(days(3), "long", cash_interest=0.1) == pytest.approx(
        left * (1.0 + 0.1 / YEAR) + 5_000.0, rel=1e-12
    )
    terms = {"initial_margin": 0.25}
    owed = -10_000.0 * (1.0 + 0.2 / YEAR) ** 2
    assert final(days(4), "levered", instrument=terms, margin_interest=0.2) == pytest.approx(
        20_000.0 + owed, rel=1e-12
    )


def test_cash_of_a_short_sale_earns_and_its_borrowing_costs() -> None:
    found = final(days(3), "short", cash_interest=0.1, instrument={"borrow_rate": 0.03})
    before = 10_000.0 * (1.0 + 0.1 / YEAR) ** 2
    cash = (before + 5_000.0) * (1.0 + 0.1 / YEAR) - 5_000.0 * 0.03 / YEAR
    assert found == pytest.approx(cash - 5_000.0, rel=1e-12)


# --- constants and series ------------------------------------------------------------------------

LEVER = {"initial_margin": 0.25}


@pytest.mark.parametrize(
    ("side", "constant", "series"),
    [
        ("none", {"cash_interest": 0.05}, {"cash_interest": "rate"}),
        (
            "levered",
            {"margin_interest": 0.05, "instrument": LEVER},
            {"margin_interest": "rate", "instrument": LEVER},
        ),
        ("short", {"instrument": {"borrow_rate": 0.05}}, {"instrument": {"borrow_rate": "rate"}}),
        ("long", {"risk_free_rate": 0.05}, {"risk_free_rate": "rate"}),
    ],
)
def test_a_series_of_one_value_gives_the_bits_of_the_constant(side, constant, series) -> None:
    prices = 100.0 + np.random.default_rng(1).normal(0.0, 2.0, 90)
    bars = days(90, prices, rate=0.05)
    one, other = (
        backtest(Holds, bars, {"side": side}, {"cash": 10_000.0, **given})
        for given in (constant, series)
    )
    free = backtest(Holds, bars, {"side": side}, {"cash": 10_000.0, "instrument": LEVER})
    assert one.equity.tobytes() == other.equity.tobytes()
    assert one.metrics == other.metrics
    assert one.metrics != free.metrics


def test_a_rate_holds_from_the_close_of_its_bar_on() -> None:
    rates = [0.1, 0.2, 0.3, 0.4]
    found = final(days(4, rate=rates), "none", cash_interest="rate")
    growth = math.prod(1.0 + rate / YEAR for rate in (0.1, 0.1, 0.2, 0.3))
    assert found == pytest.approx(10_000.0 * growth, rel=1e-12)


def test_a_rate_that_is_needed_and_is_not_there_fails_the_simulation() -> None:
    rates = [np.nan, 0.2, 0.3, 0.4]
    with pytest.raises(ValueError, match=r"rate of interest, borrowing or funding .* not a number"):
        final(days(4, rate=rates), "none", cash_interest="rate")
    # Nobody owes anything: the rate is not needed.
    assert final(days(4, rate=rates), "none", margin_interest="rate") == 10_000.0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cash_interest": "rate"}, "execution.cash_interest"),
        ({"risk_free_rate": "rate"}, "execution.risk_free_rate"),
        ({"instrument": {"borrow_rate": "rate"}}, "execution.instrument.borrow_rate"),
        ({"instrument": {"funding": "rate"}}, "execution.instrument.funding"),
    ],
)
def test_a_column_that_is_not_there_is_refused_in_one_sentence(given, field) -> None:
    with pytest.raises(
        Refusal, match=rf"{field}: found 'rate', allowed .*column of the bars \(t\)"
    ):
        final(days(3, t=1.0), "none", **given)


def test_a_stored_series_needs_a_study_that_looks_it_up() -> None:
    with pytest.raises(Refusal, match=r"series \^IRX, which these bars do not carry"):
        final(days(3), "none", cash_interest={"series": "^IRX", "scale": 0.01})
    carried = days(3, rate__IRX_1d_0_01=0.05)
    stored = final(carried, "none", cash_interest={"series": "^IRX", "scale": 0.01})
    assert stored == final(carried, "none", cash_interest=0.05)


# --- risk-free -----------------------------------------------------------------------------------


@pytest.mark.parametrize("per_bar", [False, True])
def test_ratios_and_sums_are_of_returns_above_the_risk_free_rate(per_bar: bool) -> None:
    rng = np.random.default_rng(4)
    prices = 100.0 * np.exp(np.cumsum(rng.normal(0.0005, 0.01, 300)))
    rates = 0.02 + 0.03 * rng.random(300) if per_bar else np.full(300, 0.04)
    bars = days(300, prices, rate=rates)
    settings = {"cash": 10_000.0, "risk_free_rate": "rate" if per_bar else 0.04}
    made = backtest(Holds, bars, {"side": "long"}, settings)
    plain = backtest(Holds, bars, {"side": "long"}, {"cash": 10_000.0})
    known = np.concatenate([rates[:1], rates[:-1]])
    trades = dict.fromkeys(("pnl", "entry_bar", "exit_bar", "mfe", "mae"), np.empty(0))
    expected = performance.summary(made.equity, 10_000.0, YEAR, trades, 5_000.0, known / YEAR)
    for name in ("sharpe", "sortino", "return_sum", "return_squares", "downside_squares"):
        assert made.metrics[name] == pytest.approx(expected[name], rel=1e-9), name
        assert made.metrics[name] != plain.metrics[name]
    assert made.metrics["upside_sum"] == pytest.approx(expected["upside_sum"], rel=1e-9)
    assert made.metrics["risk_free_rate"] == pytest.approx(known.mean(), rel=1e-12)
    assert plain.metrics["risk_free_rate"] == 0.0
    for name in ("volatility", "cagr", "max_drawdown", "net_pnl"):
        assert made.metrics[name] == plain.metrics[name]


def test_cash_that_earns_the_risk_free_rate_has_no_ratio() -> None:
    both = {"cash": 10_000.0, "cash_interest": 0.05, "risk_free_rate": 0.05}
    stamps = np.array([0, 1, 2, 5, 6, 7, 8, 9, 12], dtype=np.int64) * DAY
    price = np.full(9, 100.0)
    bars = Bars("X", stamps, *[price] * 4, price, BarCalendar("XNYS", "1d"))
    metrics = backtest(Holds, bars, {}, both).metrics
    assert metrics["sharpe"] is None
    assert metrics["sortino"] is None
    assert metrics["return_sum"] == metrics["return_squares"] == 0.0
    assert metrics["volatility"] > 0.0


def test_rates_have_bounds() -> None:
    for given in ({"margin_interest": -0.1}, {"cash_interest": 11.0}, {"risk_free_rate": -2.0}):
        with pytest.raises(ValueError, match="should be"):
            Execution.model_validate(given)


@pytest.mark.parametrize("seed", range(5))
def test_a_constant_risk_free_rate_is_stated_as_it_is_whatever_the_bars(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(rng.integers(1, 9, 120)) * (DAY // 4)
    price = 100.0 + rng.normal(0.0, 1.0, 120)
    bars = Bars("X", stamps, *[price] * 4, np.ones(120), BarCalendar("XNYS", "1d"))
    made = backtest(Holds, bars, {"side": "long"}, {"cash": 10_000.0, "risk_free_rate": 0.05})
    assert made.metrics["risk_free_rate"] == pytest.approx(0.05, rel=1e-12)
