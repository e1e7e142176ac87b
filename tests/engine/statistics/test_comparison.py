"""Differences between parameter sets of any statistic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.statistics.comparison import compare, paired_influences
from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.moments import means
from engine.statistics.path_sums import return_sums
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import quantiles


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def pair(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = generator(seed)
    common = rng.normal(size=n)
    return common + 0.1 + 0.2 * rng.normal(size=n), common + 0.2 * rng.normal(size=n)


def test_common_paths_have_students_paired_test() -> None:
    a, b = pair(8)
    found = compare(means(a), means(b))
    other = stats.ttest_rel(a, b)
    # The larger of Student's p-value and that of the transformed statistic.
    assert found.p_value[0] >= other.pvalue * (1 - 1e-9)
    assert found.p_value[0] == pytest.approx(other.pvalue, rel=0.2)
    assert found.difference[0].std_error == pytest.approx(stats.sem(a - b))
    assert found.correlation[0] == pytest.approx(np.corrcoef(a, b)[0, 1])
    independent = a.var(ddof=1) / 200 + b.var(ddof=1) / 200
    saved = 1 - (a - b).var(ddof=1) / 200 / independent
    assert found.variance_saved[0] == pytest.approx(saved)
    assert found.paired[0] == 200


def test_paths_of_one_side_alone_have_welchs_test() -> None:
    a, b = pair(9)
    ours = means(a[:60], Layout.of(np.zeros(60, int), np.arange(60)))
    theirs = means(b[60:], Layout.of(np.zeros(140, int), np.arange(60, 200)))
    found = compare(ours, theirs)
    other = stats.ttest_ind(a[:60], b[60:], equal_var=False)
    assert found.p_value[0] == pytest.approx(other.pvalue, rel=1e-6)
    assert (found.paired[0], found.difference[0].n) == (0, 200)
    assert found.variance_saved[0] == pytest.approx(0.0, abs=1e-12)


def test_partial_overlap_uses_all_paths_and_knows_its_error() -> None:
    # Equal rules that share 150 of 250 and 350 paths, in 600 worlds.
    rng, worlds = generator(3), 600
    base = rng.normal(size=(worlds, 450))
    a, b = (0.95 * base + 0.3 * rng.normal(size=base.shape) for _ in range(2))
    sets = np.arange(worlds)
    ours = Layout.of(np.repeat(sets, 250), np.tile(np.arange(250), worlds))
    theirs = Layout.of(np.repeat(sets, 350), np.tile(np.arange(100, 450), worlds))
    found = compare(means(a[:, :250], ours), means(b[:, 100:], theirs))
    assert set(found.paired.tolist()) == {150}
    error = found.difference.std_error
    # A standard deviation of 600 values is known to 2.9 %.
    spread = found.difference.value.std(ddof=1)
    assert np.sqrt((error**2).mean()) == pytest.approx(spread, rel=0.12)
    assert stats.kstest(found.p_value, "uniform").pvalue > 0.001
    # Paired alone it would be 0.42 / sqrt(150), independent alone sqrt(1 / 250 + 1 / 350).
    assert error.mean() < 0.42 / math.sqrt(150)


def test_one_shared_path_of_a_thousand_is_no_reason_for_a_comparison_of_one() -> None:
    rng = generator(4)
    ours = means(rng.normal(0.5, 1.0, 1000), Layout.of(np.zeros(1000, int), np.arange(1000)))
    others = Layout.of(np.zeros(1000, int), np.arange(999, 1999))
    found = compare(ours, means(rng.normal(size=1000), others))
    assert found.paired[0] == 1
    assert found.difference[0].n == 1999
    assert found.p_value[0] < 1e-6


def idle_rules(seed: int, studies: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns of two rules of equal law without edge, that trade on a share of the paths."""
    rng = generator(seed)
    shape = (studies, 100, 21)
    drift = rng.normal(0.0, 0.01, shape)
    rules = []
    for _ in range(2):
        trades = rng.random(shape[:2]) < share
        rules.append(np.where(trades[..., None], 0.7 * drift + rng.normal(0, 0.007, shape), 0.0))
    return rules[0], rules[1]


def sums_of(changes: np.ndarray) -> dict[str, np.ndarray]:
    return return_sums(100.0 * np.cumprod(1.0 + changes, axis=-1), 100.0, 21 / 252)


@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("statistic", ["mean", "sharpe", "omega", "quantile"])
def test_equal_rules_have_uniform_p_values_idle_paths_and_all(statistic: str, share: float) -> None:
    first, second = (sums_of(rule) for rule in idle_rules(5, 500, share))

    def linear(sums):  # type: ignore[no-untyped-def]
        if statistic == "mean":
            return means(sums["return_sum"])
        if statistic == "quantile":
            return quantiles(sums["return_sum"], 0.25 if share == 1.0 else 0.95)
        return pooled(statistic, sums)

    p_value = compare(linear(first), linear(second)).p_value
    test = stats.kstest(p_value, "uniform")
    if statistic == "quantile":
        # No density is estimated: the error is right on average, not set by set.
        assert (p_value < 0.05).mean() <= 0.09
    else:
        assert test.pvalue > 0.001, (test, (p_value < 0.05).mean())


