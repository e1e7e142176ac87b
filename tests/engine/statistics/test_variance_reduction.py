"""Control variates and antithetic pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics.layout import Layout
from engine.statistics.moments import means
from engine.statistics.variance_reduction import control_variates, saved_by_units


def test_a_control_takes_away_what_it_explains_and_nothing_from_the_truth() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    control = rng.normal(2.0, 1.0, size=(2000, 80))
    outcomes = 0.5 + 3.0 * control + rng.normal(size=control.shape)
    found = control_variates(outcomes, control, 2.0)
    # 9 of 10 parts of the variance are the control's.
    assert found.saved.mean() == pytest.approx(0.9, abs=0.01)
    assert found.mean.value.mean() == pytest.approx(6.5, abs=4 / math.sqrt(80 * 2000))
    table = found.mean.estimates()
    held = ((table.low <= 6.5) & (table.high >= 6.5)).mean()
    assert 0.93 <= held <= 0.97


def test_a_control_that_says_nothing_saves_nothing() -> None:
    outcomes = np.arange(20.0)
    found = control_variates(outcomes, np.full(20, 7.0), 7.0)
    assert found.mean.value[0] == outcomes.mean()
    assert found.saved[0] == 0.0
    with pytest.raises(ValueError, match="not finite"):
        control_variates([1.0, math.nan], [1.0, 2.0], 1.0)


def test_antithetic_pairs_save_what_they_cancel() -> None:
    rng = np.random.Generator(np.random.Philox(2))
    half = rng.normal(size=4000)
    noise = 0.5 * rng.normal(size=8000)
    outcomes = np.concatenate([half, -half]) + noise
    layout = Layout.of(np.zeros(8000, dtype=int), np.tile(np.arange(4000), 2))
    saved = saved_by_units(outcomes, layout)[0]
    # The pair mean varies 0.25 / 2, two independent ones (1 + 0.25) / 2.
    assert saved == pytest.approx(1 - 0.25 / 1.25, abs=0.02)
    assert means(outcomes, layout).variances()[0] < means(outcomes).variances()[0]
