"""Forwards, implied volatilities and greeks of a chain, where its file has none."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.options.chain_spellings import GREEKS
from engine.pricing import black76, implied_volatility
from engine.pricing.parity import parity_curve

__all__ = ["with_greeks"]

Array = NDArray[np.float64]

_CLOSE: Final = 16
_YEAR_MICROSECONDS: Final = 365.0 * 86_400_000_000.0


def with_greeks(rows: pl.DataFrame, zone: str, rate: float) -> pl.DataFrame:
    """Add ``expires``, ``years``, ``forward``, ``rate``; fill in volatilities and greeks.

    Parameters
    ----------
    rows : polars.DataFrame
        Canonical rows that can be used, by their instants.
    zone : str
        IANA zone in whose afternoon, at 16:00, options expire.
    rate : float
        Continuously compounded, where put-call parity determines no rate.

    Returns
    -------
    polars.DataFrame
        In the order of `rows`.
    """
    expires = _closes(rows["expiry"], zone)
    left = expires.dt.epoch("us").to_numpy() - rows["timestamp"].dt.epoch("us").to_numpy()
    years = np.maximum(left, 0) / _YEAR_MICROSECONDS
    forward, rates = np.full(len(rows), np.nan), np.full(len(rows), rate)
    # Rows lie by their instants.
    starts = np.flatnonzero(np.diff(rows["timestamp"].dt.epoch("us").to_numpy(), prepend=-1))
    snapshots = [*pairwise([*starts.tolist(), len(rows)])]
    strikes, bid, ask = (rows[name].to_numpy() for name in ("strike", "bid", "ask"))
    calls = (rows["right"] == "call").to_numpy()
    spot = rows["underlying_price"].fill_null(np.nan).to_numpy()
    middle = 0.5 * (bid + ask)
    alive = (bid > 0.0) & (years > 0.0)
    for first, after in snapshots:
        here = np.arange(first, after)
        use = here[alive[here]]
        if len(use) == 0:
            continue
        found = parity_curve(
            years[use], strikes[use], calls[use], middle[use], spreads=(ask - bid)[use]
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
    given = rows["implied_volatility"].fill_null(np.nan).to_numpy()
    price = np.where(alive & (forward > 0.0), middle, np.nan)
    implied = implied_volatility(price, forward, strikes, years, rate=rates, call=calls)
    volatility = np.where(given > 0.0, given, implied)
    values = black76(forward, strikes, years, volatility, rate=rates, call=calls)
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


def _closes(days: pl.Series, zone: str) -> pl.Series:
    """Return 16:00 of each day in a zone, UTC."""
    local = days.cast(pl.Datetime("us")).dt.offset_by(f"{_CLOSE}h")
    return local.dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
