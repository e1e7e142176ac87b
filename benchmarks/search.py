"""Speed of searches: what they add to the bare simulations, and what racing saves.

Run ``python -m benchmarks.search`` from the checkout; ``--quick`` takes a tenth of the sets. Times
are wall-clock of one process with two workers, ratios of processor time, kernels compiled before.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import engine as mc
from benchmarks.execution import random_walks
from benchmarks.peers.searching import (
    FAST,
    SLOW,
    backtesting_grid,
    backtesting_sambo,
    optuna_around_backtesting,
    our_grid,
    our_profit,
    our_walk,
    vectorbt_walk,
)
from benchmarks.timing import paired_ratio

__all__ = ["main", "run"]

Row = dict[str, Any]

WORKERS = 2
SPACE = {"fast": mc.integer(3, 60), "slow": mc.uniform(61, 250)}


def run(*, quick: bool = False) -> list[Row]:
    """Run every benchmark; one row each: what, value, target, ok."""
    scale = 10 if quick else 1
    return [
        *large(100_000 // scale),
        *overhead(2_000 // scale),
        *parzen(),
        *racing(),
        *walking(scale),
        *peers(),
    ]


def large(sets: int) -> list[Row]:
    """Time a random search up to its leaders on fresh seeds."""
    # Every declared parameter between its bounds: no set is drawn twice.
    study = mc.Study("large", mc.GBM(mu=0.1), "rsi_reversal", seeds=100, steps=252)
    search = mc.Search(study, objective="sharpe", method="random", budget={"sets": sets}, seed=1)
    mc.Search(study, objective="sharpe", method="random", budget={"sets": 64}).run(workers=WORKERS)
    begin = time.perf_counter()
    found = search.run(workers=WORKERS)
    seconds = time.perf_counter() - begin
    what = f"random search, {len(found.trials):,} sets x 100 paths x 252 bars"
    return [_row(what, f"{seconds:.1f} s", "60 s", ok=seconds <= 60 * sets / 100_000)]


def overhead(sets: int) -> list[Row]:
    """Processor time of a search over that of the same sets in one prepared job.

    All at once, and in the generations in which they were asked for: sets that run together share
    their indicators, and what a search asks next it knows only after what it was told.
    """
    rows: list[Row] = []
    study = _study(seeds=1_000)
    for method in ("random", "sobol", "genetic"):
        search = mc.Search(
            study, objective="sharpe", method=method, budget={"sets": sets}, seed=1, leaders=1
        )
        trials = search.run(workers=1).trials
        asked = [
            rows.select("fast", "slow").to_dicts()
            for rows in trials.partition_by("generation", maintain_order=True)
        ]
        tried = [values for generation in asked for values in generation]
        at_once = [tried[first : first + 1_000] for first in range(0, len(tried), 1_000)]
        grid = mc.Study(
            "bare",
            mc.GBM(mu=0.1),
            "sma_crossover",
            {"fast": [3, 60], "slow": [61, 250]},
            seeds=1_000,
            steps=252,
        )

        for how, batches in (("", at_once), (" in the same generations", asked)):

            def bare(grid: mc.Study = grid, batches: list[Any] = batches) -> None:
                with grid.prepare(workers=1) as prepared:
                    for batch in batches:
                        prepared.run(batch)

            ratio = paired_ratio(lambda search=search: search.run(workers=1), bare, 3)  # type: ignore[misc]
            what = (
                f"{method}, {sets:,} sets x 1,000 paths x 252 bars, over the bare simulations{how}"
            )
            rows.append(_row(what, f"{100 * (ratio - 1):.0f} %", "15 %", ok=ratio <= 1.15))
    return rows


def parzen() -> list[Row]:
    """Time Optuna's Parzen estimator by itself."""
    space = mc.SearchSpace.of(SPACE)
    sampler = mc.make_sampler("tpe", space, seed=1)
    rng = np.random.default_rng(1)
    begin = time.process_time()
    for _ in range(10):
        points = sampler.ask(32)
        sampler.tell(points, rng.normal(size=(len(points), 1)))
    seconds = (time.process_time() - begin) / 3.2
    return [
        _row(
            "tpe, 100 trials of 2 parameters, asked 32 at a time",
            f"{seconds:.2f} s",
            "1 s",
            ok=seconds <= 1,
        )
    ]


