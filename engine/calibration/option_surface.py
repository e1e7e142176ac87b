"""European option prices of one underlying on one date, ready for calibration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.calibration.option_chain import ChainQuotes, count_left_out, read_chain
from engine.errors import Refusal
from engine.pricing import (
    black_scholes,
    implied_volatility,
)
from engine.pricing.parity import parity_curve

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
    spreads : ndarray of float64, shape (n,), optional
        Ask less bid; NaN where unknown.
    parity_errors : ndarray of float64, shape (n,), optional
        Standard error of call less put at each strike, where parity found the forwards.
    expiries_left_out : int
        Expiries of a chain whose forward or discount factor nothing determined.
    pairs_set_aside : int
        Calls and puts of one strike that contradicted the others, and had no say in the forwards.

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
    spreads: Array | None = None
    parity_errors: Array | None = None
    expiries_left_out: int = 0
    pairs_set_aside: int = 0

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
        if self.spreads is not None:
            digest.update(np.ascontiguousarray(self.spreads, dtype="<f8").tobytes())
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
        rate: float | Mapping[float, float] | None = None,
        dividend: float = 0.0,
        symbol: str = "options",
    ) -> OptionSurface:
        """Make a surface from a chain.

        Parameters
        ----------
        frame : polars.DataFrame
            Columns ``expiry`` (date or yyyymmdd), ``strike``, ``right`` (call or put, any case,
            first letter counts) and either ``bid`` and ``ask`` (their middle is the price),
            ``price`` or ``close``, or, where forwards and rates are known,
            ``implied_volatility`` (Black-Scholes). Optionally ``forward`` and ``rate``, one of each
            expiry, and ``style``.
        as_of : datetime.date
            Date of the quotes. Left out and counted in `left_out` are options that expire by
            then, rows that are not numbers, crossed quotes (bid above ask) and prices, strikes
            or volatilities that are not positive.
        spot : float, optional
            Price of the underlying. It makes forwards where the rate is known.
        rate : float or mapping of float to float, optional
            Continuously compounded: one for all, or a curve, rates by years to expiry, between
            which straight lines are drawn. By default the column ``rate``, with straight lines to
            expiries without one.
        dividend : float
            With `spot`: continuously compounded.

        Returns
        -------
        OptionSurface
            Forwards and discount factors that are not known come from put-call parity, see
            `parity_curve`; expiries that it leaves open are left out and counted.

        Raises
        ------
        ValueError
            If a column is missing, options are American, or nothing usable is left.
        """
        rated = rate is not None or "rate" in frame.columns
        implied = rated and (spot is not None or "forward" in frame.columns)
        chain = read_chain(frame, as_of=as_of, symbol=symbol, implied=implied)
        years, left_out = chain.days / 365.0, dict(chain.left_out)
        rates = _rates(chain, rate)
        forwards, discounts = chain.forwards, np.exp(-rates * years)
        if spot is not None:
            carried = spot * np.exp((rates - dividend) * years)
            forwards = np.where(np.isfinite(forwards), forwards, carried)
        prices, opened, aside = chain.prices, 0, 0
        uncertain: Array | None = None
        if not np.isfinite(forwards * discounts).all() and np.isfinite(prices).any():
            found = parity_curve(
                years,
                chain.strikes,
                chain.calls,
                prices,
                spreads=chain.spreads,
                discounts=discounts if np.isfinite(discounts).all() else None,
            )
            place = np.searchsorted(found.years, years)
            forwards = np.where(np.isfinite(forwards), forwards, found.forwards[place])
            discounts = np.where(np.isfinite(discounts), discounts, found.discounts[place])
            lacking = ~np.isfinite(forwards * discounts)
            unpaired = found.pairs[place] == 0
            count_left_out(left_out, "without a call and put of one strike", lacking & unpaired)
            count_left_out(left_out, "of an expiry that parity leaves open", lacking & ~unpaired)
            opened, aside = len(np.unique(chain.days[lacking])), found.pairs_set_aside
            uncertain = found.error(years, chain.strikes)
        keep = np.isfinite(forwards * discounts)
        if np.isfinite(chain.volatilities).any():
            count_left_out(left_out, "without a forward and rate", ~keep)
        if not keep.any():
            raise Refusal(f"{symbol} chain", f"has no usable quote{left_out_text(left_out)}")
        chain, years = chain.select(keep), years[keep]
        forwards, discounts, prices = forwards[keep], discounts[keep], prices[keep]
        if np.isfinite(chain.volatilities).any():
            prices = (
                discounts
                * black_scholes(
                    forwards, chain.strikes, years, chain.volatilities, call=chain.calls
                ).price
            )
        known = np.isfinite(chain.spreads).any()
        return cls(
            symbol,
            as_of,
            chain.strikes,
            years,
            np.maximum(prices, np.finfo(np.float64).tiny),
            chain.calls,
            forwards,
            discounts,
            float(forwards[np.argmin(years)]) if spot is None else float(spot),
            left_out=left_out,
            spreads=chain.spreads if known else None,
            parity_errors=None if uncertain is None else uncertain[keep],
            expiries_left_out=opened,
            pairs_set_aside=aside,
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
        forward_vega = black_scholes(
            self.forwards, self.strikes, self.years, self.implied_volatilities()
        ).vega
        return np.asarray(self.discounts * forward_vega)

    def select(self, keep: NDArray[np.bool_]) -> OptionSurface:
        """Keep some of the quotes."""
        names: tuple[str, ...] = ("strikes", "years", "prices", "calls", "forwards", "discounts")
        optional = ("spreads", "parity_errors")
        names += tuple(name for name in optional if getattr(self, name) is not None)
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def out_of_the_money(self) -> OptionSurface:
        """Turn each option in the money into the other of its strike, by put-call parity.

        Returns
        -------
        OptionSurface
            The same quotes; a price below what exercise is worth becomes the smallest number.
        """
        sign = np.where(self.calls, 1.0, -1.0)
        worth = self.discounts * sign * (self.forwards - self.strikes)
        inner = worth > 0.0
        smallest = np.finfo(np.float64).tiny
        return replace(
            self,
            calls=self.calls ^ inner,
            prices=np.where(inner, np.maximum(self.prices - worth, smallest), self.prices),
        )

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


def _rates(chain: ChainQuotes, rate: float | Mapping[float, float] | None) -> Array:
    """Rate to each quote's expiry; NaN where none is known."""
    years = chain.days / 365.0
    if rate is None:
        known = np.isfinite(chain.rates)
        if not known.any():
            return chain.rates
        times, first = np.unique(years[known], return_index=True)
        return np.asarray(np.interp(years, times, chain.rates[known][first]))
    if isinstance(rate, Mapping):
        times = np.array(sorted(rate), dtype=np.float64)
        if len(times) == 0:
            raise Refusal("rate", "a curve without a rate", "at least one, by years to expiry")
        return np.asarray(np.interp(years, times, [float(rate[time]) for time in times]))
    return np.full(len(years), float(rate))
