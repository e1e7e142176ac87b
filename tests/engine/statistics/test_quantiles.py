"""Quantiles and tail means of many parameter sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.order_statistics import fractional_ranks
from engine.statistics.quantiles import expected_shortfalls, quantiles


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(size=shape)


@pytest.mark.parametrize(("n", "p"), [(20, 0.5), (25, 0.05), (200, 0.95), (3000, 0.25)])
def test_whole_ranks_have_the_exact_binomial_probability(n: int, p: float) -> None:
    for confidence in (0.8, 0.9, 0.95):
        low, high = fractional_ranks(n, p, confidence)
        below = stats.binom.cdf(np.arange(n + 1), n, p)
        tail = (1 - confidence) / 2
        if low > 0 and high <= n:
            # P(X_(r) <= q) = P(at least r below): the level lies between the neighbours'.
            assert below[math.floor(low) - 1] <= tail + 1e-9 <= below[math.floor(low)] + 2e-9
            assert 1 - below[math.ceil(high) - 1] <= tail + 1e-9
        rank = low if low > 0 else high
        level = special.betainc(rank, n + 1 - rank, p)
        assert min(abs(level - (1 - tail)), abs(level - tail), abs(level - 2 * tail)) < 1e-6


def test_the_median_lies_inside_the_binomial_interval() -> None:
    # n = 20: ranks 6 and 15 cover with probability 0.9586 (David and Nagaraja 2003), so that
    # ranks for 0.95 lie a little inside.
    found = quantiles(np.arange(1.0, 21.0), 0.5).estimates()[0]
    assert found.value == 10.5
    assert (found.low, found.high) == pytest.approx((6.17, 14.83), abs=0.01)


def test_an_open_end_leaves_the_whole_error_probability_to_the_other() -> None:
    found = quantiles(np.arange(30.0), 0.99).estimates()[0]
    assert found.high == math.inf
    # P(X_(r) <= q) = 0.95 for the lower end.
    rank = found.low + 1.0
    assert special.betainc(rank, 31 - rank, 0.99) == pytest.approx(0.95, abs=1e-6)


def test_the_error_is_maritz_and_jarretts() -> None:
    x = np.sort(normal(4, 200))
    k, n = 191, 200
    weights = np.diff(special.betainc(k, n - k + 1, np.arange(n + 1) / n))
    centre = (weights * x).sum()
    expected = math.sqrt((weights * (x - centre) ** 2).sum())
    assert quantiles(x, 0.95).estimates()[0].std_error == pytest.approx(expected, rel=1e-6)


def test_every_set_has_the_quantile_it_has_alone() -> None:
    x = normal(8, 6, 40)
    x[2, :7] = math.nan
    x[4] = math.nan
    found = quantiles(x, 0.3).estimates()
    for index in (0, 2, 5):
        row = x[index][~np.isnan(x[index])]
        alone = quantiles(row, 0.3).estimates()[0]
        assert found.value[index] == pytest.approx(np.quantile(row, 0.3))
        assert (found.low[index], found.high[index]) == pytest.approx((alone.low, alone.high))
    assert found.method[4] == Method.UNDEFINED.value


def test_sets_of_different_length_are_taken_at_once() -> None:
    a, b = normal(1, 30), normal(2, 70)
    layout = Layout.of(np.repeat([5, 2], [30, 70]))
    found = quantiles(np.concatenate([a, b]), 0.5, layout).estimates()
    assert found.value.tolist() == pytest.approx([np.median(b), np.median(a)])
    assert found.n.tolist() == [70, 30]


def test_paths_with_several_outcomes_count_once() -> None:
    x = normal(3, 300)
    layout = Layout.of(np.zeros(1200, dtype=int), np.tile(np.arange(300), 4))
    once = quantiles(x, 0.9).estimates()[0]
    again = quantiles(np.tile(x, 4), 0.9, layout).estimates()[0]
    assert again.half_width == pytest.approx(once.half_width, rel=0.08)
    assert again.std_error == pytest.approx(once.std_error, rel=0.25)


def test_a_quantile_on_an_atom_is_exact_and_claims_no_error() -> None:
    x = np.concatenate([np.zeros(80), normal(5, 20)])
    found = quantiles(x, 0.5).estimates()[0]
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert math.isnan(found.std_error)


def test_the_influence_of_a_quantile_has_its_error() -> None:
    linear = quantiles(normal(9, 5, 400), 0.25)
    table = linear.estimates()
    np.testing.assert_allclose(np.sqrt(linear.variances()), table.std_error, rtol=0.01)


def test_expected_shortfall_weighs_a_fraction_of_an_outcome() -> None:
    # 10 % of 55 is 5.5: the worst five losses and half the next.
    losses = np.arange(55.0)
    value = expected_shortfalls(losses, 0.9).estimates()[0].value
    assert value == pytest.approx((54 + 53 + 52 + 51 + 50 + 0.5 * 49) / 5.5)


def test_a_tail_of_fewer_than_five_has_no_interval() -> None:
    found = expected_shortfalls(normal(1, 60), 0.95).estimates()[0]
    assert found.method == Method.TOO_FEW
    assert math.isnan(found.high)


def test_the_error_of_expected_shortfall_is_the_asymptotic_one() -> None:
    x = np.sort(normal(2, 4000))[::-1]
    tail, level = x[:400], 0.9
    value = tail.mean()
    variance = (tail.var() + level * (value - x[400]) ** 2) / (4000 * 0.1)
    found = expected_shortfalls(x, level).estimates()[0]
    assert found.value == pytest.approx(value)
    assert found.std_error == pytest.approx(math.sqrt(variance), rel=0.005)


def test_intervals_of_tails_move_with_scale_and_level() -> None:
    x = np.random.Generator(np.random.Philox(23)).exponential(size=160)
    here = expected_shortfalls(x, 0.95).estimates()[0]
    thrice = expected_shortfalls(3 * x, 0.95).estimates()[0]
    there = expected_shortfalls(x - 1000, 0.95).estimates()[0]
    assert (thrice.low, thrice.high) == pytest.approx((3 * here.low, 3 * here.high))
    assert (there.low, there.high) == pytest.approx((here.low - 1000, here.high - 1000))


def test_probabilities_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="probability"):
        quantiles([1.0, 2.0], 1.0)
    with pytest.raises(ValueError, match="level"):
        expected_shortfalls([1.0, 2.0], 0.0)


def test_a_tail_of_idle_paths_mostly_has_no_interval_of_the_few_that_lost() -> None:
    losses = np.zeros(200)
    losses[:4] = [1.0, 2.0, 3.0, 4.0]
    few = expected_shortfalls(losses, 0.9).estimates()[0]
    assert (few.value, few.method) == (0.5, "too few")
    losses[4:12] = np.arange(5.0, 13.0)
    assert expected_shortfalls(losses, 0.9).estimates()[0].high > 0.5
