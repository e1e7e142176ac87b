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

from engine.statistics.estimates import Estimate
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means, standard_deviations
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
    defined = x[~np.isnan(x)]
    gain, loss = np.maximum(x, 0.0), np.maximum(-x, 0.0)
    kinds = {
        "mean": means(x),
        "standard_deviation": standard_deviations(x),
        "proportion": shares((defined > 0).astype(np.float64)),
        "quantile": quantiles(x, 0.05),
        "expected_shortfall": expected_shortfalls(-x, 0.95),
        "ratio": quotient(np.maximum(defined, 0.0), np.maximum(-defined, 0.0)),
    }
    found = _estimates(kinds) | _of_shared_paths(x, gain, loss)
    return {name: asdict(estimate) for name, estimate in found.items()}


def _estimates(kinds: dict[str, Linearised], prefix: str = "") -> dict[str, Estimate]:
    return {
        f"{prefix}{name}": each.estimates(0.9 if name == "quantile" else 0.95)[0]
        for name, each in kinds.items()
    }


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
    return _estimates(found, "clustered_")


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
