"""Which columns of the bars the order engine reads: rates, dividends, whether a symbol trades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS, DIVIDEND_YIELD, TRADED
from engine.errors import Refusal
from engine.execution import layout
from engine.execution.rates import Rate, StoredRate
from engine.execution.settings import Execution

__all__ = ["check_volumes", "read_columns"]


def read_columns(
    rules: NDArray[np.float64],
    execution: Execution,
    symbols: tuple[str, ...],
    fields: tuple[str, ...],
) -> None:
    """Write into the rules which fields of the bars they follow.

    Parameters
    ----------
    rules : ndarray of float64, shape (symbols, RULES_WIDTH)
        Of `Execution.rules`; changed in place.
    execution : Execution
        Its rates name columns.
    symbols, fields : tuple of str
        Of the bars.

    Raises
    ------
    Refusal
        If the bars have no such column.
    """
    of_account: tuple[tuple[str, int, Rate], ...] = (
        ("margin_interest", layout.CASH_RATE_FIELD, execution.margin_interest),
        ("cash_interest", layout.INTEREST_RATE_FIELD, execution.cash_interest),
        ("risk_free_rate", layout.RISK_FREE_FIELD, execution.risk_free_rate),
    )
    for name, place, rate in of_account:
        rules[:, place] = _field(f"execution.{name}", rate, fields)
    for row, symbol in zip(rules, symbols, strict=True):
        terms = execution.terms_of(symbol)
        borrow, funding = terms.borrow_rate, terms.funding
        row[layout.BORROW_RATE_FIELD] = _field("execution.instrument.borrow_rate", borrow, fields)
        place = layout.FUNDING_FIELD if isinstance(funding, str) else layout.FUNDING_RATE_FIELD
        row[place] = _field("execution.instrument.funding", funding, fields)
        if DIVIDEND_YIELD in fields:
            row[layout.DIVIDEND_FIELD] = fields.index(DIVIDEND_YIELD)
            row[layout.WATCHED] = 1.0
        if TRADED in fields:
            row[layout.TRADED_FIELD] = fields.index(TRADED)
            row[layout.MAY_REST] = 1.0


def check_volumes(
    values: NDArray[np.float64], execution: Execution, symbols: tuple[str, ...]
) -> None:
    """Refuse paths without volume, where fills are limited by it.

    Parameters
    ----------
    values : ndarray of float64, shape (paths, symbols, fields, bars)
        Price block.

    Raises
    ------
    Refusal
        If a symbol has none on some path.
    """
    if execution.volume_limit is None:
        return
    for place, symbol in enumerate(symbols):
        if not (values[:, place, layout.VOLUME] > 0.0).any(axis=1).all():
            raise Refusal(
                "execution.volume_limit",
                f"bars of {symbol} without volume",
                "bars with volumes, or no limit",
            )


def _field(setting: str, rate: Rate, fields: tuple[str, ...]) -> int:
    """Return the number of the field that a rate follows, 0 of a constant."""
    if isinstance(rate, float):
        return 0
    name = rate.column if isinstance(rate, StoredRate) else rate
    own = fields[len(BAR_FIELDS) :]
    if name in own:
        return fields.index(name)
    if isinstance(rate, StoredRate):
        raise Refusal(
            setting,
            f"series {rate.series}, which these bars do not carry",
            "in a study file, on history or a bootstrap of a `symbol`",
        )
    raise Refusal(
        setting,
        repr(name),
        f"an annual rate, or a column of the bars ({', '.join(own) or 'none'})",
    )
