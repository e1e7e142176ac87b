"""Rows of an option chain as arrays: what each column means, and which rows cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ChainQuotes", "count_left_out", "read_chain"]

Array = NDArray[np.float64]

_STYLES = ("style", "exercise", "exercise_style")


@dataclass(frozen=True)
class ChainQuotes:
    """Quotes of European options as a file gives them, one entry per option.

    Parameters
    ----------
    days : ndarray of int64, shape (n,)
        Days to expiry.
    strikes : ndarray of float64, shape (n,)
        Strikes.
    calls : ndarray of bool, shape (n,)
        Call or put.
    prices, volatilities : ndarray of float64, shape (n,)
        Price, or implied volatility where the file has volatilities instead; NaN for the other.
    spreads, forwards, rates : ndarray of float64, shape (n,)
        Ask less bid, forward price and rate to the expiry; NaN where the file has none.
    left_out : dict of str to int
        Number of rows that were left out, by reason.
    """

    days: NDArray[np.int64]
    strikes: Array
    calls: NDArray[np.bool_]
    prices: Array
    volatilities: Array
    spreads: Array
    forwards: Array
    rates: Array
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.days)

    def select(self, keep: NDArray[np.bool_]) -> ChainQuotes:
        """Keep some of the rows."""
        names = [f.name for f in fields(self) if f.name != "left_out"]
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


def read_chain(frame: pl.DataFrame, *, as_of: date, symbol: str, implied: bool) -> ChainQuotes:
    """Read the columns of a chain and leave out the rows that cannot be used.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns as in `OptionSurface.from_frame`.
    as_of : datetime.date
        Date of the quotes.
    symbol : str
        The underlying, for messages.
    implied : bool
        Whether implied volatilities may stand in for prices.

    Raises
    ------
    ValueError
        If a column is missing or has a value of another kind, options are American, or an expiry
        has two forwards or rates.
    """
    price, spread = _prices(frame)
    from_volatility = price is None and implied and "implied_volatility" in frame.columns
    lacking = {"expiry", "strike", "right"} - set(frame.columns)
    if lacking or (price is None and not from_volatility):
        raise Refusal(
            f"{symbol} columns",
            ", ".join(frame.columns),
            "expiry, strike, right and bid and ask, price or close (or, with spot or forward and "
            "rate, implied_volatility)",
        )
    _refuse_american(frame, symbol)
    nothing = np.full(len(frame), np.nan)
    chain = ChainQuotes(
        days=np.array(
            [(_as_date(value) - as_of).days for value in frame["expiry"].to_list()], dtype=np.int64
        ),
        strikes=_numbers(frame, "strike"),
        calls=np.array([_is_call(value, symbol) for value in frame["right"].to_list()], dtype=bool),
        prices=nothing if price is None else price,
        volatilities=_numbers(frame, "implied_volatility") if from_volatility else nothing,
        spreads=nothing if spread is None else spread,
        forwards=_numbers(frame, "forward") if "forward" in frame.columns else nothing,
        rates=_numbers(frame, "rate") if "rate" in frame.columns else nothing,
    )
    value = chain.volatilities if from_volatility else chain.prices
    crossed = np.zeros(len(frame), dtype=np.bool_)
    if spread is not None:
        crossed = spread < 0.0
    left_out: dict[str, int] = {}
    keep = np.ones(len(frame), dtype=np.bool_)
    for reason, bad in (
        ("expired", chain.days <= 0),
        ("not a number", ~np.isfinite(chain.strikes) | np.isnan(value)),
        ("crossed", crossed),
        ("not positive", ~((value > 0.0) & (chain.strikes > 0.0))),
    ):
        count_left_out(left_out, reason, keep & bad)
        keep &= ~bad
    chain = replace(chain.select(keep), left_out=left_out)
    for name in ("forwards", "rates"):
        _one_of_each_expiry(chain, name, symbol)
    return chain


def count_left_out(left_out: dict[str, int], reason: str, bad: NDArray[np.bool_]) -> None:
    """Add a reason for which rows were left out, if there were any."""
    if bad.any():
        left_out[reason] = int(bad.sum())


def _one_of_each_expiry(chain: ChainQuotes, name: str, symbol: str) -> None:
    column = getattr(chain, name)
    for days in np.unique(chain.days):
        values = column[(chain.days == days) & np.isfinite(column)]
        if len(values) and values.min() != values.max():
            raise Refusal(
                f"{symbol} {name[:-1]}",
                f"{values.min():.6g} and {values.max():.6g} for options of {days} days",
                "one of each expiry",
            )


def _refuse_american(frame: pl.DataFrame, symbol: str) -> None:
    for name in set(_STYLES) & set(frame.columns):
        styles = {str(value).strip().lower() for value in frame[name].drop_nulls().to_list()}
        american = sorted(style for style in styles if style.startswith("a"))
        if american:
            raise Refusal(
                f"{symbol} {name}",
                american[0],
                "european: the price of an early exercise would be taken for volatility",
            )


def _numbers(frame: pl.DataFrame, name: str) -> Array:
    """Read a column as numbers, NaN where a value is not a number."""
    column = frame[name].cast(float, strict=False).fill_null(float("nan"))
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _prices(frame: pl.DataFrame) -> tuple[Array | None, Array | None]:
    """Middle of bid and ask (not positive where either is not) and spread, else price or close."""
    if "bid" in frame.columns and "ask" in frame.columns:
        bid, ask = _numbers(frame, "bid"), _numbers(frame, "ask")
        middle = np.where((bid <= 0.0) | (ask <= 0.0), 0.0, 0.5 * (bid + ask))
        return np.asarray(middle), np.asarray(ask - bid)
    for name in ("price", "close"):
        if name in frame.columns:
            return _numbers(frame, name), None
    return None, None


def _is_call(value: Any, symbol: str) -> bool:
    first = str(value).strip()[:1].lower()
    if first not in ("c", "p"):
        raise Refusal(f"{symbol} right", repr(value), "call or put")
    return first == "c"


def _as_date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).replace("-", "")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise Refusal("expiry", repr(value), "a date or yyyymmdd") from None
