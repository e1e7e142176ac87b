"""Contracts that can be traded on the bars of a path: listed expiries, and quotes of a chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.local_time import days_of_bars, latest_closes, session_days
from engine.options.book_layout import CONTRACT_WIDTH, QUOTE_WIDTH
from engine.options.chain_marks import chain_marks
from engine.options.chain_settings import ChainSettings, chain_of
from engine.options.expiry_rules import business_days
from engine.options.legs import Leg, kinds_of
from engine.options.listings import OptionListing, option_listing
from engine.options.settings import OptionSettings
from engine.timeframes import intraday_minutes

__all__ = [
    "bars_of_days",
    "contracts_of_path",
    "days_of_path",
    "listed_expiries",
    "quoted_contracts",
]

Days = NDArray[np.datetime64]

# Days behind the end of a path whose expiries are known, so that no nearer one is taken for them.
_BEYOND: Final = 800
# Numbers that the quotes of a chain may take at the bars of a path.
_MOST_CELLS: Final = 100_000_000
_NO_BAR: Final = -1


def days_of_path(
    timestamps: NDArray[np.int64] | None,
    exchange: str | None,
    timeframe: str | None,
    start: date | None,
    steps: int,
    bars_per_session: float,
) -> Days | None:
    """Return the day of the session that each bar belongs to; None where nothing tells.

    Parameters
    ----------
    timestamps : ndarray of int64, shape (bars,), optional
        Opens of the bars of history, microseconds since 1970-01-01 UTC.
    exchange, timeframe : str, optional
        Of the bars.
    start : date, optional
        Day of the first bar of a simulated path, or the first business day after it.
    steps : int
        Bars.
    bars_per_session : float
        Of the path.
    """
    if timestamps is not None and exchange is not None:
        daily = timeframe is None or intraday_minutes(timeframe) is None
        found = days_of_bars if daily else session_days
        return found(timestamps, exchange).astype("datetime64[D]")
    if start is None:
        return None
    sessions = np.arange(steps) // max(round(bars_per_session), 1)
    years = int(sessions[-1]) // 250 + 1
    days = business_days(start.year, start.year + years)
    days = days[days >= np.datetime64(start)]
    return np.asarray(days[sessions])


def contracts_of_path(
    settings: OptionSettings,
    legs: Sequence[Leg],
    timestamps: NDArray[np.int64] | None,
    exchange: str | None,
    timeframe: str | None,
    steps: int,
    bars_per_session: float,
) -> tuple[Days | None, dict[str, NDArray[Any]]]:
    """Return the days of the bars of a path, and what a study lists or quotes on them.

    Returns
    -------
    days : ndarray of datetime64, shape (steps,), optional
        As of `days_of_path`.
    arrays : dict of str to ndarray
        Of a book, by name; empty where nothing is listed or quoted.

    Raises
    ------
    Refusal
        If options are listed and nothing tells the days.
    """
    days = days_of_path(timestamps, exchange, timeframe, settings.start, steps, bars_per_session)
    if settings.listing is not None:
        if days is None:
            raise Refusal("options.start", "none", "the day of a simulated path's first bar")
        listing = option_listing(settings.listing)
        return days, {
            "listed": listed_expiries(listing, legs, days, bars_per_session),
            "grid": listing.grid.rows(),
            "ticks": np.array(listing.ticks),
        }
    if settings.chain is None:
        return days, {}
    assert timestamps is not None
    assert days is not None
    calendar = BarCalendar(exchange or "XNYS", timeframe or "1d")
    contracts, quotes = quoted_contracts(
        settings.chain, settings.exercise, timestamps, calendar, days, bars_per_session
    )
    return days, {"contracts": contracts, "quotes": quotes}


def bars_of_days(wanted: Days, days: Days, bars_per_session: float) -> NDArray[np.int64]:
    """Return the last bar of each day, or of the day before where the day has none.

    Beyond the path bars are counted on, a session a weekday; before it there is none (-1).
    """
    bars = np.searchsorted(days, wanted, side="right").astype(np.int64) - 1
    beyond = wanted > days[-1]
    ahead = np.busday_count(days[-1], wanted[beyond]) if beyond.any() else np.zeros(0)
    bars[beyond] = len(days) - 1 + np.maximum(ahead * bars_per_session, 1).astype(np.int64)
    return bars


def listed_expiries(
    listing: OptionListing, legs: Sequence[Leg], days: Days, bars_per_session: float
) -> NDArray[np.int64]:
    """Return the bars at which options of a listing expire, a row per `kinds` of the legs.

    Options that settle at the open of a day end with the close before.

    Returns
    -------
    ndarray of int64, shape (kinds, expiries)
        Ascending, filled up with -1.
    """
    rows = []
    last = days[-1] + np.timedelta64(_BEYOND, "D")
    for kinds in kinds_of(legs):
        names = list(listing.series) if kinds is None else list(kinds)
        found = np.zeros(0, dtype=np.int64)
        for name in names:
            of_kind = np.array(listing.expiries(days[0], last, [name]), dtype="datetime64[D]")
            at_open = listing.series[name].settles == "open" if name in listing.series else False
            end = np.asarray(of_kind - int(at_open), dtype="datetime64[D]")
            found = np.concatenate([found, bars_of_days(end, days, bars_per_session)])
        rows.append(np.unique(found[found >= 0]))
    widest = max(len(row) for row in rows)
    filled = np.full((len(rows), widest), _NO_BAR, dtype=np.int64)
    for row, expiries in zip(filled, rows, strict=True):
        row[: len(expiries)] = expiries
    return filled


def quoted_contracts(
    settings: ChainSettings,
    exercise: Literal["european", "american"],
    timestamps: NDArray[np.int64],
    calendar: BarCalendar,
    days: Days,
    bars_per_session: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the contracts of a chain and their quotes at the closes of bars.

    Returns
    -------
    contracts : ndarray of float64, shape (contracts, CONTRACT_WIDTH)
        By expiry, strike and right.
    quotes : ndarray of float64, shape (QUOTE_WIDTH, contracts, bars)
        The newest that were known at each close.

    Raises
    ------
    Refusal
        If no bar has a quote, or quotes and bars are too many.
    """
    marks = chain_marks(
        chain_of(settings, exercise),
        latest_closes(timestamps, calendar),
        stale_after=settings.stale_after,
    )
    cells = QUOTE_WIDTH * marks.bid.size
    if cells > _MOST_CELLS:
        raise Refusal(
            "options.chain.file",
            f"{len(marks.contracts):,} contracts on {len(timestamps):,} bars",
            f"at most {_MOST_CELLS // QUOTE_WIDTH:,} contracts times bars",
        )
    if not marks.counts["quoted"]:
        told = ", ".join(f"{count} {name}" for name, count in marks.counts.items() if count)
        raise Refusal("options.chain.file", told, "quotes at the closes of the bars")
    expiries = np.array([contract[0] for contract in marks.contracts], dtype="datetime64[D]")
    contracts = np.empty((len(marks.contracts), CONTRACT_WIDTH))
    contracts[:, 0] = bars_of_days(expiries, days, bars_per_session)
    contracts[:, 1] = [contract[1] for contract in marks.contracts]
    contracts[:, 2] = [contract[2] == "call" for contract in marks.contracts]
    fresh = np.isfinite(marks.bid) & np.isfinite(marks.ask)
    quotes = np.stack(
        [marks.bid, marks.ask, marks.implied_volatility, marks.delta, fresh.astype(np.float64)]
    )
    return contracts, np.ascontiguousarray(quotes)
