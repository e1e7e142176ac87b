"""Means, spreads and shape of many parameter sets, against plain formulas on each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.moments import means, standard_deviations


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(size=shape)


def test_every_set_has_the_mean_and_error_it_has_alone() -> None:
    x = normal(1, 40, 30) ** 2
    x[3, 5:9] = math.nan
    found = means(x).estimates()
    for index, row in enumerate(x):
        kept = row[~np.isnan(row)]
        assert found.value[index] == pytest.approx(kept.mean(), rel=1e-12)
        assert found.std_error[index] == pytest.approx(stats.sem(kept), rel=1e-9)
        assert found.n[index] == len(kept)


def test_an_interval_without_skewness_is_students() -> None:
    found = means([1.0, 2.0, 3.0, 4.0]).estimates()[0]
    # t quantile at 0.975 with 3 degrees of freedom; the influences are symmetric.
    reach = 3.182446305284263 * math.sqrt(5 / 3) / 2
    # The transformation of a studentised mean without skewness is the identity.
    assert (found.low, found.high) == pytest.approx((2.5 - reach, 2.5 + reach), rel=1e-9)


def test_an_interval_is_wider_on_the_side_to_which_outcomes_are_skewed() -> None:
    x = np.random.Generator(np.random.Philox(2)).exponential(size=60)
    found = means(x).estimates()[0]
    reach = stats.t.ppf(0.975, 59) * found.std_error
    assert found.high - found.value > 1.1 * reach
    assert found.value - found.low == pytest.approx(reach)
    mirrored = means(-x).estimates()[0]
    assert mirrored.low == pytest.approx(-found.high)


def test_repeating_every_path_does_not_make_an_error_smaller() -> None:
    x = normal(11, 500)
    twice, paths = np.tile(x, 4), np.tile(np.arange(500), 4)
    layout = Layout.of(np.zeros(2000, dtype=int), paths)
    for statistic in (means, standard_deviations):
        once = statistic(x).estimates()[0]
        again = statistic(twice, layout).estimates()[0]
        assert again.std_error == pytest.approx(once.std_error, rel=0.01)
        assert again.n == 2000


@pytest.mark.parametrize("n", [3, 4, 7, 40])
def test_the_error_of_a_standard_deviation_is_the_jackknife_written_out(n: int) -> None:
    x = np.random.Generator(np.random.Philox(21)).exponential(size=n)
    without = np.array([np.delete(x, i).std(ddof=1) for i in range(n)])
    found = standard_deviations(x).estimates()[0]
    assert found.value == pytest.approx(x.std(ddof=1))
    expected = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert found.std_error == pytest.approx(expected, rel=1e-9)
    # Whole paths are left out where several outcomes share one.
    y = np.concatenate([x, x[::-1] ** 2])
    paths = np.concatenate([np.arange(n), np.arange(n)[::-1]])
    without = np.array([y[paths != i].std(ddof=1) for i in range(n)])
    expected = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    layout = Layout.of(np.zeros(2 * n, dtype=int), paths)
    assert standard_deviations(y, layout).estimates()[0].std_error == pytest.approx(expected)


@pytest.mark.parametrize("statistic", [means, standard_deviations])
def test_no_precision_is_claimed_that_was_not_seen(statistic) -> None:  # type: ignore[no-untyped-def]
    outcomes = np.zeros((3, 40))
    outcomes[0] = 0.1
    outcomes[1, :3] = [1.0, -2.0, 3.0]
    outcomes[2] = math.nan
    found = statistic(outcomes).estimates()
    assert found.method.tolist() == [
        Method.NO_VARIANCE.value,
        Method.TOO_FEW.value,
        Method.UNDEFINED.value,
    ]
    assert np.isnan(found.std_error).all()
    assert np.isnan(found.low).all()


def test_one_path_is_one_history() -> None:
    found = means([[5.0]]).estimates()[0]
    assert (found.value, found.method) == (5.0, Method.ONE_HISTORY)
    assert math.isnan(found.std_error)
    # Antithetic halves of one path are still one.
    pair = means([5.0, 6.0], Layout.of([0, 0], [3, 3])).estimates()[0]
    assert (pair.value, pair.method, pair.n) == (5.5, Method.ONE_HISTORY, 2)


@pytest.mark.parametrize("scale", [1e-6, 3.0, 1e9])
def test_estimates_move_with_the_scale_of_money(scale: float) -> None:
    x = normal(7, 4, 60)
    for statistic in (means, standard_deviations):
        one, other = statistic(x).estimates(), statistic(scale * x).estimates()
        for part in ("value", "std_error", "low", "high"):
            np.testing.assert_allclose(getattr(other, part), scale * getattr(one, part), rtol=1e-9)


def test_shapes_and_levels_that_are_not_allowed_are_refused() -> None:
    with pytest.raises(ValueError, match="outcomes: found shape"):
        means(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"confidence: found 1\.5"):
        means([1.0, 2.0]).estimates(1.5)
