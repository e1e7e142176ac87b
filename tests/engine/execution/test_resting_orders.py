"""Stops that trail, orders for the close, and orders that are sized when they fill."""

from __future__ import annotations

import math

import pytest

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.strategies import Choice, Float, Strategy, backtest, prepare_strategy

NO_PRICE = math.inf  # what these arguments are where they are not given
FLAT = (100.0, 101.0, 99.0, 100.0)


class Resting(Strategy):
    """Acts after bar 0, or after bar 1, at whose open it has bought `held`."""

    how = Choice(
        "trail",
        ["trail", "exit", "early_exit", "on_close", "fok", "target", "percent", "long", "short"],
    )
    held = Float(0.0)
    units = Float(10.0)
    distance = Float(0.0)
    share = Float(0.0)
    limit = Float(0.0, doc="0: none")
    stop = Float(0.0, doc="0: none")
    undefined = Choice(False, [False, True])

    def on_bar(self, bar, order):
        if bar.index == 0 and self.held != 0.0:
            order.market(self.held)
        if bar.index == 0 and self.how == "early_exit":
            order.exit(stop_loss=self.distance, trailing=True)
        if bar.index == (1 if self.held != 0.0 else 0):
            limit = self.limit if self.limit > 0.0 else NO_PRICE
            stop = self.stop if self.stop > 0.0 else NO_PRICE
            if self.undefined == 1.0:
                stop = bar.close[5]
            if self.how == "trail":
                order.trailing_stop(self.units, distance=self.distance, share=self.share)
            elif self.how == "exit":
                order.exit(stop_loss=self.distance, trailing=True)
            elif self.how == "on_close":
                order.market_on_close(self.units)
            elif self.how == "fok":
                order.limit(self.units, limit, tif="fok")
            elif self.how == "target":
                order.target(self.units, limit=limit, stop=stop)
            elif self.how == "percent":
                order.target_percent(self.units, limit=limit, stop=stop, tif=1)
            elif self.how == "long":
                order.long(limit=limit, stop=stop)
            elif self.how == "short":
                order.short(limit=limit, stop=stop)


@pytest.fixture
def play_it(make_bars):
    def run(rows, how, **parameters):
        settings = {"cash": 10_000.0}
        return backtest(Resting, make_bars([FLAT, *rows]), {"how": how} | parameters, settings)

    return run


@pytest.fixture
def fills(play_it):
    def run(rows, how, **parameters):
        orders = play_it(rows, how, **parameters).orders
        done = orders.filter(orders["event"] == "filled")
        return list(zip(done["bar"], done["units"], done["price"], strict=True))

    return run


# --- stops that trail ------------------------------------------------------------------------

RISE = (100.0, 105.0, 98.0, 104.0)


@pytest.mark.parametrize("how", ["trail", "exit"])
@pytest.mark.parametrize(
    ("bar", "price"),
    [
        ((104.0, 104.5, 101.0, 103.0), 102.0),  # inside the bar
        ((102.0, 103.0, 101.5, 103.0), 102.0),  # at its open
        ((100.0, 101.0, 99.0, 100.0), 100.0),  # the open is beyond it
    ],
)
def test_a_stop_trails_the_highest_price_at_its_distance(fills, how, bar, price) -> None:
    # From the close of 100 it starts at 97; a bar up to 105 moves it to 102 for the next one.
    found = fills([FLAT, RISE, bar], how, held=10.0, units=-10.0, distance=3.0)
    assert found[1:] == [(3, -10.0, price)]


def test_a_bar_does_not_move_a_stop_that_it_may_have_reached_before(fills) -> None:
    # 105 less 3 lies inside the bar, whose low of 98 may have come first.
    assert fills([FLAT, RISE], "trail", held=10.0, units=-10.0, distance=3.0)[1:] == []
    fall = (100.0, 105.0, 96.0, 97.0)
    found = fills([FLAT, fall], "trail", held=10.0, units=-10.0, distance=3.0)
    assert found[1:] == [(2, -10.0, 97.0)]


def test_a_trailing_stop_never_moves_back(fills) -> None:
    rows = [FLAT, RISE, (104.0, 104.5, 102.5, 103.0), (103.0, 103.0, 101.0, 102.0)]
    found = fills(rows, "trail", held=10.0, units=-10.0, distance=3.0)
    assert found[1:] == [(4, -10.0, 102.0)]


def test_a_stop_trails_by_a_share_of_the_best_price(fills) -> None:
    rows = [FLAT, (100.0, 110.0, 98.0, 109.0), (109.0, 109.0, 104.0, 105.0)]
    found = fills(rows, "trail", held=10.0, units=-10.0, share=0.05)
    assert found[1:] == [(3, -10.0, 110.0 - 0.05 * 110.0)]


