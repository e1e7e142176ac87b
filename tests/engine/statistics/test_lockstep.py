"""Statistics of outcomes in parts are those of the whole, to the twelfth digit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.statistics.lockstep import Computation, PartLayout, Run, in_lockstep
from engine.statistics.moments import means, standard_deviations
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.rank_search import RankSearch
from engine.statistics.shape import kurtoses, skewnesses
from engine.statistics.shares import counts, shares_at_most
from engine.statistics.tail_risk import expected_shortfall_of, value_at_risk_of

Floats = NDArray[np.float64]

KINDS: dict[str, Callable[[Floats, Layout], Linearised]] = {
    "mean": means,
    "standard deviation": standard_deviations,
    "skewness": skewnesses,
    "kurtosis": kurtoses,
    "share": lambda x, layout: shares_at_most(x, 0.0, layout),
    "share of none": lambda x, layout: shares_at_most(x, -1e9, layout),
    "rare counts": lambda x, layout: counts(np.where(x > 2.0, 1.0, 0.0), layout),
    "median": lambda x, layout: quantiles(x, 0.5, layout),
    "quantile in the tail": lambda x, layout: quantiles(x, 0.99, layout),
    "expected shortfall": lambda x, layout: expected_shortfalls(x, 0.95, layout),
    "normal tail": lambda x, layout: value_at_risk_of(x, 0.95, "normal", layout),
    "adjusted tail": lambda x, layout: expected_shortfall_of(x, 0.95, "cornish_fisher", layout),
    "pooled ratio": lambda x, layout: pooled(
        "profit_factor",
        {"gross_profit": np.maximum(x, 0.0), "gross_loss": np.maximum(-x, 0.0)},
        layout,
    ),
}


def outcomes(ties: bool) -> Floats:
    x = np.random.Generator(np.random.Philox(key=7)).standard_t(4, size=1200)
    return np.where(np.abs(x) < 0.9, 0.0, x) if ties else x


def in_parts(kind: str, x: Floats, unit: int, size: int) -> Linearised:
    pieces = [x[first : first + size] for first in range(0, len(x), size)]

    def of(part: Floats, run: Run) -> Linearised:
        own = Layout.matrix(1, len(part), np.arange(len(part)) // unit)
        found = KINDS[kind](part, PartLayout.of_part(own, run))
        estimates = found.estimates()
        return replace(found, own=lambda _: estimates, carriers=found.supported().astype(np.int64))

    return in_lockstep({kind: Computation(of, len(pieces))}, lambda left: pieces)[kind]


@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_parts_give_the_estimate_and_the_interval_of_the_whole(
    kind: str, ties: bool, unit: int
) -> None:
    x = outcomes(ties)
    if kind not in ("rare counts", "pooled ratio"):
        x[5::97] = np.nan
    whole = KINDS[kind](x, Layout.matrix(1, len(x), np.arange(len(x)) // unit))
    expected, found = whole.estimates(), in_parts(kind, x, unit, 250)
    made = found.estimates()
    for name in ("value", "std_error", "low", "high", "n"):
        assert getattr(made, name) == pytest.approx(
            getattr(expected, name), rel=1e-12, abs=1e-12, nan_ok=True
        )
    assert made.method.tolist() == expected.method.tolist()
    assert found.carriers is not None
    assert found.carriers.astype(bool).tolist() == whole.supported().tolist()


def test_few_outcomes_that_differ_are_counted_over_all_parts() -> None:
    x = np.zeros(1000)
    x[[10, 400, 401, 990]] = [1.0, 2.0, 3.0, 4.0]
    assert in_parts("mean", x, 1, 300).estimates().method.tolist() == [Method.TOO_FEW.value]
    x[700] = 5.0
    assert in_parts("mean", x, 1, 300).estimates().method.tolist() == [Method.SKEWED.value]


@pytest.mark.parametrize("sample", [64, 400_000])
def test_ranks_are_found_in_parts_that_differ(sample: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ascending parts of unequal size mislead a sample, which is drawn from each alike."""
    monkeypatch.setattr("engine.statistics.rank_search._SAMPLE", sample)
    x = np.sort(outcomes(ties=True))
    x[:3], x[-1] = -np.inf, np.inf
    pieces = [x[:20], x[20:1100], x[1100:1101], x[1101:]]
    search, looks, known = RankSearch(2, 700, len(pieces)), 0, False
    while not known:
        looks += 1
        for piece in pieces:
            search.add(piece)
        known = search.close()
    assert looks <= 4
    ranks = np.array([2, 3, 350, 351, 700])
    assert search.result.take(ranks).tolist() == x[ranks].tolist()


def test_a_search_holds_its_sample_and_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.statistics.rank_search._SAMPLE", 20 * 64)
    search, part = RankSearch(10, 20, 20), np.arange(50_000.0)
    tracemalloc.start()
    try:
        for _ in range(20):
            search.add(part)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < part.nbytes


def test_an_error_of_one_part_ends_the_computation() -> None:
    def of(part: Floats, run: Run) -> float:
        if part[0] > 1.0:
            raise ValueError("no such outcome")
        return float(means(part, PartLayout.of_part(Layout.matrix(1, len(part)), run)).value[0])

    pieces = [np.array([1.0]), np.array([2.0])]
    with pytest.raises(ValueError, match="no such outcome"):
        in_lockstep({"mean": Computation(of, 2)}, lambda left: pieces)
