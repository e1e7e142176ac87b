"""Returns by day of one simulation, as programs that draw tear sheets read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.calendar import EXCHANGES, BarCalendar
from engine.errors import Refusal
from engine.jobs.replay import Replay
from engine.local_time import days_of_bars, session_days
from engine.timeframes import intraday_minutes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["daily_returns"]

# The day of the first bar of a path without instants: a Monday.
_FIRST_DAY: Final = np.datetime64("2000-01-03", "D")


def daily_returns(replay: Replay, calendar: BarCalendar) -> pd.Series[Any]:
    """Return what equity earned on each day, as a share of the equity before.

    Parameters
    ----------
    replay : Replay
        A simulation.
    calendar : BarCalendar
        Of its bars.

    Returns
    -------
    pandas.Series of float64, shape (days,)
        By day, without a zone: that of the session. A path without instants begins on
        3 January 2000 and has no holidays. After ruin the returns are 0.

    Raises
    ------
    Refusal
        If the simulation failed, or its bars are longer than a day.
    """
    import pandas as pd

    final, earned = replay.metrics.get("final_equity"), replay.metrics.get("net_pnl")
    if final is None or earned is None:
        raise Refusal("simulation", f"one that failed ({replay.status})", "one that succeeded")
    if intraday_minutes(calendar.timeframe) is None and calendar.timeframe != "1d":
        raise Refusal("timeframe", calendar.timeframe, "1d or shorter, of daily returns")
    days = _days(replay, calendar)
    last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1)
    equity = np.append(final - earned, replay.equity[last])
    before, after = equity[:-1], equity[1:]
    returns = np.divide(after - before, before, out=np.zeros(len(last)), where=before > 0.0)
    index = pd.DatetimeIndex(days[last].astype("datetime64[D]"), name="date")
    return pd.Series(returns, index=index, name=f"simulation {replay.simulation}")


def _days(replay: Replay, calendar: BarCalendar) -> NDArray[np.int64]:
    """Day of each bar that counts, days since 1970-01-01."""
    bars = replay.bars.filter(replay.bars["bar"] >= 0)
    bars = bars.filter(bars["symbol"] == bars["symbol"][0])
    whole_days = intraday_minutes(calendar.timeframe) is None
    if "timestamp" in bars.columns:
        stamps = bars["timestamp"].dt.epoch("us").to_numpy().astype(np.int64)
        label = days_of_bars if whole_days else session_days
        return label(stamps, calendar.exchange)
    per_session = 1 if whole_days else max(1, round(calendar.bars_per_session))
    sessions = np.arange(len(bars)) // per_session
    week = "1111111" if EXCHANGES[calendar.exchange].days_per_week == 7 else "1111100"
    return np.busday_offset(_FIRST_DAY, sessions, weekmask=week).astype(np.int64)