def test_a_stop_that_buys_trails_the_lowest_price(fills) -> None:
    rows = [(100.0, 101.0, 95.0, 96.0), (96.0, 99.0, 95.5, 98.0)]
    assert fills(rows, "trail", units=10.0, distance=3.0) == [(2, 10.0, 98.0)]


def test_a_stop_loss_trails_from_the_fill_of_an_order_that_waited(fills) -> None:
    # Filled at the open of 104, so that the high of that bar counts: 105 less 3.
    rows = [(104.0, 105.0, 103.0, 104.0), (104.0, 104.5, 101.0, 102.0)]
    assert fills(rows, "early_exit", held=10.0, distance=3.0) == [
        (1, 10.0, 104.0),
        (2, -10.0, 102.0),
    ]


@pytest.mark.parametrize("wrong", [{}, {"distance": -1.0}, {"share": 1.0}, {"share": -0.1}])
def test_a_distance_that_makes_no_sense_is_a_rejection(play_it, wrong) -> None:
    found = play_it([FLAT, FLAT], "trail", **wrong)
    assert found.orders.height == 0
    assert found.metrics["rejected_orders"] == 1.0


# --- at the close, at once -----------------------------------------------------------------------


def test_an_order_for_the_close_fills_there_at_the_costs_of_a_market_order(make_bars) -> None:
    rows = [FLAT, (100.0, 104.0, 97.0, 103.0), FLAT]
    settings = {"cash": 10_000.0, "slippage": {"bps": 10.0}, "commission": {"fixed": 1.0}}
    found = backtest(Resting, make_bars(rows), {"how": "on_close"}, settings)
    (fill,) = found.orders.filter(found.orders["event"] == "filled").iter_rows(named=True)
    assert (fill["bar"], fill["units"], fill["kind"]) == (1, 10.0, "market_on_close")
    assert fill["price"] == pytest.approx(103.0 * 1.001, rel=1e-12)
    assert fill["commission"] == 1.0
    assert found.equity[1] == pytest.approx(10_000.0 - 10.0 * 0.103 - 1.0)


def test_an_order_for_the_close_follows_a_gap_to_it(fills) -> None:
    assert fills([(120.0, 121.0, 80.0, 85.0), FLAT], "on_close") == [(1, 10.0, 85.0)]


def test_fill_or_kill_fills_at_the_open_or_never(fills) -> None:
    assert fills([(100.0, 101.0, 96.0, 97.0), FLAT], "fok", limit=97.0) == []
    assert fills([(96.0, 97.0, 95.0, 96.0)], "fok", limit=97.0) == [(1, 10.0, 96.0)]


# --- sized when they fill ----------------------------------------------------------------------


def test_a_target_with_a_stop_trades_what_is_missing_at_the_stop(fills) -> None:
    rows = [FLAT, (100.0, 104.0, 99.0, 103.0)]
    found = fills(rows, "target", held=10.0, units=25.0, stop=102.0)
    assert found[1:] == [(2, 15.0, 102.0)]
    # Below what is held it sells, so that a stop lies below.
    found = fills([FLAT, (100.0, 101.0, 97.0, 98.0)], "target", held=10.0, units=4.0, stop=98.0)
    assert found[1:] == [(2, -6.0, 98.0)]
    gap = [FLAT, (105.0, 106.0, 104.0, 105.0)]
    assert fills(gap, "target", held=10.0, units=25.0, stop=102.0)[1:] == [(2, 15.0, 105.0)]


def test_a_target_with_a_limit_waits_for_its_price(fills) -> None:
    rows = [FLAT, (100.0, 101.0, 97.0, 98.0)]
    assert fills(rows, "target", units=25.0, limit=97.5) == [(2, 25.0, 97.5)]
    assert fills([(95.0, 96.0, 94.0, 95.0)], "target", units=25.0, limit=97.5) == [(1, 25.0, 95.0)]


def test_a_size_follows_from_the_price_at_which_the_order_fills(fills) -> None:
    fall, rise = [(100.0, 101.0, 97.0, 98.0)], [(100.0, 104.0, 99.0, 103.0)]
    # 10,000 of equity: 102 shares at 98, 98 at 102, 50 at half.
    assert fills(fall, "long", limit=98.0) == [(1, 102.0, 98.0)]
    assert fills(rise, "long", stop=102.0) == [(1, 98.0, 102.0)]
    assert fills(fall, "short", stop=98.0) == [(1, -102.0, 98.0)]
    assert fills(fall, "percent", units=0.5, limit=100.0)[0][:2] == (1, 50.0)
    # Triggered at 102, it fills there as the limit allows it.
    assert fills(rise, "long", stop=102.0, limit=103.0) == [(1, 98.0, 102.0)]