def test_every_set_is_compared_with_its_own_or_with_everybodys_baseline() -> None:
    rng = generator(6)
    ours, theirs = rng.normal(size=(3, 50)), rng.normal(size=(3, 50))
    each = compare(means(ours), means(theirs))
    one = compare(means(ours), means(theirs[1]))
    for index in range(3):
        alone = compare(means(ours[index]), means(theirs[index]))
        assert each.difference[index] == alone.difference[0]
    assert one.difference[1] == each.difference[1]
    with pytest.raises(ValueError, match="baseline: found 2 parameter sets, allowed 1 or 3"):
        compare(means(ours), means(theirs[:2]))


def test_percent_has_fiellers_interval() -> None:
    a, b = pair(10)
    a, b = a + 3.0, b + 2.0
    found = compare(means(a), means(b)).percent[0]
    ratio = a.mean() / b.mean()
    assert found.value == pytest.approx(100 * (ratio - 1))
    # At the ends a test of the ratio is just rejected.
    for end in (found.low, found.high):
        other = stats.ttest_rel(a, (1 + end / 100) * b)
        assert other.pvalue == pytest.approx(0.05, rel=1e-6)


def test_percent_of_a_loss_is_an_improvement_where_the_loss_shrinks() -> None:
    a, b = pair(11)
    found = compare(means(a - 2.0), means(b - 4.0)).percent[0]
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(100 * ((a - 2).mean() - (b - 4).mean()) / -(b - 4).mean())
    assert found.value > 0


def test_percent_of_what_may_be_zero_has_no_interval() -> None:
    a, b = pair(12)
    found = compare(means(a), means(b - b.mean())).percent[0]
    assert found.method in (Method.NO_INTERVAL, Method.UNDEFINED)
    assert math.isnan(found.low)


def test_the_same_outcomes_do_not_differ_and_a_constant_gap_is_a_matter_of_signs() -> None:
    x = pair(13, 5)[0]
    same = compare(means(x), means(x))
    assert (same.difference[0].value, same.p_value[0]) == (0.0, 1.0)
    assert same.difference[0].method == Method.NO_VARIANCE
    assert compare(means(x + 1.0), means(x)).p_value[0] == pytest.approx(2 / 2**5)


def test_few_paths_that_differ_settle_nothing() -> None:
    x = np.zeros(400)
    y = x.copy()
    y[:3] = [5.0, 4.0, 6.0]
    found = compare(means(y), means(x))
    assert found.difference[0].method == Method.TOO_FEW
    assert found.p_value[0] >= 0.25


def test_missing_outcomes_leave_their_path_to_the_other_side() -> None:
    a, b = pair(14)
    holed = a.copy()
    holed[:40] = math.nan
    found = compare(means(holed), means(b))
    assert (found.paired[0], found.difference[0].n) == (160, 200)
    common, other = paired_influences(means(holed), means(b))
    assert common.sum() == 160
    assert (other[:40] == 0).all()


def test_one_path_compares_with_one_path_without_a_p_value() -> None:
    found = compare(means([3.0]), means([1.0]))
    assert found.difference[0].value == 2.0
    assert math.isnan(found.p_value[0])


def test_a_set_of_the_same_study_may_be_the_baseline() -> None:
    x = generator(15).normal(size=(4, 60))
    x[2, :5] = math.nan
    of = means(x)
    found, expected = compare(of, of.take(2)), compare(of, means(x[2]))
    for part in ("value", "std_error", "low", "high"):
        np.testing.assert_allclose(
            getattr(found.difference, part), getattr(expected.difference, part)
        )
    assert found.p_value[2] == 1.0
    some = of.take([3, 1])
    assert some.estimates()[0] == of.estimates()[3]
    assert some.estimates(0.8)[1] == of.estimates(0.8)[1]
    assert list(some.estimates().columns()) == [
        *("estimate", "std_error", "ci_low", "ci_high", "n", "method")
    ]


def test_ratios_of_gains_to_losses_are_compared_by_their_logarithms() -> None:
    rng = generator(16)
    gain, loss = rng.exponential(1.2, (2, 300)), rng.exponential(1.0, (2, 300))
    of = pooled("gain_to_loss", {"gain": gain, "loss": loss})
    found = compare(of.take(0), of.take(1))
    ratio = of.value[0] / of.value[1]
    percent = found.percent[0]
    assert percent.value == pytest.approx(100 * (ratio - 1))
    # Exchanged, the percentage is that of the inverse ratio, and the p-value the same.
    other = compare(of.take(1), of.take(0))
    assert 1 + other.percent[0].low / 100 == pytest.approx(1 / (1 + percent.high / 100))
    assert other.p_value[0] == pytest.approx(found.p_value[0])
    excludes = percent.low > 0 or percent.high < 0
    assert excludes == (found.p_value[0] < 0.05)
