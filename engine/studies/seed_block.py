"""Running one seed block of a study: a partition of its simulations."""

from __future__ import annotations

import time
from dataclasses import dataclass

from engine.files import Root, as_files
from engine.jobs.executors import Executor, executor_of
from engine.jobs.manifest import manifests_hash
from engine.jobs.plan import Piece
from engine.jobs.progress import ProgressCallback
from engine.market_data import MarketData
from engine.studies.execute import execute_block
from engine.studies.study import Study

__all__ = ["BlockResult", "run_block"]


@dataclass(frozen=True)
class BlockResult:
    """What running one seed block of a study left.

    Parameters
    ----------
    pieces : list of Piece
        Its cells, by the parts that hold them.
    rows, failed : int
        Simulations, and those of its parts that failed.
    reused : int
        Simulations found finished.
    seconds : float
        Wall-clock time.
    fingerprint : str
        Of what the study asks.
    data_version : str
        Hash of the manifests of its parts: equal exactly when their rows are.
    first_error : str or None
        Error of the first failed simulation.
    """

    pieces: list[Piece]
    rows: int
    failed: int
    reused: int
    seconds: float
    fingerprint: str
    data_version: str
    first_error: str | None = None


def run_block(
    study: Study,
    block: int,
    *,
    root: Root,
    market_data: MarketData | None = None,
    workers: str | int | None = None,
    executor: str | Executor = "threads",
    through: str = "Python",
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
    plan, report, job = execute_block(
        study.resolve(market_data),
        block,
        root=as_files(root),
        executor=executor_of(executor, study.definition.workers if workers is None else workers),
        through=through,
        progress=progress,
        fresh=fresh,
    )
    computed = {manifest.part for manifest in report.manifests}
    parts = {piece.manifest.part: piece.manifest for piece in plan.pieces}
    return BlockResult(
        pieces=plan.pieces,
        rows=sum(piece.cells for piece in plan.pieces) * job.world.paths_per_seed,
        failed=sum(part.failed for part in parts.values()),
        reused=sum(piece.cells for piece in plan.pieces if piece.manifest.part not in computed)
        * job.world.paths_per_seed,
        seconds=time.perf_counter() - begin,
        fingerprint=job.fingerprint,
        data_version=manifests_hash(parts.values()),
        first_error=next((p.first_error for p in parts.values() if p.first_error), None),
    )
