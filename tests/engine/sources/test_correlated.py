from __future__ import annotations

import json
import math

import numpy as np
import pytest

from engine.bars import Bars
from engine.compiled.elementary import exp
from engine.sources import (
    GBM,
    Correlated,
    Heston,
    Historical,
    Kou,
    Merton,
    PathModel,
    RegimeSwitching,
    Schwartz1F,
    Schwartz2F,
    SchwartzSmith,
    StepModel,
    make_source,
    parameter,
)

MATRIX = np.array(
    [[1.0, 0.5, 0.3, 0.2], [0.5, 1.0, 0.1, 0.0], [0.3, 0.1, 1.0, 0.4], [0.2, 0.0, 0.4, 1.0]]
)
LEGS = {
    "A": GBM(sigma=0.2),
    "B": Merton(jump_intensity=0.0),
    "C": Schwartz2F(),
    "D": Schwartz1F(),
}


class OwnStep(StepModel):
    """A user's model of two factors: a price, and a level that it does not read."""

    name = "own_step"
    states = ("level",)
    factors = 2
    sigma: float = parameter(0.2, low=0.0)

    @staticmethod
    def step(price, state, shocks, constants):
        state[0] += shocks[1]
        return price * exp(constants[0] * constants[1] ** 0.5 * shocks[0])


class WholePath(PathModel):
    name = "whole_path"

    def generate(self, seed, steps):
        return np.ones(steps)


HISTORY = Historical(Bars("H", np.arange(9) * 86_400_000_000, *[np.arange(1.0, 10.0)] * 5))
OTHERS = {
    "A": OwnStep(),
    "B": RegimeSwitching(mu=(0.0, 0.0), sigma=(0.2, 0.2)),
    "C": Kou(jump_intensity=0.0),
    "D": SchwartzSmith(),
}


@pytest.mark.parametrize("legs", [LEGS, OTHERS], ids=["built-in", "others"])
def test_price_shocks_have_the_given_correlation(legs):
    block = Correlated(legs, correlation=MATRIX).paths(seeds=range(5000), steps=20, bars="close")
    returns = np.diff(np.log(block.close), axis=-1).transpose(1, 0, 2).reshape(4, -1)
    found = np.corrcoef(returns)
    # mean reversion over a day changes the correlation of returns by less than kappa dt
    assert np.abs(found - MATRIX).max() < 4 / math.sqrt(returns.shape[1]) + 0.01


@pytest.mark.parametrize("legs", [LEGS, OTHERS], ids=["built-in", "others"])
def test_a_leg_on_its_own_keeps_its_law(legs):
    close = Correlated(legs, correlation=MATRIX).paths(
        seeds=range(50_000), s0=[100.0, 50.0, 60.0, 70.0], steps=2, dt=0.5, bars="close"
    )
    for s, (leg, start) in enumerate(zip(legs.values(), (100.0, 50.0, 60.0, 70.0), strict=True)):
        alone = leg.paths(seeds=range(50_000), s0=start, steps=2, dt=0.5, bars="close")
        ours, theirs = np.log(close.close[:, s, -1]), np.log(alone.close[:, -1])
        error = theirs.std() * math.sqrt(2 / theirs.size)
        assert abs(ours.mean() - theirs.mean()) < 4 * error
        assert abs(ours.std() - theirs.std()) < 4 * error


def test_one_leg_is_the_model_itself():
    ours = Correlated({"A": GBM(sigma=0.3)}).paths(seeds=range(4), steps=300, bars="close")
    alone = GBM(sigma=0.3).paths(seeds=range(4), steps=300, bars="close")
    assert (ours.close == alone.close).all()


def test_the_state_of_a_users_leg_is_its_own():
    block = Correlated({"A": OwnStep(), "B": GBM()}, correlation=[[1, 0.9], [0.9, 1]]).paths(
        seeds=range(400), steps=50, s0=[100.0, 50.0]
    )
    steps = np.diff(block.field("level")[:, 0], axis=-1)
    assert abs(steps.std() - 1.0) < 4 / math.sqrt(2 * steps.size)
    for symbol in (0, 1):
        moves = np.diff(np.log(block.close[:, symbol]), axis=-1)
        assert abs(np.corrcoef(steps.ravel(), moves.ravel())[0, 1]) < 4 / math.sqrt(steps.size)
    assert (block.field("level")[:, 1] == 0.0).all()


def test_a_start_price_is_checked_by_its_leg():
    legs = Correlated({"A": OwnStep(), "B": GBM()})
    assert (legs.paths(seeds=[1], steps=5, s0=[-3.0, 50.0]).close[0, 0] < 0.0).all()
    with pytest.raises(ValueError, match=r"s0: found -50\.0, allowed > 0: gbm models"):
        legs.paths(seeds=[1], steps=5, s0=[3.0, -50.0])


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
        ({"A": Heston()}, None, "legs.A: found 'heston', which cannot be correlated: its price"),
        (
            {"A": WholePath()},
            None,
            "legs.A: found 'whole_path', .*: it makes whole paths in Python",
        ),
        ({"A": HISTORY}, None, "legs.A: found 'historical', .*: it draws no normal shocks"),
        ({"A": Correlated({"B": GBM()})}, None, "legs.A: found 'correlated', .*: it has several"),
        ({"A": 3.0}, None, "legs.A: found float, allowed a model"),
        ({}, None, "legs: found {}, allowed a model per symbol"),
    ],
)
def test_bad_input_is_named(legs, correlation, message):
    with pytest.raises(ValueError, match=message):
        Correlated(legs, correlation=correlation)
