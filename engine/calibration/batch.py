"""Calibration of many series as of many dates."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.registry import SPOT_MODELS, data_of, try_calibrate
from engine.models import BUILT_IN
from engine.user_code import files_of, import_user_file

__all__ = ["calibrate_dates"]

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
    # Another process knows a user's model by the file that defines it.
    users = [model for model in chosen if model not in BUILT_IN and data_of(model)]
    files = _files_of(users)
    tasks = [
        (bars, days[begin : begin + _DATES_PER_TASK], chosen, files)
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


_Task: TypeAlias = tuple[Bars, list[date], dict[str, dict[str, Any]], tuple[tuple[str, str], ...]]


def _calibrate(task: _Task) -> list[Calibration]:
    bars, days, options, files = task
    for file, content in files:
        import_user_file(Path(file), content)
    return [
        try_calibrate(model, bars, as_of=day, **own)
        for day in days
        for model, own in options.items()
    ]


def _files_of(models: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Place and content of the files that define a user's models."""
    if not models:
        return ()
    from engine.sources.registry import get_source  # which loads Numba

    return tuple(files_of(*map(get_source, models)))


def _main_can_be_imported() -> bool:
    """Whether a spawned process can import the main module of this one, which it must do."""
    path = getattr(sys.modules["__main__"], "__file__", None)
    return path is None or Path(path).exists()
