from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from engine.calibration import FuturesPanel, Window, calibrate, estimate_correlation


@pytest.fixture(scope="module")
def bars(make_bars):
    # Ten quiet years, then two loud ones.
    rng = np.random.default_rng(1)
    sizes = np.where(np.arange(3130) < 2600, 0.005, 0.02)
    return make_bars(100.0 * np.exp(np.cumsum(sizes * rng.standard_normal(3130))))


def test_windows_are_read_from_text():
    assert Window.parse("rolling:5y") == Window("rolling", 5.0)
    assert str(Window.parse("exponential:0.5y")) == "exponential:0.5y"
    for bad in ("rolling", "rolling:0y", "full:2y", "sliding:2y", "rolling:twoy"):
        with pytest.raises(ValueError, match="window"):
            Window.parse(bad)


def test_a_rolling_window_sees_its_years_only(bars):
    found = calibrate("gbm", bars, window="rolling:1y")
    assert found.parameters["sigma"] == pytest.approx(0.02 * np.sqrt(252.0), rel=0.1)
    assert 255 <= found.n <= 263
    assert found.window == "rolling:1y"
    assert calibrate("gbm", bars, window="expanding").n == 3129


def test_exponential_weights_halve_every_half_life(bars):
    weights = Window("exponential", 1.0).weights(np.array([0], dtype=np.int64), 31_557_600_000_000)
    assert weights[0] == pytest.approx(0.5)
    full = calibrate("gbm", bars)
    recent = calibrate("gbm", bars, window="exponential:0.5y")
    assert recent.parameters["sigma"] > 1.4 * full.parameters["sigma"]
    # (sum w)^2 / sum w^2 of weights that halve every 130 bars
    effective = 2.0 * 261 * 0.5 / np.log(2.0)
    assert recent.diagnostics["effective_n"] == pytest.approx(effective, rel=0.01)
    assert recent.n == len(bars) - 1
    # Fewer effective bars, wider error
    assert recent.std_errors["sigma"] > 2.5 * full.std_errors["sigma"]


@pytest.mark.parametrize("model", ["schwartz_1f", "merton", "regime_switching", "heston"])
def test_every_spot_model_takes_every_window(bars, model):
    for window in ("rolling:4y", "exponential:2y"):
        found = calibrate(model, bars, window=window, as_of=date(2011, 6, 30))
        assert found.ok
        assert all(np.isfinite(value) for value in found.parameters.values())


def test_exponential_weights_have_honest_errors(make_bars):
    rng = np.random.default_rng(3)
    truth = {"mu": 0.08, "sigma": 0.25}
    inside = {"mu": 0, "sigma": 0}
    for _ in range(600):
        steps = 0.25 / np.sqrt(252.0) * rng.standard_normal(1000)
        path = 20.0 * np.exp(np.cumsum(steps + (0.08 - 0.5 * 0.25**2) / 252.0))
        found = calibrate("gbm", make_bars(path), window="exponential:1y")
        for name, value in truth.items():
            near = abs(found.parameters[name] - value) <= 1.959964 * found.std_errors[name]
            inside[name] += bool(near)
    slack = 3.0 * np.sqrt(0.95 * 0.05 / 600)
    for share in (inside["mu"] / 600, inside["sigma"] / 600):
        assert 0.95 - slack <= share <= 0.95 + slack


@pytest.mark.parametrize("estimator", ["realised", "garman_klass", "yang_zhang"])
def test_exponential_weights_widen_the_error_of_a_volatility_from_ranges(estimator, sp500):
    full = calibrate("gbm", sp500, volatility=estimator)
    # Weights that hardly differ say what equal ones say.
    long = calibrate("gbm", sp500, volatility=estimator, window="exponential:1000000y")
    for name in ("mu", "sigma"):
        assert long.parameters[name] == pytest.approx(full.parameters[name], rel=1e-4)
        assert long.std_errors[name] == pytest.approx(full.std_errors[name], rel=1e-4)


@pytest.mark.parametrize("model", ["gbm", "schwartz_1f", "merton", "regime_switching", "heston"])
def test_nearly_equal_weights_give_the_estimate_of_the_full_window(sp500, model):
    bars = sp500[-1500:]
    full = calibrate(model, bars)
    long = calibrate(model, bars, window="exponential:1000000y")
    assert long.log_likelihood == pytest.approx(full.log_likelihood, rel=1e-5, nan_ok=True)
    for name, value in full.parameters.items():
        assert long.parameters[name] == pytest.approx(value, rel=2e-3)
        assert long.std_errors[name] == pytest.approx(full.std_errors[name], rel=2e-3)


def test_a_half_life_that_leaves_too_few_effective_returns_is_refused(bars):
    with pytest.raises(ValueError, match=r"found 75\.\d effective returns .* allowed >= 250"):
        calibrate("merton", bars, window="exponential:0.1y")


def test_models_without_weights_say_which_models_have_them(bars):
    years = np.array([0.1, 0.5, 1.0])
    panel = FuturesPanel.from_arrays(np.full((40, 3), 20.0), years, dt=1 / 52)
    match = "found exponential:2y, allowed full, expanding, rolling:Ny .* gbm, heston, merton"
    for model in ("schwartz_1f", "schwartz_2f", "schwartz_smith"):
        with pytest.raises(ValueError, match="window of a futures panel: " + match):
            calibrate(model, panel, window="exponential:2y")
    with pytest.raises(ValueError, match="window of bootstrap: " + match):
        calibrate("bootstrap", bars, window="exponential:2y")


def test_exponential_weights_shorten_what_a_correlation_remembers(make_bars):
    rng = np.random.default_rng(4)
    shared = rng.standard_normal(2000)
    own = np.where(np.arange(2000) < 1000, 1.0, 0.2) * rng.standard_normal(2000)
    pair = [
        make_bars(100.0 * np.exp(np.cumsum(0.01 * steps)), symbol=name)
        for name, steps in (("A", shared), ("B", shared + own))
    ]
    full = estimate_correlation(pair)
    recent = estimate_correlation(pair, window="exponential:0.5y")
    assert recent.matrix[0, 1] > full.matrix[0, 1] + 0.05
    # As many effective returns as the weights leave, whatever their scale
    effective = 2.0 * 261 * 0.5 / np.log(2.0)
    expected = (1.0 - recent.matrix[0, 1] ** 2) / np.sqrt(effective)
    assert recent.std_errors[0, 1] == pytest.approx(expected, rel=0.02)
