"""Estimate of what a study needs: simulations, time, memory, disk. Nothing is stored."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from engine.jobs.job import Job
from engine.jobs.plan import make_plan
from engine.jobs.pool import PartPool, worker_count
from engine.jobs.simulate import BUFFER_BYTES
from engine.jobs.store import MemoryStore

__all__ = ["Estimate", "estimate"]

# Bytes of a row on disk: random floats do not compress, everything else nearly vanishes.
_ROW_OVERHEAD = 12
_TRADE_BYTES = 60
_TRIAL_SECONDS = 0.3


@dataclass(frozen=True)
class Estimate:
    """Size of a study.

    Parameters
    ----------
    study : str
        Its name.
    parameter_sets, dropped_sets, repeated_sets : int
        Kept, dropped by the constraint, and drawn again by the search.
    seeds, max_seeds, simulations : int
        Seeds, those that ``until`` may come to, and rows before it adds any.
    bar_form : str
        Whether the ranges of bars are simulated, and what reads them.
    seconds, compile_seconds : float
        Estimated time of the run, measured on a few seeds, and what compiling took just now.
    memory_bytes, disk_bytes : int
        Estimated.
    """

    study: str
    parameter_sets: int
    dropped_sets: int
    repeated_sets: int
    seeds: int
    max_seeds: int
    simulations: int
    bar_form: str
    seconds: float
    compile_seconds: float
    memory_bytes: int
    disk_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(
            (
                f"study           {self.study}",
                f"parameter sets  {self.parameter_sets:,} ({self.dropped_sets:,} dropped"
                + (f", {self.repeated_sets:,} drawn again)" if self.repeated_sets else ")"),
                f"seeds           {self.seeds:,}{self._up_to(f'{self.max_seeds:,}')}",
                f"simulations     {self.simulations:,}"
                + self._up_to(f"{self.simulations * self._growth:,.0f}"),
                f"bars            {self.bar_form}",
                f"time            about {_seconds(self.seconds)}"
                + self._up_to(_seconds(self.seconds * self._growth)),
                f"memory          about {_bytes(self.memory_bytes)}",
                f"disk            about {_bytes(self.disk_bytes)}"
                + self._up_to(_bytes(int(self.disk_bytes * self._growth))),
            )
        )

    @property
    def _growth(self) -> float:
        return self.max_seeds / self.seeds

    def _up_to(self, most: str) -> str:
        return f", until precise up to {most}" if self.max_seeds > self.seeds else ""


def estimate(job: Job, *, workers: str | int = "auto") -> Estimate:
    """Size a job by simulating a few of its seeds in memory."""
    begin = time.perf_counter()
    threads = worker_count(workers)
    _trial(job, 1)
    compile_seconds = time.perf_counter() - begin
    seeds, seconds, trades = 1, 0.0, 0.0
    while seconds < _TRIAL_SECONDS and seeds < len(job.seeds):
        seeds = min(seeds * 4, len(job.seeds))
        seconds, trades = _trial(job, seeds)
    if seconds == 0.0:
        seconds, trades = _trial(job, seeds)
    metrics = len(job.holds.metrics) + len(job.metrics)
    each = np.dtype(job.settings.record.precision).itemsize
    row = each * metrics + 4 * job.settings.record.equity + _ROW_OVERHEAD
    row += round(_TRADE_BYTES * trades)
    part = max(part.rows for part in make_plan(job, ()).parts)
    working = part * (16 * metrics + 12 * job.settings.record.equity + 200)
    until = job.settings.until
    return Estimate(
        study=job.study,
        parameter_sets=len(job.space),
        dropped_sets=job.space.dropped,
        repeated_sets=job.space.repeated,
        seeds=len(job.seeds),
        max_seeds=max(len(job.seeds), until.max_seeds if until is not None else 0),
        simulations=job.simulations,
        bar_form=_bar_form(job),
        seconds=seconds * len(job.seeds) / seeds / threads,
        compile_seconds=compile_seconds,
        memory_bytes=250_000_000 + (threads + 1) * working + threads * BUFFER_BYTES,
        disk_bytes=row * job.simulations,
    )


def _bar_form(job: Job) -> str:
    if not job.world.source.has_sub_bars:
        return "as the source has them"
    if not job.world.has_ranges:
        return "closes" if job.reads_of_ranges else "closes, as nothing reads a range"
    reads = ", ".join(job.reads_of_ranges)
    return f"with their ranges, for {reads}" if reads else "with their ranges"


def _trial(job: Job, seeds: int) -> tuple[float, float]:
    """Seconds that one thread takes for the first seeds, and recorded trades per simulation."""
    settings = job.settings.model_copy(update={"failure_allowance": 1.0})
    few = replace(job, seeds=job.seeds[:seeds], first_seeds=seeds, settings=settings)
    store = MemoryStore()
    parts = make_plan(few, ()).parts
    pool = PartPool(parts, store)
    begin = time.perf_counter()
    pool.work()
    pool.raise_first()
    seconds = time.perf_counter() - begin
    if not settings.record.trades:
        return seconds, 0.0
    trades = store.scan("trades", store.manifests(few.world.id)).select(pl.len()).collect().item()
    return seconds, trades / few.simulations


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _bytes(count: int) -> str:
    if count < 1e6:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"
