from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.sources import RegimeSwitching, make_source

THREE = {
    "mu": [0.2, 0.0, -0.5],
    "sigma": [0.1, 0.2, 0.5],
    "transition": [[0.98, 0.015, 0.005], [0.05, 0.9, 0.05], [0.0, 0.2, 0.8]],
}


def _case(reference: Path) -> dict:
    table = json.loads((reference / "tables" / "simulation_moments.json").read_text())
    return table["regime_switching"]["cases"][0]


@pytest.mark.parametrize("paths", [2000, pytest.param(40_000, marks=pytest.mark.slow)])
def test_moments_and_autocorrelations_are_the_closed_forms(paths, reference: Path):
    case = _case(reference)
    source = RegimeSwitching(mu=case["mu"], sigma=case["sigma"], transition=case["transition"])
    assert source.stationary() == pytest.approx(case["stationary"], rel=1e-12)
    sums = []
    for first in range(0, paths, 2000):
        block = source.paths(seeds=range(first, first + 2000), steps=250, dt=1.0, bars="close")
        returns = np.diff(np.log(block.close), prepend=math.log(100.0))
        centred = returns - case["mean"]
        squares = centred**2 - case["var"]
        row = [returns.mean(1), (centred**2).mean(1), (centred**3).mean(1), (centred**4).mean(1)]
        for series, scale in ((centred, case["var"]), (squares, None)):
            variance = scale or (case["excess_kurtosis"] + 2) * case["var"] ** 2
            for lag in (1, 2, 5, 10):
                row.append((series[:, lag:] * series[:, :-lag]).mean(1) / variance)
        sums.append(np.array(row))
    found = np.concatenate(sums, axis=1)
    var = case["var"]
    expected = [
        case["mean"],
        var,
        case["skew"] * var**1.5,
        (3 + case["excess_kurtosis"]) * var**2,
        *case["acf_lags_1_2_5_10"],
        *case["acf_squares_lags_1_2_5_10"],
    ]
    error = found.std(axis=1) / math.sqrt(found.shape[1])
    # The squares are centred on the variance; acf_squares is that of returns squared.
    assert (np.abs(found.mean(axis=1) - expected)[:8] < 4 * error[:8]).all()
    assert (np.abs(found.mean(axis=1) - expected)[8:] < 4 * error[8:] + 0.01).all()


def test_sojourns_and_transitions_follow_the_chain():
    source = RegimeSwitching(**THREE)
    regime = source.paths(seeds=range(400), steps=2000, bars="close").field("regime").astype(int)
    table = np.array(THREE["transition"])
    for i in range(3):
        now = regime[:, :-1] == i
        for j in range(3):
            share = (regime[:, 1:][now] == j).mean()
            assert abs(share - table[i, j]) < 4 * math.sqrt(
                max(table[i, j] * (1 - table[i, j]), 1e-9) / now.sum()
            )
        found, expected = (regime == i).mean(axis=1), source.stationary()[i]
        assert abs(found.mean() - expected) < 4 * found.std() / math.sqrt(found.size)
    first = np.bincount(regime[:, 0], minlength=3) / 400
    assert np.abs(first - source.stationary()).max() < 0.1


def test_the_discounted_price_is_a_martingale_with_risk_neutral_means():
    sigma = np.array([0.1, 0.4])
    source = RegimeSwitching(
        mu=0.03 - sigma**2 / 2, sigma=sigma, transition=[[0.9, 0.1], [0.2, 0.8]]
    )
    close = source.paths(seeds=range(50_000), steps=24, dt=1 / 12, bars="close").close[:, -1]
    discounted = close * math.exp(-0.06)
    assert abs(discounted.mean() - 100) < 4 * discounted.std() / math.sqrt(close.size)


@pytest.mark.parametrize(
    ("start", "first"), [(2, {2}), ((0.0, 1.0, 0.0), {1}), ("stationary", {0, 1, 2})]
)
def test_the_first_regime_can_be_given(start, first):
    block = RegimeSwitching(**THREE, start=start).paths(seeds=range(300), steps=2)
    assert set(block.field("regime")[:, 0].astype(int)) == first


def test_absorbing_and_never_stayed_in_regimes_work():
    trap = RegimeSwitching(
        mu=[0, 0], sigma=[0.1, 0.2], transition=[[0.5, 0.5], [0.0, 1.0]], start=0
    )
    assert trap.stationary().tolist() == [0.0, 1.0]
    assert (trap.paths(seeds=range(50), steps=300).field("regime")[:, -1] == 1).all()
    flip = RegimeSwitching(mu=[0, 0], sigma=[0.1, 0.2], transition=[[0, 1], [1, 0]], start=1)
    regime = flip.paths(seeds=[1], steps=301).field("regime")[0]
    assert (regime == 1 - np.arange(301) % 2).all()
    lone = RegimeSwitching(mu=[0.1], sigma=[0.2], transition=[[1.0]])
    assert np.isfinite(lone.paths(seeds=[1], steps=300).values).all()


def test_scalars_by_name_make_the_same_source():
    source = RegimeSwitching(**THREE)
    again = make_source("regime_switching", source.values)
    assert again.values == pytest.approx(source.values)
    assert again.transition == pytest.approx(np.array(source.transition), abs=1e-12)
    changed = source.with_parameters(sigma_3=0.7)
    assert changed.sigma == (0.1, 0.2, 0.7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": [0.1, 0.2]}, "sigma: found 2 regimes, allowed as many as mu has"),
        ({"sigma": [0.1, -0.2, 0.1]}, "sigma_2: found -0.2, allowed >= 0"),
        ({"transition": np.eye(2)}, r"transition: found shape \(2, 2\), allowed \(3, 3\)"),
        ({"transition": np.full((3, 3), 0.3)}, r"transition\[0\]: found a sum of 0.9, allowed 1"),
        ({"transition": [[1.2, -0.2, 0]] * 3}, r"transition\[0\]\[0\]: found 1.2, allowed"),
        ({"start": 3}, "start: found 3, allowed 0 to 2"),
        ({"start": "now"}, "start: found 'now', allowed 'stationary'"),
        ({"start": (0.5, 0.6, 0.0)}, "allowed 3 probabilities that sum to 1"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        RegimeSwitching(**(THREE | change))
