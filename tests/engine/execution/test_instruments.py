from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from engine.bars import Bars
from engine.execution import Execution
from engine.execution.futures import FUTURES
from engine.execution.instruments import INSTRUMENTS, Instrument
from engine.execution.published_margins import PUBLISHED_MARGINS
from engine.strategies import Strategy, backtest

MakeBars = Callable[..., Bars]


@pytest.mark.parametrize(
    ("name", "multiplier", "tick_value", "initial", "maintenance"),
    [
        # CME's contract specifications: 50 and 5 dollars a point of the index, 1,000 barrels.
        ("ES", 50.0, 12.5, 22_000.0, 20_000.0),
        ("MES", 5.0, 1.25, 2_200.0, 2_000.0),
        ("CL", 1_000.0, 10.0, 6_600.0, 6_000.0),
        ("NQ", 20.0, 5.0, 33_000.0, 30_000.0),
        ("MNQ", 2.0, 0.5, 3_300.0, 3_000.0),
        ("RTY", 50.0, 5.0, 9_900.0, 9_000.0),
        ("M2K", 5.0, 0.5, 990.0, 900.0),
        ("YM", 5.0, 5.0, 14_300.0, 13_000.0),
        ("MYM", 0.5, 0.5, 1_430.0, 1_300.0),
        ("MCL", 100.0, 1.0, 660.0, 600.0),
        ("NG", 10_000.0, 10.0, 5_500.0, 5_000.0),
        ("GC", 100.0, 10.0, 22_000.0, 20_000.0),
        ("MGC", 10.0, 1.0, 2_200.0, 2_000.0),
        ("SI", 5_000.0, 25.0, 22_000.0, 20_000.0),
        ("HG", 25_000.0, 12.5, 11_000.0, 10_000.0),
        # Of a point: 32nds of a thousand dollars, halves and quarters of them.
        ("ZF", 1_000.0, 7.8125, 1_430.0, 1_300.0),
        ("ZN", 1_000.0, 15.625, 2_200.0, 2_000.0),
        ("ZB", 1_000.0, 31.25, 4_290.0, 3_900.0),
        ("6E", 125_000.0, 6.25, 3_080.0, 2_800.0),
        ("6J", 12_500_000.0, 6.25, 3_300.0, 3_000.0),
        ("6B", 62_500.0, 6.25, 2_420.0, 2_200.0),
        # 5,000 bushels in cents.
        ("ZC", 50.0, 12.5, 1_320.0, 1_200.0),
        ("ZS", 50.0, 12.5, 2_200.0, 2_000.0),
        ("ZW", 50.0, 12.5, 2_090.0, 1_900.0),
    ],
)
def test_futures_have_the_exchanges_terms_and_margins_per_contract(
    name: str, multiplier: float, tick_value: float, initial: float, maintenance: float
) -> None:
    found = INSTRUMENTS[name]
    assert (found.multiplier, found.lot_size) == (multiplier, 1.0)
    assert found.multiplier * found.tick_size == pytest.approx(tick_value, rel=1e-12)
    assert found.initial_margin == found.maintenance_margin == 0.0
    assert found.initial_margin_per_unit == initial
    assert found.maintenance_margin_per_unit == maintenance
    assert found.futures
    assert found.currency == "USD"
    assert found.tick_rounding == "away"
    assert found.session is None


def test_a_preset_is_taken_with_other_terms() -> None:
    made = Execution.model_validate(
        {
            "instrument": {"preset": "NQ", "maintenance_margin_per_unit": 25_000.0},
            "instruments": {"ZC": {"preset": "ZC", "session": "published"}, "X": "equity"},
        }
    )
    expected = INSTRUMENTS["NQ"].model_copy(update={"maintenance_margin_per_unit": 25_000.0})
    assert made.instrument == expected
    assert made.instruments["X"] == INSTRUMENTS["equity"]
    hours = made.instruments["ZC"].session
    assert (hours.open, hours.close, hours.zone) == ("19:00", "13:20", "America/Chicago")
    assert Execution.model_validate(made.model_dump()) == made


def test_published_hours_are_those_of_chicago_through_the_night() -> None:
    made = Execution.model_validate({"instrument": {"preset": "MCL", "session": "published"}})
    # Winter time: 17:00 in Chicago is 23:00Z, and 16:00 is 22:00Z.
    times = ["2024-01-16T21:59", "2024-01-16T22:00", "2024-01-16T22:59", "2024-01-16T23:00"]
    stamps = np.array(times, "datetime64[us]").astype(np.int64)
    assert made.instrument.closed(stamps).tolist() == [0, 1, 1, 0]
    days = made.instrument.session.days(stamps)
    assert (days - days[0]).tolist() == [0, 0, 0, 1]


