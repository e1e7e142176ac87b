"""Legs of the positions of many simulations, as the loop writes them and as a table has them."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.options.layout import TAPE_COLUMNS, TAPE_WIDTH

__all__ = ["LegTape", "trade_columns"]

_FIRST_ROWS: Final = 1024
_BY_GREEK: Final = ("delta_pnl", "gamma_pnl", "theta_pnl", "vega_pnl")
_TOLD: Final = ("slippage", "delta", "gamma", "theta", "vega", *_BY_GREEK)


class LegTape:
    """Closed legs of all simulations of a call; grows, and is used again.

    Attributes
    ----------
    columns : ndarray of float64, shape (columns, capacity)
        A row per column of `engine.options.layout.TAPE_COLUMNS`.
    ends : ndarray of int64, shape (simulations,)
        Legs up to the end of each simulation.
    """

    def __init__(self) -> None:
        self.columns: NDArray[np.float64] = np.empty((TAPE_WIDTH, _FIRST_ROWS))
        self.ends: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def begin(self, simulations: int) -> None:
        """Make ready for a number of simulations."""
        self.ends = np.zeros(simulations, dtype=np.int64)

    def grow(self, used: int) -> None:
        """Double the room behind the `used` legs."""
        columns = np.empty((TAPE_WIDTH, 2 * self.columns.shape[1]))
        columns[:, :used] = self.columns[:, :used]
        self.columns = columns

    @property
    def count(self) -> int:
        """Legs of all simulations."""
        return int(self.ends[-1]) if len(self.ends) else 0


def trade_columns(columns: NDArray[np.float64], first_bar: int) -> list[pl.Series]:
    """Type the columns of a tape as the table of trades has them: a trade is a leg.

    Parameters
    ----------
    columns : ndarray of float64, shape (columns, legs)
        Of a `LegTape`.
    first_bar : int
        Bar that is 0 in the results.

    Returns
    -------
    list of Series
        Those of trades on bars: ``symbol`` names the contract by right, strike and bar of expiry,
        or says ``underlying``; ``entry_tag`` numbers the position within its simulation,
        ``exit_tag`` is the place of the reason in `EXIT_REASONS`, and one more where a holding of
        the underlying changed. Then the slippage, greeks at entry per unit, and profit by greek:
        NaN where the study does not ask for them.
    """
    row = dict(zip(TAPE_COLUMNS, columns, strict=True))
    right = pl.Series(["put ", "call ", "underlying"]).gather(
        pl.Series(row["call"].astype(np.uint32))
    )
    expiry = pl.Series((row["expiry_bar"] - first_bar).astype(np.int32))
    strike = pl.Series(row["strike"]).fill_nan(None).round(6).cast(pl.String).fill_null("")
    symbol = (right + strike + " @" + expiry.cast(pl.String)).rename("symbol")
    missing = pl.Series([None], dtype=pl.Float64).new_from_index(0, len(symbol))
    return [
        symbol,
        pl.Series("units", row["units"].copy()),
        pl.Series("entry_bar", (row["entry_bar"] - first_bar).astype(np.int32)),
        pl.Series("entry_price", row["entry_price"].copy()),
        pl.Series("exit_bar", (row["exit_bar"] - first_bar).astype(np.int32)),
        pl.Series("exit_price", row["exit_price"].copy()),
        pl.Series("pnl", row["pnl"].copy()),
        pl.Series("commission", row["commission"].copy()),
        missing.rename("mfe"),
        missing.rename("mae"),
        pl.Series("entry_tag", row["position"].copy()),
        pl.Series("exit_tag", row["reason"].copy()),
        *(pl.Series(name, row[name].copy()).fill_nan(None) for name in _TOLD),
        pl.Series("rest_pnl", row["pnl"] - sum(row[name] for name in _BY_GREEK)).fill_nan(None),
    ]
