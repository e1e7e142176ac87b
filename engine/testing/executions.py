"""Execution settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.execution import Commission, Execution, Instrument, Slippage
from engine.testing.examples import strategies

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["execution_settings"]

# Whose margin is called, and how much is closed: a symbol's own is closed whole.
_MARGIN_CALLS: Final = (("cross", "all"), ("cross", "to_maintenance"), ("isolated", "all"))


def execution_settings(*, cash: float = 100_000.0) -> SearchStrategy[Execution]:
    """Draw execution settings: costs, lots, margin, rates, limits, exits, moments, bracket rules.

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
        funding=st.sampled_from([0.0, 0.1, -0.1]),
    )
    found: SearchStrategy[Execution] = st.builds(
        _execution,
        cash=st.just(cash),
        fill=st.sampled_from(["next_open", "same_close"]),
        commission=commissions,
        slippage=slippages,
        margin_interest=st.sampled_from([0.0, 0.08]),
        cash_interest=st.sampled_from([0.0, 0.03]),
        risk_free_rate=st.sampled_from([0.0, 0.03]),
        margin_calls=st.sampled_from(_MARGIN_CALLS),
        position_limit=st.sampled_from([None, 80.0]),
        volume_limit=st.sampled_from([None, 1e-4]),
        limit_fill_probability=st.sampled_from([1.0, 0.5]),
        stop_loss=st.sampled_from([None, 0.02]),
        take_profit=st.sampled_from([None, 0.03]),
        at_end=st.sampled_from(["mark", "close"]),
        flat_at=st.sampled_from(["never", "close"]),
        bracket_rule=st.sampled_from(["pessimistic", "backtesting_py", "tradingview"]),
        instrument=instruments,
    )
    return found


def _execution(margin_calls: tuple[str, str], **settings: Any) -> Execution:
    margin, liquidate = margin_calls
    return Execution.model_validate({"margin": margin, "liquidate": liquidate, **settings})
