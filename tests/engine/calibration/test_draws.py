from __future__ import annotations

import numpy as np
import pytest

from engine.calibration import calibrate, draw_parameters, try_calibrate
from engine.sources import make_source


@pytest.fixture(scope="module")
def estimate(make_bars):
    rng = np.random.default_rng(1)
    return calibrate("gbm", make_bars(100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(500)))))


def test_draws_have_the_estimates_mean_and_errors(estimate):
    drawn = draw_parameters(estimate, range(4000))
    for name, value in estimate.parameters.items():
        error = estimate.std_errors[name]
        assert abs(drawn[name].mean() - value) < 5.0 * error / np.sqrt(4000) + 0.01 * error
        assert drawn[name].std() == pytest.approx(error, rel=0.06)


def test_a_seeds_parameters_do_not_depend_on_the_other_seeds(estimate):
    together = draw_parameters(estimate, [7, 8, 2**63 + 9])
    alone = draw_parameters(estimate, [2**63 + 9])
    assert together["sigma"][2] == alone["sigma"][0]
    assert len(set(together["mu"].tolist())) == 3


def test_draws_stay_inside_the_sources_bounds(make_bars):
    rng = np.random.default_rng(2)
    closes = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(60)))
    found = calibrate("gbm", make_bars(closes))
    wide = type(found).of(
        "gbm",
        symbol="X",
        timeframe="1d",
        as_of=found.as_of,
        parameters=found.parameters,
        covariance=np.diag([1.0, 1.0]),
        n=10,
        window="full",
    )
    drawn = draw_parameters(wide, range(500))
    assert drawn["sigma"].min() > 0.0
    for mu, sigma in zip(drawn["mu"][:20], drawn["sigma"][:20], strict=True):
        make_source("gbm", {"mu": mu, "sigma": sigma})


def test_a_parameter_without_error_is_not_drawn_and_a_failure_is_refused(make_bars, estimate):
    block = calibrate("bootstrap", make_bars(100.0 + np.sin(np.arange(300.0))))
    drawn = draw_parameters(block, range(5))
    assert set(drawn["block_length"]) == {block.parameters["block_length"]}
    failed = try_calibrate("gbm", make_bars(np.full(50, 100.0)))
    with pytest.raises(ValueError, match="found status failed"):
        draw_parameters(failed, [1])
