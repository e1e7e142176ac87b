"""Historical option chains: quotes over time, and the listed contract nearest to what is wanted."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.frames import polars_frame
from engine.options.chain_files import read_chain_files
from engine.options.chain_greeks import with_greeks
from engine.options.chain_quality import REASONS, sorted_out
from engine.options.chain_rows import chain_rows

__all__ = ["OptionChain", "read_option_chain"]

_NEW_YORK: Final = "America/New_York"
_STALE: Final = 600.0


@dataclass(frozen=True, eq=False)
class OptionChain:
    """Quotes of options on one underlying over time.

    Parameters
    ----------
    frame : polars.DataFrame
        A row per quote, by instant, expiry, strike and right: ``timestamp`` (UTC), ``underlying``,
        ``underlying_price``, ``expiry``, ``strike``, ``right``, ``bid``, ``ask``, ``bid_size``,
        ``ask_size``, ``quote_age`` (seconds), ``implied_volatility``, ``delta``, ``gamma``,
        ``vega``, ``theta`` (those of the file, else computed), ``expires`` (the instant), ``years``
        to it, ``forward`` and ``rate``.
    set_aside : polars.DataFrame
        Rows that cannot be used, with ``reason``; none of the file is in neither.
    zone : str
        IANA zone whose days those of expiry are.
    """

    frame: pl.DataFrame
    set_aside: pl.DataFrame
    zone: str = _NEW_YORK

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def counts(self) -> dict[str, int]:
        """Number of quotes by what is wrong with them.

        Those set aside by reason; ``zero bid`` are kept, can be bought and not sold, and have no
        implied volatility of their own; ``one price`` are kept, too: files without bid and ask, in
        which nothing says what a trade would cost.
        """
        reasons = self.set_aside["reason"].value_counts()
        found = dict(zip(reasons["reason"], reasons["count"], strict=True))
        kept = {
            "zero bid": int((self.frame["bid"] == 0.0).sum()),
            "one price": int((self.frame["bid"] == self.frame["ask"]).sum()),
        }
        told = {reason: found.get(reason, 0) for reason in REASONS} | kept
        return {reason: count for reason, count in told.items() if count}

    @property
    def timestamps(self) -> NDArray[np.int64]:
        """Instants that have quotes.

        Returns
        -------
        ndarray of int64, shape (instants,)
            Microseconds since 1970-01-01 UTC, ascending.
        """
        return np.unique(self.frame["timestamp"].dt.epoch("us").to_numpy()).astype(np.int64)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        zone: str = _NEW_YORK,
        as_of: datetime.datetime | str | None = None,
        underlying: str | None = None,
        rate: float = 0.0,
        stale_after: float = _STALE,
        exercise: Literal["european", "american"] = "european",
    ) -> OptionChain:
        """Make a chain of a table of Polars, pandas or Arrow; arguments as of `read_option_chain`.

        Raises
        ------
        Refusal
            If columns are missing or nothing can be used.

        Examples
        --------
        >>> import engine as mc
        >>> import polars as pl
        >>> table = pl.DataFrame({
        ...     "date": ["2024-01-02"] * 4,
        ...     "expiration": ["2024-02-14"] * 4,
        ...     "strike": [70.0, 70.0, 80.0, 80.0],
        ...     "type": ["call", "put", "call", "put"],
        ...     "bid": [6.1, 1.0, 1.0, 5.8],
        ...     "ask": [6.3, 1.1, 1.1, 6.0],
        ... })
        >>> chain = mc.OptionChain.from_frame(table)
        >>> chain.frame["forward"].round(2).to_list()
        [75.15, 75.15, 75.15, 75.15]
        """
        _check_settings(zone, rate, stale_after, exercise)
        rows = chain_rows(
            polars_frame(frame), zone=zone, as_of=_time_of_quotes(as_of), underlying=underlying
        )
        return cls._of_rows(rows, zone, underlying, rate, stale_after, exercise)

    @classmethod
    def _of_rows(
        cls,
        rows: pl.DataFrame,
        zone: str,
        underlying: str | None,
        rate: float,
        stale_after: float,
        exercise: str,
    ) -> OptionChain:
        underlyings = rows["underlying"].drop_nulls().unique().sort().to_list()
        if underlying in underlyings:
            rows = rows.filter(pl.col("underlying") == underlying)
        elif len(underlyings) > 1 or underlying is not None:
            raise Refusal(
                "underlying",
                underlying or ", ".join(underlyings[:5]),
                f"exactly one of {', '.join(underlyings[:10])}",
            )
        usable, set_aside = sorted_out(rows, zone, stale_after)
        if usable.is_empty():
            chain = cls(usable, set_aside, zone)
            counts = ", ".join(f"{count} {reason}" for reason, count in chain.counts.items())
            raise Refusal("quotes", f"{counts or 'no row'}", "one that can be used")
        return cls(with_greeks(usable, zone, rate, exercise), set_aside, zone)

    def at(self, instant: datetime.datetime | datetime.date | str) -> OptionChain:
        """Return the newest quotes that were known at an instant.

        Parameters
        ----------
        instant : datetime, date or str
            UTC where it has no zone; of a date its end.

        Raises
        ------
        Refusal
            If the first quotes are later.
        """
        moment = _instant(instant)
        known = self.frame.filter(pl.col("timestamp") <= moment)
        if known.is_empty():
            first = self.frame["timestamp"].dt.strftime("%Y-%m-%dT%H:%MZ").min()
            assert isinstance(first, str)
            raise Refusal("instant", f"{moment:%Y-%m-%dT%H:%MZ}", f"from {first} on")
        newest = known["timestamp"].max()
        return replace(self, frame=known.filter(pl.col("timestamp") == newest))

    def expiries(self) -> list[datetime.date]:
        """Return the days of expiry that have quotes, ascending."""
        return self.frame["expiry"].unique().sort().to_list()

    def nearest_expiry(self, days: int, *, window: tuple[int, int] | None = None) -> datetime.date:
        """Return the expiry nearest to a number of days from the newest quotes, the sooner of two.

        Parameters
        ----------
        days : int
            Days to expiry that are sought.
        window : (int, int), optional
            Least and most days to expiry that are accepted; by default any from 1 on.

        Raises
        ------
        Refusal
            If none lies in the window.
        """
        low, high = window or (1, 100_000)
        newest = self.frame["timestamp"].max()
        assert isinstance(newest, datetime.datetime)
        day = newest.astimezone(ZoneInfo(self.zone)).date()
        fits = [each for each in self.expiries() if low <= (each - day).days <= high]
        if not fits:
            quoted = ", ".join(f"{(each - day).days}" for each in self.expiries()[:10])
            raise Refusal("window", f"{low} to {high} days", f"one with an expiry: {quoted} days")
        return min(fits, key=lambda each: (abs((each - day).days - days), each))

    def nearest_strike(
        self,
        expiry: datetime.date,
        right: Literal["call", "put"],
        *,
        strike: float | None = None,
        moneyness: float | None = None,
        delta: float | None = None,
    ) -> float:
        """Return the quoted strike nearest to what is wanted, the lower of two.

        Parameters
        ----------
        expiry : date
            Day of expiry.
        right : {"call", "put"}
            Of the option.
        strike, moneyness, delta : float
            One of them: the strike itself, the strike over the forward, or the size of delta.

        Raises
        ------
        Refusal
            If there is no quote of that kind, or not exactly one thing is wanted.

        Examples
        --------
        >>> import engine as mc
        >>> import polars as pl
        >>> quotes = {"date": "2024-01-02", "expiry": "2024-02-14", "strike": [70.0, 75.0, 80.0],
        ...           "right": "put", "bid": [1.0, 2.7, 5.8], "ask": [1.1, 2.9, 6.0], "spot": 75.2}
        >>> chain = mc.OptionChain.from_frame(pl.DataFrame(quotes))
        >>> expiry = chain.nearest_expiry(45)
        >>> chain.nearest_strike(expiry, "put", delta=0.25)
        70.0
        >>> chain.nearest_strike(expiry, "put", moneyness=1.0)
        75.0
        """
        wanted = {"strike": strike, "moneyness": moneyness, "delta": delta}
        given = {name: value for name, value in wanted.items() if value is not None}
        if len(given) != 1:
            raise Refusal("strike", f"{len(given)} of {', '.join(wanted)}", "exactly one")
        ((name, value),) = given.items()
        rows = self.frame.filter((pl.col("expiry") == expiry) & (pl.col("right") == right))
        column = {
            "strike": pl.col("strike"),
            "moneyness": pl.col("strike") / pl.col("forward"),
            "delta": pl.col("delta").abs(),
        }[name]
        target = abs(value) if name == "delta" else value
        rows = rows.select("strike", away=(column - target).abs()).drop_nulls()
        if rows.is_empty():
            raise Refusal(
                name, f"{value:g}", f"an expiry with quoted {right}s", hint=f"not {expiry}"
            )
        found = rows.sort("away", "strike")["strike"][0]
        return float(found)


def read_option_chain(
    path: str | Path,
    *,
    zone: str = _NEW_YORK,
    as_of: datetime.datetime | str | None = None,
    underlying: str | None = None,
    rate: float = 0.0,
    stale_after: float = _STALE,
    exercise: Literal["european", "american"] = "european",
) -> OptionChain:
    r"""Read historical option quotes from a file, an archive or a folder of them.

    Parameters
    ----------
    path : path
        CSV (also compressed) or Parquet with a row per quote or calls and puts of a strike side by
        side, zip archives of these, archives of Lean's minute quotes, or a folder.
    zone : str
        IANA zone of stamps that carry none; options expire at 16:00 there.
    as_of : datetime or str, optional
        Instant of the quotes, for files that have no column of it; in `zone` where it names none.
    underlying : str, optional
        Which of several in a file, and the name of that of files that name none.
    rate : float
        Continuously compounded, where put-call parity determines no rate.
    stale_after : float
        Seconds from which a quote is set aside, where the file says how old it is.
    exercise : {"european", "american"}
        Of American options volatilities and greeks are those at which the American price is the
        quote's: some tenths of a millisecond for each.

    Raises
    ------
    Refusal
        If a file cannot be read as a chain, or no quote of it can be used; it names the file.

    Notes
    -----
    Days without a time of day are those of the close, of Cboe's files 15:45, at which their
    volatilities are. Forwards and rates come from put-call parity of each instant
    (`engine.pricing.parity`); expiries between others that it determines lie on the line of these
    logarithms, and where it determines none the underlying's price grows at `rate`. Volatilities
    and greeks that a file lacks are Black's on the forward, to the middle of bid and ask; of
    American options those of `mc.american` on the underlying's price, or on the forward where the
    file does not tell it, as of a future; their forward is that of the strike at which call and
    put cost most nearly the same, discounted at `rate`, since parity is one of European options.

    Examples
    --------
    >>> import engine as mc
    >>> text = (
    ...     "[QUOTE_READTIME],[EXPIRE_DATE],[STRIKE],[C_BID],[C_ASK],[P_BID],[P_ASK]\n"
    ...     "2024-01-02 16:00,2024-02-16,470,12.1,12.2,6.4,6.5\n"
    ... )
    >>> _ = Path("spy.csv").write_text(text)
    >>> chain = mc.read_option_chain("spy.csv", underlying="SPY")
    >>> chain.frame.select("right", "bid", "ask").rows()
    [('call', 12.1, 12.2), ('put', 6.4, 6.5)]
    """
    _check_settings(zone, rate, stale_after, exercise)
    place = Path(path)
    rows = read_chain_files(place, zone=zone, as_of=_time_of_quotes(as_of), underlying=underlying)
    try:
        return OptionChain._of_rows(rows, zone, underlying, rate, stale_after, exercise)
    except Refusal as refusal:
        raise refusal.in_file(place) from None


def _check_settings(zone: str, rate: float, stale_after: float, exercise: str) -> None:
    if exercise not in ("european", "american"):
        raise Refusal("exercise", repr(exercise), "european, american")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Refusal("zone", repr(zone), "an IANA zone, such as America/New_York") from None
    if not np.isfinite(rate):
        raise Refusal("rate", f"{rate}", "a finite number")
    if not stale_after > 0.0:
        raise Refusal("stale_after", f"{stale_after}", "more than 0 seconds")


def _time_of_quotes(given: datetime.datetime | str | None) -> datetime.datetime | None:
    """Return the time that files without a column of it are of."""
    if given is None or isinstance(given, datetime.datetime):
        return given
    try:
        return datetime.datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise Refusal("as_of", repr(given), "a time, such as 2024-01-02T16:00") from None


def _instant(given: datetime.datetime | datetime.date | str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise Refusal("instant", repr(given), "an instant, such as 2024-01-02T21:00Z") from None
    whole_day = not isinstance(moment, datetime.datetime) or (
        isinstance(given, str) and len(given) <= 10
    )
    if whole_day:
        moment = datetime.datetime(moment.year, moment.month, moment.day, 23, 59, 59, 999_999)
    assert isinstance(moment, datetime.datetime)
    return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