def test_published_margins_are_those_of_the_clearing_house() -> None:
    def margins(**terms: object) -> tuple[float, float]:
        made = Execution.model_validate({"instrument": {"preset": "ES", **terms}}).instrument
        assert made.multiplier == 50.0
        return made.initial_margin_per_unit, made.maintenance_margin_per_unit

    # CME Clearing, from 21 January 2022 on.
    assert margins(margin="published") == (11_880.0, 10_800.0)
    assert margins() == (22_000.0, 20_000.0)


def test_every_contract_has_a_published_margin_of_a_day() -> None:
    assert list(PUBLISHED_MARGINS) == list(FUTURES)
    for margin in PUBLISHED_MARGINS.values():
        # A tenth above maintenance, to the dollar, is what the house asks of a speculator.
        assert margin.initial == pytest.approx(1.1 * margin.maintenance, abs=0.51)
        assert date(2016, 1, 1) < date.fromisoformat(margin.since) < date(2026, 11, 27)


class BuyTwo(Strategy):
    def on_start(self, order):
        order.market(2)


def test_an_account_on_published_margins_holds_what_they_allow(make_bars: MakeBars) -> None:
    bars = make_bars([(4000.0, 4000.0, 4000.0, 4000.0)] * 3)

    def trades(margin: dict[str, str], cash: float) -> tuple[int, int]:
        terms = {"cash": cash, "instrument": {"preset": "ES", **margin}}
        made = backtest(BuyTwo, bars, execution=terms)
        return int(made.metrics["exposure"] > 0), int(made.metrics["rejected_orders"])

    published = {"margin": "published"}
    assert trades(published, 23_760.0) == (1, 0)
    assert trades(published, 23_759.0) == (0, 1)
    assert trades({}, 23_760.0) == (0, 1)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("XX", "found 'XX', allowed 6B, 6E"),
        ({"preset": "XX"}, "found 'XX', allowed 6B, 6E"),
        ({"preset": "equity", "session": "published"}, "found 'published' of equity, allowed ES"),
        ({"preset": "equity", "margin": "published"}, "found 'published' of equity, allowed ES"),
        ({"preset": "ES", "margin": "exchange"}, "found 'exchange', allowed published"),
        (
            {"preset": "ES", "margin": "published", "initial_margin_per_unit": 15_000},
            "margin: found 'published' beside initial_margin_per_unit, allowed one of the two",
        ),
        ({"margin": "published"}, "margin: found 'published' without a preset, allowed beside"),
        ({"session": "published"}, "session: found 'published' without a preset, allowed beside"),
        ({"preset": "ES", "tick": 1.0}, "Extra inputs are not permitted"),
    ],
)
def test_a_preset_that_is_not_there_is_refused(given: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Execution.model_validate({"instrument": given})


def test_the_margin_of_a_contract_is_no_margin_of_the_account() -> None:
    with pytest.raises(
        ValueError, match=r"allowed cross, isolated; instrument: \{preset: ES, margi"
    ):
        Execution.model_validate({"margin": "published"})


def test_shares_are_paid_in_full_or_half_and_currencies_at_two_percent() -> None:
    equity, on_margin, fx = (INSTRUMENTS[name] for name in ("equity", "equity_margin", "fx"))
    assert (equity.initial_margin, equity.maintenance_margin, equity.lot_size) == (1.0, 0.0, 1.0)
    assert not equity.futures
    assert (on_margin.initial_margin, on_margin.maintenance_margin) == (0.5, 0.25)
    assert (fx.initial_margin, fx.maintenance_margin) == (0.02, 0.01)
    assert (fx.lot_size, fx.tick_size) == (1000.0, 0.0001)
    assert (INSTRUMENTS["crypto"].lot_size, INSTRUMENTS["crypto"].tick_size) == (0.0, 0.01)


@pytest.mark.parametrize(
    "name",
    [
        *("initial_margin", "maintenance_margin", "borrow_rate", "lot_size"),
        *("initial_margin_per_unit", "maintenance_margin_per_unit"),
    ],
)
def test_rates_and_margins_may_be_small_or_zero_but_not_negative(name: str) -> None:
    for value in (0.0, 0.25):
        assert getattr(Instrument(**{name: value}), name) == value
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Instrument(**{name: -0.25})


def test_an_infinite_multiplier_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Instrument(multiplier=float("inf"))
