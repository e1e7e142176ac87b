"""What the leaders of a search come to while the market is calm, normal and turbulent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.search.equity_runs import equity_of, recording_equity
from engine.search.market import market_study
from engine.search.worlds import Unseen
from engine.statistics.layout import Layout
from engine.statistics.pooled import pooled
from engine.studies import Study

__all__ = ["REGIMES", "regimes"]

Floats = NDArray[np.float64]

#: Columns of the table of regimes.
REGIMES: Final = {
    "rank": pl.Int64,
    "regime": pl.String,
    "share": pl.Float64,
    "market_volatility": pl.Float64,
    "annual_return": pl.Float64,
    "annual_return_std_error": pl.Float64,
    "sharpe": pl.Float64,
    "sharpe_std_error": pl.Float64,
}

# Equity is read at as many points, and the market's volatility over the latest of them.
_POINTS: Final = 250
_WINDOW: Final = 10
_MOST_LEADERS: Final = 10


def regimes(
    unseen: Unseen,
    leaders: Sequence[Mapping[str, Any]],
    ranks: Sequence[int],
    *,
    workers: str | int | None,
) -> pl.DataFrame:
    """Split what leaders earn by the volatility of the market they trade.

    Parameters
    ----------
    unseen : Unseen
        Paths that the search did not use.
    leaders : sequence of mapping
        Parameter sets, best first; of the first ten.
    ranks : sequence of int
        Their ranks.
    workers : "auto" or int, optional
        Threads.

    Returns
    -------
    polars.DataFrame
        Columns of `REGIMES`, three rows per leader: ``calm`` is the quarter of all periods in which
        the market's volatility over the ten periods up to then was least, ``turbulent`` the quarter
        in which it was largest, ``normal`` the rest; ``share`` of the periods, the market's annual
        volatility in them, and the leader's annual return and Sharpe ratio, pooled over paths, with
        errors of independent paths, null of one history. Empty where paths are shorter than twenty
        bars, or differ from set to set.
    """
    job = unseen.study.resolve(unseen.market_data)
    points = min(job.world.steps, _POINTS)
    # Where sets differ in their paths, each would have a market of its own.
    if points < 2 * _WINDOW or not len(leaders) or job.world.swept:
        return pl.DataFrame(schema=REGIMES)
    recorded = recording_equity(unseen.study, points)
    with unseen.prepare(recorded, workers=workers) as prepared:
        seeds = unseen.seeds[:1] if job.world.is_history else unseen.seeds
        sets = [dict(one) for one in leaders[:_MOST_LEADERS]]
        equity = equity_of(prepared, sets, seeds)
        world = prepared.job.world
    holding = recording_equity(market_study(_warmed(unseen, int(job.world.path.warm_up))), points)
    with unseen.prepare(holding, workers=workers) as prepared:
        market = equity_of(prepared, [{"weight": 1.0}], seeds)[0]
    per_year = world.bars_per_year * points / world.steps
    moves = _returns(market)
    volatility = _rolling_deviation(moves) * math.sqrt(per_year)
    calm, turbulent = np.nanquantile(volatility, [0.25, 0.75])
    groups = {
        "calm": volatility <= calm,
        "normal": (volatility > calm) & (volatility < turbulent),
        "turbulent": volatility >= turbulent,
    }
    known = ~np.isnan(volatility)
    returns = _returns(equity)
    units = np.arange(returns.shape[1]) // world.paths_per_unit
    rows: list[dict[str, Any]] = []
    for rank, own in zip(ranks, returns, strict=False):
        for regime, chosen in groups.items():
            row: dict[str, Any] = {"rank": rank, "regime": regime}
            row["share"] = float(chosen.sum() / known.sum())
            row["market_volatility"] = float(volatility[chosen].mean())
            rows.append(row | _earned(own, chosen, units, per_year))
    return pl.DataFrame(rows, schema=REGIMES, orient="row").with_columns(
        pl.selectors.float().fill_nan(None)
    )


def _warmed(unseen: Unseen, warm_up: int) -> Study:
    """Return the study with its own bars to warm up on, so that the market has the same paths."""
    study = unseen.study
    source = study.definition.source.model_copy(update={"warm_up": warm_up})
    copy = Study.from_definition(study.definition.model_copy(update={"source": source}), study.file)
    copy.live = study.live
    return copy


def _earned(
    returns: Floats, chosen: NDArray[np.bool_], units: NDArray[np.int64], per_year: float
) -> dict[str, float]:
    kept = np.where(chosen, returns, 0.0)
    layout = Layout.matrix(1, len(returns), units)
    bars = chosen.sum(axis=1).astype(np.float64)
    sums = {
        "bars": bars,
        "years": bars / per_year,
        "return_sum": kept.sum(axis=1),
        "return_squares": (kept**2).sum(axis=1),
    }
    ratio = pooled("sharpe", {name: layout.arrange(one) for name, one in sums.items()}, layout)
    years = sums["years"].sum()
    annual = sums["return_sum"].sum() / years
    by_unit = np.bincount(units, sums["return_sum"] - annual * sums["years"])
    influence = by_unit / (years / len(by_unit))
    return {
        "annual_return": float(annual),
        "annual_return_std_error": _error(influence),
        "sharpe": float(ratio.value[0]),
        "sharpe_std_error": _error(ratio.influence),
    }


def _error(influence: Floats) -> float:
    count = len(influence)
    return math.sqrt(float((influence**2).mean()) / (count - 1)) if count > 1 else math.nan


def _returns(equity: Floats) -> Floats:
    before, gains = equity[..., :-1], np.diff(equity, axis=-1)
    return np.divide(gains, before, out=np.zeros_like(gains), where=before > 0.0)


def _rolling_deviation(moves: Floats) -> Floats:
    """Return the standard deviation of the latest moves, shape as moves; NaN of the first few."""
    windows = np.lib.stride_tricks.sliding_window_view(moves, _WINDOW, axis=1)
    found = np.full(moves.shape, np.nan)
    found[:, _WINDOW - 1 :] = windows.std(axis=2, ddof=1)
    return found
