from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.sources import GBM, Heston, Schwartz2F

SIGMA, HORIZON = 0.2, 1.0


def _asian_call(sampling: str, seed: int, steps: int = 16, points: int = 256) -> float:
    block = GBM(mu=0.0, sigma=SIGMA, sampling=sampling).paths(
        seeds=[seed], paths_per_seed=points, steps=steps, dt=HORIZON / steps, bars="close"
    )
    return float(np.maximum(block.close.mean(axis=1) - 100, 0).mean())


def test_every_scheme_is_unbiased_and_shrinks_the_error():
    found = {
        scheme: np.array([_asian_call(scheme, seed) for seed in range(60)])
        for scheme in ("random", "antithetic", "moment_matching", "sobol")
    }
    pooled = found["sobol"].mean()
    spread = {scheme: sample.std() for scheme, sample in found.items()}
    for scheme, sample in found.items():
        # moment matching has a bias of the order of 1/points
        slack = 2.0 / 256 if scheme == "moment_matching" else 0.0
        assert abs(sample.mean() - pooled) < 4 * sample.std() / math.sqrt(60) + slack
    assert spread["antithetic"] < 0.7 * spread["random"]
    assert spread["moment_matching"] < 0.6 * spread["random"]
    assert spread["sobol"] < 0.1 * spread["random"]


def test_matched_moments_are_exact_at_every_step():
    block = GBM(mu=0.05, sigma=SIGMA, sampling="moment_matching").paths(
        seeds=[1, 2], paths_per_seed=50, steps=300, bars="close"
    )
    returns = np.diff(np.log(block.close), prepend=math.log(100.0)).reshape(2, 50, 300)
    dt = 1 / 252
    np.testing.assert_allclose(returns.mean(axis=1), (0.05 - SIGMA**2 / 2) * dt, rtol=1e-9)
    np.testing.assert_allclose(returns.var(axis=1), SIGMA**2 * dt, rtol=1e-9)


def test_sobol_shocks_are_standard_normal_and_uncorrelated_over_time():
    block = GBM(mu=0.0, sigma=1.0, sampling="sobol").paths(
        seeds=range(8), paths_per_seed=1024, steps=7, dt=1.0, bars="close"
    )
    shocks = np.diff(np.log(block.close), prepend=math.log(100.0)) + 0.5
    assert np.abs(np.corrcoef(shocks.T) - np.eye(7)).max() < 0.03
    for step in range(7):
        assert stats.kstest(shocks[:, step], "norm").pvalue > 1e-3


def test_seeds_are_independent_scrambles():
    first, second = (
        Heston(sampling="sobol").paths(seeds=[s], paths_per_seed=64, steps=5) for s in (1, 2)
    )
    assert not np.isin(first.close, second.close).any()


@pytest.mark.parametrize("sampling", ["antithetic", "moment_matching", "sobol"])
def test_a_path_of_a_scheme_can_be_filled_alone(sampling):
    source = Schwartz2F(sampling=sampling)
    whole = source.paths(seeds=[7, 8], paths_per_seed=16, steps=20)
    generator = source.prepare(steps=20, paths_per_seed=16)
    out = np.empty((1, *whole.values.shape[1:]))
    for row in (0, 5, 31):
        seed, path = np.array([7 + row // 16]), np.array([row % 16])
        generator.fill(seed.astype(np.uint64), path.astype(np.uint64), out, generator.scratch(1))
        assert (out[0] == whole.values[row]).all()


@pytest.mark.parametrize(
    ("sampling", "points", "steps", "message"),
    [
        ("antithetic", 3, 5, "paths_per_seed: found 3, allowed an even number"),
        ("moment_matching", 1, 5, "paths_per_seed: found 1, allowed >= 2"),
        ("sobol", 100, 5, "paths_per_seed: found 100, allowed a power of two"),
        ("sobol", 64, 30_000, "found 30000 dimensions .* allowed <= 21201"),
    ],
)
def test_numbers_that_do_not_suit_a_scheme_are_named(sampling, points, steps, message):
    with pytest.raises(ValueError, match=message):
        GBM(sampling=sampling).prepare(steps=steps, paths_per_seed=points)
