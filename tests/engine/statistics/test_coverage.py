"""Coverage of every interval on worlds with a known truth (`benchmarks.validity`)."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.validity.coverage import POOLED_WORLDS, STATISTICS, measure, measure_pooled
from benchmarks.validity.picture import draw
from benchmarks.validity.worlds import OUTCOMES, PATHS

# Atoms and counts of few events cover more than stated: they cannot cover less.
WIDE = {"median", "5 % quantile", "share below -1", "count of losses below -1", "share above 0"}

QUICK = {
    "mean": ("normal", "premium seller", "90 % idle"),
    "standard deviation": ("normal", "exponential"),
    "5 % quantile": ("Student, 4",),
    "share below -1": ("premium seller",),
    "expected shortfall 90": ("trend follower",),
}
QUICK_POOLED = {
    "sharpe_autocorrelated": ("trending paths",),
    "profit_factor": ("a trade on every other path",),
}


def check(statistic: str, law: str, n: int, worlds: int, covered: float) -> None:
    error = math.sqrt(0.05 * 0.95 / worlds)
    most = 1.0 if statistic in WIDE else 0.975
    assert 0.93 - 3 * error <= covered <= most + 3 * error, (statistic, law, n, covered)


@pytest.mark.parametrize(("name", "law"), [(k, w) for k, v in QUICK.items() for w in v])
def test_intervals_of_fifty_paths_cover_as_stated(name: str, law: str) -> None:
    found = measure(name, OUTCOMES[law], 50, 1000)
    assert found.stated > 0.5
    check(name, law, 50, 1000, found.covered)


@pytest.mark.parametrize(("name", "law"), [(k, w) for k, v in QUICK_POOLED.items() for w in v])
def test_pooled_ratios_of_fifty_paths_cover_as_stated(name: str, law: str) -> None:
    found = measure_pooled(name, PATHS[law], 50, 1000)
    assert found.stated > 0.5
    check(name, law, 50, 1000, found.covered)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(("name", "law"), [(k, w) for k in STATISTICS for w in OUTCOMES])
def test_intervals_cover_as_stated_everywhere(name: str, law: str, n: int) -> None:
    found = measure(name, OUTCOMES[law], n, 2000, seed=100)
    if found.stated > 0.05:
        check(name, law, n, 2000, found.covered)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(("name", "law"), [(k, w) for k, v in POOLED_WORLDS.items() for w in v])
def test_pooled_ratios_cover_as_stated_everywhere(name: str, law: str, n: int) -> None:
    worlds = 1000
    found = measure_pooled(name, PATHS[law], n, worlds, seed=100)
    if found.stated > 0.05:
        check(name, law, n, worlds, found.covered)


def test_the_picture_of_validity_is_that_of_the_tables() -> None:
    root = Path(__file__).resolve().parents[3]
    drawn = draw((root / "benchmarks/RESULTS.md").read_text(encoding="utf-8"))
    assert drawn == (root / "docs/images/validity.svg").read_text(encoding="utf-8")
    assert drawn.count("<circle") > 200
