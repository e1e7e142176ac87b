"""Running one seed block of a study: a partition of its simulations."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from engine.jobs.progress import ProgressCallback
from engine.jobs.store import Manifest
from engine.market_data import MarketData
from engine.studies.execute import execute_block
from engine.studies.study import Study

__all__ = ["BlockResult", "run_block"]


@dataclass(frozen=True)
class BlockResult:
    """What running one seed block of a study left.

    Parameters
    ----------
    manifests : list of Manifest
        Its parts.
    rows, failed : int
        Simulations, and those that failed.
    reused : int
        Simulations found finished.
    seconds : float
        Wall-clock time.
    fingerprint : str
        Of the job.
    first_error : str or None
        Error of the first failed simulation.
    """

    manifests: list[Manifest]
    rows: int
    failed: int
    reused: int
    seconds: float
    fingerprint: str
    first_error: str | None = None


def run_block(
    study: Study,
    block: int,
    *,
    root: str | Path,
    market_data: MarketData | None = None,
    workers: str | int | None = None,
    progress: ProgressCallback | None = None,
    fresh: bool = False,
) -> BlockResult:
    """Run one of the seed blocks (`BLOCKS`) of a study, or what is missing of it.

    A study with ``until`` needs all its blocks to know how many seeds it takes: the first block
    to run then runs them all, and the others find their parts finished.

    Raises
    ------
    StudyFailed
        If more of the block's simulations fail than the study allows.
    """
    begin = time.perf_counter()
    report, fingerprint = execute_block(
        study.resolve(market_data),
        block,
        root=Path(root),
        workers=study.definition.workers if workers is None else workers,
        progress=progress,
        fresh=fresh,
    )
    return BlockResult(
        manifests=report.manifests,
        rows=report.rows,
        failed=report.failed,
        reused=report.reused,
        seconds=time.perf_counter() - begin,
        fingerprint=fingerprint,
        first_error=report.first_error,
    )
