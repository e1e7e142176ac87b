"""Rules that split capital, against closed forms and brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.portfolio import RULES, Rule, Scenarios, allocate
from engine.portfolio.contributions import contributions, crash_correlations, tail_weights
from engine.portfolio.covariance import shrunk_covariance
from engine.portfolio.rebalancing import portfolio_growth


def _normal(members: int, paths: int = 4_000, points: int = 12, seed: int = 1) -> Scenarios:
    """Members with different means, risks and a common shock."""
    rng = np.random.default_rng(seed)
    scale = np.linspace(0.02, 0.06, members)[:, None, None]
    common = rng.normal(size=(1, paths, points))
    own = rng.normal(size=(members, paths, points))
    moves = np.linspace(0.001, 0.006, members)[:, None, None] + scale * (0.5 * common + own)
    growth = np.concatenate([np.ones((members, paths, 1)), 1.0 + moves.cumsum(axis=2)], axis=2)
    return Scenarios(tuple("abcdef"[:members]), growth, 1.0, np.exp(0.1 * common[0].cumsum(axis=1)))


def _simplex(members: int, step: float) -> np.ndarray:
    count = round(1.0 / step)
    return np.array(
        [
            (*parts, count - sum(parts))
            for parts in itertools.product(range(count + 1), repeat=members - 1)
            if sum(parts) <= count
        ]
    ) / float(count)


def test_shrinkage_is_that_of_scikit_learn() -> None:
    covariance = pytest.importorskip("sklearn.covariance")
    rng = np.random.default_rng(3)
    for count, members in ((20, 8), (500, 3), (6, 10)):
        x = rng.normal(size=(count, members)) @ rng.normal(size=(members, members))
        expected, intensity = covariance.ledoit_wolf(x)
        found, own = shrunk_covariance(x)
        assert own == pytest.approx(intensity, rel=1e-9)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_mean_variance_without_a_bound_that_binds_is_the_closed_form() -> None:
    scenarios = _normal(3)
    covariance, _ = shrunk_covariance(scenarios.outcomes)
    ones = np.ones(3)
    inverse = np.linalg.inv(covariance)
    least = inverse @ ones / (ones @ inverse @ ones)
    assert (least > 0.0).all()
    np.testing.assert_allclose(allocate(Rule("mean_variance"), scenarios), least, atol=1e-6)
    aversion, mean = 30.0, scenarios.outcomes.mean(axis=0)
    # w = C^-1 (mean - eta 1) / aversion with eta so that weights add up to 1.
    eta = (ones @ inverse @ mean - aversion) / (ones @ inverse @ ones)
    wanted = inverse @ (mean - eta * ones) / aversion
    assert (wanted > 0.0).all()
    found = allocate(Rule("mean_variance", risk_aversion=aversion), scenarios)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_risk_parity_of_two_is_inverse_volatility_and_of_many_shares_the_risk() -> None:
    two = _normal(2)
    covariance, _ = shrunk_covariance(two.outcomes)
    inverse = 1.0 / np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(allocate(Rule("risk_parity"), two), inverse / inverse.sum())
    many = _normal(5)
    weights = allocate(Rule("risk_parity"), many)
    covariance, _ = shrunk_covariance(many.outcomes)
    shares = weights * (covariance @ weights)
    np.testing.assert_allclose(shares, shares.mean(), rtol=1e-9)


def test_inverse_volatility_is_cut_at_its_bounds_and_what_is_cut_goes_to_the_others() -> None:
    scenarios = _normal(3)
    inverse = 1.0 / scenarios.outcomes.std(axis=0, ddof=1)
    free = allocate(Rule("inverse_volatility"), scenarios)
    np.testing.assert_allclose(free, inverse / inverse.sum())
    cut = allocate(Rule("inverse_volatility", high=0.4), scenarios)
    assert cut[0] == pytest.approx(0.4)
    np.testing.assert_allclose(cut[1:], 0.6 * inverse[1:] / inverse[1:].sum())


@pytest.mark.parametrize("high", [1.0, 0.45])
def test_the_least_tail_loss_is_that_of_a_search_over_all_weights(high: float) -> None:
    scenarios = _normal(3, paths=400)
    level = 0.9

    def shortfall(weights: np.ndarray) -> float:
        losses = np.sort(-scenarios.outcomes @ weights)[::-1]
        return float(losses[:40].mean())

    found = allocate(Rule("cvar", level=level, high=high), scenarios)
    every = [one for one in _simplex(3, 0.01) if one.max() <= high + 1e-12]
    best = min(map(shortfall, every))
    assert shortfall(found) <= best + 1e-12
    # And no better than the grid around it allows: the function has slopes below 1.
    assert shortfall(found) >= best - 0.02
    assert found.max() <= high + 1e-9


def test_the_least_tail_loss_of_few_paths_is_larger_on_fresh_ones() -> None:
    worse = []
    for seed in range(40):
        chosen = allocate(Rule("cvar", level=0.9), _normal(6, paths=60, seed=seed))
        outcomes = (
            _normal(6, paths=n, seed=s).outcomes for n, s in ((60, seed), (600, 900 + seed))
        )
        claim, fresh = (float(np.sort(-x @ chosen)[::-1][: len(x) // 10].mean()) for x in outcomes)
        worse.append(fresh - claim)
    assert np.mean(worse) > 3 * np.std(worse, ddof=1) / np.sqrt(len(worse))


@pytest.mark.parametrize("name", ["cvar", "drawdown"])
def test_the_most_return_within_a_budget_is_that_of_a_search_over_all_weights(name: str) -> None:
    scenarios = _normal(3, paths=200)
    level = 0.9

    def tail(weights: np.ndarray) -> float:
        path = np.tensordot(weights, scenarios.growth, axes=1)
        losses = 1.0 - path[:, -1]
        if name == "drawdown":
            losses = (np.maximum.accumulate(path, axis=1) - path).max(axis=1)
        return float(np.sort(losses)[::-1][:20].mean())

    every = _simplex(3, 0.01)
    tails = np.array([tail(one) for one in every])
    budget = float(np.quantile(tails, 0.4))
    found = allocate(Rule(name, budget=budget, level=level), scenarios)
    assert tail(found) <= budget + 1e-9
    mean = scenarios.outcomes.mean(axis=0)
    best = float((every @ mean)[tails <= budget].max())
    assert best - 1e-12 <= found @ mean <= best + 0.02
    with pytest.raises(Refusal, match=r"budget: found 0\.0001 of the capital, allowed at least"):
        allocate(Rule(name, budget=1e-4, level=level), scenarios)


@settings(max_examples=15, database=None, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(RULES)), high=st.floats(0.4, 1.0))
def test_weights_lie_within_their_bounds_and_add_up_to_one(
    seed: int, name: str, high: float
) -> None:
    scenarios = _normal(4, paths=80, points=5, seed=seed)
    rule = Rule(name, budget=5.0 if name == "drawdown" else None, high=high)
    weights = allocate(rule, scenarios)
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert (weights >= -1e-12).all()
    assert (weights <= high + 1e-6).all()


def test_contributions_add_up_and_are_slopes() -> None:
    scenarios, level = _normal(3, paths=500), 0.9
    weights = np.array([0.5, 0.3, 0.2])

    def tail(w: np.ndarray) -> float:
        return float(np.sort(-scenarios.outcomes @ w)[::-1][:50].mean())

    table = contributions(scenarios, weights, level)
    whole = scenarios.outcomes @ weights
    assert table["to_return"].sum() == pytest.approx(whole.mean())
    assert table["to_volatility"].sum() == pytest.approx(whole.std())
    assert table["to_tail_loss"].sum() == pytest.approx(tail(weights))
    for member, row in enumerate(table.iter_rows(named=True)):
        step = np.eye(3)[member] * 1e-7
        slope = (tail(weights + step) - tail(weights - step)) / 2e-7
        assert row["marginal_tail_loss"] == pytest.approx(slope, rel=1e-5)


def test_a_path_on_the_edge_of_the_tail_counts_in_part() -> None:
    weights = tail_weights(np.array([4.0, 3.0, 2.0, 1.0]), 0.625)
    np.testing.assert_allclose(weights, [1 / 1.5, 0.5 / 1.5, 0.0, 0.0])


def test_rebalancing_is_a_loop_over_points_and_its_cost_is_paid_on_what_moves() -> None:
    scenarios = _normal(3, paths=7, points=9)
    weights, cost = np.array([0.2, 0.5, 0.3]), 0.01
    found = portfolio_growth(scenarios, weights, every=4, cost=cost)
    for path in range(7):
        capital = weights.copy()
        for point in range(1, 10):
            moves = scenarios.growth[:, path, point] / scenarios.growth[:, path, point - 1]
            capital = capital * moves
            if point in (4, 8):
                moved = np.abs(weights * capital.sum() - capital).sum()
                capital = weights * (capital.sum() - cost * moved)
            assert found[path, point] == pytest.approx(capital.sum(), rel=1e-12)
    once = portfolio_growth(scenarios, weights)
    np.testing.assert_allclose(once, np.tensordot(weights, scenarios.growth, axes=1))


def test_members_that_fall_together_in_crashes_alone_are_seen_to() -> None:
    rng = np.random.default_rng(8)
    market = rng.normal(size=(500, 40)) * 0.02
    crash = market <= np.quantile(market, 0.05)
    own = rng.normal(size=(2, 500, 40)) * 0.01
    shock = rng.normal(size=(500, 40)) * 0.05
    moves = own + np.where(crash, shock, 0.0)
    growth = np.concatenate([np.ones((2, 500, 1)), np.exp(moves.cumsum(axis=2))], axis=2)
    whole = np.concatenate([np.ones((500, 1)), np.exp(market.cumsum(axis=1))], axis=1)
    row = crash_correlations(Scenarios(("a", "b"), growth, 1.0, whole)).row(0, named=True)
    assert row["periods"] == 1_000
    assert abs(row["calm"]) < 4 / np.sqrt(10_000)
    assert row["crash"] > 0.9


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"name": "luck"}, "allowed equal, inverse_volatility"),
        ({"name": "drawdown"}, "a share of the capital"),
        ({"name": "equal", "budget": 0.1}, "cvar or drawdown"),
        ({"name": "cvar", "level": 1.0}, "below 1"),
        ({"name": "cvar", "low": 0.5, "high": 0.4}, "low <= high"),
        ({"name": "equal", "risk_aversion": 1.0}, "mean_variance"),
        ({"name": "cvar", "low": 0.6}, "within which weights add up to 1"),
    ],
)
def test_what_cannot_be_allocated_is_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        allocate(Rule(**asked), _normal(3, paths=60))
