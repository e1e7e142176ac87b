"""Parameter uncertainty: parameters drawn from a calibration's covariance."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.validity.calibrations import commodity_curve, regimes
from engine.calibration import Calibration, calibrate
from engine.errors import Refusal
from engine.jobs.draw import ParameterDraw
from engine.sources import GBM, make_source
from engine.studies.definition import SourceDefinition
from engine.studies.loader import parse_definition
from engine.studies.resolve_source import resolve_source
from engine.studies.study import Study

STUDY = """
name: uncertain
source: {model: gbm, symbol: SP500, calibration: latest, parameters: draw, steps: 20, s0: 100}
strategy: {name: buy_and_hold}
seeds: {count: 60}
"""


def test_drawn_parameters_have_the_calibrations_moments(market: Any) -> None:
    calibration = market.calibration("SP500", "1d", "gbm", "latest")
    covariance = np.array([[0.01, 0.0003], [0.0003, 0.000025]])
    draw = ParameterDraw.from_calibration(replace(calibration, covariance=covariance))
    values = np.array([list(draw.values(seed).values()) for seed in range(4000)])
    error = np.sqrt(np.diag(covariance) / 4000)
    assert (np.abs(values.mean(axis=0) - [0.08, 0.16]) < 4 * error).all()
    # A correlation of 0.6 is known within (1 - 0.36) / sqrt(4000) = 0.01.
    assert abs(np.corrcoef(values.T)[0, 1] - 0.6) < 0.04
    assert abs(values[:, 0].std() / 0.1 - 1) < 4 / math.sqrt(8000)


def test_a_seed_draws_the_same_parameters_whatever_runs_beside_it(market: Any) -> None:
    draw = ParameterDraw.from_calibration(market.calibration("SP500", "1d", "gbm", "latest"))
    assert draw.values(7) == draw.values(7)
    assert draw.values(7) != draw.values(8)
    # Golden: these numbers are part of what a seed means.
    assert draw.values(7) == GOLDEN


def test_draws_outside_bounds_are_drawn_again(market: Any) -> None:
    calibration = market.calibration("SP500", "1d", "gbm", "latest")
    wide = ParameterDraw.from_calibration(replace(calibration, covariance=np.diag([0.01, 1.0])))
    for seed in range(50):
        assert wide.apply(GBM(mu=0.0, sigma=0.2), seed).sigma > 0


def test_a_study_with_drawn_parameters_gives_each_path_its_own(market: Any, tmp_path: Path) -> None:
    study = Study.from_definition(parse_definition(STUDY))
    one = study.run(market_data=market, workers=1)
    two = study.run(market_data=market, workers=2, root=tmp_path)
    assert one.frame.equals(two.frame)
    replay = two.simulation(5)
    calibration = market.calibration("SP500", "1d", "gbm", "latest")
    expected = ParameterDraw.from_calibration(calibration).values(5)
    assert replay.parameters["model.mu"] == expected["mu"]
    assert replay.metrics["net_pnl"] == one.frame["net_pnl"][5]
    path = GBM(**expected).paths(steps=20, seeds=[5], s0=100.0)
    np.testing.assert_array_equal(path.close[0], replay.bars["close"].to_numpy())


def test_a_calibration_without_covariance_cannot_be_drawn_from(market: Any) -> None:
    calibration = market.calibration("SP500", "1d", "gbm", "latest")
    with pytest.raises(Refusal, match="has no covariance"):
        ParameterDraw.from_calibration(replace(calibration, covariance=np.full((2, 2), np.nan)))
    bad = np.array([[0.01, 0.01], [0.01, 0.0001]])
    with pytest.raises(Refusal, match="not positive semi-definite"):
        ParameterDraw.from_calibration(replace(calibration, covariance=bad))


GOLDEN = {"mu": 0.207777165394, "sigma": 0.155868323034}


@pytest.fixture(scope="module")
def curve() -> tuple[Any, Any]:
    """Weekly curves made by NumPy, the last one without its own error, and their calibration."""
    panel, _ = commodity_curve(np.random.default_rng(5), weeks=200)
    return panel, calibrate("schwartz_smith", panel)


def test_drawn_parameters_and_states_leave_the_observed_curve_as_it_was(curve: Any) -> None:
    panel, calibration = curve
    start = calibration.start_state
    base = make_source(
        "schwartz_smith", calibration.parameters, options={"start_state": dict(start)}
    )
    years = panel.maturities[-1]

    def scatter(draw: ParameterDraw) -> np.ndarray:
        rows = []
        for seed in range(400):
            model = draw.apply(base, seed)
            rows.append(model.futures(model.chi0, math.log(start["spot"]) - model.chi0, years))
        return np.asarray(np.log(rows).std(axis=0))

    # The contracts from 5 months on are observed to 0.4 to 0.6 percent.
    assert (scatter(ParameterDraw.from_calibration(calibration)) < 0.006).all()
    # With the states of the estimate at other parameters the far end goes astray.
    assert scatter(ParameterDraw.from_calibration(calibration, with_states=False))[-1] > 0.03


def test_states_are_drawn_with_the_covariance_that_the_calibration_states(curve: Any) -> None:
    _, found = curve
    names, joint = found.joint_covariance()
    draw = ParameterDraw.from_calibration(found)
    assert draw.states == ("chi", "xi")
    at = [names.index(name) for name in draw.names]
    known = names.index("spot")
    spot = joint[at, known]
    given = joint[np.ix_(at, at)] - np.outer(spot, spot) / joint[known, known]
    factor = np.zeros((len(at), len(at)))
    for i, row in enumerate(draw.factor):
        factor[i, : len(row)] = row
    np.testing.assert_allclose(factor @ factor.T, given, rtol=1e-6, atol=1e-12)
    again = Calibration.from_rows(found.to_rows())
    assert ParameterDraw.from_calibration(again) == draw
    assert ParameterDraw.from_calibration(again).fingerprint() == draw.fingerprint()


def test_a_convenience_yield_is_drawn_with_the_parameters_it_was_filtered_at(curve: Any) -> None:
    panel, smith = curve
    found = calibrate("schwartz_2f", panel, rate=0.02)
    draw = ParameterDraw.from_calibration(found)
    base = make_source("schwartz_2f", found.parameters, options={"start_state": found.start_state})
    drawn = [draw.apply(base, seed) for seed in range(300)]
    for seed, model in enumerate(drawn):
        assert model.delta0 == draw.values(seed)["convenience_yield"]
        assert model.r == 0.02
    years = panel.maturities[-1]
    prices = [m.futures(smith.start_state["spot"], m.delta0, years) for m in drawn]
    assert (np.log(prices).std(axis=0) < 0.006).all()


def test_regime_probabilities_are_drawn_between_zero_and_one_around_the_filtered_ones() -> None:
    bars, _ = regimes(np.random.default_rng(3), years=4)
    found = calibrate("regime_switching", bars)
    draw = ParameterDraw.from_calibration(found)
    assert draw.states == ("regime_1", "regime_2")
    base = make_source(
        "regime_switching", found.parameters, options={"start_state": found.start_state}
    )
    starts = np.array([draw.apply(base, seed).start for seed in range(400)])
    np.testing.assert_allclose(starts.sum(axis=1), 1.0, atol=1e-12)
    assert ((starts > 0.0) & (starts < 1.0)).all()
    interval = found.interval("regime_1")
    inside = np.mean((starts[:, 0] >= interval.low) & (starts[:, 0] <= interval.high))
    assert 0.91 < inside < 0.99
    assert starts[:, 0].std() > 0.0


def test_a_start_state_of_the_studys_own_is_not_drawn(market: Any) -> None:
    class Market:
        def bars(self, *_: Any, **__: Any) -> Any:
            return market.bars("SP500", "1d")

        def calibration(self, *_: Any) -> Calibration:
            return calibration

    bars, _ = regimes(np.random.default_rng(3), years=4)
    calibration = replace(calibrate("regime_switching", bars), as_of=date(1971, 5, 1))
    own = {"start_state": {"regime_1": 0.3, "regime_2": 0.7}}
    source = {"model": "regime_switching", "symbol": "SP500", "calibration": "latest"}
    source |= {"parameters": "draw", "options": own}
    resolved = resolve_source(SourceDefinition.model_validate(source), Market())
    assert resolved.draw is not None
    assert resolved.draw.states == ()
    assert resolved.draw.apply(resolved.source, 4).start == (0.3, 0.7)
