"""Speed of whole studies: generation, strategy, metrics, Parquet, resume, statistics.

Run ``python -m benchmarks.studies`` from the checkout; ``--quick`` takes a tenth of the seeds.
Times are wall-clock and CPU of one process with two workers, kernels compiled beforehand unless
a row says otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from benchmarks.timing import paired_ratio
from engine.jobs.executors import Threads
from engine.jobs.job import Job
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.plan import make_plan
from engine.jobs.prepared import prepare
from engine.jobs.runner import RunReport, run_parts
from engine.jobs.store import ParquetStore
from engine.jobs.worker import Worker
from engine.sources import GBM
from engine.strategies import Strategy
from engine.studies import Study

__all__ = ["main", "run"]

Row = dict[str, Any]

SETS = {"fast": [3, 5, 8, 10, 12], "slow": [20, 30, 50, 100]}
BAR_FORMS: tuple[Literal["close", "ohlc"], ...] = ("close", "ohlc")
WORKERS = 2


def run(*, quick: bool = False) -> list[Row]:
    """Run every benchmark; one row each: what, value, target, ok."""
    scale = 10 if quick else 1
    return [
        *million_daily(50_000 // scale),
        *one_set(50_000 // scale),
        *stored(20_000 // scale),
        *overhead(20_000 // scale),
        *writing(20_000 // scale),
        *set_up(100 // scale),
        *inside_bars(4000 // scale),
        *warm_command(),
        *memory(scale),
        *resume_check(50_000 // scale),
    ]


def million_daily(seeds: int) -> list[Row]:
    """20 SMA sets on `seeds` GBM paths of 252 daily bars, metrics to Parquet."""
    study = _study(seeds, 252)
    _warm(study)
    with tempfile.TemporaryDirectory() as root:
        job = study.resolve()
        begin, cpu = time.perf_counter(), time.process_time()
        report = _run(job, ParquetStore(Path(root)), WORKERS)
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
        size = sum(path.stat().st_size for path in Path(root).rglob("*.parquet"))
    rows = sum(manifest.rows for manifest in report.manifests)
    limit = 8.0 * rows / 1e6
    return [
        _row(f"{rows:,} SMA simulations of 252 bars to Parquet, wall s", wall, limit),
        _row("same, CPU s", cpu, None),
        _row("same, simulations per wall second", rows / wall, None),
        _row("bytes per row on disk", size / rows, None),
    ]


def one_set(seeds: int) -> list[Row]:
    """Time a seed of one SMA set: a GBM path of 252 daily bars, rules, metrics, Parquet."""
    rows = []
    for bars in BAR_FORMS:
        source = GBM(mu=0.05, sigma=0.2)
        one = {"fast": 5, "slow": 20}
        study = Study(
            "one set", source, "sma_crossover", one, seeds=seeds, steps=252, warm_up=0, bars=bars
        )
        job = study.resolve()
        least = math.inf
        for _ in range(3):
            with tempfile.TemporaryDirectory() as root:
                cpu = time.process_time()
                _run(job, ParquetStore(Path(root)), 1)
                least = min(least, time.process_time() - cpu)
        name = f"1 set x {seeds:,} seeds x 252 bars ({bars}) to Parquet, CPU us a seed"
        rows.append(_row(name, least / seeds * 1e6, 12.0))
    return rows


def stored(seeds: int) -> list[Row]:
    """Bytes of a row of results by what a study keeps, and the time of the run with it."""
    three = ["net_pnl", "max_drawdown", "trades"]
    rows: list[Row] = []
    _warm(_study(seeds, 252))
    for what, record in (
        ("every metric, float64", {}),
        ("every metric, float32", {"precision": "float32"}),
        ("three metrics, float64", {"metrics": three}),
        ("three metrics, float32", {"metrics": three, "precision": "float32"}),
    ):
        job = _study(seeds, 252, record=record).resolve()
        with tempfile.TemporaryDirectory() as root:
            cpu = time.process_time()
            report = _run(job, ParquetStore(Path(root)), 1)
            cpu = time.process_time() - cpu
            parts = Path(root).glob("simulations/*/*.parquet")
            size = sum(path.stat().st_size for path in parts)
        count = sum(manifest.rows for manifest in report.manifests)
        rows.append(_row(f"bytes a row of results, {what}", size / count, None))
        rows.append(_row("same, CPU us a simulation", cpu / count * 1e6, None))
    return rows


def overhead(seeds: int) -> list[Row]:
    """CPU time of a run whose tables are dropped over that of the bare kernels on the same work."""
    rows = []
    for steps, count in ((252, seeds), (2520, seeds // 4)):
        job = _study(count, steps).resolve()
        _warm(_study(count, steps))
        ratio = paired_ratio(lambda job=job: _run_and_drop(job), lambda job=job: _bare(job), 15)
        name = f"runner overhead over bare kernels, {steps} bars, tables made, nothing written"
        rows.append(_row(name, ratio - 1.0, 0.10))
    return rows


def writing(seeds: int) -> list[Row]:
    """CPU time inside the writing of Parquet files, as a share of the whole run's."""
    rows = []
    # A part must be of a usual size: the smaller, the more its forty columns cost by themselves.
    for steps, count in ((252, seeds), (2520, seeds // 4)):
        job = _study(count, steps).resolve()
        shares = []
        for _ in range(5):
            with tempfile.TemporaryDirectory() as root:
                store = _Timed(Path(root))
                begin = time.process_time()
                _run(job, store, 1)
                shares.append(store.spent / (time.process_time() - begin))
        share = float(np.median(shares))
        rows.append(_row(f"writing, share of the run, {steps} bars", share, 0.05))
    return rows


def set_up(calls: int) -> list[Row]:
    """CPU time per call of 64 sets on 8 seeds of 20 bars beyond that of the bare kernels.

    The simulations take a fifth of a millisecond, so that what is left is set-up. A prepared job
    counts every set in a ledger, as a search does.
    """
    sets = [{"fast": f, "slow": s} for f in range(3, 11) for s in range(20, 100, 10)]
    grid = {"fast": list(range(3, 11)), "slow": list(range(20, 100, 10))}
    study = Study("batch", GBM(), "sma_crossover", grid, seeds=8, steps=20, warm_up=0)
    job = study.resolve()
    study.run(workers=1)
    with tempfile.TemporaryDirectory() as root, study.prepare(ledger=root, workers=1) as prepared:
        found = {
            "Study.run": lambda: study.run(workers=1),
            "a prepared job": lambda: prepared.run(_moved(sets, next(call))),
        }
        call = itertools.count()
        spent = {name: _milliseconds(run, calls) for name, run in found.items()}
        spent_bare = _milliseconds(lambda: _bare(job), calls)
    return [
        _row(
            f"set-up per call of 64 sets x 8 seeds, {name}, CPU ms",
            value - spent_bare,
            1.0 if name == "a prepared job" else None,
        )
        for name, value in spent.items()
    ]


def _moved(sets: list[dict[str, int]], call: int) -> list[dict[str, int]]:
    """Return other sets for every call, as a search asks."""
    return [{"fast": own["fast"] + call % 10, "slow": own["slow"] + call % 300} for own in sets]


def _milliseconds(run: Callable[[], object], calls: int) -> float:
    """CPU time of a call, the least of all: what others do to the processor adds to the rest."""
    spent = []
    for _ in range(calls):
        begin = time.process_time()
        run()
        spent.append(time.process_time() - begin)
    return min(spent) * 1e3


class _FairBracket(Strategy):
    """Always in the market, between two prices 1 % away."""

    name = "fair_bracket"

    def on_bar(self, bar, order, account):  # type: ignore[no-untyped-def]
        if account.position == 0.0:
            take, loss = bar.close * 1.01, bar.close * 0.99
            order.market(100.0, take_profit=take, stop_loss=loss)


def inside_bars(seeds: int) -> list[Row]:
    """Let a bracket trade a price without drift, where it should earn nothing.

    252 daily bars of 30 % volatility, a position of 10,000; in brackets the Monte Carlo error.
    """
    rows = []
    for count in (1, 8, 26):
        source = GBM(mu=0.0, sigma=0.3)
        study = Study("fair", source, _FairBracket, seeds=seeds, steps=252, sub_bars=count)
        study.run(workers=1)
        begin = time.process_time()
        frame = study.run(workers=1).frame
        spent = (time.process_time() - begin) / len(frame) / 252 * 1e9
        pnl = frame["net_pnl"]
        error = pnl.std() / len(frame) ** 0.5
        name = f"mean net P&L of a fair bracket, {count} sub-bars (± {error:.1f})"
        rows.append(_row(name, pnl.mean(), None))
        rows.append(_row("same, ns per bar, paths and table included", spent, None))
    return rows


def warm_command() -> list[Row]:
    """27 sets x 50 seeds of 252 bars as a command, process start included, second run."""
    text = json.dumps(
        {
            "name": "warm",
            "source": {"model": "gbm", "parameters": {"mu": 0.05, "sigma": 0.2}, "steps": 252},
            "strategy": {
                "name": "sma_crossover",
                "parameters": {
                    "fast": {"step_range": [2, 10, 1]},
                    "slow": [20, 50, 100],
                },
            },
            "seeds": {"count": 50},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "warm.yaml").write_text(text)
        start = "from mc_assets.cli import main; main()"
        command = [sys.executable, "-c", start, "run", f"{folder}/warm.yaml", "--fresh"]
        environment = {**os.environ, "MC_DATA": f"{folder}/data"}
        # Without bytecode files Python compiles 800 modules anew, for as long as all else takes.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds = []
        for _ in range(4):
            begin = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            seconds.append(time.perf_counter() - begin)
    name = "mc run, 27 sets x 50 seeds of 252 bars, warm, with process start, s"
    return [_row(name, min(seconds[1:]), 2.0)]


def memory(scale: int) -> list[Row]:
    """Peak memory of 2,520-bar simulations with 100-point equity curves, 1e5 and 1e6 rows."""
    peaks = []
    for rows in (100_000 // scale, 1_000_000 // scale):
        with tempfile.TemporaryDirectory() as root:
            command = [sys.executable, "-c", _MEMORY, root, str(rows // 20)]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(
            _row(f"peak memory, {rows:,} x 2,520 bars with equity, MB", float(found.stdout), 1000.0)
        )
    return peaks


def resume_check(seeds: int) -> list[Row]:
    """Time to find a finished study finished, checksums verified."""
    study = _study(seeds, 252)
    with tempfile.TemporaryDirectory() as root:
        study.run(root=root, workers=WORKERS)
        begin = time.perf_counter()
        results = study.run(root=root, workers=WORKERS)
        seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        results.statistics()
        statistics = time.perf_counter() - begin
    return [
        _row(f"finding {seeds * 20:,} finished simulations finished, s", seconds, None),
        _row(f"all statistics of {seeds * 20:,} simulations with errors, s", statistics, None),
    ]


_MEMORY = """
import sys
from pathlib import Path
from benchmarks.studies import _study
_study(int(sys.argv[2]), 2520, record={"equity": 100}).run(root=sys.argv[1], workers=2)
status = Path("/proc/self/status").read_text()
# Not ru_maxrss: a child inherits its parent's peak there.
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def _study(seeds: int, steps: int, **more: Any) -> Study:
    source = GBM(mu=0.05, sigma=0.2)
    return Study(
        "benchmark", source, "sma_crossover", SETS, seeds=seeds, steps=steps, warm_up=0, **more
    )


def _warm(study: Study) -> None:
    """Compile, and let the processor's clock rise."""
    steps = study.definition.source.steps
    assert study.live.source is not None
    Study(
        "warm-up", study.live.source, "sma_crossover", SETS, seeds=200, steps=steps, warm_up=0
    ).run(workers=WORKERS)


def _bare(job: Job) -> None:
    """Do what the kernels do of a run, in one thread: fill paths, run all sets, keep nothing."""
    source = tuple(job.sets.of_source[0].tolist())
    prepared = prepare(job.world, job.holds, job.metrics, source, 0)
    worker = Worker(prepared)
    paths = 64
    values = worker.values(paths)
    generator = prepared.generator(source, 0)
    scratch, own = generator.scratch(paths), worker.engine_scratch
    metrics = np.empty((paths, len(job.space), len(prepared.engine.metric_names)))
    status = np.zeros((paths, len(job.space)), dtype=np.int8)
    ids = np.zeros(paths, dtype=np.uint64)
    for low in range(0, len(job.seeds), paths):
        seeds = job.seeds[low : low + paths]
        n = len(seeds)
        generator.fill(seeds, ids[:n], values[:n], scratch)
        prepared.engine.run(values[:n], job.sets.of_strategy, metrics[:n], status[:n], own)


class _Dropped(ParquetStore):
    """Takes tables and keeps none; its runner reuses memory from part to part, as on disk."""

    def write(
        self,
        part: Part,
        frames: dict[str, pl.DataFrame],
        trials: pl.DataFrame,
        failed: int,
        first_error: str | None,
    ) -> Manifest:
        """Write nothing."""
        return Manifest.of(part, failed, first_error, {})


def _run(job: Job, store: ParquetStore, workers: int) -> RunReport:
    plan = make_plan(job, ())
    return run_parts(plan, store, study=job.study, failure_allowance=1.0, executor=Threads(workers))


def _run_and_drop(job: Job) -> None:
    with tempfile.TemporaryDirectory() as root:
        _run(job, _Dropped(Path(root)), 1)


class _Timed(ParquetStore):
    """Counts the CPU time of its writes, those of Polars' own threads included."""

    spent = 0.0

    def write(
        self,
        part: Part,
        frames: dict[str, pl.DataFrame],
        trials: pl.DataFrame,
        failed: int,
        first_error: str | None,
    ) -> Manifest:
        """Write, and count."""
        begin = time.process_time()
        try:
            return super().write(part, frames, trials, failed, first_error)
        finally:
            self.spent += time.process_time() - begin


def _row(what: str, value: float, target: float | None) -> Row:
    ok = None if target is None else value <= target
    return {"what": what, "value": value, "target": target, "ok": ok}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the seeds")
    rows = run(quick=parser.parse_args().quick)
    print("| what | value | target | met |")
    print("|---|---:|---:|---|")
    for row in rows:
        target = "" if row["target"] is None else f"≤ {row['target']:,.4g}"
        met = {None: "", True: "yes", False: "no"}[row["ok"]]
        print(f"| {row['what']} | {row['value']:,.4g} | {target} | {met} |")


if __name__ == "__main__":
    main()
