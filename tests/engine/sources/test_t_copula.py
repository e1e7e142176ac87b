"""The t copula: each shock stays normal, and extremes come together as they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.errors import Refusal
from engine.sources import GBM, Correlated
from engine.sources.t_copula import TCopula

RHO = 0.5
MATRIX = [[1.0, RHO], [RHO, 1.0]]


def legs(**options: object) -> Correlated:
    pair = {"A": GBM(mu=0.0, sigma=1.0), "B": GBM(mu=0.0, sigma=1.0)}
    return Correlated(pair, correlation=MATRIX, **options)


def shocks(source: Correlated, paths: int = 1_000, steps: int = 256) -> np.ndarray:
    """Log returns of both legs as standard normal numbers, shape (2, paths * steps)."""
    block = source.paths(seeds=range(paths), steps=steps, dt=1.0, s0=1.0, bars="close")
    closes = np.log(block.close)
    moves = np.diff(closes, axis=2, prepend=0.0)
    return moves.transpose(1, 0, 2).reshape(2, -1) + 0.5


@pytest.mark.parametrize("degrees", [1.0, 2.5, 4.0, 30.0])
def test_the_maps_are_those_of_special_functions(degrees: float) -> None:
    random = np.random.default_rng(1)
    mixing, given = random.normal(size=(2, 400, 50))
    mixing[0, :4] = [-6.76, 6.76, 0.0, -3.0]
    given[0, :4] = [6.76, -6.76, 0.0, 1e-9]
    found = given.copy()
    TCopula(degrees).apply(mixing, found)
    w = stats.chi2.isf(stats.norm.cdf(mixing), degrees)
    stretched = np.abs(given) * np.sqrt(degrees / w)
    expected = np.sign(given) * stats.norm.isf(stats.t.sf(stretched, degrees))
    assert found == pytest.approx(expected, abs=2e-7)


def test_each_leg_by_itself_is_normal() -> None:
    for row in shocks(legs(copula="t", degrees=3.0)):
        n = len(row)
        assert abs(row.mean()) < 4.0 / math.sqrt(n)
        assert abs((row**2).mean() - 1.0) < 4.0 * math.sqrt(2.0 / n)
        assert abs((row**4).mean() - 3.0) < 4.0 * math.sqrt(96.0 / n)
        assert stats.kstest(row[:20_000], "norm").pvalue > 1e-4


@pytest.mark.parametrize("degrees", [3.0, 8.0])
def test_extremes_come_together_as_often_as_the_t_law_says(degrees: float) -> None:
    first, second = shocks(legs(copula="t", degrees=degrees))
    for level in (0.001, 0.01, 0.1):
        bound = stats.norm.ppf(level)
        t = stats.t.ppf(level, degrees)
        joint = float(stats.multivariate_t.cdf([t, t], shape=MATRIX, df=degrees, random_state=1))
        found = ((first < bound) & (second < bound)).mean()
        error = math.sqrt(joint * (1.0 - joint) / len(first))
        assert abs(found - joint) < 4.0 * error + 1e-5 * joint
    normal = stats.multivariate_normal.cdf([stats.norm.ppf(0.001)] * 2, cov=MATRIX)
    rare = (first < stats.norm.ppf(0.001)) & (second < stats.norm.ppf(0.001))
    assert rare.mean() > 1.5 * normal


def test_the_rank_correlation_is_that_of_the_gaussian_copula() -> None:
    first, second = shocks(legs(copula="t", degrees=4.0), paths=40)
    tau = stats.kendalltau(first, second).statistic
    assert tau == pytest.approx(
        2.0 / math.pi * math.asin(RHO), abs=4.0 * 0.6 / math.sqrt(len(first))
    )


def test_many_degrees_are_the_gaussian_copula() -> None:
    plain = shocks(legs(), paths=20)
    many = shocks(legs(copula="t", degrees=1e6), paths=20)
    assert many == pytest.approx(plain, abs=0.02)


def test_antithetic_and_sobol_paths_are_normal_too() -> None:
    for sampling in ("antithetic", "sobol"):
        source = legs(copula="t", degrees=4.0, sampling=sampling)
        block = source.paths(seeds=range(4), steps=20, dt=1.0, paths_per_seed=256, bars="close")
        moves = np.diff(np.log(block.close), axis=2).ravel() + 0.5
        assert abs(moves.mean()) < 4.0 / math.sqrt(moves.size / 2)
        assert abs((moves**2).mean() - 1.0) < 4.0 * math.sqrt(4.0 / moves.size)


def test_what_cannot_be_is_one_sentence_and_the_gaussian_worlds_keep_their_names() -> None:
    with pytest.raises(Refusal, match="copula: found 'clayton', allowed gaussian, t"):
        legs(copula="clayton")
    with pytest.raises(Refusal, match=r"degrees: found 0\.5, allowed >= 1"):
        legs(copula="t", degrees=0.5)
    with pytest.raises(Refusal, match="copula: found 't' with sampling: moment_matching"):
        legs(copula="t", sampling="moment_matching")
    assert "copula" not in legs().fingerprint()
    assert legs(copula="t").fingerprint()["degrees"] == 4.0
