"""The rows that `benchmarks.check` times, in a process of one checkout that waits for its turns.

``python rows.py NAME ...`` with a checkout on ``PYTHONPATH`` prints a line once everything is
compiled, then reads names of rows from standard input, runs each once and prints the processor
seconds of all its threads. This file is run on both sides, also on commits that never had it, so
it uses of a checkout only what its benchmarks have long had.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.execution import DAILY, MINUTES, PATHS, SETS, Busy, Flip, Pending, Work
from benchmarks.execution import random_walks as walks
from benchmarks.studies import _study

__all__ = ["ROWS", "main"]

Call = Callable[[], object]


def _study_to_files(seeds: int, bars: int, **more: Any) -> Call:
    def run() -> None:
        with tempfile.TemporaryDirectory() as root:
            _study(seeds, bars, **more).run(root=root, workers=1)

    return run


# What is timed: sets x paths x bars.
ROWS: dict[str, Callable[[], Call]] = {
    f"SMA crossover, 20 x {PATHS} x {DAILY:,}": lambda: Work(
        "sma_crossover", walks(PATHS, DAILY), SETS
    ),
    f"SMA crossover, 1 x {10 * PATHS} x {DAILY:,}": lambda: Work(
        "sma_crossover", walks(10 * PATHS, DAILY), SETS[:1]
    ),
    f"SMA crossover, 1 x 1 x {MINUTES:,}": lambda: Work(
        "sma_crossover", walks(1, MINUTES), SETS[:1]
    ),
    f"resting bracket, 4 x {PATHS} x {DAILY:,}": lambda: Work(
        Pending, walks(PATHS, DAILY), [{}] * 4
    ),
    f"limit entries, 4 x {PATHS} x {DAILY:,}": lambda: Work(Busy, walks(PATHS, DAILY), [{}] * 4),
    f"a fill at every bar, 4 x {PATHS} x {DAILY:,}": lambda: Work(
        Flip, walks(PATHS, DAILY), [{}] * 4
    ),
    "study to Parquet, 20 x 50,000 x 252": lambda: _study_to_files(50_000, 252),
    "study to Parquet, 20 x 500 x 2,520": lambda: _study_to_files(500, 2_520),
    "the same with trades recorded, 20 x 500 x 2,520": lambda: _study_to_files(
        500, 2_520, record={"trades": True}
    ),
}


def main() -> None:
    """Make the rows that are named, say so, and run one for each line that comes in."""
    calls = {}
    for name in sys.argv[1:]:
        calls[name] = ROWS[name]()
        calls[name]()
    print(Path(sys.modules["benchmarks.execution"].__file__ or "").resolve().parent, flush=True)
    for line in sys.stdin:
        call = calls[line.rstrip("\n")]
        begin = time.process_time()
        call()
        print(time.process_time() - begin, flush=True)


if __name__ == "__main__":
    main()
