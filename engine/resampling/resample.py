"""What else one simulation could have come to: its trades or returns, resampled."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.resampling.courses import METHODS, Courses
from engine.resampling.record import Record, Recorded, delayed_profits
from engine.resampling.resampled import LEVELS, Resampled
from engine.resampling.walks import WALKED, walk
from engine.sources.block_length import block_length as lengths_of

__all__ = ["resample"]

Floats = NDArray[np.float64]

# Points at which bands are kept.
_POINTS = 256
# Methods that draw from the record: a course may be longer than it, and the record uncertain.
_SAMPLING = ("trades", "returns", "parametric")
_FEWEST_DRAWS = 100


def resample(
    found: Recorded,
    method: str = "trades",
    *,
    draws: int = 10_000,
    seed: int = 0,
    compound: bool = True,
    steps: int | None = None,
    block_length: float | None = None,
    redraw: bool = True,
    skip: float | None = None,
    delay: int | None = None,
) -> Resampled:
    """Resample the trades or returns of one backtest.

    Parameters
    ----------
    found : Backtest or Replay
        One simulation with its trades, as `backtest` or `Results.simulation` returns it.
    method : str
        ``trades``: trades in blocks (stationary bootstrap). ``returns``: returns of bars in blocks.
        ``shuffle``: the same trades in another order; what they come to in the end does not
        change, so only what depends on the order is stated. ``parametric``: independent trades,
        gains and losses of log-normal size with the observed shares, means and variances.
        ``skip``: each trade is missed with a probability. ``delay``: each entry is filled up to
        some bars later.
    draws : int
        Courses, at least 100.
    seed : int
        Of the courses: the same seed draws the same ones.
    compound : bool
        Whether a trade earns the share of the equity before it that it earned in the backtest, as
        where positions are sized in percent, or the same money, as where they are sized in units.
    steps : int, optional
        Trades (or bars) of a course, for the first two methods and ``parametric``; by default as
        many as there were.
    block_length : float, optional
        Mean length of blocks, in trades or bars; by default Politis and White's.
    redraw : bool
        Whether each course comes from a record that was itself resampled, so that the bands are of
        what comes next, the uncertainty of the record counted in; else of records like this one,
        of which they cover the mean. For ``trades``, ``returns``, ``parametric``.
    skip : float, optional
        Probability with which ``skip`` misses a trade, by default 0.1.
    delay : int, optional
        Most bars by which ``delay`` fills late, by default 1; delays from 0 to it are equally
        likely.

    Returns
    -------
    Resampled
        Bands of equity, distributions with their errors, and the risk of ruin by size.

    Raises
    ------
    Refusal
        If there are fewer than 10 trades (or bars), the simulation failed, the method is unknown,
        or an argument does not fit it.

    Notes
    -----
    Blocks of the stationary bootstrap [1]_ begin anew with probability 1 / L at each step, at a
    place that is uniform over the record, and wrap around its end; L is Politis and White's [2]_.
    Resampling once puts the mean of the bands at what was observed, with the variance of one
    record about it. The next record differs from the observed one by twice that variance, which
    is what resampling twice gives (`redraw`); bands of 90 % that are resampled once cover the next
    record 75 % of the time. Where returns depend on each other (autocorrelation 0.6, 1,000 bars)
    blocks hold it 85 % of the time, single returns 59 %. Trades that were open at the end, and
    interest, are left out.

    References
    ----------
    .. [1] Politis, D., Romano, J. (1994). The stationary bootstrap. Journal of the American
       Statistical Association 89, 1303-1313.
    .. [2] Politis, D., White, H. (2004). Automatic block-length selection for the dependent
       bootstrap. Econometric Reviews 23, 53-70.

    Examples
    --------
    >>> from engine.bars import Bars
    >>> from engine.sources import GBM
    >>> from engine.strategies import backtest
    >>> block = GBM(sigma=0.2).paths(seeds=[1], steps=1500)
    >>> stamps = np.arange(1500) * 86_400_000_000
    >>> bars = Bars("X", stamps, *(block.field(name)[0] for name in block.fields))
    >>> found = resample(backtest("sma_crossover", bars, {"fast": 5, "slow": 10}), "shuffle")
    >>> found.statistics().filter(pl.col("statistic") == "final_equity_q50")["method"].item()
    'no order changes it'
    """
    _check(method, draws, steps, block_length, skip, delay, seed)
    of_trades = method != "returns"
    record = Record.of_trades(found) if of_trades else Record.of_returns(found)
    if compound and (record.equity_before <= 0.0).any():
        raise Refusal(
            "compound", "an account that had nothing left on the way", "False, which adds money"
        )
    own = record.shares if compound else record.profits
    source = own
    if method == "delay":
        source = delayed_profits(found, 1 if delay is None else delay)
        if compound:
            source = source / record.equity_before[:, None]
    length = 1.0
    if method in ("trades", "returns"):
        length = lengths_of(own)[0] if block_length is None else block_length
    courses = Courses(
        method,
        source,
        len(own) if steps is None else steps,
        draws,
        seed,
        float(np.clip(length, 1.0, len(own))),
        redraw and method in _SAMPLING,
        0.1 if skip is None else skip,
    )
    points = np.unique(np.linspace(1, courses.steps, min(courses.steps, _POINTS)).astype(np.int64))
    curves, outcomes = _walk(courses, record.start, compound, points)
    alone, observed = np.empty((1, len(points))), np.empty((1, WALKED))
    walk(np.ascontiguousarray(own[None]), record.start, compound, points, alone, observed)
    if courses.steps > len(own):
        alone[0, points > len(own)] = np.nan
    return Resampled(
        courses=courses,
        unit="trade" if of_trades else "bar",
        compound=compound,
        start=record.start,
        seen=own,
        bands=_bands(found, record, points, curves, alone[0]),
        outcomes=outcomes,
        observed=observed[0],
    )


def _walk(
    courses: Courses, start: float, compound: bool, points: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    curves = np.empty((courses.draws, len(points)))
    outcomes = np.empty((courses.draws, WALKED))
    at = 0
    for chunk in courses.chunks():
        rows = slice(at, at + len(chunk))
        walk(chunk, start, compound, points, curves[rows], outcomes[rows])
        at += len(chunk)
    return curves, outcomes


def _bands(
    found: Recorded, record: Record, points: NDArray[np.int64], curves: Floats, alone: Floats
) -> pl.DataFrame:
    """Quantiles over courses at each point; the bar is that of the record's outcome there."""
    bars = [int(record.exit_bars[p - 1]) if p <= len(record.exit_bars) else None for p in points]
    frame = pl.DataFrame(
        {
            "step": points,
            "bar": pl.Series(bars, dtype=pl.Int64),
            "observed": pl.Series(alone, nan_to_null=True),
        }
    )
    if "timestamp" in found.bars.columns:
        times = found.bars.select(pl.col("bar").cast(pl.Int64), time="timestamp").unique("bar")
        frame = frame.join(times, on="bar", how="left", maintain_order="left")
    else:
        frame = frame.with_columns(time=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
    levels = np.quantile(curves, LEVELS, axis=0)
    columns = {f"q{100 * level:02.0f}": row for level, row in zip(LEVELS, levels, strict=True)}
    return frame.select("step", "bar", "time", "observed").with_columns(**columns)


def _check(
    method: str,
    draws: int,
    steps: int | None,
    block_length: float | None,
    skip: float | None,
    delay: int | None,
    seed: int,
) -> None:
    if method not in METHODS:
        raise Refusal("method", repr(method), ", ".join(METHODS))
    if draws < _FEWEST_DRAWS:
        raise Refusal("draws", str(draws), f"at least {_FEWEST_DRAWS}")
    if not 0 <= seed < 2**64:
        raise Refusal("seed", str(seed), "0 to 2**64 - 1")
    for name, value, methods in (
        ("steps", steps, _SAMPLING),
        ("block_length", block_length, ("trades", "returns")),
        ("skip", skip, ("skip",)),
        ("delay", delay, ("delay",)),
    ):
        if value is not None and method not in methods:
            raise Refusal(name, f"one for method {method!r}", f"for {', '.join(methods)} alone")
    if steps is not None and steps < 1:
        raise Refusal("steps", str(steps), "at least 1")
    if block_length is not None and not block_length >= 1.0:
        raise Refusal("block_length", str(block_length), "at least 1")
    if skip is not None and not 0.0 < skip < 1.0:
        raise Refusal("skip", str(skip), "between 0 and 1")
    if delay is not None and delay < 1:
        raise Refusal("delay", str(delay), "at least 1 bar")
