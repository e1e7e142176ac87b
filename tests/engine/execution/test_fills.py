"""Fill rules on bars worked by hand."""

from __future__ import annotations

import pytest

from engine.strategies import Float, Strategy, backtest

FLAT = (100.0, 101.0, 99.0, 100.0)


class OneOrder(Strategy):
    """Places the order under test after the first bar; one class, one compilation."""

    kind = Float(0.0)
    units = Float(10.0)
    price = Float(100.0)
    second = Float(None)
    take = Float(None)
    loss = Float(None)
    good_for = Float(100.0, optional=True)

    def on_bar(self, bar, order):
        if bar.index == 0:
            if self.kind == 0.0:
                order.market(self.units, take_profit=self.take, stop_loss=self.loss)
            elif self.kind == 1.0:
                order.limit(
                    self.units,
                    self.price,
                    take_profit=self.take,
                    stop_loss=self.loss,
                    tif=self.good_for,
                )
            elif self.kind == 2.0:
                order.stop(
                    self.units,
                    self.price,
                    take_profit=self.take,
                    stop_loss=self.loss,
                    tif=self.good_for,
                )
            else:
                order.stop_limit(self.units, self.price, self.second, tif=self.good_for)


@pytest.fixture
def fills(make_bars):
    def run(rows, parameters, **execution):
        settings = {"cash": 100_000.0, **execution}
        result = backtest(OneOrder, make_bars([FLAT, *rows]), parameters, settings)
        done = result.orders.filter(result.orders["event"] == "filled")
        return list(zip(done["bar"], done["units"], done["price"], strict=True))

    return run


MARKET, LIMIT, STOP, STOP_LIMIT = ({"kind": float(kind)} for kind in range(4))


def test_a_market_order_fills_at_the_next_open(fills) -> None:
    assert fills([(102.0, 103.0, 101.0, 102.5)], MARKET) == [(1, 10.0, 102.0)]


def test_a_market_order_fills_at_the_same_close_by_option(fills) -> None:
    found = fills([(102.0, 103.0, 101.0, 102.5)], MARKET, fill="same_close")
    assert found == [(0, 10.0, 100.0)]


def test_a_buy_limit_fills_at_its_price_when_the_range_reaches_it(fills) -> None:
    rows = [(100.0, 101.0, 98.0, 99.0), (98.0, 99.0, 96.0, 97.0)]
    assert fills(rows, LIMIT | {"price": 97.0}) == [(2, 10.0, 97.0)]


def test_a_buy_limit_through_a_gap_fills_at_the_better_open(fills) -> None:
    assert fills([(95.0, 96.0, 94.0, 95.0)], LIMIT | {"price": 97.0}) == [(1, 10.0, 95.0)]


def test_a_sell_limit_through_a_gap_fills_at_the_better_open(fills) -> None:
    rows = [(105.0, 106.0, 104.0, 105.0)]
    assert fills(rows, LIMIT | {"price": 103.0, "units": -10.0}) == [(1, -10.0, 105.0)]


def test_a_stop_fills_at_its_price_inside_the_range(fills) -> None:
    assert fills([(100.0, 104.0, 99.0, 103.0)], STOP | {"price": 102.0}) == [(1, 10.0, 102.0)]


def test_a_stop_through_a_gap_fills_at_the_open(fills) -> None:
    assert fills([(105.0, 106.0, 104.0, 105.0)], STOP | {"price": 102.0}) == [(1, 10.0, 105.0)]
    rows = [(95.0, 96.0, 94.0, 95.0)]
    assert fills(rows, STOP | {"price": 98.0, "units": -10.0}) == [(1, -10.0, 95.0)]


def test_a_stop_limit_fills_at_the_stop_when_the_limit_allows_it(fills) -> None:
    order = STOP_LIMIT | {"price": 102.0, "second": 103.0}
    assert fills([(100.0, 104.0, 99.0, 103.0)], order) == [(1, 10.0, 102.0)]


def test_a_stop_limit_gapped_over_rests_at_its_limit(fills) -> None:
    order = STOP_LIMIT | {"price": 102.0, "second": 103.0}
    rows = [(105.0, 106.0, 104.0, 105.0), (104.0, 105.0, 102.0, 104.0)]
    assert fills(rows, order) == [(2, 10.0, 103.0)]


def test_a_stop_limit_with_the_limit_before_the_stop_waits_for_the_next_bar(fills) -> None:
    order = STOP_LIMIT | {"price": 102.0, "second": 101.0}
    rows = [(100.0, 104.0, 99.0, 103.0), (103.0, 104.0, 100.0, 102.0)]
    assert fills(rows, order) == [(2, 10.0, 101.0)]


def test_an_order_expires_after_its_bars(fills) -> None:
    rows = [(100.0, 101.0, 99.0, 100.0), (100.0, 101.0, 95.0, 96.0)]
    assert fills(rows, LIMIT | {"price": 97.0, "good_for": 1.0}) == []
    assert fills(rows, LIMIT | {"price": 97.0, "good_for": 2.0}) == [(2, 10.0, 97.0)]


