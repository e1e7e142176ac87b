"""Whether the best of many trials has an edge: sizes, powers and intervals on known worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.errors import Refusal
from engine.statistics.edge import excess_over_market, find_edge

YEARS, PERIODS = 10.0, 250


def trials(seed: int, count: int = 100, sharpe: float = 0.0, edged: int = 0) -> np.ndarray:
    """Correlated trials of weekly noise, the first `edged` of them with a true Sharpe ratio."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(PERIODS, 5))
    noise = 0.7 * common[:, rng.integers(0, 5, count)] + 0.7 * rng.normal(size=(PERIODS, count))
    noise /= math.sqrt(0.98)
    drift = np.where(np.arange(count) < edged, sharpe * math.sqrt(YEARS / PERIODS), 0.0)
    return 0.01 * (noise + drift)


def test_exposure_to_the_market_is_no_edge() -> None:
    market = np.random.default_rng(1).normal(0.002, 0.02, PERIODS)
    held = np.stack([market, 0.3 * market, -market, np.zeros(PERIODS)], axis=1)
    np.testing.assert_allclose(excess_over_market(held, market), 0.0, atol=1e-15)
    found = find_edge(excess_over_market(held, market), years=10.0, block_length=1.0, seed=1)
    assert found.p_value == 1.0
    assert found.finding == "not to be told"


def test_what_is_beyond_it_stays_to_the_mean() -> None:
    market = np.random.default_rng(2).normal(0.0, 0.02, PERIODS)
    own = np.random.default_rng(3).normal(0.001, 0.01, PERIODS)
    excess = excess_over_market((0.5 * market + own)[:, None], market)[:, 0]
    slope = np.cov(own, market)[0, 1] / market.var(ddof=1)
    np.testing.assert_allclose(excess, own - slope * market, atol=1e-15)


@pytest.mark.parametrize("worlds", [120, pytest.param(300, marks=pytest.mark.slow)])
def test_without_an_edge_one_is_found_as_often_as_stated(worlds: int) -> None:
    found = [
        find_edge(trials(seed), years=YEARS, block_length=1.0, seed=seed, draws=300)
        for seed in range(worlds)
    ]
    share = np.mean([item.finding == "edge" for item in found])
    assert share < 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / worlds)
    p_values = np.array([item.p_value for item in found])
    assert abs((p_values < 0.5).mean() - 0.5) < 4.0 * math.sqrt(0.25 / worlds)
    # What chance shows is what the best shows here, and its correction leaves nothing.
    looks = np.array([item.sharpe for item in found])
    chance = np.mean([item.by_chance for item in found])
    assert abs(looks.mean() - chance) < 4.0 * looks.std() / math.sqrt(worlds) + 0.02
    above = np.mean([item.corrected > 0.0 for item in found])
    assert abs(above - 0.5) < 4.0 * math.sqrt(0.25 / worlds)
    covered = np.mean([item.low <= 0.0 <= item.high for item in found])
    assert 0.92 <= covered <= 0.99


def test_a_true_sharpe_ratio_of_one_over_ten_years_is_found() -> None:
    worlds = 100
    found = [
        find_edge(
            trials(1000 + seed, sharpe=1.0, edged=20),
            years=YEARS,
            block_length=1.0,
            seed=seed,
            draws=300,
        )
        for seed in range(worlds)
    ]
    assert np.mean([item.finding == "edge" for item in found]) >= 0.8
    best = [item for item in found if item.best < 20]
    covered = np.mean([item.low <= 1.0 <= item.high for item in best])
    assert covered > 0.95 - 4.0 * math.sqrt(0.05 * 0.95 / len(best))


def test_a_single_trial_without_an_edge_is_ruled_out_by_a_long_history() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2500, 1))
    x -= x.mean()
    found = find_edge(x, years=100.0, block_length=1.0, seed=1)
    assert found.finding == "no edge"
    assert found.high < 0.5


def test_money_has_no_scale() -> None:
    x = trials(7)
    one = find_edge(x, years=YEARS, block_length=2.0, seed=3, draws=200)
    two = find_edge(x * 1000.0, years=YEARS, block_length=2.0, seed=3, draws=200)
    assert (one.best, one.p_value) == (two.best, two.p_value)
    assert one.sharpe == pytest.approx(two.sharpe, rel=1e-12)


def test_the_sharpe_ratio_is_the_annual_one() -> None:
    x = trials(8, count=1)
    found = find_edge(x, years=YEARS, block_length=1.0, seed=3, draws=200)
    expected = x.mean() / x.std(ddof=1) * math.sqrt(PERIODS / YEARS)
    assert found.sharpe == pytest.approx(expected, rel=1e-12)
    assert found.std_error == pytest.approx(1.0 / math.sqrt(YEARS), rel=0.2)


def test_trials_that_never_traded_leave_nothing_to_tell() -> None:
    found = find_edge(np.zeros((50, 3)), years=1.0, block_length=1.0, seed=1)
    assert (found.finding, found.p_value) == ("not to be told", 1.0)
    assert math.isnan(found.sharpe)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"excess": np.zeros((10, 2))}, r"excess: found shape \(10, 2\)"),
        ({"excess": np.full((50, 2), np.nan)}, "excess: found shape"),
        ({"years": 0.0}, "years: found 0.0"),
        ({"block_length": 0.5}, "block_length: found 0.5, allowed 1 to"),
    ],
)
def test_what_cannot_be_tested_is_one_sentence(change: dict[str, object], expected: str) -> None:
    given: dict[str, object] = {"excess": trials(1), "years": 10.0, "block_length": 1.0} | change
    with pytest.raises(Refusal, match=expected):
        find_edge(given.pop("excess"), seed=1, **given)  # type: ignore[arg-type]


def test_a_market_that_never_moved_explains_nothing() -> None:
    returns = np.array([[0.01, -0.02], [0.03, 0.0], [-0.01, 0.02]])
    assert (excess_over_market(returns, np.full(3, 0.01)) == returns).all()
