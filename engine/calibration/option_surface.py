"""European option prices of one underlying on one date, ready for calibration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.pricing.black_scholes import (
    black_scholes_price,
    black_scholes_vega,
    implied_volatility,
)

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OptionSurface"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OptionSurface:
    """Quotes of European options, one entry per option.

    Parameters
    ----------
    symbol : str
        The underlying.
    as_of : datetime.date
        Date of the quotes.
    strikes, years, prices : ndarray of float64, shape (n,)
        Strike, years to expiry, option price.
    calls : ndarray of bool, shape (n,)
        Call or put.
    forwards, discounts : ndarray of float64, shape (n,)
        Forward price and discount factor of each option's expiry.
    spot : float
        Price of the underlying; for options on futures, of the nearest future.
    timeframe : str
        Of the series that the quotes belong to.
    left_out : mapping of str to int
        Number of quotes that were left out of a chain, by reason.

    Raises
    ------
    ValueError
        If shapes differ or a strike, time, price, forward or discount is not positive and finite.
    """

    symbol: str
    as_of: date
    strikes: Array
    years: Array
    prices: Array
    calls: NDArray[np.bool_]
    forwards: Array
    discounts: Array
    spot: float
    timeframe: str = "chain"
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.strikes)
        for name in ("strikes", "years", "prices", "forwards", "discounts"):
            column = getattr(self, name)
            if column.shape != (count,):
                raise Refusal(f"{self.symbol} {name}", f"shape {column.shape}", f"({count},)")
            bad = ~(np.isfinite(column) & (column > 0.0))
            if bad.any():
                row = int(bad.argmax())
                raise Refusal(f"{self.symbol} {name}", f"{column[row]} in row {row}", "> 0")

    def __len__(self) -> int:
        return len(self.strikes)

    @property
    def last_date(self) -> date:
        """Date of the quotes."""
        return self.as_of

    @property
    def data_hash(self) -> str:
        """SHA-256 of symbol, timeframe, date, spot and of every quote."""
        digest = hashlib.sha256()
        named = [self.symbol, self.timeframe, self.as_of.isoformat(), float(self.spot).hex()]
        digest.update(json.dumps(named).encode())
        for name in ("strikes", "years", "prices", "calls", "forwards", "discounts"):
            column = np.ascontiguousarray(getattr(self, name), dtype="<f8")
            digest.update(column.tobytes())
        return digest.hexdigest()

    @classmethod
    def from_quotes(
        cls,
        strikes: ArrayLike,
        years: ArrayLike,
        prices: ArrayLike,
        calls: ArrayLike,
        *,
        spot: float,
        rate: ArrayLike = 0.0,
        dividend: ArrayLike = 0.0,
        symbol: str = "options",
        as_of: date = date(2000, 1, 3),
    ) -> OptionSurface:
        """Make a surface from plain arrays, which broadcast.

        Parameters
        ----------
        strikes, years, prices, calls : array_like
            The options.
        spot : float
            Price of the underlying.
        rate, dividend : array_like
            Continuously compounded, one for all or one per option.
        """
        k, t, p, r, q = np.broadcast_arrays(
            *(np.asarray(x, dtype=np.float64) for x in (strikes, years, prices, rate, dividend))
        )
        return cls(
            symbol,
            as_of,
            k.copy(),
            t.copy(),
            p.copy(),
            np.broadcast_to(np.asarray(calls, dtype=bool), k.shape).copy(),
            spot * np.exp((r - q) * t),
            np.exp(-r * t),
            float(spot),
        )

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        as_of: date,
        spot: float | None = None,
        rate: float | None = None,
        dividend: float = 0.0,
        symbol: str = "options",
    ) -> OptionSurface:
        """Make a surface from a chain.

        Parameters
        ----------
        frame : polars.DataFrame
            Columns ``expiry`` (date or yyyymmdd), ``strike``, ``right`` (call or put, any case,
            first letter counts) and either ``bid`` and ``ask`` (their middle is the price),
            ``price`` or ``close``, or, with `spot`, ``implied_volatility`` (Black-Scholes).
        as_of : datetime.date
            Date of the quotes. Left out and counted in `left_out` are options that expire by
            then, rows that are not numbers, crossed quotes (bid above ask) and prices, strikes
            or volatilities that are not positive.
        spot : float, optional
            Price of the underlying. Without it, forward and discount of each expiry come from
            put-call parity over the strikes that have both, and expiries without such a strike
            are left out.
        rate, dividend : float
            With `spot`: continuously compounded; `rate` defaults to 0.

        Raises
        ------
        ValueError
            If a column is missing, or nothing usable is left.
        """
        needed = [name for name in ("expiry", "strike", "right") if name not in frame.columns]
        price = _price_column(frame)
        implied = spot is not None and "implied_volatility" in frame.columns
        if needed or (price is None and not implied):
            raise Refusal(
                f"{symbol} columns",
                ", ".join(frame.columns),
                "expiry, strike, right and bid and ask, price or close (or, with the spot, "
                "implied_volatility)",
            )
        days = np.array([(_as_date(value) - as_of).days for value in frame["expiry"].to_list()])
        strikes = _numbers(frame, "strike")
        calls = np.array([_is_call(value, symbol) for value in frame["right"].to_list()])
        volatility = np.ones(len(days))
        if price is None:
            assert spot is not None
            volatility = _numbers(frame, "implied_volatility")
            with np.errstate(invalid="ignore", divide="ignore"):
                price = black_scholes_price(
                    spot,
                    strikes,
                    np.maximum(days, 0) / 365.0,
                    volatility,
                    rate=rate or 0.0,
                    dividend=dividend,
                    call=calls,
                )
        left_out: dict[str, int] = {}
        keep = np.ones(len(days), dtype=np.bool_)
        crossed = np.zeros(len(days), dtype=np.bool_)
        if "bid" in frame.columns and "ask" in frame.columns:
            crossed = _numbers(frame, "bid") > _numbers(frame, "ask")
        for reason, bad in (
            ("expired", days <= 0),
            ("not a number", ~np.isfinite(strikes) | ~np.isfinite(volatility) | np.isnan(price)),
            ("crossed", crossed),
            ("not positive", ~((price > 0.0) & (strikes > 0.0) & (volatility > 0.0))),
        ):
            _leave_out(left_out, reason, keep & bad)
            keep &= ~bad
        days, strikes, calls, price = days[keep], strikes[keep], calls[keep], price[keep]
        years = days / 365.0
        if spot is not None:
            r = 0.0 if rate is None else rate
            forwards, discounts = spot * np.exp((r - dividend) * years), np.exp(-r * years)
        else:
            forwards, discounts = _parity(days, strikes, calls, price)
            found = np.isfinite(forwards)
            _leave_out(left_out, "without a call and put of one strike", ~found)
            years, strikes, calls, price = years[found], strikes[found], calls[found], price[found]
            forwards, discounts = forwards[found], discounts[found]
        if len(price) == 0:
            raise Refusal(
                f"{symbol} chain", f"no usable quote{left_out_text(left_out)}", "at least one"
            )
        level = float(forwards[np.argmin(years)]) if spot is None else float(spot)
        return cls(
            symbol,
            as_of,
            strikes,
            years,
            price,
            calls,
            forwards,
            discounts,
            level,
            left_out=left_out,
        )

    def implied_volatilities(self) -> Array:
        """Black-Scholes volatility of each quote; NaN outside the no-arbitrage bounds.

        Returns
        -------
        ndarray of float64, shape (n,)
            Annual volatilities.
        """
        return implied_volatility(
            self.prices / self.discounts, self.forwards, self.strikes, self.years, call=self.calls
        )

    def vegas(self) -> Array:
        """Black-Scholes vega of each quote at its implied volatility.

        Returns
        -------
        ndarray of float64, shape (n,)
            Change of the price per unit of annual volatility.
        """
        forward_vega = black_scholes_vega(
            self.forwards, self.strikes, self.years, self.implied_volatilities()
        )
        return np.asarray(self.discounts * forward_vega)

    def select(self, keep: NDArray[np.bool_]) -> OptionSurface:
        """Keep some of the quotes."""
        names = ("strikes", "years", "prices", "calls", "forwards", "discounts")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def expiries(self) -> list[NDArray[np.int64]]:
        """Row numbers of each expiry, nearest first.

        Returns
        -------
        list of ndarray of int64, shape (quotes,)
            One array per expiry.
        """
        return [np.flatnonzero(self.years == value) for value in np.unique(self.years)]


def left_out_text(left_out: Mapping[str, int]) -> str:
    """Say in parentheses how many quotes were left out and why; empty if all were used."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    return f" (left out: {reasons})" if reasons else ""