def test_an_immediate_order_fills_at_the_open_or_not_at_all(fills) -> None:
    order = LIMIT | {"price": 97.0, "good_for": -1.0}
    assert fills([(100.0, 101.0, 96.0, 97.0)], order) == []
    assert fills([(96.0, 97.0, 95.0, 96.0)], order) == [(1, 10.0, 96.0)]


@pytest.mark.parametrize("good_for", [-3.0, -0.5, None])
def test_a_time_in_force_that_makes_no_sense_is_a_rejection(make_bars, good_for) -> None:
    rows = [FLAT, (100.0, 101.0, 90.0, 100.0), FLAT]
    found = backtest(OneOrder, make_bars(rows), LIMIT | {"price": 97.0, "good_for": good_for})
    assert found.trades.height == 0
    assert found.orders.height == 0
    assert found.metrics["rejected_orders"] == 1.0


def test_a_bar_that_touches_both_sides_of_a_bracket_takes_the_stop(fills) -> None:
    order = MARKET | {"take": 104.0, "loss": 97.0}
    found = fills([(100.0, 105.0, 96.0, 100.0)], order)
    assert found == [(1, 10.0, 100.0), (1, -10.0, 97.0)]


def test_an_open_beyond_the_take_profit_fills_there_before_anything_else(fills) -> None:
    order = MARKET | {"take": 104.0, "loss": 97.0}
    rows = [(100.0, 101.0, 99.0, 100.0), (106.0, 107.0, 96.0, 100.0)]
    assert fills(rows, order)[1] == (2, -10.0, 106.0)
    peer = fills(rows, order, bracket_rule="backtesting_py")
    assert peer[1] == (2, -10.0, 97.0)


def test_a_gap_through_the_stop_loss_fills_at_the_open(fills) -> None:
    rows = [(100.0, 101.0, 99.0, 100.0), (90.0, 92.0, 89.0, 91.0)]
    assert fills(rows, MARKET | {"take": 110.0, "loss": 97.0})[1] == (2, -10.0, 90.0)


def test_the_stop_loss_of_a_limit_entry_works_on_the_entry_bar(fills) -> None:
    order = LIMIT | {"price": 98.0, "take": 101.0, "loss": 96.0}
    rows = [(100.0, 102.0, 95.0, 97.0), (97.0, 98.0, 96.5, 97.0)]
    assert fills(rows, order) == [(1, 10.0, 98.0), (1, -10.0, 96.0)]
    peer = fills(rows, order, bracket_rule="backtesting_py")
    assert peer == [(1, 10.0, 98.0)]


def test_the_take_profit_of_a_stop_entry_works_on_the_entry_bar(fills) -> None:
    order = STOP | {"price": 102.0, "take": 104.0, "loss": 98.0}
    assert fills([(100.0, 105.0, 99.0, 103.0)], order) == [(1, 10.0, 102.0), (1, -10.0, 104.0)]


@pytest.mark.parametrize(
    ("slippage", "price"),
    [
        ({"bps": 10.0}, 100.1),
        ({"ticks": 2.0}, 100.02),
        ({"volume_share": 0.5}, 100.0 * (1 + 0.5 * 0.01**2)),
        ({"impact": 1.0, "daily_volatility": 0.02}, 100.0 * (1 + 0.02 * 0.1)),
    ],
)
def test_slippage_moves_a_market_fill_against_the_trader(fills, slippage, price) -> None:
    (found,) = fills([FLAT], MARKET, slippage=slippage)
    assert found[2] == pytest.approx(price, rel=1e-12)


def test_a_limit_never_slips(fills) -> None:
    rows = [(100.0, 101.0, 96.0, 97.0)]
    assert fills(rows, LIMIT | {"price": 97.0}, slippage={"bps": 50.0}) == [(1, 10.0, 97.0)]


@pytest.mark.parametrize(
    ("commission", "paid"),
    [
        ({"rate": 0.001}, 1.0),
        ({"per_unit": 0.02}, 0.2),
        ({"fixed": 3.0}, 3.0),
        ({"per_unit": 0.02, "minimum": 1.5}, 1.5),
        ({"rate": 0.001, "maker_rate": -0.0002}, 1.0),
    ],
)
def test_commission_of_a_market_fill(make_bars, commission, paid) -> None:
    settings = {"cash": 100_000.0, "commission": commission}
    result = backtest(OneOrder, make_bars([FLAT, FLAT]), MARKET, settings)
    assert result.metrics["commission"] == pytest.approx(paid)
    assert result.equity[-1] == pytest.approx(100_000.0 - paid)


def test_a_resting_limit_pays_the_maker_rate(make_bars) -> None:
    settings = {"cash": 100_000.0, "commission": {"rate": 0.001, "maker_rate": -0.0002}}
    rows = [FLAT, (100.0, 101.0, 96.0, 97.0)]
    result = backtest(OneOrder, make_bars(rows), LIMIT | {"price": 97.0}, settings)
    assert result.metrics["commission"] == pytest.approx(-970.0 * 0.0002)
