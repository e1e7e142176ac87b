"""Paths of GBM and bootstraps that begin at today's variance, against twins in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import engine as mc
from engine.sources.variance_start import start_weights

DT = 1.0 / 252.0
STORM = mc.VarianceStart(variance=0.16, persistence=0.95, bar_years=DT)
CALM = mc.VarianceStart(variance=0.0025, persistence=0.9, bar_years=DT)


@pytest.fixture(scope="module")
def history() -> mc.Bars:
    path = mc.GARCH(alpha=0.08, gamma=0.05, beta=0.88, omega=0.0006).paths(seeds=[4], steps=3000)
    weekdays = np.arange(3000) + 2 * (np.arange(3000) // 5) + 4
    return mc.Bars("SIM", weekdays * 86_400_000_000, *path.values[0, 0, :5])


def forecast(level: float, start: mc.VarianceStart, steps: int) -> np.ndarray:
    """Annual variance of each bar."""
    return level + (start.variance - level) * start.persistence ** np.arange(steps)


@pytest.mark.parametrize("start", [STORM, CALM])
def test_a_path_of_gbm_is_the_twin_with_the_forecast_variances(start):
    plain = mc.GBM(mu=0.07, sigma=0.2).paths(seeds=range(5), steps=600, dt=DT)
    found = mc.GBM(mu=0.07, sigma=0.2, start_variance=start).paths(seeds=range(5), steps=600, dt=DT)
    moves = np.diff(np.log(plain.close / 100.0), prepend=0.0)
    shocks = (moves - (0.07 - 0.02) * DT) / (0.2 * math.sqrt(DT))
    variances = forecast(0.04, start, 600)
    twin = np.cumsum((0.07 - 0.5 * variances) * DT + np.sqrt(variances * DT) * shocks, axis=1)
    np.testing.assert_allclose(np.log(found.close / 100.0), twin, atol=1e-9)
    assert (found.high >= np.maximum(found.open, found.close)).all()
    assert (found.low <= np.minimum(found.open, found.close)).all()


def test_the_expected_price_of_gbm_and_the_range_of_its_first_bar_are_those_of_its_variance():
    source = mc.GBM(mu=0.1, sigma=0.2, start_variance=STORM)
    block = source.paths(seeds=range(20_000), steps=20, dt=DT)
    final = block.close[:, -1] / 100.0
    assert abs(final.mean() - math.exp(0.1 * 20 * DT)) < 4 * final.std() / math.sqrt(20_000)
    # Parkinson: the mean square of the log range is 4 ln 2 times the variance.
    square = np.log(block.high[:, 0] / block.low[:, 0]) ** 2 / (4.0 * math.log(2.0))
    assert abs(square.mean() - 0.16 * DT) < 4 * square.std() / math.sqrt(20_000)


def test_sub_bars_have_the_variance_of_their_bar_and_weeks_the_mean_of_their_days():
    fine = start_weights(STORM, DT / 4, 12)
    np.testing.assert_allclose(fine, np.repeat(0.95 ** np.arange(3), 4), rtol=1e-14)
    weekly = start_weights(STORM, 5 * DT, 3)
    np.testing.assert_allclose(weekly, (0.95 ** np.arange(15)).reshape(3, 5).mean(axis=1))
    odd = start_weights(STORM, 2.5 * DT, 2)
    np.testing.assert_allclose(odd.mean(), (0.95 ** np.arange(5)).mean())


def test_a_bootstrapped_path_is_the_twin_that_stretches_the_drawn_bars(history):
    starts = (STORM, CALM)
    for start in starts:
        plain = mc.Bootstrap(history, block_length=20).paths(seeds=range(6), steps=300)
        found = mc.Bootstrap(history, block_length=20, start_variance=start).paths(
            seeds=range(6), steps=300
        )
        returns = np.diff(np.log(history.close))
        scale = np.sqrt(forecast(returns.var() / DT, start, 300) * DT / returns.var())
        shift = returns.mean() * (1.0 - scale)
        s0 = history.close[-1]
        before = np.column_stack([np.full(6, s0), plain.close[:, :-1]])
        closes = s0 * np.exp(np.cumsum(scale * np.log(plain.close / before) + shift, axis=1))
        moved = np.column_stack([np.full(6, s0), closes[:, :-1]])
        np.testing.assert_allclose(found.close, closes, rtol=1e-10)
        for name in ("open", "high", "low"):
            twin = moved * np.exp(scale * np.log(getattr(plain, name) / before) + shift)
            np.testing.assert_allclose(getattr(found, name), twin, rtol=1e-10)
        assert (found.high >= np.maximum(found.open, found.close)).all()
        assert (found.volume == plain.volume).all()


def test_the_first_day_has_the_filtered_volatility_and_later_days_that_of_the_history(history):
    start = mc.garch_start(history)
    block = mc.Bootstrap(history, method="iid", start_variance=start).paths(
        seeds=range(20_000), steps=250, bars="close"
    )
    before = np.column_stack([np.full(20_000, history.close[-1]), block.close[:, :-1]])
    moves = np.log(block.close / before)
    own = np.diff(np.log(history.close)).var()
    for bar, expected in ((0, start.variance * start.bar_years), (249, own)):
        square = (moves[:, bar] - moves[:, bar].mean()) ** 2
        weight = start.persistence**bar
        expected = own + (start.variance * start.bar_years - own) * weight
        assert abs(square.mean() - expected) < 4 * square.std() / math.sqrt(20_000)


def test_the_filtered_start_is_the_recursion_at_the_estimates(history):
    found = mc.calibrate("garch", history)
    p = found.parameters
    returns = np.diff(np.log(history.close))
    faded = 0.94 ** np.arange(75)
    variance = (faded @ (returns[:75] - returns.mean()) ** 2) / faded.sum() / DT
    persistence = p["alpha"] + 0.5 * p["gamma"] + p["beta"]
    variance = p["omega"] + persistence * variance
    for move in returns:
        error = move - p["mu"] * DT
        weight = p["alpha"] + (p["gamma"] if error < 0.0 else 0.0)
        variance = p["omega"] + weight * error**2 / DT + p["beta"] * variance
    start = mc.garch_start(history)
    assert start.variance == pytest.approx(variance, rel=6e-4)  # four digits
    assert start.persistence == pytest.approx(persistence, abs=1e-5)
    assert start.bar_years == pytest.approx(DT)


def test_symbols_have_starts_of_their_own(history):
    other = mc.Bars("ALSO", history.timestamps, *(history.field(n) for n in history.fields[:5]))
    block = mc.Bootstrap((history, other), block_length=10, start_variance=(STORM, CALM)).paths(
        seeds=range(300), steps=1
    )
    first, second = (np.log(block.values[:, i, 3, 0] / history.close[-1]) for i in (0, 1))
    assert first.std() > 5.0 * second.std()
    # Both draw the same bars.
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(1.0)


def test_what_is_no_start_is_one_sentence(history):
    with pytest.raises(mc.Refusal, match=r"start_variance: found 'garch', allowed 'garch' in a st"):
        mc.GBM(start_variance="garch")
    with pytest.raises(
        mc.Refusal, match=r"start_variance\.persistence: found 1\.5, allowed 0 to 1"
    ):
        mc.GBM(start_variance=STORM._replace(persistence=1.5))
    with pytest.raises(mc.Refusal, match="start_variance: found 2 starts, allowed one, or 1"):
        mc.Bootstrap(history, start_variance=(STORM, CALM))
    with pytest.raises(mc.Refusal, match="one with returns 'difference', allowed returns 'rel"):
        mc.Bootstrap(history, start_variance=STORM, returns="difference")


def test_worlds_without_the_new_options_keep_their_names(history):
    plain = (mc.GBM(), mc.Bootstrap(history), mc.RegimeSwitching())
    new = {"start_variance", "ar", "last_returns", "betas", "held"}
    for source in plain:
        assert not new & source.fingerprint().keys()
    assert mc.GBM(start_variance=STORM).fingerprint()["start_variance"] == [list(STORM)]
    assert mc.RegimeSwitching(ar=(0.1,)).fingerprint()["ar"] == [0.1]


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((-1.0, 0.9, 1 / 252), r"variance: found -1, allowed 0 or more"),
        ((0.04, 1.5, 1 / 252), r"persistence: found 1\.5, allowed 0 to 1"),
        ((0.04, 0.9, 0.0), r"bar_years: found 0, allowed above 0"),
        ((math.nan, 0.9, 1 / 252), r"variance: found nan, allowed 0 or more"),
    ],
)
def test_a_start_out_of_range_is_refused_where_it_is_made(
    numbers: tuple[float, float, float], sentence: str
) -> None:
    with pytest.raises(mc.Refusal, match=f"start_variance.{sentence}"):
        mc.VarianceStart(*numbers)
