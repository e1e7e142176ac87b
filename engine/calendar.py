"""How a bar's timeframe becomes a fraction of a year.

Every annualised figure and every ``dt`` comes from a `BarCalendar`, so a daily equity
bar, a minute futures bar and a minute crypto bar each use their own year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.errors import Refusal
from engine.timeframes import intraday_minutes

__all__ = ["EXCHANGES", "BarCalendar", "Exchange"]


@dataclass(frozen=True)
class Exchange:
    """Nominal trading year of an exchange.

    Parameters
    ----------
    sessions_per_year : float
        Trading sessions in a nominal year.
    minutes_per_session : float
        Minutes of regular trading in a full session.
    """

    sessions_per_year: float
    minutes_per_session: float


# Keys are `exchange_calendars` names, so the same word finds the holidays.
EXCHANGES: Final[dict[str, Exchange]] = {
    "XNYS": Exchange(252.0, 390.0),
    "XNAS": Exchange(252.0, 390.0),
    "XTSE": Exchange(251.0, 390.0),
    "XLON": Exchange(253.0, 510.0),
    "XETR": Exchange(254.0, 510.0),
    "XJSE": Exchange(250.0, 480.0),
    "XTKS": Exchange(245.0, 330.0),
    "XHKG": Exchange(247.0, 330.0),
    "CMES": Exchange(252.0, 1380.0),
    "24/5": Exchange(260.0, 1440.0),
    "24/7": Exchange(365.0, 1440.0),
}

_MONTHS_PER_YEAR: Final = 12.0


@dataclass(frozen=True)
class BarCalendar:
    """Exchange and timeframe of a bar series.

    Parameters
    ----------
    exchange : str
        A key of `EXCHANGES`.
    timeframe : str
        As of `engine.timeframes.canonical_timeframe`.

    Raises
    ------
    ValueError
        If the exchange or the timeframe is unknown.
    """

    exchange: str = "XNYS"
    timeframe: str = "1d"

    def __post_init__(self) -> None:
        if self.exchange not in EXCHANGES:
            raise Refusal("exchange", repr(self.exchange), ", ".join(sorted(EXCHANGES)))
        intraday_minutes(self.timeframe)

    @property
    def sessions_per_year(self) -> float:
        """Sessions in a nominal year."""
        return EXCHANGES[self.exchange].sessions_per_year

    @property
    def bars_per_session(self) -> float:
        """Bars in a full session (below one for bars longer than a session)."""
        minutes = intraday_minutes(self.timeframe)
        if self.timeframe == "1w":
            # A week of a seven-day market has seven sessions, of any other five.
            return 1.0 / (7.0 if self.exchange == "24/7" else 5.0)
        if self.timeframe == "1mo":
            return _MONTHS_PER_YEAR / self.sessions_per_year
        if minutes is None:
            return 1.0
        return EXCHANGES[self.exchange].minutes_per_session / minutes

    @property
    def bars_per_year(self) -> float:
        """Bars in a nominal year: sessions per year times bars per session."""
        return self.sessions_per_year * self.bars_per_session

    @property
    def dt(self) -> float:
        """Length of one bar in years."""
        return 1.0 / self.bars_per_year
