"""Margin, financing, limits and costs of accounts worked by hand, order by order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from engine.bars import BAR_FIELDS
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.layout import EVENT_NAMES, ORDER_ROWS, TRADE_ROWS
from engine.strategies import Int, Strategy, backtest, prepare_strategy

FIELDS = (*BAR_FIELDS, "units", "limit")
HOUR = 3_600_000_000


class Hand(Strategy):
    """Sends at each bar what the bar says: units at the market, or at a limit above zero."""

    def on_bar(self, bar, order):
        if bar.limit > 0.0:
            order.limit(bar.units, bar.limit)
        elif bar.units != 0.0:
            order.market(bar.units)


class TwoHands(Strategy):
    """The same for two symbols."""

    def on_bar(self, bar, order):
        if bar.units != 0.0:
            order.market(bar.units)
        if bar[1].units != 0.0:
            order[1].market(bar[1].units)


@dataclass(frozen=True)
class Account:
    equity: list[float]
    fills: list[tuple[int, float, float, float]]  # bar, units, price, commission
    rejected: list[str]
    trades: np.ndarray
    metrics: dict[str, float]


def flat(*prices: float) -> list[tuple[float, ...]]:
    return [(price,) * 4 for price in prices]


def run(rows, units, *, limits=(), volume=1000.0, timestamps=None, **settings) -> Account:
    """Play `units` (by bar) on bars `rows`; lists of both make two symbols."""
    several = isinstance(rows[0], list)
    tapes, sizes = (rows, units) if several else ([rows], [units])
    bars = len(tapes[0])
    block = np.zeros((len(tapes), len(FIELDS), bars))
    for part, tape, size in zip(block, tapes, sizes, strict=True):
        part[:4] = np.array(tape, dtype=float).T
        part[4] = volume
        for bar, value in size.items():
            part[5, bar] = value
        for bar, price in dict(limits).items():
            part[6, bar] = price
    engine = prepare_strategy(
        TwoHands if several else Hand,
        Execution.model_validate({"cash": 10_000.0, **settings}),
        symbols=("A", "B")[: len(tapes)],
        fields=FIELDS,
        steps=bars,
        bars_per_year=252.0,
        record_trades=True,
        timestamps=timestamps,
    )
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    scratch = engine.scratch(record_orders=True)
    engine.run(block[None], np.empty((1, 0)), metrics, status, scratch)
    state = scratch.simulation
    log = state.events[: state.counts[ORDER_ROWS]]
    names = [EVENT_NAMES[int(row[4])] for row in log]
    return Account(
        equity=state.curve.tolist(),
        fills=[
            (int(row[0]), row[5], row[6], row[7])
            for row, name in zip(log, names, strict=True)
            if name == "filled"
        ],
        rejected=[name for name in names if name.startswith("rejected")],
        trades=state.trades[: state.counts[TRADE_ROWS]].copy(),
        metrics=dict(zip(engine.metric_names, metrics[0, 0].tolist(), strict=True)),
    )


# --- costs ---------------------------------------------------------------------------------


def test_slippage_is_paid_on_both_sides_of_a_short_with_a_multiplier() -> None:
    terms = {"multiplier": 50.0, "tick_size": 0.25, "futures": True, "initial_margin": 0.1}
    found = run(flat(100, 100, 100, 90, 90), {0: -2, 2: 2}, instrument=terms, slippage={"ticks": 3})
    assert found.fills == [(1, -2.0, 99.25, 0.0), (3, 2.0, 90.75, 0.0)]
    assert found.equity[-1] == 10_000.0 + 2 * 50.0 * (99.25 - 90.75)
    assert found.metrics["slippage"] == 2 * 50.0 * 0.75 * 2


def test_kinds_of_slippage_add_up_and_stop_at_the_volume_cap() -> None:
    terms = {"bps": 10.0, "ticks": 2.0, "volume_share": 0.5, "volume_cap": 0.04}
    small = run(flat(100, 100), {0: 10}, slippage=terms)
    assert small.fills[0][2] == pytest.approx(100.0 + 0.1 + 0.02 + 50.0 * 0.01**2, rel=1e-14)
    large = run(flat(100, 100), {0: 80}, slippage=terms)
    assert large.fills[0][2] == pytest.approx(100.0 + 0.1 + 0.02 + 50.0 * 0.04**2, rel=1e-14)
    no_volume = run(flat(100, 100), {0: 10}, slippage=terms, volume=0.0)
    assert no_volume.fills[0][2] == large.fills[0][2]


def test_the_parts_of_a_commission_add_up_to_at_least_the_minimum_per_fill() -> None:
    terms = {"rate": 0.001, "per_unit": 0.01, "fixed": 0.5, "minimum": 2.0}
    found = run(flat(100, 100, 100, 110, 110), {0: 10, 2: -10}, commission=terms)
    # 1.6 and 1.7 before the minimum.
    assert [fill[3] for fill in found.fills] == [2.0, 2.0]
    assert found.metrics["commission"] == 4.0
    assert found.trades[0, 6] == pytest.approx(100.0 - 4.0, abs=1e-12)
    large = run(flat(100, 100), {0: 50}, commission=terms)
    assert large.fills[0][3] == pytest.approx(5.0 + 0.5 + 0.5, abs=1e-12)


def test_a_commission_per_contract_counts_contracts_not_their_worth() -> None:
    found = run(flat(100, 100), {0: 4}, instrument="MES", commission={"per_unit": 1.25})
    assert found.fills == [(1, 4.0, 100.0, 5.0)]
    assert found.equity[-1] == 9_995.0


def test_a_limit_that_the_open_fills_takes_and_one_that_rested_makes() -> None:
    terms = {"rate": 0.002, "maker_rate": 0.001}
    taker = run(flat(100, 97), {0: 10}, limits={0: 98}, commission=terms)
    assert taker.fills == [(1, 10.0, 97.0, 970.0 * 0.002)]
    maker = run([*flat(100), (100, 100, 96, 99)], {0: 10}, limits={0: 98}, commission=terms)
    assert maker.fills == [(1, 10.0, 98.0, 980.0 * 0.001)]


def test_a_partial_close_shares_the_commissions_by_units() -> None:
    found = run(flat(100, 100, 100, 101, 101), {0: 10, 2: -4}, commission={"fixed": 5.0})
    assert found.trades[0, 1] == 4.0
    assert found.trades[0, 7] == pytest.approx(5.0 * 0.4 + 5.0)
    assert found.trades[0, 6] == pytest.approx(4.0 - 7.0)


# --- margin --------------------------------------------------------------------------------


def test_initial_margin_per_unit_and_costs_decide_how_many_contracts() -> None:
    terms = {"initial_margin": 0.0, "initial_margin_per_unit": 2_500.0, "futures": True}
    fits = run(flat(100, 100), {0: 4}, instrument=terms)
    assert fits.rejected == []
    costs = run(flat(100, 100), {0: 4}, instrument=terms, commission={"per_unit": 0.01})
    assert costs.rejected == ["rejected: buying_power"]
    fewer = run(flat(100, 100), {0: -3}, instrument=terms, commission={"per_unit": 0.01})
    assert fewer.fills == [(1, -3.0, 100.0, 0.03)]


@pytest.mark.parametrize(("close", "out"), [(75.0, 3), (74.99, 2)])
def test_a_margin_call_comes_below_maintenance_not_at_it(close: float, out: int) -> None:
    # 160 units at 100 owe 6,000: at 75 equity is 6,000, half of their worth. At 74 it is less.
    terms = {"initial_margin": 0.5, "maintenance_margin": 0.5}
    found = run(flat(100, 100, close, 74, 74), {0: 160}, instrument=terms)
    assert found.metrics["margin_calls"] == 1.0
    assert [fill[0] for fill in found.fills] == [1, out]


def test_a_short_is_called_too_and_its_liquidation_pays_costs() -> None:
    terms = {"initial_margin": 0.5, "maintenance_margin": 0.3}
    found = run(
        flat(100, 100, 160, 150, 150),
        {0: -60, 2: -5},
        instrument=terms,
        commission={"fixed": 7.0},
        slippage={"bps": 100.0},
    )
    # Sold at 99; at 160 equity 10,000 - 7 - 60 x 61 = 6,333 is above 2,880: no call yet.
    assert found.metrics["margin_calls"] == 0.0
    deep = run(
        flat(100, 100, 210, 205, 205),
        {0: -60, 2: -5},
        instrument=terms,
        commission={"fixed": 7.0},
        slippage={"bps": 100.0},
    )
    # At 210 equity 3,333 is below 0.3 x 12,600.
    assert deep.metrics["margin_calls"] == 1.0
    assert deep.fills[1] == (2, 60.0, pytest.approx(210.0 * 1.01), 7.0)
    after = 10_000.0 - 14.0 + 60 * (99.0 - 212.1)
    # What the strategy orders at the close of that bar comes after the liquidation.
    assert deep.fills[2] == (3, -5.0, pytest.approx(205.0 * 0.99), 7.0)
    assert deep.equity[3] == pytest.approx(after - 7.0 - 5 * 2.05)


def test_a_margin_call_cancels_what_rests_and_closes_every_symbol() -> None:
    terms = {"initial_margin": 0.4, "maintenance_margin": 0.3}
    tapes = [flat(100, 100, 70, 70, 70), flat(50, 50, 50, 51, 51)]
    found = run(tapes, [{0: 150}, {0: -100}], instrument=terms)
    # 10,000 - 150 x 30 = 5,500 against 0.3 x (10,500 + 5,000) = 4,650: no call.
    assert found.metrics["margin_calls"] == 0.0
    tapes = [flat(100, 100, 60, 62, 62), flat(50, 50, 50, 51, 51)]
    found = run(tapes, [{0: 150}, {0: -100}], instrument=terms)
    # 4,000 against 0.3 x (9,000 + 5,000) = 4,200.
    assert found.metrics["margin_calls"] == 1.0
    assert found.fills[2:] == [(2, -150.0, 60.0, 0.0), (2, 100.0, 50.0, 0.0)]
    assert found.equity[-1] == 10_000.0 - 150 * 40


def test_borrow_follows_the_value_of_the_short_and_interest_the_debt() -> None:
    rows = flat(100, 100, 110, 120, 130)
    short = run(rows, {0: -50}, instrument={"borrow_rate": 0.252})
    owed = 50 * (100 + 110 + 120) * 0.001
    assert short.equity[-1] == pytest.approx(10_000.0 - 50 * 30 - owed, abs=1e-9)
    terms = {"initial_margin": 0.5}
    long = run(rows, {0: 150}, instrument=terms, margin_interest=0.252)
    debt = 5_000.0
    for _ in range(3):
        debt *= 1.001
    assert long.equity[-1] == pytest.approx(150 * 130 - debt, abs=1e-9)


def test_funding_is_paid_by_longs_to_shorts_on_the_value_at_the_close_before() -> None:
    rows = flat(100, 100, 110, 120, 130)
    paid = (100 + 110 + 120) * 0.001
    for units, interest in ((50, 0.0), (-50, 0.0), (50, 0.1)):
        found = run(
            rows,
            {0: units},
            instrument={"funding": 0.252},
            margin_interest=interest,
            fill="next_open",
        )
        assert found.equity[-1] == pytest.approx(10_000.0 + units * (30 - paid), abs=1e-9)
    # A short pays its borrow fee beside it.
    both = run(rows, {0: -50}, instrument={"funding": 0.252, "borrow_rate": 0.504})
    assert both.equity[-1] == pytest.approx(10_000.0 - 50 * (30 + paid), abs=1e-9)
    # Negative rates are paid by shorts.
    found = run(rows, {0: -50}, instrument={"funding": -0.252})
    assert found.equity[-1] == pytest.approx(10_000.0 - 50 * (30 + paid), abs=1e-9)
    # What is opened and closed again within a bar pays nothing; nor does an empty account.
    assert run(rows, {}, instrument={"funding": 0.252}).equity[-1] == 10_000.0


def test_funding_from_a_column_is_paid_on_its_bars_alone(make_bars) -> None:
    class Holds(Strategy):
        units = Int(10)

        def on_bar(self, bar, order):
            if bar.index == 1:
                order.market(self.units)
            elif bar.index == 4:
                order.close()

    bars = make_bars([(100.0 + k,) * 4 for k in range(8)])
    rates = np.array([9.0, 9.0, 9.0, 0.01, np.nan, -0.02, 9.0, 9.0])
    settings = {"cash": 10_000.0, "instrument": {"funding": "rate", "multiplier": 2.0}}
    for units in (10, -10):
        found = backtest(Holds, bars.with_columns({"rate": rates}), {"units": units}, settings)
        # Bought at the open of bar 2, sold at that of bar 5: bars 3 to 5 find a position.
        funding = units * 2.0 * (102.0 * 0.01 - 104.0 * 0.02)
        assert found.equity[-1] == pytest.approx(10_000.0 + units * 2.0 * 3.0 - funding, abs=1e-9)
    with pytest.raises(Refusal, match=r"funding: found 'rate', allowed an annual rate, or a col"):
        backtest(Holds, bars, {}, settings)
    with pytest.raises(Refusal, match=r"or a column of the bars \(mood\)"):
        backtest(Holds, bars.with_columns({"mood": rates}), {}, settings)


def test_funding_is_charged_for_the_time_between_bars_and_in_the_currency_of_the_account(
    make_bars,
) -> None:
    class Holds(Strategy):
        def on_bar(self, bar, order):
            if bar.index == 0:
                order.market(10)

    bars = make_bars([(100.0,) * 4] * 4)
    terms = {"funding": 0.36525, "currency": "EUR"}
    account = {"currency": "USD", "rates": {"EUR": 1.1}}
    settings = {"cash": 10_000.0, "instrument": terms, "account": account}
    found = backtest(Holds, bars, {}, settings)
    # A day is a 365.25th of a year.
    assert 10_000.0 - found.equity[-1] == pytest.approx(2 * 1000.0 * 1.1 * 0.001)


# --- limits, lots and sessions -------------------------------------------------------------


def test_the_position_limit_counts_what_is_held_and_lets_it_shrink() -> None:
    rows = flat(100, 100, 100, 100, 100, 100)
    found = run(rows, {0: 5, 1: 1, 2: -10, 3: -1}, position_limit=5.0)
    assert [fill[1] for fill in found.fills] == [5.0, -10.0]
    assert found.rejected == ["rejected: position_limit", "rejected: position_limit"]


def test_units_round_towards_zero_to_lots() -> None:
    terms = {"lot_size": 10.0}
    found = run(flat(*[100] * 6), {0: 39, 1: -25, 3: 9}, instrument=terms)
    assert [fill[1] for fill in found.fills] == [30.0, -20.0]
    assert found.rejected == ["rejected: size_below_lot"]
    part = run(flat(100, 100), {0: 0.125}, instrument="crypto")
    assert part.fills == [(1, 0.125, 100.0, 0.0)]


@pytest.mark.parametrize("lot", [0.0, 0.1])
def test_a_sale_of_what_three_buys_add_up_to_leaves_nothing_and_no_trade(lot: float) -> None:
    found = run(
        flat(100, 100, 100, 100, 101, 101, 100, 102, 103),
        {0: 0.1, 1: 0.1, 2: 0.1, 3: -0.3, 6: 0.1, 7: -0.1},
        instrument={"lot_size": lot},
    )
    assert found.trades[:, 1] == pytest.approx([0.1] * 4, rel=1e-12)
    assert found.metrics["win_rate"] == 1.0
    assert found.metrics["exposure"] == pytest.approx(4 / 9)


@pytest.mark.parametrize(("limit", "rejected"), [(0.3, 0), (0.29, 1)])
def test_sums_of_fractions_reach_the_position_limit_exactly(limit: float, rejected: int) -> None:
    found = run(flat(*[100] * 4), {0: 0.1, 1: 0.2}, instrument="crypto", position_limit=limit)
    assert len(found.rejected) == rejected


def test_a_close_of_summed_fractions_sells_nothing_short() -> None:
    terms = {"lot_size": 0.0, "shortable": False}
    found = run(flat(*[100] * 5), {0: 0.1, 1: 0.2, 2: -(0.1 + 0.1 + 0.1)}, instrument=terms)
    assert found.rejected == []
    assert found.metrics["exposure"] == pytest.approx(2 / 5)


def test_a_limit_does_not_fill_outside_the_session() -> None:
    stamps = np.arange(5, dtype=np.int64) * HOUR + 12 * HOUR
    rows = [(100, 100, 100, 100), (100, 100, 90, 100), (100, 100, 94, 100), *flat(100, 100)]
    terms = {"session": ("14:00", "21:00")}
    found = run(rows, {0: 10}, limits={0: 95}, instrument=terms, timestamps=stamps)
    assert found.fills == [(2, 10.0, 95.0, 0.0)]


def test_a_liquidation_waits_for_the_session() -> None:
    stamps = np.arange(6, dtype=np.int64) * HOUR + 19 * HOUR
    terms = {"session": ("23:00", "21:00"), "initial_margin": 0.5, "maintenance_margin": 0.4}
    found = run(flat(100, 100, 60, 55, 54, 53), {0: 180}, instrument=terms, timestamps=stamps)
    # Called at the close of the bar of 21:00, when trading has ended; out at 23:00.
    assert found.fills[1][:3] == (4, -180.0, 54.0)
    assert found.metrics["margin_calls"] == 1.0


def test_a_liquidation_that_waits_in_one_symbol_stays_one_while_another_trades() -> None:
    stamps = np.arange(7, dtype=np.int64) * HOUR + 19 * HOUR
    terms = {"initial_margin": 0.3, "maintenance_margin": 0.25}
    tapes = [flat(100, 100, 70, 70, 69, 68, 68), flat(*[10] * 7)]
    found = run(
        tapes,
        [{0: 300, 3: 5}, {0: 10, 3: 2}],
        instrument=terms,
        instruments={"A": {**terms, "session": ("23:00", "21:00")}},
        timestamps=stamps,
    )
    # B is out at once and is bought again; A waits for 23:00, before what A orders.
    assert found.fills[2:] == [
        (2, -10.0, 10.0, 0.0),
        (4, -300.0, 69.0, 0.0),
        (4, 5.0, 69.0, 0.0),
        (4, 2.0, 10.0, 0.0),
    ]
    assert found.metrics["margin_calls"] == 1.0


class Replaces(Strategy):
    """Cancels everything at every bar, as one who trails a stop does."""

    first = 0

    def on_bar(self, bar, order):
        order.cancel_all()
        for number in range(self.first + 1):
            order.cancel(number)
        self.first = 9
        if bar.units != 0.0:
            order.market(bar.units)


def test_a_strategy_cannot_cancel_its_liquidation(monkeypatch) -> None:
    monkeypatch.setattr(f"{__name__}.Hand", Replaces)
    terms = {"session": ("23:00", "21:00"), "initial_margin": 0.5, "maintenance_margin": 0.5}
    stamps = np.arange(5, dtype=np.int64) * HOUR + 19 * HOUR
    found = run(flat(100, 100, 74, 73, 73), {0: 160}, instrument=terms, timestamps=stamps)
    # From 23:00 to 21:00 its liquidation rests in the book, where the strategy sees it.
    assert [fill[:3] for fill in found.fills] == [(1, 160.0, 100.0), (4, -160.0, 73.0)]
    assert found.metrics["margin_calls"] == 1.0


# --- one portfolio -------------------------------------------------------------------------


@pytest.mark.parametrize("futures", [False, True])
def test_equity_is_cash_plus_positions_at_every_bar_of_two_symbols(futures: bool) -> None:
    rng = np.random.default_rng(8)
    bars = 120
    tapes, sizes = [], []
    for _ in range(2):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, bars)))
        opens = np.append(100.0, close[:-1]) * np.exp(rng.normal(0.0, 0.003, bars))
        high, low = np.maximum(opens, close) + 0.1, np.minimum(opens, close) - 0.1
        tapes.append(list(zip(opens, high, low, close, strict=True)))
        sizes.append({bar: float(rng.integers(-9, 10)) for bar in range(0, bars, 3)})
    multiplier = 2.0
    found = run(
        tapes,
        sizes,
        cash=50_000.0,
        instrument={"multiplier": multiplier, "futures": futures, "initial_margin": 0.3},
        commission={"rate": 1e-3},
        slippage={"bps": 4.0},
    )
    assert found.rejected == []
    cash = np.full(bars, 50_000.0)
    value = np.zeros(bars)
    queue = list(found.fills)
    for bar in range(bars):
        while queue and queue[0][0] == bar:
            _, units, price, fee = queue.pop(0)
            symbol = int(np.argmin([abs(tape[bar][0] - price) for tape in tapes]))
            cash[bar:] -= units * price * multiplier + fee
            value[bar:] += units * multiplier * np.array([row[3] for row in tapes[symbol][bar:]])
    np.testing.assert_allclose(found.equity, cash + value, rtol=0.0, atol=1e-9)
