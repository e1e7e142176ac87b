from __future__ import annotations

import json
import math

import numpy as np
import pytest

from engine.sources import GBM, Correlated, Heston, Merton, Schwartz1F, Schwartz2F, make_source

MATRIX = np.array(
    [[1.0, 0.5, 0.3, 0.2], [0.5, 1.0, 0.1, 0.0], [0.3, 0.1, 1.0, 0.4], [0.2, 0.0, 0.4, 1.0]]
)
LEGS = {
    "A": GBM(sigma=0.2),
    "B": Merton(jump_intensity=0.0),
    "C": Schwartz2F(),
    "D": Schwartz1F(),
}


def test_price_shocks_have_the_given_correlation():
    block = Correlated(LEGS, correlation=MATRIX).paths(seeds=range(5000), steps=20, bars="close")
    returns = np.diff(np.log(block.close), axis=-1).transpose(1, 0, 2).reshape(4, -1)
    found = np.corrcoef(returns)
    # mean reversion over a day changes the correlation of returns by less than kappa dt
    assert np.abs(found - MATRIX).max() < 4 / math.sqrt(returns.shape[1]) + 0.01


def test_a_leg_on_its_own_keeps_its_law():
    close = Correlated(LEGS, correlation=MATRIX).paths(
        seeds=range(50_000), s0=[100.0, 50.0, 60.0, 70.0], steps=2, dt=0.5, bars="close"
    )
    for s, (leg, start) in enumerate(zip(LEGS.values(), (100.0, 50.0, 60.0, 70.0), strict=True)):
        alone = leg.paths(seeds=range(50_000), s0=start, steps=2, dt=0.5, bars="close")
        ours, theirs = np.log(close.close[:, s, -1]), np.log(alone.close[:, -1])
        error = theirs.std() * math.sqrt(2 / theirs.size)
        assert abs(ours.mean() - theirs.mean()) < 4 * error
        assert abs(ours.std() - theirs.std()) < 4 * error


def test_one_leg_is_the_model_itself():
    ours = Correlated({"A": GBM(sigma=0.3)}).paths(seeds=range(4), steps=300, bars="close")
    alone = GBM(sigma=0.3).paths(seeds=range(4), steps=300, bars="close")
    assert (ours.close == alone.close).all()


def test_jumps_and_ranges_of_two_legs_are_independent():
    leg = Merton(sigma=0.0, jump_intensity=10.0, jump_vol=0.0, mean_log_jump=0.1)
    block = Correlated({"A": leg, "B": leg}).paths(seeds=range(100), steps=100, bars="close")
    moves = np.abs(np.diff(np.log(block.close), axis=-1)) > 0.05
    both = (moves[:, 0] & moves[:, 1]).mean()
    expected = moves[:, 0].mean() * moves[:, 1].mean()
    assert abs(both - expected) < 4 * math.sqrt(expected / moves[:, 0].size) + 1e-4
    still = GBM(mu=0.02, sigma=0.2)
    ranges = Correlated({"A": still, "B": still}, correlation=np.ones((2, 2))).paths(
        seeds=range(2000), steps=1
    )
    assert ranges.close[:, 0] == pytest.approx(ranges.close[:, 1])
    assert (ranges.high[:, 0] != ranges.high[:, 1]).all()


def test_a_singular_matrix_is_fine():
    block = Correlated(
        {"A": GBM(), "B": GBM(), "C": GBM()}, correlation=[[1, -1, 1], [-1, 1, -1], [1, -1, 1]]
    ).paths(seeds=[1], steps=50, bars="close")
    returns = np.diff(np.log(block.close[0]))
    assert returns[0] == pytest.approx(returns[2])
    assert returns[0] - returns[0].mean() == pytest.approx(-(returns[1] - returns[1].mean()))


def test_states_and_parameters_are_named_by_leg():
    source = make_source(
        "correlated",
        {"OIL.kappa": 2.5},
        options={
            "legs": {"SPX": {"model": "gbm", "sigma": 0.15}, "OIL": {"model": "schwartz_2f"}},
            "correlation": [[1, 0.2], [0.2, 1]],
        },
    )
    assert source.symbols == ("SPX", "OIL")
    assert source.values["OIL.kappa"] == 2.5
    assert source.values["SPX.sigma"] == 0.15
    block = source.paths(seeds=[1], steps=5)
    assert block.fields[-1] == "convenience_yield"
    assert (block.field("convenience_yield")[0, 0] == 0).all()
    assert (block.field("convenience_yield")[0, 1] != 0).all()
    json.dumps(source.fingerprint())
    assert source.fingerprint() != source.with_parameters(**{"SPX.mu": 0.5}).fingerprint()


@pytest.mark.parametrize("sampling", ["antithetic", "moment_matching", "sobol"])
def test_sampling_schemes_balance_all_legs(sampling):
    source = Correlated(
        {"A": GBM(mu=0.0, sigma=0.2), "B": GBM(mu=0.0, sigma=0.2)},
        correlation=[[1, 0.6], [0.6, 1]],
        sampling=sampling,
    )
    block = source.paths(seeds=[1], paths_per_seed=256, steps=8, bars="close")
    log = np.log(block.close[..., -1] / 100)
    assert log.mean(axis=0) == pytest.approx(np.full(2, -0.02 * 8 / 252), abs=2e-4)


@pytest.mark.parametrize(
    ("legs", "correlation", "message"),
    [
        (
            {"A": GBM(), "B": GBM(), "C": GBM()},
            [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]],
            r"smallest eigenvalue -0.8, allowed positive semi-definite",
        ),
        ({"A": GBM(), "B": GBM()}, [[1, 0.5], [0.4, 1]], "not symmetric"),
        ({"A": GBM(), "B": GBM()}, [[2, 0.5], [0.5, 1]], "found diagonal"),
        ({"A": GBM(), "B": GBM()}, np.eye(3), r"found shape \(3, 3\), allowed \(2, 2\)"),
        ({"A": Heston()}, None, "legs.A: found 'heston', allowed gbm, merton"),
        ({}, None, "legs: found {}, allowed a model per symbol"),
    ],
)
def test_bad_input_is_named(legs, correlation, message):
    with pytest.raises(ValueError, match=message):
        Correlated(legs, correlation=correlation)
