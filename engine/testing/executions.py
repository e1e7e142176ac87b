"""Execution settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.execution import Commission, Execution, Instrument, Slippage
from engine.testing.examples import strategies

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["execution_settings"]


def execution_settings(*, cash: float = 100_000.0) -> SearchStrategy[Execution]:
    """Draw execution settings: costs, lots, multipliers, margin, interest, limits, bracket rules.

    The simplest example is free of costs, in whole units, without leverage.

    Parameters
    ----------
    cash : float
        Starting cash of all of them.

    Returns
    -------
    SearchStrategy of Execution
        For bars without timestamps: no instrument has hours of trading.
    """
    st = strategies()
    commissions = st.builds(
        Commission,
        rate=st.sampled_from([0.0, 0.001, 0.01]),
        per_unit=st.sampled_from([0.0, 0.5]),
        fixed=st.sampled_from([0.0, 1.0]),
        minimum=st.sampled_from([0.0, 5.0]),
        maker_rate=st.sampled_from([None, 0.0, -0.0005]),
    )
    slippages = st.builds(
        Slippage, bps=st.sampled_from([0.0, 2.0, 20.0]), ticks=st.sampled_from([0.0, 2.0])
    )
    instruments = st.builds(
        Instrument,
        lot_size=st.sampled_from([1.0, 5.0, 0.0]),
        multiplier=st.sampled_from([1.0, 2.0, 50.0]),
        initial_margin=st.sampled_from([1.0, 0.25]),
        maintenance_margin=st.sampled_from([0.0, 0.2]),
        shortable=st.sampled_from([True, False]),
        borrow_rate=st.sampled_from([0.0, 0.05]),
    )
    found: SearchStrategy[Execution] = st.builds(
        Execution,
        cash=st.just(cash),
        fill=st.sampled_from(["next_open", "same_close"]),
        commission=commissions,
        slippage=slippages,
        margin_interest=st.sampled_from([0.0, 0.08]),
        position_limit=st.sampled_from([None, 80.0]),
        bracket_rule=st.sampled_from(["pessimistic", "backtesting_py", "tradingview"]),
        instrument=instruments,
    )
    return found
