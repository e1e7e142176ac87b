"""Shares and counts, where events are rare above all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from benchmarks.validity.share_coverage import exact_coverage
from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.shares import counts, shares, shares_at_least, shares_at_most


def of(successes: int, n: int) -> np.ndarray:
    return (np.arange(n) < successes).astype(float)


def test_a_share_has_wilsons_interval() -> None:
    # Wilson (1927): 8 of 10 at 95 %: 0.4902 to 0.9433; of two failures the upper end is wider.
    found = shares(of(5, 10)).estimates()[0]
    interval = stats.binomtest(5, 10).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.std_error == pytest.approx(math.sqrt(0.025))
    assert found.method == Method.SCORE


def test_eight_of_ten_have_wilsons_lower_end() -> None:
    # Wilson (1927): 0.4902 to 0.9433; two failures have the upper end of a Poisson count.
    found = shares(of(8, 10)).estimates()[0]
    assert (found.value, found.n) == (0.8, 10)
    assert found.low == pytest.approx(0.490162, abs=1e-6)
    assert found.high == pytest.approx(0.9645, abs=1e-4)


def test_up_to_three_successes_have_the_lower_end_of_a_poisson_count() -> None:
    for k in (1, 2, 3):
        low = stats.chi2.ppf(0.05, 2 * k) / 2 / 100
        assert shares(of(k, 100)).estimates()[0].low == pytest.approx(low, rel=1e-9)
        assert shares(of(100 - k, 100)).estimates()[0].high == pytest.approx(1 - low, rel=1e-9)


def test_none_and_all_have_the_rule_of_three() -> None:
    none, every = shares([of(0, 100), of(100, 100)]).estimates()
    assert (none.value, none.low, none.method) == (0.0, 0.0, Method.RULE_OF_THREE)
    assert none.high == pytest.approx(1 - 0.025**0.01)
    assert (every.value, every.high) == (1.0, 1.0)
    assert every.low == pytest.approx(0.025**0.01)
    assert math.isnan(none.std_error)


def coverage(n: int, true_shares: np.ndarray) -> np.ndarray:
    found = shares([of(k, n) for k in range(n + 1)]).estimates()
    return exact_coverage(found.low, found.high, true_shares)


@pytest.mark.parametrize(
    ("n", "least", "share_within"),
    [(20, 0.92, 0.88), (36, 0.915, 0.97), (50, 0.925, 0.98), (100, 0.925, 0.98)],
)
def test_exact_coverage_of_a_share_is_near_its_level_and_never_far_below(
    n: int, least: float, share_within: float
) -> None:
    rare = coverage(n, np.linspace(0.02, 3.0, 150) / n)
    likely = coverage(n, np.linspace(3.0 / n, 0.5, 1501))
    assert rare.min() >= 0.925
    assert likely.min() >= least
    assert ((likely >= 0.93) & (likely <= 0.97)).mean() >= share_within
    assert likely.mean() == pytest.approx(0.953, abs=0.006)


def test_outcomes_on_shared_paths_count_as_the_paths_they_are() -> None:
    wins = np.repeat(of(29, 30), 4)
    layout = Layout.of(np.zeros(120, dtype=int), np.repeat(np.arange(30), 4))
    found = shares(wins, layout).estimates()[0]
    assert found.value == pytest.approx(29 / 30)
    alone = shares(of(29, 30)).estimates()[0]
    assert found.low == pytest.approx(alone.low, abs=0.02)
    none = shares(np.zeros(120), layout).estimates()[0]
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 30))


def test_one_path_has_no_error_whatever_it_did() -> None:
    found = shares([1.0]).estimates()[0]
    assert (found.value, found.method) == (1.0, Method.ONE_HISTORY)
    assert math.isnan(found.low)


def test_probabilities_of_loss_and_of_a_goal_count_the_bound_itself() -> None:
    outcomes = [-2.0, -1.0, 0.0, 3.0, math.nan]
    assert shares_at_most(outcomes, -1.0).value[0] == 0.5
    assert shares_at_least(outcomes, 0.0).value[0] == 0.5
    assert shares_at_least(outcomes, 9.0).estimates()[0].n == 4


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="successes"):
        shares([2.0, 2.0])
    with pytest.raises(ValueError, match="events"):
        counts([1.0, -1.0])


def test_single_events_have_the_exact_poisson_interval() -> None:
    # Garwood (1936): 4 events, 1.090 to 10.242.
    found = counts(of(4, 400)).estimates()[0]
    assert found.method == Method.EVENTS
    assert (400 * found.low, 400 * found.high) == pytest.approx(
        (special.gammaincinv(4, 0.025), special.gammaincinv(5, 0.975)), rel=1e-9
    )


def test_no_event_has_the_rule_of_three_and_many_events_the_interval_of_a_mean() -> None:
    none = counts(np.zeros(200)).estimates()[0]
    assert none.method == Method.RULE_OF_THREE
    assert none.high == pytest.approx(3.6888794541 / 200)
    many = np.random.Generator(np.random.Philox(3)).poisson(2.0, 300)
    assert counts(many).estimates()[0].method == Method.SKEWED


def test_clumped_events_have_a_wider_interval_than_single_ones() -> None:
    single, clumped = np.zeros(300), np.zeros(300)
    single[:12] = 1.0
    clumped[:3] = 4.0
    one, other = counts([single, clumped]).estimates()
    assert one.value == other.value
    assert other.half_width > 1.8 * one.half_width


@pytest.mark.parametrize(("rate", "size"), [(0.1, 0.0), (0.1, 3.0), (0.3, 3.0), (2.0, 0.0)])
def test_rare_counts_are_covered(rate: float, size: float) -> None:
    rng = np.random.Generator(np.random.Philox(5))
    events = rng.poisson(rate, (2000, 100)).astype(float)
    events += np.where(events > 0, rng.poisson(size, events.shape), 0)
    truth = rate + (1 - math.exp(-rate)) * size
    found = counts(events).estimates()
    stated = ~np.isnan(found.low)
    held = (found.low <= truth) & (truth <= found.high)
    # Five events are expected at the least: 93 % and more, never claiming certainty.
    assert 0.93 <= held[stated].mean() <= 0.995
