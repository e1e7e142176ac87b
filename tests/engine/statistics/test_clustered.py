"""Errors of outcomes that share paths: alone they are the plain ones, repeated they stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.statistics import clustered, monte_carlo
from engine.statistics.monte_carlo import Estimate

N = 300
RNG = np.random.default_rng(4)
OUTCOMES = RNG.standard_t(5, N) + 0.3
OTHERS = RNG.gamma(2.0, 1.0, N)
ALONE = np.arange(N)

Clustered = Callable[[np.ndarray, np.ndarray, np.ndarray], Estimate]
KINDS: dict[str, tuple[Clustered, Callable[[], Estimate]]] = {
    "mean": (
        lambda x, y, paths: clustered.clustered_mean(x, paths),
        lambda: monte_carlo.mean(OUTCOMES),
    ),
    "standard deviation": (
        lambda x, y, paths: clustered.clustered_standard_deviation(x, paths),
        lambda: monte_carlo.standard_deviation(OUTCOMES),
    ),
    "quantile": (
        lambda x, y, paths: clustered.clustered_quantile(x, paths, 0.3),
        lambda: monte_carlo.quantile(OUTCOMES, 0.3),
    ),
    "expected shortfall": (
        lambda x, y, paths: clustered.clustered_expected_shortfall(x, paths, 0.9),
        lambda: monte_carlo.expected_shortfall(OUTCOMES, 0.9),
    ),
    "proportion": (
        lambda x, y, paths: clustered.clustered_proportion((x > 0).astype(float), paths),
        lambda: monte_carlo.proportion(int((OUTCOMES > 0).sum()), N),
    ),
    "ratio": (
        lambda x, y, paths: clustered.clustered_ratio(x, y, paths),
        lambda: monte_carlo.ratio(OUTCOMES, OTHERS),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_outcome_per_path_has_the_plain_estimate_and_error(kind: str) -> None:
    grouped, plain = KINDS[kind]
    found, expected = grouped(OUTCOMES, OTHERS, ALONE), plain()
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    assert found.n == expected.n
    # An interval of order statistics and one by a normal share agree to a few per cent.
    close = 0.1 if kind == "quantile" else 0.01
    assert found.std_error == pytest.approx(expected.std_error, rel=close)
    assert found.low == pytest.approx(expected.low, abs=close * expected.std_error * 10)
    assert found.high == pytest.approx(expected.high, abs=close * expected.std_error * 10)


@pytest.mark.parametrize("kind", KINDS)
def test_outcomes_written_twice_on_their_path_are_no_more_certain(kind: str) -> None:
    grouped, _ = KINDS[kind]
    once = grouped(OUTCOMES, OTHERS, ALONE)
    twice = grouped(np.repeat(OUTCOMES, 2), np.repeat(OTHERS, 2), np.repeat(ALONE, 2))
    # An interval between order statistics moves in steps.
    close = 0.12 if kind == "quantile" else 0.01
    assert twice.n == 2 * N
    assert twice.value == pytest.approx(once.value, rel=0.01)
    assert twice.std_error == pytest.approx(once.std_error, rel=close)
    apart = grouped(np.repeat(OUTCOMES, 2), np.repeat(OTHERS, 2), np.arange(2 * N))
    assert apart.std_error == pytest.approx(once.std_error / np.sqrt(2.0), rel=close)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_and_the_names_of_paths_do_not_matter(kind: str) -> None:
    grouped, _ = KINDS[kind]
    paths = ALONE // 3
    shuffle = np.random.default_rng(1).permutation(N)
    first = grouped(OUTCOMES, OTHERS, paths)
    again = grouped(OUTCOMES[shuffle], OTHERS[shuffle], 1000 - paths[shuffle])
    for name in ("value", "std_error", "low", "high"):
        assert getattr(again, name) == pytest.approx(getattr(first, name), rel=1e-9)


def test_the_error_of_a_ratio_by_hand() -> None:
    numerator = np.tile([1.0, 3.0, 2.0, 2.0], 4)
    denominator = np.tile([2.0, 2.0, 4.0, 8.0], 4)
    found = clustered.clustered_ratio(numerator, denominator, np.arange(16) // 2)
    # r = 2 / 4; influences (a - r b) / 4 are 0, 0.5, 0, -0.5: sums of 0.5 and -0.5 by path.
    assert found.value == 0.5
    assert found.std_error == pytest.approx(np.sqrt(8 / 7 * 8 * 0.25) / 16)


def test_two_paths_are_too_few_for_an_error() -> None:
    found = clustered.clustered_ratio([1.0, 3.0, 2.0, 2.0], [2.0, 2.0, 4.0, 8.0], [0, 0, 1, 1])
    assert found.value == 0.5
    assert np.isnan(found.std_error)
    assert found.method == "too few"


def test_undefined_ratios_and_empty_samples_say_so() -> None:
    none = clustered.clustered_ratio([1.0, 2.0], [1.0, -1.0], [0, 1])
    assert np.isnan(none.value)
    assert none.n == 2
    assert np.isnan(clustered.clustered_mean([], []).value)
    assert np.isnan(clustered.clustered_mean([1.0, 2.0], [0, 0]).std_error)
    with pytest.raises(ValueError, match="clusters: found"):
        clustered.clustered_mean([1.0, 2.0], [0])
