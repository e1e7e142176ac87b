"""Margin calls inside a bar: at a price that was traded, before the bar can recover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import BAR_FIELDS, sub_bar_fields
from engine.execution import Execution
from engine.execution.layout import EVENT_NAMES, ORDER_ROWS, UNITS
from engine.strategies import Float, Strategy, backtest, prepare_strategy

DAY = (100.0, 101.0, 99.0, 100.0)
LEVERED = {"initial_margin": 0.1, "maintenance_margin": 0.05, "lot_size": 0.0}


class Hold(Strategy):
    """Units of the first symbol after the first bar, and of the second where there is one."""

    units = Float(90.0)
    loss = Float(None)
    take = Float(None)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(self.units, take_profit=self.take, stop_loss=self.loss)


class Two(Strategy):
    first = Float(0.0)
    second = Float(0.0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order[0].market(self.first)
            order[1].market(self.second)


def fills(result: Any) -> list[tuple[int, float, float]]:
    found = result.orders.filter(result.orders["event"] == "filled")
    return list(zip(found["bar"], found["units"], found["price"], strict=True))


@pytest.fixture
def hold(make_bars: Any) -> Any:
    def run(bar: tuple[float, ...], instrument: Any = LEVERED, **parameters: Any) -> Any:
        rows = [DAY, DAY, bar, DAY]
        return backtest(
            Hold, make_bars(rows), parameters, {"cash": 1000.0, "instrument": instrument}
        )

    return run


def test_a_low_that_wipes_out_a_long_liquidates_it_where_maintenance_is_crossed(hold: Any) -> None:
    found = hold((100.0, 101.0, 85.0, 100.0))
    # 1,000 - 90 x (100 - p) = 0.05 x 90 x p
    price = 8000.0 / (90.0 * 0.95)
    assert fills(found)[1] == (2, -90.0, pytest.approx(price, rel=1e-12))
    assert found.metrics["margin_calls"] == 1.0
    assert found.equity[-1] == pytest.approx(0.05 * 90.0 * price)


def test_a_high_that_wipes_out_a_short_liquidates_it(hold: Any) -> None:
    found = hold((100.0, 115.0, 99.0, 100.0), units=-90.0)
    price = 10_000.0 / (90.0 * 1.05)
    assert fills(found)[1] == (2, 90.0, pytest.approx(price, rel=1e-12))
    assert found.equity[-1] == pytest.approx(0.05 * 90.0 * price)


@pytest.mark.parametrize(
    ("bar", "units"),
    [((92.0, 101.0, 85.0, 100.0), 90.0), ((107.0, 115.0, 99.0, 100.0), -90.0)],
)
def test_a_bar_that_opens_beyond_maintenance_liquidates_at_its_open(
    hold: Any, bar: tuple[float, ...], units: float
) -> None:
    assert fills(hold(bar, units=units))[1] == (2, -units, bar[0])


def test_what_stays_above_maintenance_is_left_alone(hold: Any) -> None:
    found = hold((100.0, 101.0, 93.6, 94.0))
    assert found.metrics["margin_calls"] == 0.0
    assert len(fills(found)) == 1


def test_a_stop_nearer_than_the_liquidation_fills_first_and_one_beyond_it_never(hold: Any) -> None:
    bar = (100.0, 101.0, 85.0, 100.0)
    near = hold(bar, loss=95.0)
    assert fills(near)[1:] == [(2, -90.0, 95.0)]
    assert near.metrics["margin_calls"] == 0.0
    far = hold(bar, loss=90.0)
    assert far.metrics["margin_calls"] == 1.0
    assert fills(far)[1:] == [(2, -90.0, pytest.approx(8000.0 / 85.5, rel=1e-12))]


def test_a_target_that_the_bar_also_reaches_does_not_save_the_account(hold: Any) -> None:
    found = hold((100.0, 110.0, 85.0, 108.0), take=109.0)
    assert fills(found)[1:] == [(2, -90.0, pytest.approx(8000.0 / 85.5, rel=1e-12))]
    assert "cancelled" in found.orders["event"].to_list()


def test_bars_of_closes_alone_are_looked_at_at_their_closes(hold: Any) -> None:
    """High and low are open and close there."""
    assert fills(hold((100.0, 100.0, 92.0, 92.0)))[1] == (
        2,
        -90.0,
        pytest.approx(8000.0 / 85.5, rel=1e-12),
    )
    assert hold((100.0, 100.0, 94.0, 94.0)).metrics["margin_calls"] == 0.0


def test_a_futures_price_below_zero_is_crossed_on_the_way(make_bars: Any) -> None:
    """Maintenance is a share of the size of the price, which grows again below zero."""
    rows = [(10.0, 10.0, 10.0, 10.0)] * 2 + [(5.0, 6.0, -40.0, -37.0)] * 2
    terms = {"futures": True, "initial_margin": 0.5, "maintenance_margin": 0.2}
    settings = {"cash": 250.0, "instrument": terms}
    found = backtest(Hold, make_bars(rows), {"units": 10.0}, settings)
    # 250 - 10 x (10 - p) = 0.2 x 10 x -p, below zero.
    assert fills(found)[1] == (2, -10.0, pytest.approx(-150.0 / 12.0, rel=1e-9))


def test_the_extremes_of_two_symbols_add_up(make_bars: Any) -> None:
    """Long one and short the other: each harms at its own extreme, neither alone is enough."""
    flat = (100.0, 100.0, 100.0, 100.0)
    settings = {"cash": 1000.0, "instrument": LEVERED}
    harm = {"A": (100.0, 100.0, 90.0, 100.0), "B": (100.0, 108.0, 100.0, 100.0)}
    found = {}
    for moved in ("A", "B", "AB"):
        tapes = [
            make_bars([flat, flat, harm[name] if name in moved else flat, flat], name)
            for name in "AB"
        ]
        found[moved] = backtest(Two, tapes, {"first": 50.0, "second": -45.0}, settings)
    assert found["A"].metrics["margin_calls"] == 0.0
    assert found["B"].metrics["margin_calls"] == 0.0
    # At a share x of the way: 1,000 - 500 x - 360 x = 0.05 (5,000 - 500 x + 4,500 + 360 x)
    share = (1000.0 - 475.0) / (860.0 - 7.0)
    assert fills(found["AB"])[2:] == [
        (2, -50.0, pytest.approx(100.0 - 10.0 * share, rel=1e-12)),
        (2, 45.0, pytest.approx(100.0 + 8.0 * share, rel=1e-12)),
    ]


def test_isolated_margin_loses_one_position_and_no_other(make_bars: Any) -> None:
    flat = (100.0, 100.0, 100.0, 100.0)
    tapes = [
        make_bars([flat, flat, (100.0, 100.0, 85.0, 100.0), flat], "A"),
        make_bars([flat, flat, flat, (100.0, 104.0, 100.0, 104.0)], "B"),
    ]
    sizes = {"first": 50.0, "second": 40.0}
    terms = {"cash": 10_000.0, "instrument": LEVERED}
    # The account as a whole could lose it all.
    assert backtest(Two, tapes, sizes, terms).metrics["margin_calls"] == 0.0
    found = backtest(Two, tapes, sizes, {**terms, "margin": "isolated"})
    # 500 of margin: 500 - 50 x (100 - p) = 0.05 x 50 x p
    price = 4500.0 / (50.0 * 0.95)
    assert fills(found)[2:] == [(2, -50.0, pytest.approx(price, rel=1e-12))]
    assert found.metrics["margin_calls"] == 1.0
    assert found.equity[-1] == pytest.approx(10_000.0 - 50.0 * (100.0 - price) + 160.0)


class Buys(Strategy):
    units = Float(10.0)

    def on_bar(self, bar, order):
        if bar.index == 1:
            order.market(self.units)


@pytest.mark.parametrize("cash", [500.0, 1500.0, 100_000.0])
@pytest.mark.parametrize("units", [10.0, -10.0])
def test_isolated_margin_is_gone_with_it_however_much_cash_there_is(
    make_bars: Any, cash: float, units: float
) -> None:
    flat = (100.0, 100.0, 100.0, 100.0)
    far = (100.0, 100.0, 80.0, 95.0) if units > 0.0 else (100.0, 120.0, 100.0, 105.0)
    terms = {"cash": cash, "margin": "isolated", "instrument": {"initial_margin": 0.1}}
    found = backtest(Buys, make_bars([flat, flat, flat, far, flat]), {"units": units}, terms)
    assert found.metrics["margin_calls"] == 1.0
    assert found.equity[-1] == pytest.approx(cash - 100.0)


EXACT = {"initial_margin": 0.25, "maintenance_margin": 0.25, "lot_size": 0.0}


@pytest.mark.parametrize("rule", ["pessimistic", "backtesting_py", "tradingview"])
@pytest.mark.parametrize("beyond", [0.0, 0.01])
@pytest.mark.parametrize("entry", [1, 0])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_account_that_holds_exactly_its_maintenance_is_called_at_the_first_price_against_it(
    make_bars: Any, rule: str, beyond: float, entry: int, side: float
) -> None:
    flat = (100.0, 100.0, 100.0, 100.0)
    best, worst = 100.0 + side * beyond, 100.0 - side * 10.0
    falls = (100.0, max(best, worst), min(best, worst), 100.0 - side * 5.0)
    bars = make_bars([flat, flat, *[flat] * entry, falls, flat])
    terms = {"cash": 1000.0, "instrument": EXACT, "bracket_rule": rule}
    found = backtest(Buys, bars, {"units": 40.0 * side}, terms)
    assert found.metrics["margin_calls"] == 1.0
    assert found.trades["exit_price"][0] == pytest.approx(100.0, abs=1e-9)
    assert found.equity[-1] == pytest.approx(1000.0, abs=1e-8)


def test_a_straight_fall_takes_from_a_position_what_each_bar_no_longer_covers(
    make_bars: Any,
) -> None:
    flat = (100.0, 100.0, 100.0, 100.0)
    fall = [(100.0, 100.0, 85.0, 85.0), (85.0, 85.0, 70.0, 70.0), (70.0, 70.0, 60.0, 60.0)]
    instrument = {"initial_margin": 0.1, "maintenance_margin": 0.1, "lot_size": 0.0}
    terms = {"cash": 1000.0, "instrument": instrument, "liquidate": "to_maintenance"}
    found = backtest(Buys, make_bars([flat, flat, flat, *fall]), {"units": 80.0}, terms)
    prices = [price for _, _, price in fills(found)[1:]]
    # 1000 - 80 x (100 - p) = 0.1 x 80 x p; what is kept is at its maintenance at each low.
    assert prices == pytest.approx([7000.0 / 72.0, 85.0, 70.0], rel=1e-9)
    assert found.equity[-1] > 0.0


@pytest.mark.parametrize("opens", [100.0, 93.0])
@pytest.mark.parametrize("lot", [0.0, 0.5, 7.0])
@pytest.mark.parametrize("units", [84.0, -84.0])
def test_liquidation_to_maintenance_keeps_what_the_bar_leaves_covered(
    make_bars: Any, lot: float, units: float, opens: float
) -> None:
    side = np.sign(units)
    worst = 100.0 - 15.0 * side
    opens = 100.0 + (opens - 100.0) * side
    bar = (opens, max(opens, worst), min(opens, worst), worst)
    settings = {
        "cash": 1000.0,
        "liquidate": "to_maintenance",
        "instrument": {**LEVERED, "lot_size": lot},
        "slippage": {"bps": 10.0},
        "commission": {"rate": 0.0005},
    }
    rows = [(100.0,) * 4] * 2 + [bar, (worst,) * 4]
    loss = worst - 20.0 * side
    found = backtest(Hold, make_bars(rows), {"units": units, "loss": loss}, settings)
    call = fills(found)[1]
    kept = units + call[1]
    assert 0.0 < kept * side < abs(units)
    if lot:
        assert (kept / lot) % 1.0 == 0.0
    assert found.metrics["margin_calls"] == 1.0
    needed = 0.05 * abs(kept) * worst
    assert found.equity[2] >= needed * (1.0 - 1e-9)
    more = kept + side * max(lot, 0.01)
    assert found.equity[2] - abs(more - kept) * abs(call[2] - worst) < 0.05 * abs(more) * worst
    # The bracket stays, for what is left.
    left = found.orders.filter(found.orders["size"] == "bracket")["event"].to_list()
    assert left == ["submitted"]


def test_isolated_positions_are_not_sold_in_part() -> None:
    with pytest.raises(ValueError, match="liquidate: found 'to_maintenance' beside margin"):
        Execution.model_validate({"margin": "isolated", "liquidate": "to_maintenance"})


# --- on random bars ------------------------------------------------------------------------

BARS, COUNT = 40, 4


class Random(Strategy):
    """Units as the bars list them, some through a stop or a limit."""

    name = "levered_orders"

    def on_bar(self, bar, order):
        if bar.action == 1.0:
            order.market(bar.units)
        elif bar.action == 2.0:
            order.limit(bar.units, bar.price, tif=3)
        elif bar.action == 3.0:
            order.stop(bar.units, bar.price, tif=3)


FIELDS = (*BAR_FIELDS, "action", "units", "price")


def engine_of(fields: tuple[str, ...], **terms: Any) -> Any:
    return prepare_strategy(
        Random,
        Execution(cash=3000.0, instrument={**LEVERED, "lot_size": 1.0}, **terms),
        symbols=("A",),
        fields=fields,
        steps=BARS,
        bars_per_year=252.0,
    )


@pytest.fixture(scope="module")
def levered() -> dict[str, Any]:
    fine = (*FIELDS, *sub_bar_fields(COUNT))
    return {
        "all": engine_of(FIELDS),
        "to_maintenance": engine_of(FIELDS, liquidate="to_maintenance"),
        "isolated": engine_of(FIELDS, margin="isolated"),
        "sub-bars": engine_of(fine),
    }


def random_bars(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whole bars with the script, and the fine bars that they are made of."""
    steps = np.exp(np.cumsum(rng.normal(0.0, 0.01, (BARS, COUNT, 5)).reshape(-1))).reshape(
        BARS, COUNT, 5
    )
    fine = 100.0 * steps
    opens, high, low, close = fine[:, :, 0], fine.max(axis=2), fine.min(axis=2), fine[:, :, 4]
    whole = [opens[:, 0], high.max(axis=1), low.min(axis=1), close[:, -1], np.full(BARS, 1e6)]
    script = [
        rng.choice(4, BARS, p=[0.3, 0.3, 0.2, 0.2]),
        rng.choice([-1.0, 1.0], BARS) * rng.integers(1, 250, BARS),
        close[:, -1] * np.exp(rng.normal(0.0, 0.02, BARS)),
    ]
    return np.array([*whole, *script]), np.stack([opens, high, low], axis=2)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**31),
    how=st.sampled_from(["all", "to_maintenance", "isolated", "sub-bars"]),
)
def test_no_bar_is_survived_that_the_account_could_not_hold(
    levered: Any, seed: int, how: str
) -> None:
    rng = np.random.default_rng(seed)
    values, fine = random_bars(rng)
    if how == "sub-bars":
        values = np.concatenate([values, fine.reshape(BARS, -1).T])
    engine = levered[how]
    scratch = engine.scratch(record_orders=True)
    metrics = np.empty((1, 1, len(engine.metric_names)))
    block = np.ascontiguousarray(values[None, None])
    engine.run(block, np.empty((1, 0)), metrics, np.empty((1, 1), dtype=np.int8), scratch)
    log = scratch.simulation.events[: scratch.simulation.counts[ORDER_ROWS]]
    done = [row for row in log if EVENT_NAMES[int(row[4])] == "filled"]
    cash, held, queue = 3000.0, 0.0, list(done)
    for bar in range(BARS):
        opened = held
        while queue and queue[0][0] == bar:
            _, _, _, _, _, units, price, *_ = queue.pop(0)
            assert values[2, bar] * (1 - 1e-12) <= price <= values[1, bar] * (1 + 1e-12)
            cash -= units * price
            held += units
        if how == "isolated" or held == 0.0 or opened * held <= 0.0 or abs(held) < abs(opened):
            continue
        # What was held through the whole bar, or more: covered at its extreme.
        worst = values[2 if held > 0 else 1, bar]
        assert cash + held * worst >= 0.05 * abs(held) * worst * (1 - 1e-9)
    assert held == scratch.simulation.positions[0, UNITS]


class EntersInside(Strategy):
    """Buys by a stop inside the bar, beyond its open."""

    loss = Float(96.0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.stop(90.0, 104.0, stop_loss=self.loss)


@pytest.mark.parametrize(("loss", "price"), [(96.0, 8360.0 / 85.5), (99.0, 99.0)])
def test_a_lot_opened_beyond_the_open_is_liquidated_before_a_stop_that_lies_farther(
    make_bars: Any, loss: float, price: float
) -> None:
    # Bought at 104 after an open of 97: on the way down maintenance is crossed at 97.78.
    rows = [DAY, (97.0, 105.0, 95.0, 100.0), DAY]
    settings = {"cash": 1000.0, "instrument": LEVERED}
    made = backtest(EntersInside, make_bars(rows), {"loss": loss}, settings)
    assert fills(made) == [(1, 90.0, 104.0), (1, -90.0, pytest.approx(price))]
    assert made.metrics["margin_calls"] == float(loss < price)
