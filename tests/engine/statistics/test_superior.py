"""Reality Check, SPA, StepM and the model confidence set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics.superior import (
    model_confidence_set,
    reality_check,
    stationary_counts,
    step_m,
    superior_predictive_ability,
)


def noise(seed: int, periods: int, trials: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(size=(periods, trials))


def test_blocks_of_the_stationary_bootstrap_have_their_mean_length() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    found = stationary_counts(rng, 400, 200, 1.0)
    assert (found.sum(axis=1) == 400).all()
    # Independent draws: each count is nearly Poisson.
    assert found.var() == pytest.approx(1.0, rel=0.05)
    # The sum of blocks of a trending series varies (1 + rho) / (1 - rho) times as much.
    series = np.sin(np.arange(400) * 2 * math.pi / 40)
    short = (stationary_counts(rng, 400, 2000, 1.0) @ series).var()
    long = (stationary_counts(rng, 400, 2000, 10.0) @ series).var()
    assert long > 5 * short


@pytest.mark.slow
def test_p_values_of_arch_for_the_reality_check() -> None:
    bootstrap = pytest.importorskip("arch.bootstrap")
    x = noise(2, 300, 12)
    x[:, 3] += 0.1
    ours = reality_check(x, block_length=5, seed=1, draws=4000)
    other = bootstrap.SPA(np.zeros(300), -x, block_size=5, reps=4000, studentize=False, seed=1)
    other.compute()
    # Two bootstrap shares of 4,000 draws each.
    error = math.sqrt(2 * 0.25 / 4000)
    assert ours == pytest.approx(other.pvalues["upper"], abs=4 * error)


@pytest.mark.slow
def test_the_confidence_set_is_that_of_arch() -> None:
    bootstrap = pytest.importorskip("arch.bootstrap")
    x = noise(3, 300, 8)
    x[:, :3] += 0.25
    ours = model_confidence_set(x, block_length=4, seed=1, draws=4000)
    other = bootstrap.MCS(-x, 0.05, reps=4000, block_size=4, method="R", seed=1)
    other.compute()
    expected = other.pvalues["Pvalue"].sort_index().to_numpy()
    np.testing.assert_allclose(ours.p_value, expected, atol=0.04)
    assert ours.included[:3].any()


def test_studentised_tests_do_not_depend_on_the_scale_of_a_trial() -> None:
    x = noise(4, 200, 10)
    x[:, 2] += 0.2
    scaled = x.copy()
    scaled[:, 7] *= 50.0
    one = superior_predictive_ability(x, block_length=3, seed=1)
    assert superior_predictive_ability(scaled, block_length=3, seed=1) == one
    arguments = {"block_length": 3, "seed": 1}
    assert (step_m(x, **arguments) == step_m(scaled, **arguments)).all()  # type: ignore[arg-type]
    assert one.lower <= one.consistent <= one.upper


def test_no_edge_is_found_no_more_often_than_stated() -> None:
    found = [
        superior_predictive_ability(noise(100 + s, 100, 15), block_length=1, seed=s, draws=400)
        for s in range(300)
    ]
    rejected = np.mean([each.consistent <= 0.05 for each in found])
    assert rejected <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 300)
    checks = [
        reality_check(noise(100 + s, 100, 15), block_length=1, seed=s, draws=400) <= 0.05
        for s in range(300)
    ]
    assert np.mean(checks) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 300)


def test_an_edge_is_found_and_only_it() -> None:
    x = noise(5, 500, 20)
    x[:, [4, 11]] += 0.3
    assert np.flatnonzero(step_m(x, block_length=1, seed=1)).tolist() == [4, 11]
    assert superior_predictive_ability(x, block_length=1, seed=1).consistent < 0.01
    best = model_confidence_set(x, block_length=1, seed=1)
    assert set(np.flatnonzero(best.included)) <= {4, 11}


def test_every_trial_may_be_superior() -> None:
    assert step_m(noise(6, 300, 4) + 1.0, block_length=1, seed=1).all()


def test_a_trial_that_never_traded_is_never_superior() -> None:
    x = noise(7, 100, 3) - 0.5
    x[:, 1] = 0.0
    assert not step_m(x, block_length=1, seed=1).any()
    assert superior_predictive_ability(x, block_length=1, seed=1).consistent > 0.5
    same = np.repeat(noise(8, 100, 1), 3, axis=1)
    assert model_confidence_set(same, block_length=1, seed=1).included.all()


def test_the_same_seed_gives_the_same_p_value() -> None:
    x = noise(9, 80, 5)
    one, two = (reality_check(x, block_length=2, seed=3) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("outcomes", "block_length", "message"),
    [
        (np.zeros(5), 1, "outcomes: found shape"),
        (np.full((9, 2), np.nan), 1, "not finite"),
        (np.zeros((9, 2)), 0.5, r"block_length: found 0\.5"),
        (np.zeros((9, 2)), 10, "block_length: found 10"),
    ],
)
def test_what_cannot_be_resampled_is_refused(
    outcomes: np.ndarray, block_length: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        reality_check(outcomes, block_length=block_length, seed=1)
