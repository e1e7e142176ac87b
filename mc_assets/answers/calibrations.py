"""Calibrations: estimating them, and those that are stored."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mc_assets.answers.bars import series_keys
from mc_assets.answers.steps import StepCallback, run_steps
from mc_assets.project import Project

__all__ = [
    "Backfilled",
    "backfill_calibrations",
    "calibrate_series",
    "calibrations_through_time",
    "compared_models",
    "recalibrate_outdated",
    "stored_calibrations",
]


@dataclass(frozen=True)
class Backfilled:
    """What a backfill found and made.

    Parameters
    ----------
    series : polars.DataFrame
        A row per series: ``series``, ``dates`` (weekdays asked for that have bars), ``stored``
        before, ``made``, and ``failed``, models times dates that could not be estimated.
    """

    series: pl.DataFrame


def calibrate_series(
    project: Project,
    series: Sequence[str] = (),
    *,
    as_of: datetime.date | None = None,
    progress: StepCallback | None = None,
) -> pl.DataFrame:
    """Estimate every model of series as of a date; return what `stored_calibrations` does.

    Parameters
    ----------
    project : Project
        Where bars and calibrations lie.
    series : sequence of str
        Symbols or series such as ``SP500@1d``; by default all.
    as_of : datetime.date, optional
        Last date whose bars are used; by default that of each series' newest bar.
    progress : callable, optional
        Called before and after each step.

    Raises
    ------
    ValueError
        If a series is unknown, or calibrations have no partition of the date.
    PipelineError
        If the run fails. A model that cannot be estimated is a row, not an error.
    """
    from mc_assets.steps import calibration_steps

    keys = series_keys(project, series)
    run_steps(project, calibration_steps(project, keys, as_of=as_of), progress)
    return stored_calibrations(project, series, as_of=as_of)


def backfill_calibrations(
    project: Project,
    first: datetime.date,
    last: datetime.date,
    series: Sequence[str] = (),
    *,
    again: bool = False,
    progress: StepCallback | None = None,
) -> Backfilled:
    """Calibrate series as of every weekday between two days that has no calibration yet.

    What is finished stays when it is stopped; the same call goes on from there.

    Parameters
    ----------
    project : Project
        Where bars and calibrations lie.
    first, last : datetime.date
        Both belong to it; days before a series' first bar or after its last are left out.
    series : sequence of str
        Symbols or series such as ``SP500@1d``; by default all.
    again : bool
        Make stored dates anew, too: of bars that a provider has changed since.
    progress : callable, optional
        Called before and after each step.

    Raises
    ------
    ValueError
        If a series is unknown or has no bars, or the days are the wrong way round.
    PipelineError
        If a run fails; what others made is kept.
    """
    from mc_assets.backfills import missing_dates

    backfills = missing_dates(project, series_keys(project, series), first, last, again=again)
    run_steps(project, (step for found in backfills for step in found.steps(project)), progress)
    rows = [
        (found.series, found.stored + len(found.missing), found.stored, len(found.missing))
        for found in backfills
    ]
    frame = pl.DataFrame(rows, schema=["series", "dates", "stored", "made"], orient="row")
    failed = [_failures(project, found.series, found.missing) for found in backfills]
    return Backfilled(frame.with_columns(pl.Series("failed", failed, dtype=pl.Int64)))


def _failures(project: Project, key: str, days: Sequence[datetime.date]) -> int:
    """Count the estimates of some days that failed."""
    from mc_assets.calibration_store import CalibrationStore

    symbol, _, timeframe = key.rpartition("@")
    table = CalibrationStore(project.data).read(symbol, timeframe, allow_damaged=True)
    failed = table.filter(pl.col("as_of").is_in(list(days)) & (pl.col("status") == "failed"))
    return failed.select("as_of", "model").n_unique() if failed.height else 0


def recalibrate_outdated(
    project: Project, series: Sequence[str] = (), *, progress: StepCallback | None = None
) -> pl.DataFrame:
    """Make anew what estimators of another version made; return the newest calibrations.

    The arguments are those of `calibrate_series`.

    Raises
    ------
    ValueError
        If a series is unknown.
    PipelineError
        If a run fails.
    """
    from mc_assets.backfills import outdated_steps

    run_steps(project, outdated_steps(project, series_keys(project, series)), progress)
    return stored_calibrations(project, series)


def stored_calibrations(
    project: Project, series: Sequence[str] = (), *, as_of: datetime.date | None = None
) -> pl.DataFrame:
    """Read calibrations as of a date, by default the newest of each series.

    Returns
    -------
    polars.DataFrame
        One row per series, model and parameter (`mc_assets.calibration_store`); a model that
        could not be estimated is one row with ``status = 'failed'`` and its reason.

    Raises
    ------
    ValueError
        If a series is unknown.
    """
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.market_data import load_series
    from mc_assets.series_models import load_models

    config = load_series(project.series)
    store = CalibrationStore(project.data)
    frames = []
    for key in series_keys(project, series):
        symbol, _, timeframe = key.rpartition("@")
        # What a user's estimator has made is judged by its code of today.
        load_models(config[key], config.folder)
        wanted = pl.lit(as_of) if as_of else pl.col("as_of").max()
        frames.append(store.read(symbol, timeframe).filter(pl.col("as_of") == wanted))
    return pl.concat(frames)


def compared_models(
    project: Project, series: Sequence[str] = (), *, as_of: datetime.date | None = None
) -> pl.DataFrame:
    """Compare the stored calibrations of each series as of a date, by default the newest.

    Returns
    -------
    polars.DataFrame
        ``symbol``, ``timeframe``, ``as_of`` and the columns of `engine.realism.compare_models`,
        best model of each series first.

    Raises
    ------
    ValueError
        If a series is unknown, has no calibration of the date, or no bars.
    """
    from engine.errors import Refusal
    from engine.realism import compare_models
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.stored_market_data import StoredMarketData

    store, market_data = CalibrationStore(project.data), StoredMarketData(project)
    frames = []
    for key in series_keys(project, series):
        symbol, _, timeframe = key.rpartition("@")
        stored = stored_calibrations(project, [key], as_of=as_of)
        if stored.is_empty():
            when = f" as of {as_of}" if as_of else ""
            raise Refusal(
                f"calibrations of {key}{when}", "none", "some", hint=f"run `mc calibrate {key}`"
            )
        day = stored["as_of"][0]
        ((bars, _),) = market_data.bars_as_of(symbol, timeframe, [day])
        table = compare_models(store.on(symbol, timeframe, day), bars)
        owner = (pl.lit(symbol).alias("symbol"), pl.lit(timeframe).alias("timeframe"))
        frames.append(table.select(*owner, pl.lit(day).alias("as_of"), pl.all()))
    return pl.concat(frames)


def calibrations_through_time(project: Project, series: Sequence[str] = ()) -> pl.DataFrame:
    """Read every stored calibration of series, oldest first.

    Returns
    -------
    polars.DataFrame
        One row per series, date, model and parameter (`mc_assets.calibration_store`).

    Raises
    ------
    ValueError
        If a series is unknown.
    """
    from mc_assets.calibration_store import CalibrationStore

    store = CalibrationStore(project.data)
    split = (key.rpartition("@") for key in series_keys(project, series))
    return pl.concat([store.read(symbol, timeframe) for symbol, _, timeframe in split])
