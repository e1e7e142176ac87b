from __future__ import annotations

import pytest

from engine.execution.instruments import INSTRUMENTS, Instrument


@pytest.mark.parametrize(
    ("name", "multiplier", "tick_value", "initial", "maintenance"),
    [
        # CME's contract specifications: 50 and 5 dollars a point of the index, 1,000 barrels.
        ("ES", 50.0, 12.5, 22_000.0, 20_000.0),
        ("MES", 5.0, 1.25, 2_200.0, 2_000.0),
        ("CL", 1_000.0, 10.0, 6_600.0, 6_000.0),
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
