"""Forwards, implied volatilities and greeks of a chain, where its file has none."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.options.chain_spellings import GREEKS
from engine.pricing import (
    AmericanValues,
    OptionValues,
    american,
    black76,
    implied_volatility,
)
from engine.pricing.american_volatility import american_volatility
from engine.pricing.parity import parity_curve

__all__ = ["with_greeks"]

Array = NDArray[np.float64]

_CLOSE: Final = 16
_YEAR_MICROSECONDS: Final = 365.0 * 86_400_000_000.0


def with_greeks(
    rows: pl.DataFrame, zone: str, rate: float, exercise: str = "european"
) -> pl.DataFrame:
    """Add ``expires``, ``years``, ``forward``, ``rate``; fill in volatilities and greeks.

    Parameters
    ----------
    rows : polars.DataFrame
        Canonical rows that can be used, by their instants.
    zone : str
        IANA zone in whose afternoon, at 16:00, options expire.
    rate : float
        Continuously compounded, where put-call parity determines no rate.
    exercise : {"european", "american"}
        Of American options a volatility is the one at which the American price is the quote's, and
        greeks are those of that price.

    Returns
    -------
    polars.DataFrame
        In the order of `rows`.
    """
    expires = _closes(rows["expiry"], zone)
    left = expires.dt.epoch("us").to_numpy() - rows["timestamp"].dt.epoch("us").to_numpy()
    years = np.maximum(left, 0) / _YEAR_MICROSECONDS
    quotes = _Quotes(
        rows["timestamp"].dt.epoch("us").to_numpy(),
        years,
        rows["strike"].to_numpy(),
        rows["bid"].to_numpy(),
        rows["ask"].to_numpy(),
        (rows["right"] == "call").to_numpy(),
        rows["underlying_price"].fill_null(np.nan).to_numpy(),
    )
    given = rows["implied_volatility"].fill_null(np.nan).to_numpy()
    values: OptionValues | AmericanValues
    if exercise == "american":
        forward, rates = _american_forwards(quotes, rate), np.full(len(rows), rate)
        paid = np.where(quotes.spot > 0.0, quotes.spot, forward)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(years > 0.0, np.log(forward / paid) / years, 0.0)
        price = np.where(quotes.alive, quotes.middle, np.nan)
        contract = (paid, quotes.strike, years)
        terms: dict[str, Any] = {"rate": rates, "dividend": rates - kept, "call": quotes.call}
        implied = american_volatility(price, *contract, **terms)
        volatility = np.where(given > 0.0, given, implied)
        values = american(*contract, volatility, model="black_scholes", **terms)
    else:
        forward, rates = _forwards_by_parity(quotes, rate)
        price = np.where(quotes.alive & (forward > 0.0), quotes.middle, np.nan)
        contract = (forward, quotes.strike, years)
        implied = implied_volatility(price, *contract, rate=rates, call=quotes.call)
        volatility = np.where(given > 0.0, given, implied)
        values = black76(*contract, volatility, rate=rates, call=quotes.call)
    filled = {
        name: pl.coalesce(pl.col(name), pl.Series(name, getattr(values, name), nan_to_null=True))
        for name in GREEKS
    }
    return rows.with_columns(
        expires.alias("expires"),
        pl.Series("years", years),
        pl.Series("forward", forward, nan_to_null=True),
        pl.Series("rate", rates),
        pl.Series("implied_volatility", volatility, nan_to_null=True),
        **filled,
    )


class _Quotes(NamedTuple):
    """Quotes by their instants, a number of each in every array."""

    stamp: NDArray[np.int64]
    years: Array
    strike: Array
    bid: Array
    ask: Array
    call: NDArray[np.bool_]
    spot: Array

    @property
    def middle(self) -> Array:
        return 0.5 * (self.bid + self.ask)

    @property
    def alive(self) -> NDArray[np.bool_]:
        return (self.bid > 0.0) & (self.years > 0.0)

    def snapshots(self) -> list[NDArray[np.int64]]:
        """Return the places of the quotes of each instant."""
        starts = np.flatnonzero(np.diff(self.stamp, prepend=-1))
        return [np.arange(*pair) for pair in pairwise([*starts.tolist(), len(self.stamp)])]


def _forwards_by_parity(quotes: _Quotes, rate: float) -> tuple[Array, Array]:
    """Return forward and rate of each quote, as put-call parity of European options has them."""
    forward, rates = np.full(len(quotes.stamp), np.nan), np.full(len(quotes.stamp), rate)
    years, spot = quotes.years, quotes.spot
    alive, middle, wide = quotes.alive, quotes.middle, quotes.ask - quotes.bid
    for here in quotes.snapshots():
        use = here[alive[here]]
        if len(use) == 0:
            continue
        found = parity_curve(
            years[use], quotes.strike[use], quotes.call[use], middle[use], spreads=wide[use]
        )
        known = np.isfinite(found.forwards)
        if not known.any():
            continue
        at, growth = found.years[known], np.log(found.forwards[known])
        if np.isfinite(spot[here[0]]) and spot[here[0]] > 0.0:
            at, growth = np.append(0.0, at), np.append(math.log(spot[here[0]]), growth)
        inside = (years[here] >= at[0]) & (years[here] <= at[-1])
        line = np.exp(np.interp(years[here], at, growth))
        forward[here] = np.where(inside, line, np.nan)
        parity_rates = -np.log(found.discounts[known]) / found.years[known]
        rates[here] = np.interp(years[here], found.years[known], parity_rates)
    lacking = np.isnan(forward)
    forward[lacking] = spot[lacking] * np.exp(rate * years[lacking])
    return forward, rates


def _american_forwards(quotes: _Quotes, rate: float) -> Array:
    """Return the forward of each American quote: of the strike where call and put cost the same.

    Parity is one of European options. Near the forward the right to exercise early is worth nearly
    the same in call and put; further off it is not, and the rate that parity would find there means
    nothing. Without such a strike the price of the underlying grows at `rate`.
    """
    forward = quotes.spot * np.exp(rate * quotes.years)
    middle, alive = quotes.middle, quotes.alive
    for here in quotes.snapshots():
        for years in np.unique(quotes.years[here]):
            of_expiry = here[quotes.years[here] == years]
            use = of_expiry[alive[of_expiry]]
            calls, puts = use[quotes.call[use]], use[~quotes.call[use]]
            strikes, of_call, of_put = np.intersect1d(
                quotes.strike[calls], quotes.strike[puts], return_indices=True
            )
            if len(strikes):
                apart = middle[calls[of_call]] - middle[puts[of_put]]
                near = int(np.argmin(abs(apart)))
                forward[of_expiry] = strikes[near] + math.exp(rate * years) * apart[near]
    return forward


def _closes(days: pl.Series, zone: str) -> pl.Series:
    """Return 16:00 of each day in a zone, UTC."""
    local = days.cast(pl.Datetime("us")).dt.offset_by(f"{_CLOSE}h")
    return local.dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
