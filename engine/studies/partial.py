"""Results of a study that is still running, told while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.jobs.progress import Progress, ProgressCallback
from engine.results.results import Results

__all__ = ["PartialCallback", "telling_results"]

#: Takes the results of the parts that have finished; ``partial`` of them is true.
PartialCallback = Callable[[Results], None]

# Opening results and estimating takes time from the run.
_SECONDS = 2.0


def telling_results(
    progress: ProgressCallback | None, tell: PartialCallback, opened: Callable[[], Results]
) -> ProgressCallback:
    """Return a callback of progress that tells the results of finished parts as well.

    Parameters
    ----------
    progress : callable, optional
        What is called with every `Progress`.
    tell : callable
        Takes the results, every two seconds at most and when more parts have finished.
    opened : callable
        Opens what is finished now.

    Returns
    -------
    callable
        In place of `progress`.
    """
    told, next_at = 0, time.perf_counter()

    def telling(now: Progress) -> None:
        nonlocal told, next_at
        if progress is not None:
            progress(now)
        if now.done >= now.total or time.perf_counter() < next_at:
            return
        results = opened()
        there = sum(piece.cells for piece in results.pieces)
        if there > told and results.partial:
            told = there
            tell(results)
        next_at = time.perf_counter() + _SECONDS

    return telling
