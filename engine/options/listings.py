"""Options as exchanges list them: strikes, ticks and expiries of crude oil, the S&P 500, shares."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.errors import Refusal, did_you_mean
from engine.options.expiry_rules import RULES, business_days
from engine.options.strike_grid import StrikeBand, StrikeGrid

__all__ = ["LISTINGS", "OptionListing", "OptionSeries", "expiry_in_window", "option_listing"]

Days = NDArray[np.datetime64]
Date = datetime.date | np.datetime64 | str


@dataclass(frozen=True)
class OptionSeries:
    """Options of one listing that expire by one rule.

    Parameters
    ----------
    rule : str
        Of `engine.options.expiry_rules.RULES`.
    style : {"american", "european"}
        When they may be exercised.
    settles : {"open", "close"}
        Whether the price at the open or at the close of the day of expiry decides; options that
        settle at the open cannot be traded on that day.
    """

    rule: str
    style: Literal["american", "european"]
    settles: Literal["open", "close"] = "close"


@dataclass(frozen=True)
class OptionListing:
    """Terms under which an exchange lists options on one underlying.

    Parameters
    ----------
    name : str
        Of the underlying.
    multiplier : float
        Units of the underlying per contract.
    grid : StrikeGrid
        Which strikes are listed.
    ticks : tuple of (float, float)
        Smallest change of a premium below a limit, and the limit; the last one is infinite.
    series : dict of str to OptionSeries
        By kind: ``monthly``, ``weekly``, ``quarterly``, ``month_end``, ``daily``.
    settlement : {"future", "cash", "shares"}
        What an option in the money becomes.
    source : str
        Where the terms are published.
    """

    name: str
    multiplier: float
    grid: StrikeGrid
    ticks: tuple[tuple[float, float], ...]
    series: dict[str, OptionSeries]
    settlement: Literal["future", "cash", "shares"]
    source: str

    def expiries(
        self, first: Date, last: Date, kinds: Iterable[str] | None = None
    ) -> list[datetime.date]:
        """Return the days of expiry in a span of time.

        Parameters
        ----------
        first, last : date, datetime64 or str
            First and last day, both included.
        kinds : iterable of str, optional
            Of `series`; by default all.

        Returns
        -------
        list of date
            Ascending, each once.

        Raises
        ------
        Refusal
            If a kind is not one of this listing.
        """
        days = self._expiries(_day(first, "first"), _day(last, "last"), kinds)
        return [_date(day) for day in days]

    def nearest_expiry(
        self,
        as_of: Date,
        days: int,
        *,
        window: tuple[int, int] | None = None,
        kinds: Iterable[str] | None = None,
    ) -> datetime.date:
        """Return the expiry nearest to a number of days, the sooner of two.

        Parameters
        ----------
        as_of : date, datetime64 or str
            The day on which it is chosen.
        days : int
            Days to expiry that are sought.
        window : (int, int), optional
            Least and most days to expiry that are accepted; by default any from 1 on.
        kinds : iterable of str, optional
            Of `series`; by default all.

        Raises
        ------
        Refusal
            If no expiry lies in the window.
        """
        low, high = window or (1, max(2 * days, days + 400))
        if not 0 <= low <= high:
            raise Refusal("window", f"{low} to {high}", "days from 0 on, the smaller first")
        start = _day(as_of, "as_of")
        found = self._expiries(start + low, start + high, kinds)
        if not len(found):
            raise Refusal(
                "window",
                f"{low} to {high} days after {start}",
                f"one with an expiry of {self.name}",
            )
        away = np.abs((found - start).astype(int) - days)
        return _date(found[int(away.argmin())])

    def nth_expiry(
        self, as_of: Date, n: int, kinds: Iterable[str] | None = ("monthly",)
    ) -> datetime.date:
        """Return the nth expiry after a day, 1 for the next.

        Parameters
        ----------
        as_of : date, datetime64 or str
            The day, whose own expiry does not count.
        n : int
            From 1 on.
        kinds : iterable of str, optional
            Of `series`: the months alone by default.
        """
        if n < 1:
            raise Refusal("n", f"{n}", "1 or more")
        start = _day(as_of, "as_of")
        found = self._expiries(start + 1, start + 100 * n + 100, kinds)
        return _date(found[n - 1])

    def last_trading_day(self, expiry: Date, kind: str) -> datetime.date:
        """Return the last day on which options that expire on a day can be traded."""
        day = _day(expiry, "expiry")
        (name,) = self._known([kind])
        if self.series[name].settles == "close":
            return _date(day)
        year, _ = _year_and_month(day.astype("datetime64[M]"))
        days = business_days(year - 1, year)
        return _date(days[int(np.searchsorted(days, day)) - 1])

    def tick(self, premium: float) -> float:
        """Return the smallest change of a premium."""
        return next(tick for tick, limit in self.ticks if abs(premium) < limit)

    def to_tick(self, premium: float) -> float:
        """Return the premium that can be quoted nearest to a price.

        Examples
        --------
        >>> option_listing("SPX").to_tick(2.974), option_listing("SPX").to_tick(3.06)
        (2.95, 3.1)
        """
        tick = self.tick(premium)
        return round(math.floor(premium / tick + 0.5) * tick, 10)

    def _expiries(
        self, start: np.datetime64, end: np.datetime64, kinds: Iterable[str] | None
    ) -> Days:
        # The option on a future expires up to two months before the month of its contract.
        months = np.arange(start.astype("datetime64[M]"), end.astype("datetime64[M]") + 3)
        found: list[np.datetime64] = []
        for kind in self._known(kinds):
            rule = RULES[self.series[kind].rule]
            for month in months:
                found += rule(*_year_and_month(month))
        days = np.unique(np.array(found, dtype="datetime64[D]"))
        return days[(days >= start) & (days <= end)]

    def _known(self, kinds: Iterable[str] | None) -> list[str]:
        names = list(self.series) if kinds is None else list(kinds)
        for name in names:
            if name not in self.series:
                allowed = ", ".join(self.series)
                raise Refusal("kinds", f"{name}{did_you_mean(name, self.series)}", allowed)
        return names


def option_listing(name: str) -> OptionListing:
    """Return the terms of the options on one underlying.

    Parameters
    ----------
    name : {"CL", "ES", "SPX", "equity"}
        Crude oil, E-mini S&P 500, S&P 500 index, shares.

    Raises
    ------
    Refusal
        If there is none of that name.

    Notes
    -----
    Contract specifications as of 2026 of CME Group (CL: NYMEX Rulebook, chapters 200 and 310; ES:
    CME Rulebook 358A) and Cboe (SPX; shares: Rule 4.5). Trading days are those of New York's
    exchange. Strikes that depend on how an option has traded (dynamic ones, quarter
    dollars, dollar strikes of single shares) are not listed: `OptionListing` takes a grid of one's
    own. Daily expiries of SPX began in 2022 and are listed for every year.

    Examples
    --------
    >>> import engine as mc
    >>> crude = mc.option_listing("CL")
    >>> crude.nearest_expiry("2024-01-02", 45, window=(30, 60), kinds=["monthly"])
    datetime.date(2024, 2, 14)
    >>> crude.grid.nearest(71.37, price=75.0)
    71.5
    >>> crude.grid.check(71.3, price=75.0)
    Traceback (most recent call last):
    engine.errors.Refusal: strike: found 71.3, allowed a listed strike, such as 71 or 71.5
    """
    if name not in LISTINGS:
        raise Refusal("listing", f"{name}{did_you_mean(name, LISTINGS)}", ", ".join(LISTINGS))
    return LISTINGS[name]


@kernel
def expiry_in_window(
    now: float, expiries: NDArray[np.float64], days: float, low: float, high: float
) -> int:
    """Return which expiry is nearest to `days` from now, the sooner of two; -1 for none.

    Parameters
    ----------
    now : float
        In days, as `expiries`.
    expiries : ndarray of float64, shape (expiries,)
        Ascending.
    days, low, high : float
        Days to expiry that are sought, and the least and most that are accepted.
    """
    found, least = -1, math.inf
    for i in range(expiries.size):
        left = expiries[i] - now
        if low <= left <= high and abs(left - days) < least:
            found, least = i, abs(left - days)
    return found


def _day(given: Date, field: str) -> np.datetime64:
    try:
        day = np.array([given], dtype="datetime64[D]")
    except ValueError:
        raise Refusal(field, repr(given), "a date") from None
    if np.isnat(day).any():
        raise Refusal(field, repr(given), "a date")
    return np.datetime64(day[0])


def _date(day: np.datetime64) -> datetime.date:
    found = day.astype("datetime64[D]").item()
    assert isinstance(found, datetime.date)
    return found


def _year_and_month(month: np.datetime64) -> tuple[int, int]:
    count = int(month.astype("datetime64[M]").astype(int))
    return 1970 + count // 12, count % 12 + 1


#: Terms by the name of the underlying.
LISTINGS: Final[dict[str, OptionListing]] = {
    "CL": OptionListing(
        name="CL",
        multiplier=1000.0,
        grid=StrikeGrid((StrikeBand(0.5, 50.0, "points"), StrikeBand(2.5, 100.0, "points"))),
        ticks=((0.01, math.inf),),
        series={
            "monthly": OptionSeries("crude", "american"),
            "weekly": OptionSeries("every friday", "european"),
        },
        settlement="future",
        source="CME Group, Crude Oil Options, contract specs; NYMEX Rulebook, chapter 310",
    ),
    "ES": OptionListing(
        name="ES",
        multiplier=50.0,
        grid=StrikeGrid(
            (
                StrikeBand(5.0, 0.10),
                StrikeBand(10.0, 0.20),
                StrikeBand(25.0, 0.50),
            )
        ),
        ticks=((0.05, 5.0), (0.25, math.inf)),
        series={
            "quarterly": OptionSeries("quarterly friday", "american", "open"),
            "weekly": OptionSeries("every friday", "european"),
            "month_end": OptionSeries("month end", "european"),
        },
        settlement="future",
        source="CME Group, E-mini S&P 500 Options, contract specs; CME Rulebook, 358A",
    ),
    "SPX": OptionListing(
        name="SPX",
        multiplier=100.0,
        # How far strikes of 5 points reach is not published; a chain of 2015 has them to 38 %.
        grid=StrikeGrid((StrikeBand(5.0, 0.40), StrikeBand(25.0))),
        ticks=((0.05, 3.0), (0.10, math.inf)),
        series={
            "monthly": OptionSeries("third friday", "european", "open"),
            "weekly": OptionSeries("every friday", "european"),
            "month_end": OptionSeries("month end", "european"),
            "daily": OptionSeries("every day", "european"),
        },
        settlement="cash",
        source="Cboe, SPX/SPXW options, product specifications",
    ),
    "equity": OptionListing(
        name="equity",
        multiplier=100.0,
        grid=StrikeGrid(
            (
                StrikeBand(2.5, 25.0, "strike"),
                StrikeBand(5.0, 200.0, "strike"),
                StrikeBand(10.0),
            )
        ),
        ticks=((0.05, 3.0), (0.10, math.inf)),
        series={
            "monthly": OptionSeries("third friday", "american"),
            "weekly": OptionSeries("other fridays", "american"),
        },
        settlement="shares",
        source="Cboe Rule 4.5 (strikes) and 5.4 (increments of premiums)",
    ),
}
