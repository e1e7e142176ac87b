"""Calibration of many series as of many dates."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.registry import try_calibrate

__all__ = ["SPOT_MODELS", "calibrate_dates"]

# Models that bars alone can calibrate.
SPOT_MODELS = ("bootstrap", "gbm", "heston", "merton", "regime_switching", "schwartz_1f")

_DATES_PER_TASK = 16


def calibrate_dates(
    histories: Bars | Sequence[Bars],
    dates: Iterable[date],
    models: Sequence[str] = SPOT_MODELS,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    workers: int = 1,
) -> Iterator[Calibration]:
    """Calibrate every model on every history as of every date.

    Parameters
    ----------
    histories : Bars or sequence of Bars
        One per series.
    dates : iterable of datetime.date
        As-of dates; each estimate sees bars up to its own date only.
    models : sequence of str
        Names of `model_names`.
    options : mapping, optional
        Options by model, such as ``{"gbm": {"window": "rolling:5y"}}``.
    workers : int
        Processes; 1 works in the calling process. A program that was read from standard input
        always does, because no other process can import it.

    Yields
    ------
    Calibration
        In the order histories, dates, models; failures have status "failed".

    Notes
    -----
    Nothing is carried from one date to the next: starting points are functions of the data up to
    the date, so the result of a date does not depend on whether, where or in which order other
    dates ran.
    """
    series = (histories,) if isinstance(histories, Bars) else tuple(histories)
    days = list(dates)
    chosen = {model: dict((options or {}).get(model, {})) for model in models}
    tasks = [
        (bars, days[begin : begin + _DATES_PER_TASK], chosen)
        for bars in series
        for begin in range(0, len(days), _DATES_PER_TASK)
    ]
    if workers <= 1 or len(tasks) <= 1 or not _main_can_be_imported():
        for task in tasks:
            yield from _calibrate(task)
        return
    # Spawned, not forked: the caller may hold threads and locks that a fork would break.
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn")) as pool:
        for done in pool.map(_calibrate, tasks):
            yield from done


def _calibrate(task: tuple[Bars, list[date], dict[str, dict[str, Any]]]) -> list[Calibration]:
    bars, days, options = task
    return [
        try_calibrate(model, bars, as_of=day, **own)
        for day in days
        for model, own in options.items()
    ]


def _main_can_be_imported() -> bool:
    """Whether a spawned process can import the main module of this one, which it must do."""
    path = getattr(sys.modules["__main__"], "__file__", None)
    return path is None or Path(path).exists()
