from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from engine.calibration import Window, calibrate


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
    assert recent.diagnostics["effective_n"] == pytest.approx(252 * 0.5 / np.log(2.0), rel=0.06)
    # Fewer effective bars, wider error
    assert recent.std_errors["sigma"] > 3.0 * full.std_errors["sigma"]


@pytest.mark.parametrize("model", ["schwartz_1f", "merton", "regime_switching", "heston"])
def test_every_spot_model_takes_every_window(bars, model):
    for window in ("rolling:4y", "exponential:2y"):
        found = calibrate(model, bars, window=window, as_of=date(2011, 6, 30))
        assert found.ok
        assert all(np.isfinite(value) for value in found.parameters.values())
