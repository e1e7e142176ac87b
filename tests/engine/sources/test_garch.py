"""GARCH paths against their recursion, closed-form moments and the history they draw from."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.validity.calibrations import clustered
from engine.calibration import Calibration, calibrate
from engine.sources import GARCH, Correlated, make_source
from engine.studies.loader import parse_definition
from engine.studies.study import Study

DT = 1 / 252
WEIGHTS = {"mu": 0.06, "omega": 0.0012, "alpha": 0.04, "gamma": 0.08, "beta": 0.89, "v0": 0.09}
SCORES = np.concatenate([np.random.default_rng(7).standard_t(5, 400), [-6.0]])


def innovations(block: Any, source: GARCH, dt: float = DT) -> tuple[np.ndarray, np.ndarray]:
    """Standardised innovations, and each bar's own variance, from what a block holds."""
    moves = np.log(block.close / block.open)
    after = block.field("variance")
    own = np.concatenate([np.full((len(after), 1), source.v0), after[:, :-1]], axis=1)
    return (moves - source.mu * dt) / np.sqrt(own * dt), own


@pytest.mark.parametrize("law", ["normal", SCORES])
def test_each_variance_follows_from_the_bar_before(law):
    source = GARCH(**WEIGHTS, innovations=law)
    block = source.paths(seeds=range(40), steps=600, dt=DT, s0=50.0, bars="close")
    z, own = innovations(block, source)
    weight = np.where(z < 0.0, source.alpha + source.gamma, source.alpha)
    expected = source.omega + weight * z * z * own + source.beta * own
    np.testing.assert_allclose(block.field("variance"), expected, rtol=1e-9)


def test_innovations_are_standard_normal():
    source = GARCH(**WEIGHTS)
    z, _ = innovations(source.paths(seeds=range(200), steps=500, dt=DT, bars="close"), source)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4
    # No memory is left in them, nor in their squares.
    for series in (z, z * z):
        centred = series - series.mean()
        lag = np.mean(centred[:, 1:] * centred[:, :-1]) / centred.var()
        assert abs(lag) < 4 / math.sqrt(z.size)


def test_historical_innovations_are_drawn_alike_and_no_others():
    source = GARCH(**WEIGHTS, innovations=SCORES)
    z, _ = innovations(source.paths(seeds=range(100), steps=500, dt=DT, bars="close"), source)
    scaled = np.sort((SCORES - SCORES.mean()) / SCORES.std())
    np.testing.assert_allclose(source.innovations, scaled, rtol=1e-12)
    place = np.clip(np.searchsorted(scaled, z), 1, len(scaled) - 1)
    nearest = np.minimum(np.abs(z - scaled[place]), np.abs(z - scaled[place - 1]))
    assert nearest.max() < 1e-9
    counts = np.bincount(np.abs(scaled - z.ravel()[:, None]).argmin(axis=1), minlength=len(scaled))
    assert stats.chisquare(counts).pvalue > 1e-4


def test_the_variance_and_kurtosis_of_a_long_path_are_those_of_the_closed_form():
    # Bollerslev (1986), section 3, with p = a + b.
    a, b, omega = 0.08, 0.85, 0.0028
    level = omega / (1.0 - a - b)
    source = GARCH(mu=0.0, omega=omega, alpha=a, beta=b, v0=level)
    block = source.paths(seeds=range(3000), steps=400, dt=DT, bars="close")
    moves = np.log(block.close / block.open)[:, 200:]
    per_path = (moves**2).mean(axis=1) / DT
    assert abs(per_path.mean() - level) < 4 * per_path.std() / math.sqrt(3000)
    kurtosis = np.mean(moves**4) / np.mean(moves**2) ** 2
    assert kurtosis == pytest.approx(3 * (1 - 0.93**2) / (1 - 0.93**2 - 2 * a * a), rel=0.04)


