"""One path, or a few, through the engine of options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.execution import Execution
from engine.options.engine import OptionEngine
from engine.strategies import Strategy


class Ran(NamedTuple):
    """What came out of a call: arrays over paths and sets."""

    metrics: dict[str, NDArray[np.float64]]
    status: NDArray[np.int8]
    equity: NDArray[np.float64]
    tape: Any


def run_on(
    closes: NDArray[np.float64],
    strategy: type[Strategy],
    sets: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    *,
    cash: float = 100_000.0,
    bars_per_year: float = 252.0,
    fields: Mapping[str, Any] | None = None,
) -> Ran:
    """Run sets on paths of closes, shape (paths, bars), with further fields by name."""
    closes = np.atleast_2d(closes)
    further = dict(fields or {})
    names = ("open", "high", "low", "close", "volume", *further)
    values = np.repeat(closes[:, None, None, :], len(names), axis=2)
    for place, name in enumerate(further, start=5):
        values[:, 0, place] = further[name]
    prepared = OptionEngine().with_options(options).prepare(
        strategy, Execution(cash=cash), symbols=("X",), fields=names, steps=closes.shape[1],
        bars_per_year=bars_per_year, bars_per_session=1.0, warm_up=0,
        record_equity=closes.shape[1], record_trades=True, groups=("bar_trading", "options"),
    )  # fmt: skip
    declared = strategy.parameters
    encoded = np.array(
        [[item.encode(s.get(name, item.default)) for name, item in declared.items()] for s in sets]
    )
    shape = (len(closes), len(sets))
    metrics = np.empty((*shape, len(prepared.metric_names)))
    status, tape = np.empty(shape, dtype=np.int8), prepared.tape()
    equity = np.empty((*shape, closes.shape[1]))
    prepared.run(
        np.ascontiguousarray(values), encoded, metrics, status, prepared.scratch(), equity, tape
    )
    by_name = dict(zip(prepared.metric_names, np.moveaxis(metrics, 2, 0), strict=True))
    return Ran(by_name, status, equity, tape)


@pytest.fixture(scope="session")
def lognormal_closes() -> NDArray[np.float64]:
    """Twelve paths of 200 bars of a price that is a fair game, at 35 % a year."""
    draws = np.random.default_rng(7).standard_normal((12, 200))
    steps = 0.35 * np.sqrt(1 / 252) * draws - 0.5 * 0.35**2 / 252
    closes: NDArray[np.float64] = 80.0 * np.exp(np.cumsum(steps, axis=1))
    return closes
