"""What it costs to add seeds or parameter sets to a study, beyond a run of the new ones alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from engine.sources import GBM
from engine.studies import Study

_ROUNDS = 9
_ALLOWED = 50.0


def main() -> None:
    spent: dict[str, list[float]] = {"100 seeds to 1,000": [], "two sets to six": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _milliseconds(root / "warm", 16)
        for number in range(_ROUNDS):
            here = root / str(number)
            _milliseconds(here, 1_000)
            added = _milliseconds(here, 1_100)
            alone = _milliseconds(root / f"seeds{number}", 100, first=1_000)
            spent["100 seeds to 1,000"].append(added - alone)
            added = _milliseconds(here, 1_100, fast=(5, 10, 20, 40))
            alone = _milliseconds(root / f"sets{number}", 1_100, fast=(40,))
            spent["two sets to six"].append(added - alone)
    print("| what | CPU ms, median | target | met |")
    print("|---|---:|---:|---|")
    for what, found in spent.items():
        value = median(found)
        met = (
            f"≤ {_ALLOWED:.0f} | {'yes' if value <= _ALLOWED else 'no'}"
            if "seeds" in what
            else " | "
        )
        print(f"| {what}, beyond a run of the new alone | {value:.1f} | {met} |")


def _milliseconds(
    root: Path, seeds: int, *, first: int = 0, fast: tuple[int, ...] = (5, 10, 20)
) -> float:
    grid = {"fast": list(fast), "slow": [50, 100]}
    chosen = range(first, first + seeds)
    study = Study("grows", GBM(), "sma_crossover", grid, seeds=chosen, steps=252, warm_up=100)
    begin = time.process_time()
    study.run(root=root, workers=1)
    return (time.process_time() - begin) * 1e3


if __name__ == "__main__":
    main()
