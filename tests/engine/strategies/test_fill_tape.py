"""Recorded fills are taken as they happened; what follows is modelled."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS, Bars
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.layout import TAPE_AT, TAPE_TAKEN
from engine.strategies import Backtest, FillTape, Strategy, backtest, prepare_strategy
from engine.testing import SCRIPT_FIELDS, Scripted, execution_settings, order_scripts

DAY = 86_400_000_000
START = 19_000 * DAY
BARS = 40


def bars_of(*closes: float, symbol: str = "X") -> Bars:
    close = np.array(closes)
    stamps = START + np.arange(len(closes)) * DAY
    return Bars(symbol, stamps, close, close + 1.0, close - 1.0, close, np.full(len(closes), 1e6))


def same(one: Backtest, other: Backtest) -> None:
    assert one.metrics == other.metrics
    assert one.equity.tobytes() == other.equity.tobytes()
    assert one.trades.equals(other.trades)
    assert one.orders.equals(other.orders)


@settings(max_examples=settings.default.max_examples, deadline=None, database=None)
@given(script=order_scripts(BARS), execution=execution_settings(), cut=st.integers(-1, BARS - 1))
def test_a_backtest_replayed_on_its_own_fills_up_to_any_bar_is_the_same_to_the_byte(
    script: np.ndarray, execution: Any, cut: int
) -> None:
    prices, orders = script[: len(BAR_FIELDS)], script[len(BAR_FIELDS) :]
    columns = dict(zip(SCRIPT_FIELDS, orders, strict=True))
    bars = Bars("X", START + np.arange(BARS) * DAY, *prices, columns=columns)
    try:
        whole = backtest(Scripted, bars, execution=execution)
    except ValueError:
        return  # it fails by itself
    tape = whole.orders.filter(pl.col("bar") <= cut)
    same(backtest(Scripted, bars, execution=execution, fills=tape), whole)
    # Of a record that goes on without a fill the same, up to the end.
    until = FillTape(whole.orders, until=BARS - 1)
    same(backtest(Scripted, bars, execution=execution, fills=until), whole)


class Enters(Strategy):
    """Buys ten after bars 0 and 4, at a limit after bar 1, and closes after bar 6."""

    def on_bar(self, bar, order):
        if bar.index == 0 or bar.index == 4:
            order.market(10.0)
        elif bar.index == 1:
            order.limit(5.0, 90.0, take_profit=120.0)
        elif bar.index == 6:
            order.close()


PRICES = (100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0)


def filled(found: Backtest) -> list[tuple[Any, ...]]:
    rows = found.orders.filter(pl.col("event") == "filled")
    return rows.select("bar", "units", "price", "commission").rows()


def replayed(until: int | None = None, bars: Bars | None = None, **columns: list[Any]) -> Backtest:
    tape = FillTape(pl.DataFrame(columns), until=until)
    execution = {"commission": {"rate": 0.001}}
    return backtest(Enters, bars or bars_of(*PRICES), execution=execution, fills=tape)


def test_an_order_that_the_bars_fill_has_the_units_price_and_commission_of_the_record() -> None:
    found = replayed(bar=[1], units=[9.0], price=[100.25], commission=[1.5])
    # One unit is left of the order, and is modelled behind the record.
    assert filled(found)[:3] == [
        (1, 9.0, 100.25, 1.5),
        (2, 1.0, 102.0, pytest.approx(0.102)),
        (5, 10.0, 105.0, pytest.approx(1.05)),
    ]
    assert filled(found)[3][:3] == (7, -20.0, 107.0)
    assert found.trades["entry_price"].to_list() == [100.25, 102.0, 105.0]


def test_what_the_record_does_not_have_does_not_fill_until_it_ends() -> None:
    found = replayed(until=3, bar=[], units=[], price=[])
    assert filled(found)[0] == (4, 10.0, 104.0, pytest.approx(1.04))
    assert (found.equity[:4] == found.start).all()
    assert replayed(until=7, bar=[], units=[], price=[]).metrics["trades"] == 0.0


def test_a_fill_that_the_bars_do_not_explain_is_a_trade_of_its_own_at_the_close() -> None:
    found = replayed(bar=[1, 2], units=[10.0, -3.0], price=[101.0, 103.0], tag=[0, 7])
    assert filled(found)[:2] == [(1, 10.0, 101.0, 0.0), (2, -3.0, 103.0, 0.0)]
    first = found.trades.row(0, named=True)
    assert (first["units"], first["exit_price"], first["exit_tag"]) == (3.0, 103.0, 7.0)
    assert found.equity[2] == pytest.approx(found.start + 3 * 2.0 + 7 * 1.0)


def test_a_fill_of_a_resting_order_fills_it_whatever_the_bars_say() -> None:
    found = replayed(bar=[1, 3], units=[10.0, 5.0], price=[101.0, 90.0], order=[1, 2])
    assert filled(found)[1] == (3, 5.0, 90.0, 0.0)
    # Its take-profit is in place.
    assert "limit" in found.orders.filter(pl.col("order") == 3)["kind"].to_list()


def test_a_record_may_have_more_fills_in_a_bar_than_there_are_bars() -> None:
    count, rich = 2_000, {"cash": 1e6}
    both = {"bar": [3] * count, "price": [104.0] * count}
    turned = pl.DataFrame(both | {"units": [1.0, -1.0] * (count // 2)})
    found = backtest(Enters, bars_of(*PRICES), execution=rich, fills=turned)
    # Behind them two entries of the strategy.
    assert found.metrics["trades"] == count // 2 + 2
    held = pl.DataFrame(both | {"units": [1.0] * count})
    found = backtest(Enters, bars_of(*PRICES), execution=rich, fills=held)
    # The first of them is of the order that waits: nine units are left of it.
    assert found.trades["units"].sum() == count + 9 + 10


def test_times_and_sides_say_the_same_as_bars_and_units() -> None:
    when = datetime.datetime.fromtimestamp((START + DAY) / 1e6 + 3600, datetime.UTC)
    times = pl.Series([when], dtype=pl.Datetime("us", "UTC"))
    tape = pl.DataFrame({"time": times, "side": ["buy"], "quantity": [10], "price": [101.0]})
    timed = backtest(Enters, bars_of(*PRICES), fills=FillTape(tape, until=when))
    numbered = pl.DataFrame({"bar": [1], "units": [10.0], "price": [101.0]})
    same(timed, backtest(Enters, bars_of(*PRICES), fills=numbered))


def test_bars_of_a_record_are_counted_from_the_first_that_trades() -> None:
    tape = pl.DataFrame({"bar": [1], "units": [10.0], "price": [104.5]})
    found = backtest(Enters, bars_of(*PRICES), fills=tape, warm_up=3)
    assert filled(found)[0][:3] == (1, 10.0, 104.5)
    whole = backtest(Enters, bars_of(*PRICES), warm_up=3)
    same(backtest(Enters, bars_of(*PRICES), fills=whole.orders, warm_up=3), whole)


GOOD: dict[str, list[Any]] = {"bar": [1], "units": [10.0], "price": [101.0]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"symbol": ["Y"]}, "fills, row 0: found symbol 'Y', allowed X"),
        ({"bar": [8]}, "fills, row 0: found bar 8, allowed 0 to 7"),
        ({"bar": [1.5]}, "fills, row 0: found bar 1.5, allowed 0 to 7"),
        ({"units": [0.0]}, "fills, row 0: found no units, allowed a fill of some"),
        ({"price": [float("nan")]}, "fills, row 0: found price nan, allowed a finite number"),
        ({"price": ["x"]}, "fills.price: found String, allowed numbers"),
        ({"order": [9]}, "fills, row 0: found a fill of order 9, allowed an order that waits at"),
        ({"side": ["long"], "units": None}, "fills, row 0: found side 'long', allowed buy or sell"),
        ({"units": None}, "fills: found columns bar, price, allowed a column units"),
        ({"bar": None}, "fills: found columns units, price, allowed bar or time"),
        (
            {"bar": [2, 1], "units": [1.0, 1.0], "price": [100.0, 100.0]},
            "fills, row 1: found a bar before that of the fill above, allowed oldest first",
        ),
        (
            {"side": ["buy"], "quantity": [-1.0], "units": None},
            "fills, row 0: found quantity -1, allowed above 0: side says which way",
        ),
    ],
)
def test_a_record_that_cannot_be_is_one_sentence(changed: dict[str, Any], message: str) -> None:
    columns = {name: value for name, value in (GOOD | changed).items() if value is not None}
    with pytest.raises(Refusal, match=f"^{message}"):
        backtest(Enters, bars_of(*PRICES), fills=pl.DataFrame(columns))


def test_prices_outside_the_range_of_their_bar_are_refused_where_that_is_asked_for() -> None:
    tape = pl.DataFrame(GOOD | {"price": [103.0]})
    assert backtest(Enters, bars_of(*PRICES), fills=tape).trades["entry_price"][0] == 103.0
    with pytest.raises(Refusal, match=r"row 0: found price 103, allowed 100 to 102, the range"):
        backtest(Enters, bars_of(*PRICES), fills=FillTape(tape, within_range=True))


@pytest.mark.parametrize("until", [0, 8, -1, datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)])
def test_a_record_ends_between_its_last_fill_and_the_last_bar(until: Any) -> None:
    with pytest.raises(Refusal, match=r"fills.until: found .*, allowed 1 to 7: from the last fill"):
        backtest(Enters, bars_of(*PRICES), fills=FillTape(pl.DataFrame(GOOD), until=until))


def test_a_symbol_is_named_where_there_are_several_and_time_lies_inside_the_bars() -> None:
    pair = [bars_of(*PRICES), bars_of(*PRICES, symbol="Y")]
    with pytest.raises(Refusal, match="fills: found columns bar, units, price, allowed a column"):
        backtest(Enters, pair, fills=pl.DataFrame(GOOD))
    late = pl.Series([datetime.datetime(2030, 1, 1)], dtype=pl.Datetime("us"))
    table = pl.DataFrame({"time": late, "units": [1.0], "price": [1.0]})
    with pytest.raises(Refusal, match="row 0: found time 2030-01-01 00:00:00, allowed one inside"):
        backtest(Enters, pair[0], fills=table)


def test_a_record_may_be_a_frame_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    bars = bars_of(100.0, 101.0, 102.0)
    record = {"bar": [1], "units": [10.0], "price": [99.5]}
    given, made = pandas.DataFrame(record), pl.DataFrame(record)
    same(backtest("buy_and_hold", bars, fills=given), backtest("buy_and_hold", bars, fills=made))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"bar": [1]}, "fills: found a dict, allowed a DataFrame of pandas or Polars, or an Arrow"),
        ("/etc/passwd", "fills: found a str, allowed a DataFrame of pandas or Polars, or an Arrow"),
        (
            pl.DataFrame({"bar": [1], "side": [["buy"]], "quantity": [1.0], "price": [1.0]}),
            r"fills, row 0: found side \['buy'\], allowed buy or sell",
        ),
        (
            pl.DataFrame({"bar": [1], "units": [1e308], "price": [1.0]}),
            r"fills, row 0: found units 1e\+308, allowed a finite number up to 1e\+15",
        ),
        (
            pl.DataFrame({"bar": [1], "units": [1.0], "price": [1.0], "commission": [-1e300]}),
            r"fills, row 0: found commission -1e\+300, allowed a finite number up to 1e\+15",
        ),
        (
            FillTape(
                pl.DataFrame({"bar": [1], "units": [1.0], "price": [1.0]}),
                until=datetime.date(2020, 1, 3),  # type: ignore[arg-type]
            ),
            r"fills.until: found datetime.date\(2020, 1, 3\), allowed a bar's number, or an inst",
        ),
    ],
)
def test_what_is_no_record_is_one_sentence(record: Any, message: str) -> None:
    with pytest.raises(Refusal, match=f"^{message}"):
        backtest("buy_and_hold", bars_of(100.0, 101.0, 102.0), fills=record)


def test_events_that_are_no_text_are_no_fills() -> None:
    record = pl.DataFrame({"event": [1], "bar": [1], "units": [1.0], "price": [1.0]})
    replay = backtest("buy_and_hold", bars_of(100.0, 101.0, 102.0), fills=record)
    assert replay.trades.is_empty()


def test_an_order_that_was_withdrawn_leaves_the_book_and_nothing_follows_it() -> None:
    rows = pl.DataFrame(
        {
            "event": ["withdrawn", "filled", "withdrawn"],
            "bar": [1, 3, 4],
            "order": [1, 2, 2],
            "units": [None, 2.0, None],
            "price": [None, 90.0, None],
        }
    )
    found = backtest(Enters, bars_of(*PRICES), fills=FillTape(rows, until=4))
    assert filled(found)[0] == (3, 2.0, 90.0, 0.0)
    ended = found.orders.filter(pl.col("event") == "cancelled").select("bar", "order").rows()
    assert ended[:2] == [(1, 1), (4, 2)]
    # The order of bar 4 is modelled behind the record.
    assert filled(found)[1][:2] == (5, 10.0)


def test_a_fill_of_no_order_is_of_none_even_where_one_waits() -> None:
    found = replayed(bar=[1], units=[10.0], price=[100.0], order=[-1], until=1)
    events = found.orders.filter(pl.col("event") == "filled").select("bar", "order").rows()
    # The order of the strategy waits until the record ends, and is filled by the model.
    assert events[0] == (1, 2)
    assert events[1] == (2, 1)


def test_a_trade_of_its_own_is_no_fill_of_the_order_whose_number_it_gets() -> None:
    # The second order of the session is the trade itself: no row of order 2 is its fill.
    message = "fills, row 0: found a fill of order 2, allowed an order that waits at bar 1"
    with pytest.raises(Refusal, match=message):
        replayed(bar=[1, 1], units=[-4.0, -1.0], price=[102.0, 101.5], order=[2, -1])


def test_a_trade_of_its_own_happened_whatever_was_held_and_waits() -> None:
    # A sale beside a buy that waits would be its exit, and there is nothing to reduce yet.
    found = replayed(bar=[1], units=[-3.0], price=[101.0], order=[-1], until=7)
    assert filled(found) == [(1, -3.0, 101.0, 0.0)]
    assert found.positions == {"X": -3.0}


def test_a_trade_of_its_own_may_be_less_than_a_lot() -> None:
    tape = pl.DataFrame({"bar": [1], "units": [0.5], "price": [101.0], "order": [-1]})
    lots = {"instrument": {"lot_size": 1.0}}
    found = backtest(Enters, bars_of(*PRICES), execution=lots, fills=FillTape(tape, until=7))
    assert found.positions == {"X": 0.5}


def test_a_withdrawn_order_is_named_by_its_number() -> None:
    rows = pl.DataFrame({"event": ["withdrawn"], "bar": [1], "units": [None], "price": [None]})
    with pytest.raises(Refusal, match="row 0: found an order that was withdrawn, without its numb"):
        backtest(Enters, bars_of(*PRICES), fills=rows)


def test_a_fill_that_was_taken_is_not_looked_at_again_within_its_bar() -> None:
    count = 1_000
    record = pl.DataFrame({"bar": [3] * count, "price": [104.0] * count, "units": [1.0] * count})
    bars = bars_of(*PRICES)
    rows, covered = FillTape(record).rows((bars,), 0)
    shape: dict[str, Any] = {"symbols": ("X",), "fields": BAR_FIELDS, "steps": len(PRICES)}
    engine = prepare_strategy(Enters, Execution(cash=1e6), bars_per_year=252.0, **shape)
    scratch = engine.scratch(fills=rows, recorded_bars=covered)
    values = np.array([[bars.field(name) for name in BAR_FIELDS]])[None]
    metrics, status = np.empty((1, 1, len(engine.metric_names))), np.empty((1, 1), dtype=np.int8)
    engine.run(np.ascontiguousarray(values), engine.encode({})[None], metrics, status, scratch)
    assert (scratch.simulation.tape[:, TAPE_TAKEN] == 1.0).all()
    # The search for the last of them began at the last of them.
    assert scratch.simulation.counts[TAPE_AT] >= count - 1


def test_what_waits_behind_the_last_bar_and_what_is_held_is_told() -> None:
    held = backtest(Enters, bars_of(*PRICES[:2]), fills=pl.DataFrame(GOOD | {"units": [9.0]}))
    assert held.positions == {"X": 9.0}
    rest, limit = held.open_orders.sort("order").rows(named=True)
    assert (rest["order"], rest["kind"], rest["size"], rest["units"]) == (1, "market", "units", 1.0)
    assert (limit["order"], limit["bar"], limit["limit"], limit["take_profit"]) == (3, 1, 90.0, 120)
    closed = backtest(Enters, bars_of(*PRICES[:2]), execution={"at_end": "close"})
    assert closed.open_orders.is_empty()
    assert closed.positions == {"X": 0.0}
