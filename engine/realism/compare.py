"""Comparison of a calibrated source with the bars it was calibrated on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration import Calibration
from engine.calibration.sample import SpotSample, bars_as_of
from engine.errors import Refusal
from engine.models import BUILT_IN
from engine.realism.distances import two_sample_distances
from engine.realism.statistics import path_statistics
from engine.sources import Source, make_source

__all__ = ["REALISM_COLUMNS", "RealismReport", "compare_with_history"]

Array = NDArray[np.float64]

REALISM_COLUMNS = (
    "symbol",
    "timeframe",
    "as_of",
    "model",
    "estimator_version",
    "statistic",
    "history",
    "simulated",
    "simulated_sd",
    "monte_carlo_error",
    "percentile",
    "z_score",
    "inside",
    "bars",
    "paths",
    "score",
)

# A statistic counts as reproduced inside the central 95 % of the simulated ones.
_LEVEL = 0.95
_PATHS_AT_A_TIME = 25


@dataclass(frozen=True, eq=False)
class RealismReport:
    """What a source reproduces and what it does not.

    Parameters
    ----------
    symbol, timeframe, model : str
        The series and the source.
    as_of : datetime.date
        Last date of the history compared with.
    rows : tuple of dict
        One per statistic, without the identifying columns: ``statistic``, ``history`` (its value
        in the bars), ``simulated`` (mean over paths), ``simulated_sd`` (over paths: the sampling
        error that one history has), ``monte_carlo_error`` (of the mean), ``percentile`` (share of
        paths below history), ``z_score`` and ``inside`` (whether history lies in the central
        95 %).
    bar_count, paths : int
        Length and number of the simulated paths.
    score : float
        Share of the statistics that lie inside, 0 to 1.
    estimator_version : str
        Version of the estimator that made the parameters.
    history : ndarray of float64, shape (bars,)
        Log returns that were compared with.
    bars_per_year : float
        Of them.
    paths_of : dict of str to ndarray of float64, shape (paths,)
        The `STATISTICS` of every path.
    """

    symbol: str
    timeframe: str
    model: str
    as_of: date
    rows: tuple[dict[str, Any], ...]
    bar_count: int
    paths: int
    score: float
    estimator_version: str = ""
    history: Array = field(default_factory=lambda: np.empty(0), repr=False)
    bars_per_year: float = math.nan
    paths_of: dict[str, Array] = field(default_factory=dict, repr=False)

    @property
    def missed(self) -> tuple[str, ...]:
        """Statistics that the source does not reproduce."""
        return tuple(row["statistic"] for row in self.rows if not row["inside"])

    def to_rows(self) -> list[dict[str, Any]]:
        """Rows of the table ``source_realism``, columns `REALISM_COLUMNS`."""
        shared = {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "as_of": self.as_of,
            "model": self.model,
            "estimator_version": self.estimator_version,
            "bars": self.bar_count,
            "paths": self.paths,
            "score": self.score,
        }
        return [{name: (shared | row)[name] for name in REALISM_COLUMNS} for row in self.rows]


def compare_with_history(
    calibration: Calibration,
    bars: Bars,
    *,
    seeds: Sequence[int] = range(200),
    source: Source | None = None,
    non_positive: Literal["error", "exclude"] | float | None = None,
    overnight: Literal["exclude", "include"] | None = None,
    longest: int = 5040,
) -> RealismReport:
    """Simulate a calibrated source and compare its paths with the bars.

    Parameters
    ----------
    calibration : Calibration
        Of the symbol; bars after its as-of date and before its window are ignored.
    bars : Bars
        The history.
    seeds : sequence of int
        One path each.
    source : Source, optional
        Simulated in place of the calibration's own source.
    non_positive, overnight
        See `SpotSample.from_bars`. By default such prices are treated as by the calibration, and
        session breaks are left out unless the source is a bootstrap, whose paths contain them.
    longest : int
        Number of latest returns that are compared at most.

    Returns
    -------
    RealismReport
        Each path is as long as the history, so the spread of a statistic over paths is the
        sampling error that a history of this length has under the model.

    Raises
    ------
    ValueError
        If the calibration failed, or there are fewer than 100 returns or 20 seeds.

    Notes
    -----
    The two distances are of returns over their deviation in the history. Their ``simulated`` value
    is between consecutive paths: the distance of two histories of the same model. Their
    ``history`` value is the mean distance between history and the paths.
    """
    if not calibration.ok:
        raise Refusal(
            f"calibration of {calibration.model}", f"the estimate failed: {calibration.reason}"
        )
    if len(seeds) < 20:
        raise Refusal("seeds", str(len(seeds)), ">= 20")
    if non_positive is None:
        excluded = "excluded_non_positive" in calibration.diagnostics
        shift = calibration.diagnostics.get("price_shift")
        non_positive = shift if shift is not None else "exclude" if excluded else "error"
    sample = SpotSample.from_bars(
        bars,
        as_of=calibration.as_of,
        window=calibration.window if calibration.window.startswith("rolling") else "full",
        non_positive=non_positive,
        overnight=overnight or ("include" if calibration.model == "bootstrap" else "exclude"),
        minimum=100,
    )
    history = sample.returns[-longest:]
    start = math.exp(float(sample.start[-len(history)]))
    model = source if source is not None else calibrated_source(calibration, bars)
    per_year = 1.0 / sample.nominal_dt
    observed = path_statistics(history, per_year)
    simulated: dict[str, list[Array]] = {name: [] for name in observed}
    scale = float(history.std())
    to_history: list[tuple[float, float]] = []
    between: list[tuple[float, float]] = []
    last: Array | None = None
    for returns in _simulated(model, seeds, len(history), start, sample.nominal_dt):
        for name, values in path_statistics(returns, per_year).items():
            simulated[name].append(values)
        for path in returns / scale:
            to_history.append(two_sample_distances(history / scale, path))
            if last is not None:
                between.append(two_sample_distances(last, path))
            last = path
    paths_of = {name: np.concatenate(values) for name, values in simulated.items()}
    rows = [_row(name, float(observed[name][0]), values) for name, values in paths_of.items()]
    for column, name in enumerate(("kolmogorov_smirnov", "energy_distance")):
        own = np.array([pair[column] for pair in to_history])
        reference = np.array([pair[column] for pair in between])
        rows.append(_distance_row(name, own, reference))
    return RealismReport(
        symbol=calibration.symbol,
        timeframe=calibration.timeframe,
        model=calibration.model,
        as_of=calibration.as_of,
        rows=tuple(rows),
        bar_count=len(history),
        paths=len(seeds),
        score=sum(row["inside"] for row in rows) / len(rows),
        estimator_version=calibration.estimator_version,
        history=history,
        bars_per_year=per_year,
        paths_of=paths_of,
    )


def calibrated_source(calibration: Calibration, bars: Bars) -> Source:
    if calibration.model == "bootstrap":
        history, _ = bars_as_of(bars, calibration.as_of)
        positive = history.low > 0.0
        if not positive.all():
            history = history[positive]
        return make_source("bootstrap", {}, bars=history, options=calibration.parameters)
    parameters = dict(calibration.parameters)
    if calibration.model in BUILT_IN and {"theta", "v0"} <= parameters.keys():
        # The history did not start at today's variance, so paths start at the long-run level.
        parameters["v0"] = parameters["theta"]
    if calibration.model == "garch":
        parameters["v0"] = float(calibration.diagnostics["long_run_volatility"]) ** 2
    return make_source(calibration.model, parameters)


def _simulated(
    source: Source, seeds: Sequence[int], steps: int, start: float, dt: float
) -> Iterator[Array]:
    """Yield log returns of a few paths at a time, to limit memory."""
    for begin in range(0, len(seeds), _PATHS_AT_A_TIME):
        block = source.paths(
            steps=steps,
            seeds=list(seeds[begin : begin + _PATHS_AT_A_TIME]),
            s0=start,
            dt=dt,
            bars="close",
        )
        logs = np.log(block.close)
        yield np.diff(logs, axis=1, prepend=math.log(start))


def _row(name: str, history: float, simulated: Array) -> dict[str, Any]:
    values = simulated[np.isfinite(simulated)]
    if len(values) < 2 or not math.isfinite(history):
        return _filled(name, history, math.nan, math.nan, math.nan, math.nan, inside=True)
    low = float(np.mean(values < history))
    share = 0.5 * (low + float(np.mean(values <= history)))
    sd = float(values.std(ddof=1))
    tail = 0.5 * (1.0 - _LEVEL)
    return _filled(
        name,
        history,
        float(values.mean()),
        sd,
        sd / math.sqrt(len(values)),
        share,
        inside=tail <= share <= 1.0 - tail,
    )


def _distance_row(name: str, own: Array, reference: Array) -> dict[str, Any]:
    """Make a row in which history is inside if it is no farther from the paths than they are."""
    share = float(np.mean(reference < own.mean()))
    sd = float(reference.std(ddof=1))
    error = float(own.std(ddof=1)) / math.sqrt(len(own))
    return _filled(
        name, float(own.mean()), float(reference.mean()), sd, error, share, inside=share <= _LEVEL
    )


def _filled(
    name: str,
    history: float,
    simulated: float,
    sd: float,
    error: float,
    percentile: float,
    *,
    inside: bool,
) -> dict[str, Any]:
    return {
        "statistic": name,
        "history": _defined(history),
        "simulated": _defined(simulated),
        "simulated_sd": _defined(sd),
        "monte_carlo_error": _defined(error),
        "percentile": _defined(percentile),
        "z_score": _defined((history - simulated) / sd) if sd > 0.0 else None,
        "inside": bool(inside),
    }


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