def _leave_out(left_out: dict[str, int], reason: str, bad: NDArray[np.bool_]) -> None:
    if bad.any():
        left_out[reason] = int(bad.sum())


def _numbers(frame: pl.DataFrame, name: str) -> Array:
    """Read a column as numbers, NaN where a value is not a number."""
    column = frame[name].cast(float, strict=False).fill_null(float("nan"))
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _price_column(frame: pl.DataFrame) -> Array | None:
    """Middle of bid and ask (not positive where either is not), else price or close."""
    if "bid" in frame.columns and "ask" in frame.columns:
        bid, ask = _numbers(frame, "bid"), _numbers(frame, "ask")
        return np.asarray(np.where((bid <= 0.0) | (ask <= 0.0), 0.0, 0.5 * (bid + ask)))
    for name in ("price", "close"):
        if name in frame.columns:
            return _numbers(frame, name)
    return None


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


def _parity(
    days: NDArray[np.int64], strikes: Array, calls: NDArray[np.bool_], price: Array
) -> tuple[Array, Array]:
    """Forward and discount per expiry from ``C - P = D (F - K)``, medians over strikes."""
    forwards, discounts = np.full(len(days), np.nan), np.full(len(days), np.nan)
    for value in np.unique(days):
        rows = np.flatnonzero(days == value)
        pairs = _pairs(rows, strikes, calls, price)
        if len(pairs) == 0:
            continue
        k, gap = pairs[:, 0], pairs[:, 1]
        discount = 1.0
        if len(k) >= 3:
            slopes = [
                (gap[j] - gap[i]) / (k[j] - k[i])
                for i in range(len(k))
                for j in range(i + 1, len(k))
            ]
            # A discount factor outside 0.5 to 1.05 comes from stale quotes.
            discount = float(np.clip(-np.median(slopes), 0.5, 1.05))
        forwards[rows] = float(np.median(gap / discount + k))
        discounts[rows] = discount
    return forwards, discounts


def _pairs(
    rows: Sequence[int] | NDArray[np.int64], strikes: Array, calls: NDArray[np.bool_], price: Array
) -> Array:
    called = {strikes[i]: price[i] for i in rows if calls[i]}
    both = [
        (strikes[i], called[strikes[i]] - price[i])
        for i in rows
        if not calls[i] and strikes[i] in called
    ]
    return np.array(sorted(both)).reshape(len(both), 2)
