"""Exits that are set while a position is open, and orders of which one cancels the other."""

from __future__ import annotations

import pytest

from engine.strategies import Choice, Float, Strategy, backtest

FLAT = (100.0, 101.0, 99.0, 100.0)
ENTRY = FLAT, FLAT  # decided at the close of bar 0, filled at the open of bar 1


class Exits(Strategy):
    """Opens a position after bar 0 and sets its exits after bars 0, 1 or 2."""

    units = Float(10.0)
    how = Choice(
        "pair", ("pair", "from_fill", "replace", "remove", "two_lots", "independent", "linked")
    )
    when = Float(1.0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(self.units)
        if self.how == "replace" and bar.index == 0:
            order.exit(take_profit=101.0, stop_loss=99.5)
        if self.how == "remove" and bar.index == 0:
            order.exit(stop_loss=98.0)
        if self.how == "two_lots" and bar.index == 1:
            order.market(self.units / 2.0)
        if bar.index == self.when:
            if self.how == "from_fill":
                order.exit(take_profit=2.0, stop_loss=3.0, from_fill=True)
            elif self.how == "remove":
                order.exit()
            elif self.how == "independent" or self.how == "linked":
                limit = order.limit(-self.units, 102.0)
                stop = order.stop(-self.units, 98.0)
                if self.how == "linked":
                    order.one_cancels_other(limit, stop)
            else:
                order.exit(take_profit=102.0, stop_loss=98.0)


@pytest.fixture
def fills(make_bars):
    def run(rows, how, units=10.0, when=1.0, **execution):
        settings = {"cash": 100_000.0, **execution}
        parameters = {"how": how, "units": units, "when": when}
        found = backtest(Exits, make_bars([*ENTRY, *rows]), parameters, settings)
        done = found.orders.filter(found.orders["event"] == "filled")
        return list(zip(done["bar"], done["units"], done["price"], strict=True))[1:]

    return run


BOTH = (100.0, 103.0, 97.0, 100.0)


def test_of_a_pair_of_exits_that_one_bar_touches_the_stop_alone_fills(fills) -> None:
    assert fills([BOTH, BOTH], "pair") == [(2, -10.0, 98.0)]


def test_a_stop_and_a_limit_that_close_a_position_are_a_pair_too_but_for_the_peer(fills) -> None:
    assert fills([BOTH, BOTH], "independent") == [(2, -10.0, 98.0)]
    peer = fills([BOTH], "independent", bracket_rule="backtesting_py")
    assert peer == [(2, -10.0, 98.0), (2, -10.0, 102.0)]


def test_of_two_orders_of_which_one_cancels_the_other_one_fills(fills) -> None:
    assert fills([BOTH, BOTH], "linked") == [(2, -10.0, 98.0)]
    assert fills([(101.0, 103.0, 100.0, 102.0), BOTH], "linked") == [(2, -10.0, 102.0)]


@pytest.mark.parametrize("how", ["pair", "linked"])
@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((104.0, 105.0, 97.0, 100.0), 104.0),  # the open has passed the limit
        ((96.0, 103.0, 95.0, 100.0), 96.0),  # ... the stop
        ((100.0, 102.0, 99.0, 100.0), 102.0),
        ((100.0, 101.0, 98.0, 100.0), 98.0),
    ],
)
def test_exits_fill_at_the_open_that_has_passed_them_and_inside_the_bar(
    fills, how, bar, price
) -> None:
    assert fills([bar, BOTH], how) == [(2, -10.0, price)]


def test_exits_of_a_short_position_lie_on_the_other_sides(fills) -> None:
    quiet = (100.0, 101.0, 99.5, 100.0)
    # From a fill at 100: the take-profit at 98, the stop-loss at 103.
    assert fills([quiet, (100.0, 103.5, 99.0, 103.0)], "from_fill", -10.0) == [(3, 10.0, 103.0)]
    assert fills([(100.0, 101.0, 97.0, 98.0), BOTH], "from_fill", -10.0) == [(2, 10.0, 98.0)]


def test_exits_from_the_fill_wait_with_an_order_that_has_not_filled(fills) -> None:
    # The open is 104 where 100 was the close: 106 and 101, on the very bar of the entry.
    late = [(104.0, 106.5, 103.0, 105.0), FLAT]

    def run(first):
        return fills([first], "from_fill", when=0.0)

    assert run(FLAT) == []
    assert run((100.0, 102.5, 99.0, 102.0)) == [(2, -10.0, 102.0)]
    assert fills(late, "from_fill", when=0.0) == [(2, -10.0, 104.0)]


def test_new_exits_take_the_place_of_those_before(fills) -> None:
    # 99.5 and 101 are gone before bar 1, whose range of 99 to 101 would touch both.
    assert fills([BOTH], "replace", when=0.0) == [(2, -10.0, 98.0)]


def test_exits_without_prices_remove_those_before(fills) -> None:
    assert fills([BOTH, BOTH], "remove") == []


def test_each_lot_of_a_position_is_closed_by_exits_of_its_own(fills) -> None:
    rows = [FLAT, BOTH, BOTH]
    found = fills(rows, "two_lots", when=2.0)
    assert found == [(2, 5.0, 100.0), (3, -10.0, 98.0), (3, -5.0, 98.0)]


class Asks(Strategy):
    """Buys twice, closes the older half, and tells its lots by limits that never fill."""

    def on_bar(self, bar, order, account):
        if bar.index < 2:
            order.market(5.0)
        elif bar.index == 3:
            order.market(-5.0)
        order.limit(-1.0, 1000.0 + account.open_lots, tif="ioc")


def test_the_account_tells_how_many_lots_are_open(play) -> None:
    orders = play(Asks, [FLAT] * 6).orders
    asked = orders.filter((orders["kind"] == "limit") & (orders["event"] == "submitted"))
    assert [price - 1000.0 for price in asked["price"]] == [0.0, 1.0, 2.0, 2.0, 1.0, 1.0]


class FarStop(Strategy):
    """Enters by the sizing rule, with a stop-loss five below the fill."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.long()
            order.exit(stop_loss=5.0, from_fill=True)


def test_a_size_by_risk_knows_exits_from_the_fill(play) -> None:
    risk = {"kind": "fixed_risk", "risk": 0.01}
    rows = [FLAT, (104.0, 105.0, 103.0, 104.0), (100.0, 101.0, 98.0, 99.0)]
    run = play(FarStop, rows, sizing=risk)
    # 1 % of 10,000 over a loss of 5 on each: 20, closed at 104 - 5.
    assert run.trades["units"].to_list() == [20.0]
    assert run.trades["exit_price"].to_list() == [99.0]
    assert run.trades["pnl"].to_list() == [-100.0]