def test_the_second_path_of_an_antithetic_pair_mirrors_the_first():
    for law in ("normal", SCORES):
        source = GARCH(**(WEIGHTS | {"gamma": 0.0}), innovations=law, sampling="antithetic")
        block = source.paths(seeds=[1, 2], steps=100, dt=DT, paths_per_seed=2, bars="close")
        z, _ = innovations(block, source)
        if isinstance(law, str):
            np.testing.assert_allclose(z[0], -z[1], atol=1e-9)
        else:
            rank = np.searchsorted(source.innovations, z - 1e-9)
            np.testing.assert_array_equal(rank[0] + rank[1], len(source.innovations) - 1)


def test_the_range_of_a_bar_is_that_of_its_own_variance():
    source = GARCH(**WEIGHTS)
    block = source.paths(seeds=range(400), steps=250, dt=DT)
    _, own = innovations(block, source)
    # Parkinson (1980): E ln(H / L)^2 = 4 ln 2 sigma^2, but for the drift.
    ratio = np.log(block.high / block.low) ** 2 / (4 * math.log(2.0) * own * DT)
    assert abs(ratio.mean() - 1.0) < 4 * ratio.std() / math.sqrt(ratio.size) + 0.002


def test_a_leg_with_normal_innovations_is_correlated_and_one_with_others_is_refused():
    correlated = Correlated({"A": GARCH(), "B": GARCH()}, correlation=[[1, 0.8], [0.8, 1]])
    block = correlated.paths(seeds=range(50), steps=200, dt=DT, bars="close")
    moves = np.diff(np.log(block.values[:, :, 3]), axis=2)
    assert np.corrcoef(moves[:, 0].ravel(), moves[:, 1].ravel())[0, 1] > 0.7
    with pytest.raises(ValueError, match="its innovations are not normal"):
        Correlated({"A": GARCH(innovations=SCORES), "B": GARCH()}, correlation=[[1, 0], [0, 1]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.05, "gamma": -0.1}, "gamma: found -0.1, allowed >= -0.05, minus alpha"),
        ({"innovations": "student"}, "innovations: found 'student', allowed 'normal', numbers"),
        ({"innovations": "history"}, "innovations: found 'history', allowed 'normal', numbers"),
        ({"innovations": [1.0] * 40}, "innovations: found 40 values, allowed at least 30 numbers"),
        ({"innovations": [1.0, -1.0]}, "innovations: found 2 values, allowed at least 30"),
        ({"innovations": SCORES, "sampling": "sobol"}, "sampling: found 'sobol'"),
        ({"beta": 1.2}, "beta: found 1.2"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GARCH(**arguments)


class Market:
    def __init__(self) -> None:
        self.history, _ = clustered(np.random.default_rng(2), years=6)
        self.found = calibrate("garch", self.history)

    def bars(self, symbol: str, timeframe: str) -> Any:
        return self.history

    def calibration(
        self, symbol: str, timeframe: str, model: str, as_of: date | str
    ) -> Calibration:
        return self.found


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


def test_the_innovations_of_a_history_have_lost_its_clusters(market):
    source = make_source(
        "garch",
        market.found.parameters,
        bars=market.history,
        options={"innovations": "history", "start_state": market.found.start_state},
    )
    z = source.filtered(market.history)
    np.testing.assert_allclose(np.sort(z - z.mean()) / z.std(), source.innovations, rtol=1e-9)
    moves = np.diff(np.log(market.history.close))

    def memory(series: np.ndarray) -> float:
        squares = series**2 - np.mean(series**2)
        return float(np.mean(squares[1:] * squares[:-1]) / squares.var())

    assert memory(moves) > 0.1
    assert abs(memory(z)) < 4 / math.sqrt(len(z))
    assert source.v0 == market.found.start_state["variance"]


def test_a_study_file_of_filtered_historical_simulation_runs(market):
    definition = parse_definition(
        """
        name: filtered history
        source: {model: garch, symbol: X, calibration: latest, steps: 40,
                 options: {innovations: history}}
        strategy: {name: buy_and_hold}
        seeds: {count: 10}
        """
    )
    study = Study.from_definition(definition)
    rows = study.run(market_data=market, workers=1).frame
    assert rows["status"].to_list() == ["ok"] * 10
    assert rows["net_pnl"].n_unique() == 10
    source = study.resolve(market).world.source
    assert source.v0 == market.found.start_state["variance"]
    assert len(source.innovations) == len(market.history) - 1