def test_a_time_in_force_ends_an_order_that_is_sized_when_it_fills(fills) -> None:
    rows = [FLAT, (100.0, 101.0, 90.0, 98.0)]
    assert fills(rows, "percent", units=0.5, limit=95.0) == []


def test_an_undefined_price_is_a_rejection_and_no_market_order(play_it) -> None:
    found = play_it([FLAT, FLAT], "long", undefined=True)
    assert found.orders.height == 0
    assert found.metrics["rejected_orders"] == 1.0


# --- until an instant, and with a tag ----------------------------------------------------------

DAY = 86_400.0


class Dated(Strategy):
    """Limits at 97 that live up to some instant; bars open at midnights from 1970-01-01 on."""

    days = Float(0.0)
    on_close = Choice(0, [0, 1])

    def on_bar(self, bar, order):
        if bar.index == 0:
            number = order.limit(10.0, 97.0)
            if self.on_close == 1.0:
                number = order.market_on_close(5.0)
            if not order.good_till(number, self.days * DAY):
                order.market(1.0)


@pytest.mark.parametrize(
    ("days", "events"),
    [
        (0.5, ["submitted", "expired"]),  # before the next bar, as its open tells
        (1.0, ["submitted", "expired"]),  # the next bar does not reach 97
        (2.0, ["submitted", "filled"]),
        (1.9, ["submitted", "expired"]),
    ],
)
def test_an_order_is_good_till_an_instant(make_bars, days, events) -> None:
    bars = make_bars([FLAT, FLAT, (100.0, 101.0, 96.0, 97.0), FLAT])
    orders = backtest(Dated, bars, {"days": days}).orders
    assert orders["event"].to_list() == events
    assert orders["bar"].to_list()[1] == {0.5: 1, 1.0: 1, 2.0: 2, 1.9: 1}[days]


def test_an_order_for_the_close_has_its_own_moment(make_bars) -> None:
    bars = make_bars([FLAT, FLAT, FLAT])
    orders = backtest(Dated, bars, {"days": 9.0, "on_close": 1}).orders
    # It was refused, as the market order says.
    assert set(orders["kind"]) == {"limit", "market_on_close", "market"}


def test_an_instant_needs_bars_with_times() -> None:
    with pytest.raises(ValueError, match=r"order\.good_till on bars without times"):
        prepare_strategy(
            Dated, Execution(), symbols=("X",), fields=BAR_FIELDS, steps=5, bars_per_year=252.0
        )


class Tagged(Strategy):
    def on_bar(self, bar, order):
        if bar.index == 0:
            order.tag(order.market(10.0, stop_loss=98.0), 3)
            order.tag(order.market(5.0), 4)
        if bar.index == 1:
            order.tag(order.market(-8.0), 7)
            if order.tag(1.0, 9):
                order.market(100.0)


def test_a_tag_reaches_the_trades_that_its_order_opens_and_closes(play) -> None:
    trades = play(Tagged, [FLAT, FLAT, FLAT, (100.0, 100.0, 97.0, 98.0)]).trades
    # 8 of the 10 by the tagged sale, the rest by the stop-loss, which has the tag of its entry.
    found = trades.select("units", "entry_tag", "exit_tag").rows()
    assert found == [(8.0, 3.0, 7.0), (2.0, 3.0, 3.0)]


class TrailsIn(Strategy):
    """Sells by a stop that trails, with exits that are distances from its fill."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.trailing_stop(-10, distance=3.0)
            order.exit(take_profit=3.1, stop_loss=2.1, from_fill=True)


def test_a_stop_that_moves_leaves_the_distances_of_its_exits_as_they_are(make_bars) -> None:
    rows = [FLAT, (100.0, 104.0, 99.0, 103.0), (100.4, 100.9, 100.3, 100.5)]
    rows += [(100.5, 103.0, 100.0, 101.0)]
    on_ticks = {"instrument": {"tick_size": 0.25}}
    made = backtest(TrailsIn, make_bars(rows), {}, on_ticks).orders
    done = made.filter(made["event"] == "filled")
    # Sold at the open of 100.4, which is below 101: 102.5 is a tick, though 2.1 is none.
    assert done.select("bar", "price").rows() == [(2, 100.4), (3, 102.5)]
    stops = made.filter((made["event"] == "submitted") & (made["size"] == "bracket"))
    assert stops["price"].to_list() == [102.5, 97.25]
