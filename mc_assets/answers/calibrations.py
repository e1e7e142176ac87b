"""Calibrations: estimating them, and those that are stored."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import polars as pl

from mc_assets.answers.bars import series_keys
from mc_assets.answers.steps import StepCallback, run_steps
from mc_assets.project import Project

__all__ = ["calibrate_series", "recalibrate_outdated", "stored_calibrations"]


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
    from mc_assets.steps import outdated_steps

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
