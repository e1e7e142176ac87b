"""Holds every kind of Monte Carlo estimate on fixed outcomes, to ten digits.

``python -m tests.engine.statistics.golden_statistics`` renews the golden values. Not to the bit:
NumPy's sums differ in their last bits from processor to processor.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.statistics import monte_carlo
from engine.statistics.layout import Layout
from engine.statistics.moments import means, standard_deviations
from engine.statistics.monte_carlo import Estimate
from engine.statistics.pooled import quotient
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.shares import shares

FILE = Path(__file__).with_suffix(".json")
COMMAND = "python -m tests.engine.statistics.golden_statistics"
TOLERANCE = 1e-10


def outcomes(count: int = 400) -> np.ndarray:
    """Skewed outcomes with a heavy left tail, of whole numbers; some are undefined."""
    draw, values = 3, []
    for _ in range(count):
        draw = (draw * 1103515245 + 12345) % 2147483648
        share = (draw // 65536) / 32768.0
        values.append(100.0 * share - 30.0 / (share + 0.05) + 40.0)
    values[17] = values[200] = math.nan
    return np.array(values)


def run() -> dict[str, dict[str, Any]]:
    """Estimate of every kind, of independent outcomes and of those that share paths."""
    x = outcomes()
    above = np.where(np.isnan(x), np.nan, (x > 0).astype(np.float64))
    gain, loss = np.maximum(x, 0.0), np.maximum(-x, 0.0)
    found: dict[str, Estimate] = {
        "mean": monte_carlo.mean(x),
        "standard_deviation": monte_carlo.standard_deviation(x),
        "proportion": monte_carlo.proportion(int(np.nansum(above)), 398),
        "quantile": monte_carlo.quantile(x, 0.05, 0.9),
        "expected_shortfall": monte_carlo.expected_shortfall(-x, 0.95),
        "ratio": monte_carlo.ratio(gain, loss),
    }
    found |= _of_shared_paths(x, gain, loss)
    return {name: asdict(estimate) for name, estimate in found.items()}


def _of_shared_paths(x: np.ndarray, gain: np.ndarray, loss: np.ndarray) -> dict[str, Estimate]:
    """Estimates of outcomes of which four share a path."""
    defined, paths = ~np.isnan(x), np.repeat(np.arange(100), 4)
    y, above, below = x[defined], gain[defined], loss[defined]
    layout = Layout.of(np.zeros(len(y), dtype=np.int64), paths[defined])
    found = {
        "mean": means(y, layout),
        "standard_deviation": standard_deviations(y, layout),
        "proportion": shares((y > 0).astype(np.float64), layout),
        "quantile": quantiles(y, 0.05, layout),
        "expected_shortfall": expected_shortfalls(-y, 0.95, layout),
        "ratio": quotient(above, below, layout),
    }
    return {
        f"clustered_{name}": each.estimates(0.9 if name == "quantile" else 0.95)[0]
        for name, each in found.items()
    }


def changed(before: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]) -> list[str]:
    """Names of the numbers that differ from those before by more than rounding."""
    return [
        f"{name} {part}: {before[name][part]!r} -> {value!r}"
        for name, estimate in found.items()
        for part, value in estimate.items()
        if not _same(before[name].get(part), value)
    ]


def _same(before: Any, found: Any) -> bool:
    if isinstance(before, float | int) and isinstance(found, float | int):
        return math.isclose(before, found, rel_tol=TOLERANCE)
    return bool(before == found)


if __name__ == "__main__":
    made = json.dumps(run(), indent=1) + "\n"
    if "--print" in sys.argv:
        print(made)
    else:
        FILE.write_text(made)
