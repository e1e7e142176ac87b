"""Monte Carlo errors of each kind, against closed forms and repeated sampling."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from engine.statistics.clustered import (
    clustered_expected_shortfall,
    clustered_mean,
    clustered_proportion,
    clustered_quantile,
    clustered_ratio,
    clustered_standard_deviation,
)
from engine.statistics.monte_carlo import (
    Estimate,
    expected_shortfall,
    mean,
    proportion,
    quantile,
    ratio,
    standard_deviation,
)

Array = NDArray[np.float64]


def normal(seed: int, *shape: int) -> Array:
    return np.random.Generator(np.random.Philox(seed)).normal(size=shape)


def test_a_mean_has_students_interval() -> None:
    found = mean([1.0, 2.0, 3.0, 4.0])
    assert found.value == 2.5
    assert found.std_error == pytest.approx(math.sqrt(5 / 3) / 2)
    # t quantile at 0.975 with 3 degrees of freedom: 3.182446.
    assert found.half_width == pytest.approx(3.182446305 * found.std_error, rel=1e-9)
    assert found.n == 4


def test_undefined_outcomes_are_left_out() -> None:
    assert mean([1.0, math.nan, 3.0]) == mean([1.0, 3.0])
    assert quantile([1.0, math.nan, 3.0], 0.5).n == 2


def test_too_few_outcomes_leave_the_error_unknown() -> None:
    for found in (mean([]), quantile([], 0.5), expected_shortfall([]), proportion(0, 0)):
        assert math.isnan(found.value)
        assert found.n == 0
    assert math.isnan(mean([5.0]).std_error)
    assert mean([5.0]).value == 5.0


def test_a_proportion_has_wilsons_interval() -> None:
    # Wilson (1927): 8 of 10 at 95 %: 0.4902 to 0.9433.
    found = proportion(8, 10)
    assert found.value == 0.8
    assert found.std_error == pytest.approx(math.sqrt(0.016))
    assert found.low == pytest.approx(0.490162, abs=1e-6)
    assert found.high == pytest.approx(0.943318, abs=1e-6)


def test_a_proportion_of_none_or_all_still_has_a_width() -> None:
    # The upper end at 0 of n is z^2 / (n + z^2).
    z2 = 1.959963984540054**2
    assert proportion(0, 20).high == pytest.approx(z2 / (20 + z2))
    assert proportion(20, 20).low == pytest.approx(20 / (20 + z2))


def test_the_median_has_the_binomial_interval() -> None:
    # n = 20, p = 1/2: ranks 6 and 15 cover with probability 0.9586 (David and Nagaraja 2003).
    found = quantile(np.arange(1.0, 21.0), 0.5)
    assert (found.low, found.high) == (6.0, 15.0)
    assert found.value == 10.5


def test_an_extreme_quantile_of_few_outcomes_has_an_open_end() -> None:
    found = quantile(np.arange(30.0), 0.99)
    assert found.high == math.inf
    assert found.low < 29.0


def test_the_quantile_error_of_a_uniform_is_that_of_the_beta_law() -> None:
    n, p = 4001, 0.95
    x = (np.arange(n) + 0.5) / n
    assert quantile(x, p).std_error == pytest.approx(math.sqrt(p * (1 - p) / n), rel=0.01)


def test_expected_shortfall_weighs_a_fraction_of_an_outcome() -> None:
    # 5 % of 30 is 1.5: the worst loss and half the next.
    losses = np.arange(30.0)
    assert expected_shortfall(losses).value == pytest.approx((29 + 0.5 * 28) / 1.5)
    assert expected_shortfall(np.arange(20.0)).value == 19.0


def test_a_ratio_of_proportional_outcomes_has_no_error() -> None:
    found = ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert found.value == 2.0
    assert found.std_error == pytest.approx(0.0, abs=1e-15)
    assert math.isnan(ratio([1.0, 2.0], [0.0, 0.0]).value)


ESTIMATORS: dict[str, tuple[Callable[[Array], Estimate], float]] = {
    "mean": (mean, 0.0),
    "standard deviation": (standard_deviation, 1.0),
    "median": (lambda x: quantile(x, 0.5), 0.0),
    "95 % quantile": (lambda x: quantile(x, 0.95), 1.6448536),
    "expected shortfall": (expected_shortfall, 2.0627128),
    "proportion": (lambda x: proportion(int((x > 1).sum()), len(x)), 0.1586553),
    "ratio": (lambda x: ratio(x + 3, np.abs(x) + 1), 3 / (1 + math.sqrt(2 / math.pi))),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_standard_errors_are_the_spread_over_repetitions_and_intervals_cover(name: str) -> None:
    estimator, truth = ESTIMATORS[name]
    repetitions, n = 1000, 600
    found = [estimator(row) for row in normal(5, repetitions, n)]
    spread = np.std([e.value for e in found], ddof=1)
    # The spread itself is known within 1 / sqrt(2 * 999) = 2.2 %, its mean estimate better.
    assert np.sqrt(np.mean([e.std_error**2 for e in found])) == pytest.approx(spread, rel=0.1)
    covered = np.mean([e.low <= truth <= e.high for e in found])
    # 95 % within four binomial standard errors (0.0069 each), and a little more for asymptotics.
    assert 0.915 <= covered <= 0.978


@pytest.mark.parametrize(
    ("clustered", "plain"),
    [
        (clustered_mean, mean),
        (clustered_standard_deviation, standard_deviation),
        (clustered_expected_shortfall, expected_shortfall),
        (lambda x, c: clustered_quantile(x, c, 0.9), lambda x: quantile(x, 0.9)),
        (lambda x, c: clustered_ratio(x + 4, x**2, c), lambda x: ratio(x + 4, x**2)),
    ],
)
def test_one_outcome_per_path_has_the_plain_error(
    clustered: Callable[[Array, Array], Estimate], plain: Callable[[Array], Estimate]
) -> None:
    x = normal(9, 4000)
    first, second = clustered(x, np.arange(4000)), plain(x)
    assert first.value == pytest.approx(second.value, rel=1e-3)
    assert first.std_error == pytest.approx(second.std_error, rel=0.1)


def test_repeating_every_path_does_not_make_the_error_smaller() -> None:
    x = normal(11, 500)
    twice, paths = np.tile(x, 4), np.tile(np.arange(500), 4)
    for estimator in (clustered_mean, clustered_standard_deviation, clustered_expected_shortfall):
        once = estimator(x, np.arange(500))
        assert estimator(twice, paths).std_error == pytest.approx(once.std_error, rel=0.02)
    assert mean(twice).std_error < 0.6 * mean(x).std_error


@pytest.mark.parametrize(("n", "p"), [(7, 0.5), (25, 0.05), (200, 0.95), (50_000, 0.25)])
def test_order_intervals_and_weights_are_those_of_the_exact_laws(n: int, p: float) -> None:
    x = np.sort(normal(4, n))
    found = quantile(x, p)
    # Maritz and Jarrett's weights, from the incomplete beta function.
    k = min(int(n * p) + 1, n)
    weights = np.diff(special.betainc(k, n - k + 1, np.arange(n + 1) / n))
    centre = (weights * x).sum()
    error = math.sqrt((weights * (x - centre) ** 2).sum())
    assert found.std_error == pytest.approx(error, rel=1e-6)
    ranks = np.arange(n + 1)
    below = stats.binom.cdf(ranks, n, p)
    low = int((below <= 0.025).sum())
    high = int((below < 0.975).sum()) + 1
    assert found.low == (x[low - 1] if low else -math.inf)
    assert found.high == (x[high - 1] if high <= n else math.inf)


def test_an_open_end_leaves_a_clustered_quantile_the_error_of_the_other() -> None:
    rng = np.random.Generator(np.random.Philox(5))
    outcomes, units = rng.normal(size=50), np.arange(50) // 2
    found = clustered_quantile(outcomes, units, 0.95)
    assert math.isinf(found.high)
    assert found.std_error == pytest.approx((found.value - found.low) / 1.959964, rel=1e-6)


def _premium_seller(seed: int, *shape: int) -> Array:
    """Losses of a seller of options: a small gain mostly, a skewed loss now and then."""
    rng = np.random.Generator(np.random.Philox(seed))
    gain = -1 - 0.3 * rng.random(shape)
    return np.where(rng.random(shape) < 0.85, gain, rng.gamma(1.5, 2.0, shape) - 1)


def _exponential(seed: int, *shape: int) -> Array:
    return np.random.Generator(np.random.Philox(seed)).exponential(size=shape)


@pytest.mark.parametrize("n", [50, 100, 1000])
@pytest.mark.parametrize("law", [normal, _exponential, _premium_seller])
def test_errors_of_tails_and_spreads_hold_for_few_skewed_outcomes(
    law: Callable[..., Array], n: int
) -> None:
    population = np.sort(law(3, 4_000_000))
    truths = {
        standard_deviation: float(population.std()),
        expected_shortfall: float(population[-200_000:].mean()),
    }
    repetitions = 2000
    samples = law(17, repetitions, n)
    for estimator, truth in truths.items():
        found = [estimator(row) for row in samples]
        # 95 % less what skewness costs at this n, and four binomial standard errors of 0.5 %.
        covered = np.mean([e.low <= truth <= e.high for e in found])
        assert (0.90 if n < 1000 else 0.925) <= covered <= 0.98
        assert all(e.low <= e.value <= e.high for e in found)
        spread = np.std([e.value for e in found], ddof=1)
        root = np.sqrt(np.mean([e.std_error**2 for e in found]))
        assert root == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("n", [3, 4, 7, 40])
def test_the_error_of_a_standard_deviation_is_the_jackknife_written_out(n: int) -> None:
    x = _exponential(21, n)
    without = np.array([np.delete(x, i).std(ddof=1) for i in range(n)])
    found = standard_deviation(x)
    assert found.value == pytest.approx(x.std(ddof=1))
    expected = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert found.std_error == pytest.approx(expected, rel=1e-9)
    assert found.low * found.high == pytest.approx(found.value**2)
    # Whole paths are left out where several outcomes share one.
    y = np.concatenate([x, x[::-1] ** 2])
    paths = np.concatenate([np.arange(n), np.arange(n)[::-1]])
    without = np.array([y[paths != i].std(ddof=1) for i in range(n)])
    expected = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert clustered_standard_deviation(y, paths).std_error == pytest.approx(expected, rel=1e-9)


def test_spreads_of_two_outcomes_and_of_none_claim_no_precision_they_lack() -> None:
    two = standard_deviation([1.0, 3.0])
    assert two.value == pytest.approx(math.sqrt(2))
    assert math.isnan(two.std_error)
    assert standard_deviation([2.0, 2.0, 2.0]) == Estimate(0.0, 0.0, 0.0, 0.0, 3)
    # One outcome makes all of the spread.
    lone = standard_deviation([0.0] * 9 + [1.0], 0.9999)
    assert 0.0 <= lone.low < lone.value < lone.high < math.inf


def test_intervals_of_tails_and_spreads_move_with_the_scale() -> None:
    x = _exponential(23, 60)
    for estimator in (standard_deviation, expected_shortfall):
        once, thrice = estimator(x), estimator(3 * x)
        assert thrice.low == pytest.approx(3 * once.low)
        assert thrice.high == pytest.approx(3 * once.high)
    here, there = expected_shortfall(x), expected_shortfall(x - 1000)
    assert there.low == pytest.approx(here.low - 1000)
    assert there.high == pytest.approx(here.high - 1000)


def test_a_share_over_paths_stays_between_none_and_all() -> None:
    wins = np.repeat([1.0] * 29 + [0.0], 4)
    paths = np.repeat(np.arange(30), 4)
    found = clustered_proportion(wins, paths)
    assert found.value == pytest.approx(29 / 30)
    assert found.std_error == clustered_mean(wins, paths).std_error
    assert 0.8 < found.low < found.value < found.high < 1.0
    # Four equal outcomes of a path are one: nearly Wilson's interval of thirty.
    assert found.low == pytest.approx(proportion(29, 30).low, abs=0.015)
    for share in (0.0, 1.0):
        none = clustered_proportion(np.full(120, share), paths)
        assert none.std_error == 0.0
        assert none.high - none.low == pytest.approx(proportion(30, 30).low * -1 + 1, abs=0.02)
        assert 0.0 <= none.low <= none.high <= 1.0
    assert clustered_proportion([], []).n == 0
    assert math.isnan(clustered_proportion([1.0, 0.0], [5, 5]).std_error)