def racing() -> list[Row]:
    """Count the simulations that a race needs where the gaps are known."""
    study = mc.Study(
        "race",
        mc.GBM(mu=0.3, sigma=0.2),
        "buy_and_hold",
        {"weight": mc.linspace(0.05, 1.0, 20)},
        seeds=2_048,
        steps=60,
        execution={"instrument": {"lot_size": 1e-6}},
    )
    whole, raced = (
        mc.Search(study, objective="mean_net_pnl", method="grid", race=race).run(workers=WORKERS)
        for race in (False, True)
    )
    saved = whole.simulations / raced.simulations
    what = "racing, 20 sets x 2,048 paths of known gaps, simulations saved"
    return [_row(what, f"{saved:.1f} x", "3 x", ok=saved >= 3 and raced.best == whole.best)]


def walking(scale: int) -> list[Row]:
    """Walk forward over ten years of minute bars."""
    bars = 982_800 // scale
    block = mc.GBM(mu=0.05, sigma=0.2).paths(seeds=[1], steps=bars, dt=1 / 98_280)
    stamps = np.arange(bars, dtype=np.int64) * 60_000_000
    prices = (block.open[0], block.high[0], block.low[0], block.close[0], block.volume[0])
    history = mc.Bars("X", stamps, *prices, calendar=mc.BarCalendar("24/7", "1m"))
    grid = {"fast": mc.step_range(5, 100, 5), "slow": mc.step_range(110, 200, 10)}
    study = mc.Study("walk", mc.Historical(history), "sma_crossover", grid, seeds=1)
    mc.walk_forward(study, count=40, workers=WORKERS)
    begin = time.perf_counter()
    found = mc.walk_forward(study, count=40, workers=WORKERS)
    seconds = time.perf_counter() - begin
    what = f"walk-forward, 40 windows x {len(found.sets)} sets x {bars:,} bars of one history"
    return [_row(what, f"{seconds:.1f} s", "60 s", ok=seconds <= 60 / scale)]


def peers() -> list[Row]:
    """Processor time of other programs over ours on the same job, whose answers are the same."""
    bars = random_walks(1, 1_260)[0, 0]
    grid = len(FAST) * len(SLOW)
    rows: list[Row] = []
    for what, theirs in (
        (f"backtesting.py optimize, grid of {grid}", lambda: backtesting_grid(bars)),
        (f"backtesting.py optimize, SAMBO, {grid} tries", lambda: backtesting_sambo(bars, grid)),
        (
            f"Optuna around backtesting.py, {grid} trials",
            lambda: optuna_around_backtesting(bars, grid),
        ),
    ):
        pair, profit = theirs()
        same = abs(profit - our_profit(bars, pair)) < 0.01
        ratio = paired_ratio(theirs, lambda: our_grid(bars), 3)
        name = f"{what}, 1,260 bars, over the grid here with leaders, plateaus and regimes"
        rows.append(_row(name, f"{ratio:.1f} x", "same answer", ok=same))
    walked, split = our_walk(bars, 400, 86), vectorbt_walk(bars, 400, 86)
    same = [pair for pair, _ in walked] == [pair for pair, _ in split]
    ratio = paired_ratio(lambda: vectorbt_walk(bars, 400, 86), lambda: our_walk(bars, 400, 86), 3)
    name = f"vectorbt's splitter loop, {len(split)} windows x {grid} sets, over the walk here"
    rows.append(_row(name, f"{ratio:.1f} x", "same answer", ok=same))
    return rows


def _study(seeds: int) -> mc.Study:
    return mc.Study("search", mc.GBM(mu=0.1), "sma_crossover", SPACE, seeds=seeds, steps=252)


def _row(what: str, value: str, target: str, *, ok: bool) -> Row:
    return {"what": what, "value": value, "target": target, "ok": ok}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rows = run(quick=parser.parse_args().quick)
    print("| what | value | target | met |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['what']} | {row['value']} | {row['target']} | {'yes' if row['ok'] else 'no'} |"
        )


if __name__ == "__main__":
    main()
