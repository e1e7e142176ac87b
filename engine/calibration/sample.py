"""From bars to the log returns that a spot model is estimated on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calendar import EXCHANGES, BarCalendar
from engine.calibration.window import Window
from engine.clock import trading_time
from engine.errors import Refusal
from engine.timeframes import intraday_minutes

__all__ = ["SpotSample", "bar_ends", "bars_as_of", "log_prices"]

_MINUTE = 60_000_000
_DAY = 1440 * _MINUTE
# Fewer returns leave no degrees of freedom beside a drift and a volatility.
_FEWEST = 3


@dataclass(frozen=True, eq=False)
class SpotSample:
    r"""Log returns of one symbol with their time steps and weights.

    Parameters
    ----------
    symbol, timeframe, window : str
        The series and the window the observations come from.
    as_of : datetime.date
        Last date whose bars were used.
    start : ndarray of float64, shape (n,)
        Log price before each return.
    returns : ndarray of float64, shape (n,)
        Log returns.
    dt : ndarray of float64, shape (n,)
        Length of each return in years.
    weights : ndarray of float64, shape (n,)
        Weight of each return's log density: ones, or in an exponential window weights that halve
        with age and sum to the effective number of returns, ``(sum w)^2 / sum w^2`` [1]_.
    begins, stamps : ndarray of int64, shape (n,)
        Opening instants of the bars that each return starts from and ends in.
    nominal_dt : float
        Length of one bar of trading time in years (`engine.clock.bar_years`).
    last : float
        Last log price.
    diagnostics : dict
        What was left out and why.

    Notes
    -----
    A weighted maximum likelihood estimate has the variance :math:`I^{-1} \sum w^2 / (\sum w)^2`,
    where I is the information in one return. Weights scaled so that they sum to the effective
    number of returns make the inverse curvature of the weighted likelihood that variance, and put
    the likelihood on the scale of as many returns of weight one.

    References
    ----------
    .. [1] Kish, L. (1965). Survey Sampling, section 11.7.
    """

    symbol: str
    timeframe: str
    window: str
    as_of: date
    start: NDArray[np.float64]
    returns: NDArray[np.float64]
    dt: NDArray[np.float64]
    weights: NDArray[np.float64]
    begins: NDArray[np.int64]
    stamps: NDArray[np.int64]
    nominal_dt: float
    last: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_bars(
        cls,
        bars: Bars,
        *,
        as_of: date | None = None,
        window: str | Window = "full",
        non_positive: Literal["error", "exclude"] | float = "error",
        overnight: Literal["exclude", "include"] = "exclude",
        minimum: int = 30,
    ) -> SpotSample:
        """Take the returns of a window that ends at `as_of`.

        Parameters
        ----------
        bars : Bars
            The history; bars that end after `as_of` are ignored.
        as_of : datetime.date, optional
            Defaults to the date of the last bar.
        window : str or Window
            See `Window.parse`.
        non_positive : "error", "exclude" or float
            Prices at or below zero have no logarithm: raise, leave out the two returns that
            touch each of them, or add this amount to every price (a shifted model).
        overnight : "exclude" or "include"
            Intraday bars only: leave out the returns across session breaks (their variance is
            reported in the diagnostics), or count each as one bar. Inside a session a return
            over missing minutes counts its elapsed bars; around the clock markets have no break.
            So do returns over missing days, weeks and months (`engine.clock.trading_time`).
        minimum : int
            Fewest returns allowed; in an exponential window, smallest effective number.

        Raises
        ------
        ValueError
            If a price is not positive and the policy is "error", there are too few returns, or
            the price never changes.
        """
        if minimum < _FEWEST:
            raise Refusal("minimum", str(minimum), f">= {_FEWEST}")
        cut, as_of = bars_as_of(bars, as_of)
        span = Window.parse(window)
        diagnostics: dict[str, Any] = {}
        logs = log_prices(cut, non_positive, diagnostics)
        steps, inside, dt = trading_time(cut.timestamps, cut.calendar)
        returns = np.diff(logs)
        weights = span.weights(cut.timestamps[1:], _end_of_day(as_of))
        if cut.calendar.bars_per_session > 1.0:
            _report_overnight(returns, inside, cut.bars_per_session, diagnostics)
        keep = np.isfinite(returns) & (weights > 1e-12)
        if overnight == "exclude":
            keep &= inside
        elif overnight != "include":
            raise Refusal("overnight", repr(overnight), "exclude, include")
        count = int(keep.sum())
        if count < minimum:
            raise Refusal(f"{bars.symbol} bars", f"{count} returns up to {as_of}", f">= {minimum}")
        weights = weights[keep]
        weights *= weights.sum() / np.sum(weights**2)
        if weights.sum() < minimum:
            raise Refusal(
                f"{bars.symbol} bars",
                f"{weights.sum():.1f} effective returns up to {as_of} in the window {span}",
                f">= {minimum}",
            )
        used = returns[keep]
        # Returns that differ by no more than the rounding of log prices count as equal.
        rounding = 8.0 * np.finfo(np.float64).eps * max(float(np.nanmax(np.abs(logs))), 1.0)
        if float(np.ptp(used)) <= rounding:
            raise Refusal(
                f"{bars.symbol} close",
                f"the same return in all {count} bars up to {as_of}",
                "prices that vary",
            )
        position = np.flatnonzero(keep)
        diagnostics |= {
            "first_bar": _date_of(int(cut.timestamps[position[0]])).isoformat(),
            "last_bar": _date_of(int(cut.timestamps[position[-1] + 1])).isoformat(),
            "effective_n": float(weights.sum()),
        }
        return cls(
            symbol=bars.symbol,
            timeframe=bars.calendar.timeframe,
            window=str(span),
            as_of=as_of,
            start=logs[:-1][keep],
            returns=used,
            dt=steps[keep] * dt,
            weights=weights,
            begins=cut.timestamps[:-1][keep],
            stamps=cut.timestamps[1:][keep],
            nominal_dt=dt,
            last=float(logs[np.isfinite(logs)][-1]),
            diagnostics=diagnostics,
        )

    @property
    def n(self) -> int:
        """Number of returns."""
        return len(self.returns)

    @property
    def effective_n(self) -> float:
        """Effective number of returns: their number when the weights are equal."""
        return float(self.weights.sum())

    def identity(self) -> dict[str, Any]:
        """Fields of a `Calibration` that the sample decides."""
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "as_of": self.as_of,
            "n": self.n,
            "window": self.window,
        }


def bars_as_of(bars: Bars, as_of: date | None) -> tuple[Bars, date]:
    """Bars that have ended by the end of `as_of` (UTC), and the date itself.

    Raises
    ------
    ValueError
        If there are no bars, or none has ended by then.
    """
    if len(bars) == 0:
        raise Refusal(f"{bars.symbol} bars", "none", "at least one")
    ends = bar_ends(bars.timestamps, bars.calendar)
    if as_of is None:
        # A bar that ends at midnight belongs to the day before it.
        as_of = _date_of(int(ends[-1]) - 1)
    count = int(np.searchsorted(ends, _end_of_day(as_of), side="right"))
    if count == 0:
        raise Refusal(
            f"{bars.symbol} as_of", str(as_of), f">= {_date_of(int(ends[0]) - 1)}, the first bar"
        )
    return bars if count == len(bars) else bars[:count], as_of


def bar_ends(timestamps: NDArray[np.int64], calendar: BarCalendar) -> NDArray[np.int64]:
    """Instant at which each bar is complete, in microseconds: until then no estimate may use it."""
    minutes = intraday_minutes(calendar.timeframe)
    if minutes is not None:
        return timestamps + minutes * _MINUTE
    if calendar.timeframe == "1mo":
        # A month may open on the evening before its first day, and its sessions end with it.
        inside = (timestamps + 3 * _DAY).astype("datetime64[us]").astype("datetime64[M]")
        return np.asarray((inside + 1).astype("datetime64[us]").astype(np.int64))
    sessions = round(1.0 / calendar.bars_per_session)
    session = int(EXCHANGES[calendar.exchange].minutes_open_to_close) * _MINUTE
    return timestamps + (sessions - 1) * _DAY + session


def log_prices(
    bars: Bars, non_positive: Literal["error", "exclude"] | float, diagnostics: dict[str, Any]
) -> NDArray[np.float64]:
    """Log closes under the stated policy for prices at or below zero (NaN where excluded)."""
    close = bars.close
    if not isinstance(non_positive, str):
        if not math.isfinite(non_positive):
            raise Refusal("non_positive", str(non_positive), "error, exclude or an amount to add")
        close = close + float(non_positive)
        diagnostics["price_shift"] = float(non_positive)
    elif non_positive not in ("error", "exclude"):
        raise Refusal("non_positive", repr(non_positive), "error, exclude or an amount to add")
    bad = close <= 0.0
    if bad.any():
        rows = np.flatnonzero(bad)
        days = [_date_of(int(bars.timestamps[row])).isoformat() for row in rows[:5]]
        if non_positive != "exclude":
            raise Refusal(
                f"{bars.symbol} close",
                f"{bars.close[rows[0]]:g} on {days[0]}",
                f"> 0 for a log model{_shift_text(non_positive)}; choose "
                'non_positive="exclude" or a shift',
            )
        diagnostics |= {"excluded_non_positive": len(rows), "excluded_dates": days}
    logs = np.full(len(close), np.nan)
    np.log(close, out=logs, where=~bad)
    return logs


def _shift_text(non_positive: object) -> str:
    return "" if isinstance(non_positive, str) else f" even after adding {non_positive}"


def _report_overnight(
    returns: NDArray[np.float64],
    inside: NDArray[np.bool_],
    per_session: float,
    diagnostics: dict[str, Any],
) -> None:
    across = returns[~inside & np.isfinite(returns)]
    within = returns[inside & np.isfinite(returns)]
    if len(across) < 2 or len(within) < 2:
        return
    session = float(np.mean(within**2)) * per_session
    gap = float(np.var(across))
    diagnostics |= {
        "overnight_returns": len(across),
        "overnight_sd": math.sqrt(gap),
        "overnight_variance_share": gap / (gap + session) if gap + session > 0.0 else math.nan,
    }


def _end_of_day(day: date) -> int:
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return int(after.timestamp()) * 1_000_000


def _date_of(timestamp: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=timestamp)).date()
