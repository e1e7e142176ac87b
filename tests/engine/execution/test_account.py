"""Accounting, margin, limits and sizing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.execution import Execution
from engine.execution.instruments import Instrument
from engine.strategies import Choice, Float, Strategy, backtest

DAY = (100.0, 101.0, 99.0, 100.0)


class Enter(Strategy):
    """Opens one position after the first bar and holds it."""

    how = Choice("units", ["units", "percent", "long", "short"])
    amount = Float(10.0)
    loss = Float(None)

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.how == "units":
                order.market(self.amount)
            elif self.how == "percent":
                order.target_percent(self.amount)
            elif self.how == "long":
                order.long(stop_loss=self.loss)
            else:
                order.short(stop_loss=self.loss)


@pytest.fixture
def enter(make_bars):
    def run(rows, parameters=None, **execution):
        settings = {"cash": 10_000.0, **execution}
        return backtest(Enter, make_bars(rows), parameters or {}, settings)

    return run


def reasons(result) -> list[str]:
    events = result.orders["event"].to_list()
    return [event for event in events if event.startswith("rejected")]


def test_a_short_position_gains_what_the_price_loses(enter) -> None:
    result = enter([DAY, DAY, (95.0, 96.0, 89.0, 90.0)], {"amount": -10.0})
    assert result.equity.tolist() == [10_000.0, 10_000.0, 10_100.0]


def test_more_than_the_buying_power_is_rejected_and_counted(enter) -> None:
    result = enter([DAY, DAY], {"amount": 101.0})
    assert reasons(result) == ["rejected: buying_power"]
    assert result.metrics["rejected_orders"] == 1
    assert enter([DAY, DAY], {"amount": 100.0}).metrics["rejected_orders"] == 0


def test_margin_doubles_the_buying_power(enter) -> None:
    result = enter([DAY, DAY], {"amount": 200.0}, instrument="equity_margin")
    assert reasons(result) == []
    assert result.metrics["exposure"] == 0.5


def test_what_cannot_be_sold_short_is_rejected(enter) -> None:
    result = enter([DAY, DAY], {"amount": -1.0}, instrument={"shortable": False})
    assert reasons(result) == ["rejected: not_shortable"]


def test_the_position_limit_rejects(enter) -> None:
    assert reasons(enter([DAY, DAY], {"amount": 6.0}, position_limit=5.0)) == [
        "rejected: position_limit"
    ]


def test_less_than_a_lot_is_rejected(enter) -> None:
    result = enter([DAY, DAY], {"amount": 40.0}, instrument={"lot_size": 50.0})
    assert reasons(result) == ["rejected: size_below_lot"]


def test_fractions_invest_everything_and_whole_units_the_floor(enter) -> None:
    parameters = {"how": "percent", "amount": 1.0}
    rows = [DAY, (33.0, 34.0, 32.0, 33.0)]
    costs = {"commission": {"rate": 0.001}}
    whole = enter(rows, parameters, **costs).orders.filter(units=302.0)
    assert whole.height == 1  # floor(10,000 / 33.033)
    part = enter(rows, parameters, instrument={"lot_size": 0.0}, **costs)
    assert part.orders["units"][-1] == pytest.approx(10_000.0 / 33.033)


def test_an_open_below_maintenance_liquidates_there(enter) -> None:
    rows = [DAY, DAY, (60.0, 61.0, 59.0, 60.0), (58.0, 59.0, 57.0, 58.0), DAY]
    result = enter(rows, {"amount": 190.0}, instrument="equity_margin")
    assert result.metrics["margin_calls"] == 1
    assert result.trades["exit_bar"].to_list() == [2]
    assert result.trades["exit_price"].to_list() == [60.0]
    assert result.equity[-1] == pytest.approx(10_000.0 - 190.0 * 40.0)


def test_a_ruined_account_is_liquidated_and_halted(make_bars) -> None:
    class Stubborn(Strategy):
        def on_bar(self, bar, order, account):
            if account.position == 0.0:
                order.market(-50)

    rows = [DAY, DAY, (400.0, 401.0, 399.0, 400.0), (390.0, 391.0, 389.0, 390.0), DAY, DAY]
    result = backtest(Stubborn, make_bars(rows), {}, {"cash": 10_000.0})
    assert result.metrics["margin_calls"] == 1
    assert result.equity[-1] == pytest.approx(10_000.0 - 50 * 300.0)
    assert reasons(result) == ["rejected: halted"] * 3
    assert result.metrics["sharpe"] is None
    assert result.metrics["cagr"] is None


def test_borrow_and_margin_interest_are_charged_for_the_days_between_bars(enter) -> None:
    terms = {"initial_margin": 0.5, "borrow_rate": 0.36525}
    result = enter([DAY, DAY, DAY, DAY], {"amount": -10.0}, instrument=terms)
    assert 10_000.0 - result.equity[-1] == pytest.approx(2 * 1000.0 * 0.001)
    result = enter([DAY, DAY, DAY], {"amount": 150.0}, instrument=terms, margin_interest=0.36525)
    assert 10_000.0 - result.equity[-1] == pytest.approx(5_000.0 * 0.001)


def test_futures_presets_carry_multiplier_and_margin(enter) -> None:
    rows = [DAY, DAY, (100.0, 103.0, 99.0, 102.0)]
    result = enter(rows, {"amount": 4.0}, instrument="MES")
    assert result.equity[-1] == pytest.approx(10_000.0 + 4 * 5.0 * 2.0)
    assert reasons(enter(rows, {"amount": 5.0}, instrument="MES")) == ["rejected: buying_power"]


@pytest.mark.parametrize(
    ("sizing", "units"),
    [
        ({"kind": "percent_of_equity", "share": 0.5}, 50.0),
        ({"kind": "fixed_quantity", "units": 7.0}, 7.0),
        ({"kind": "fixed_risk", "risk": 0.01}, 20.0),
        ({"kind": "kelly", "fraction": 0.5}, 50.0),
        ({"kind": "equal_weight"}, 100.0),
    ],
)
def test_sizing_of_a_new_position(enter, sizing, units) -> None:
    for how, side, loss in (("long", 1.0, 95.0), ("short", -1.0, 105.0)):
        result = enter([DAY, DAY], {"how": how, "loss": loss}, sizing=sizing)
        filled = result.orders.filter(event="filled")
        assert filled["units"].to_list() == [side * units]


def test_a_volatility_target_scales_by_realised_volatility(make_bars) -> None:
    class Late(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 10:
                order.long()

    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 0.01, 12)))
    bars = make_bars([(price, price, price, price) for price in close])
    settings = {
        "cash": 1e9,
        "sizing": {"kind": "volatility_target", "volatility": 0.05, "window": 8},
    }
    result = backtest(Late, bars, {}, settings)
    realised = np.log(close[3:11] / close[2:10]).std(ddof=1) * np.sqrt(bars.bars_per_year)
    units = result.orders.filter(event="filled")["units"][0]
    assert units == np.floor(1e9 * 0.05 / realised / close[11])


def test_orders_wait_for_the_session(make_bars) -> None:
    bars = make_bars([DAY] * 6)
    stamps = np.arange(6, dtype=np.int64) * 3_600_000_000 + 11 * 3_600_000_000
    hourly = Bars("X", stamps, bars.open, bars.high, bars.low, bars.close, bars.volume)
    settings = {"cash": 10_000.0, "instrument": {"session": ("14:00", "21:00")}}
    filled = backtest(Enter, hourly, {}, settings).orders.filter(event="filled")
    assert filled["bar"].to_list() == [3]
    overnight = {"cash": 10_000.0, "instrument": {"session": ("22:00", "12:30")}}
    filled = backtest(Enter, hourly, {}, overnight).orders.filter(event="filled")
    assert filled["bar"].to_list() == [1]
    with pytest.raises(ValueError, match="session: found bars without timestamps"):
        Execution.model_validate(settings).closed(("X",), None)
    with pytest.raises(ValueError, match="session"):
        Execution.model_validate({"instrument": {"session": ("9:30", "16:00")}})


def test_unknown_settings_and_instruments_are_refused() -> None:
    with pytest.raises(ValueError, match="cahs"):
        Execution.model_validate({"cahs": 1.0})
    with pytest.raises(ValueError, match="found 'EZ'"):
        Execution.model_validate({"instrument": "EZ"})


class TwoLegs(Strategy):
    """Long the first symbol, short the second, out of both later."""

    def on_bar(self, bar, order, account):
        if bar.index == 0:
            order.percent(0.5)
            order[1].percent(-0.5)
        elif bar.index == 3 and account[1].position < 0.0:
            order.close()
            order[1].close()


def test_two_symbols_share_one_portfolio(make_bars) -> None:
    first = make_bars([DAY, DAY, (100, 111, 100, 110), (110, 110, 110, 110), (112,) * 4], "A")
    second = make_bars([(50.0,) * 4, (50.0,) * 4, (50, 50, 44, 45), (45.0,) * 4, (44.0,) * 4], "B")
    result = backtest(TwoLegs, [first, second], {}, {"cash": 10_000.0})
    # 50 units of A at 100 and -100 of B at 50.
    assert result.equity.tolist() == [10_000.0, 10_000.0, 11_000.0, 11_000.0, 11_200.0]
    assert result.trades["symbol"].to_list() == ["A", "B"]
    assert result.trades["pnl"].to_list() == [600.0, 600.0]


def test_settings_are_finite_numbers() -> None:
    for settings in (
        {"cash": np.inf},
        {"slippage": {"ticks": np.inf}},
        {"margin_interest": np.inf},
    ):
        with pytest.raises(ValueError, match="finite number"):
            Execution.model_validate(settings)
    with pytest.raises(ValueError, match="finite number"):
        Instrument(initial_margin=np.inf)


def test_symbols_of_a_portfolio_are_there_and_different(make_bars) -> None:
    one = make_bars([(100.0, 101.0, 99.0, 100.0)] * 3)
    with pytest.raises(ValueError, match="bars: found symbols none, allowed one or several"):
        backtest("buy_and_hold", [])
    with pytest.raises(
        ValueError, match=f"bars: found symbols {one.symbol}, {one.symbol}, allowed"
    ):
        backtest("buy_and_hold", [one, one])


class EverySize(Strategy):
    """An order of every way to say how large it is."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(3, stop_loss=90.0)
            order.target(5)
            order.target_percent(0.5)
            order.percent(-0.25)
            order.short()
            order.close()


def test_the_log_says_what_the_size_of_an_order_means(make_bars) -> None:
    flat = (100.0, 101.0, 99.0, 100.0)
    log = backtest(EverySize, make_bars([flat] * 3), {}, {"cash": 10_000.0}).orders
    given = log.filter(event="submitted").select("units", "size").rows()
    assert given == [
        (3.0, "units"),
        (5.0, "target"),
        (0.5, "target_percent"),
        (-0.25, "percent"),
        (-1.0, "sizing"),
        (0.0, "target"),
        (-3.0, "bracket"),
    ]
    filled = log.filter(event="filled")["units"].to_list()
    assert filled == [3.0, 2.0, 45.0, -25.0, -125.0, 100.0]
