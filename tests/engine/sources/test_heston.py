from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.sources import GBM, Heston

SLOW = pytest.param(1_000_000, marks=pytest.mark.slow)


def _closes(source: Heston, paths: int, steps: int, horizon: float, s0: float = 100.0):
    """Final close and variance, in pieces that bound the memory."""
    closes, variances = [], []
    for first in range(0, paths, 20_000):
        block = source.paths(
            seeds=range(first, first + min(20_000, paths)),
            s0=s0,
            steps=steps,
            dt=horizon / steps,
            bars="close",
        )
        closes.append(block.close[:, -1].copy())
        variances.append(block.field("variance")[:, -1].copy())
    return np.concatenate(closes), np.concatenate(variances)


def _cases(reference: Path) -> list[dict]:
    table = json.loads((reference / "tables" / "heston_reference_prices.json").read_text())
    return table["cases"]


def _prices(case: dict, close: np.ndarray) -> np.ndarray:
    sign = 1 if case["type"] == "call" else -1
    discount = math.exp(-case["r"] * case["t_years"])
    return discount * np.maximum(sign * (close - case["strike"]), 0)


def _model(case: dict, **options) -> Heston:
    return Heston(
        mu=case["r"] - case["q"],
        kappa=case["kappa"],
        theta=case["theta"],
        xi=case["sigma_volofvol"],
        rho=case["rho"],
        v0=case["v0"],
        **options,
    )


@pytest.mark.parametrize("paths", [40_000, SLOW])
def test_option_prices_on_paths_are_the_reference_prices(paths, reference: Path):
    """Also where the Feller condition fails badly: 2 kappa theta / xi^2 = 0.04 in case I."""
    closes: dict[str, np.ndarray] = {}
    bias = {"Andersen case I": 0.03, "Lewis": 0.01}
    for case in _cases(reference):
        key = case["case"]
        if key not in closes:
            steps = 160 if key == "Andersen case I" else 100
            closes[key], _ = _closes(_model(case), paths, steps, case["t_years"], case["spot"])
        price = _prices(case, closes[key])
        error = price.std() / math.sqrt(paths)
        assert abs(price.mean() - float(case["recomputed"])) < 4 * error + bias[key]


@pytest.mark.slow
def test_the_error_of_both_schemes_falls_with_the_step(reference: Path):
    case = next(
        c for c in _cases(reference) if c["case"] == "Andersen case I" and c["strike"] == 100
    )
    exact, paths = float(case["recomputed"]), 1_000_000
    errors = {}
    for scheme, steps in (
        ("qe", 10),
        ("qe", 40),
        ("full_truncation", 40),
        ("full_truncation", 320),
    ):
        close, _ = _closes(_model(case, scheme=scheme), paths, steps, 10.0)
        errors[scheme, steps] = abs(_prices(case, close).mean() - exact)
    noise = 4 * 0.0135
    assert errors["qe", 40] < noise
    assert errors["qe", 40] < errors["qe", 10] + noise
    assert errors["full_truncation", 320] < errors["full_truncation", 40]
    assert errors["qe", 40] < errors["full_truncation", 40]


@pytest.mark.parametrize("paths", [60_000, SLOW])
@pytest.mark.parametrize("scheme", ["qe", "full_truncation"])
def test_moments_of_log_price_and_variance_are_the_closed_forms(paths, scheme, reference: Path):
    table = json.loads((reference / "tables" / "simulation_moments.json").read_text())
    for case in table["heston"]["cases"]:
        source = Heston(
            mu=case["mu"],
            kappa=case["kappa"],
            theta=case["theta"],
            xi=case["sigma"],
            rho=case["rho"],
            v0=case["v0"],
            scheme=scheme,
        )
        close, variance = _closes(source, paths, 100, case["t"])
        log = np.log(close / 100)
        root = math.sqrt(paths)
        assert abs(log.mean() - case["mean_lnS_ratio"]) < 4 * log.std() / root
        standard = (log - case["mean_lnS_ratio"]) / math.sqrt(case["var_lnS"])
        for power, expected in ((2, 1.0), (3, case["skew"]), (4, 3 + case["excess_kurtosis"])):
            sample = standard**power
            # discretisation: of the order of the step, 1 %
            assert abs(sample.mean() - expected) < 4 * sample.std() / root + 0.01 * abs(expected)
        assert abs(variance.mean() - case["E_v"]) < 4 * variance.std() / root
        spread = (variance - case["E_v"]) ** 2
        assert abs(spread.mean() - case["Var_v"]) < 4 * spread.std() / root + 0.02 * case["Var_v"]
        if scheme == "qe":
            for level, value in case["v_quantiles"].items():
                p = float(level)
                share = (variance <= value).mean()
                assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / paths) + 0.004


@pytest.mark.parametrize(("rho", "xi"), [(-0.9, 1.0), (0.0, 1.0), (0.9, 0.3)])
def test_the_discounted_price_is_a_martingale_at_long_steps(rho, xi):
    """With xi = 1 and rho = 0.9 the price has no variance, so there is no error to test with."""
    source = Heston(mu=0.03, kappa=0.5, theta=0.04, xi=xi, rho=rho, v0=0.04)
    close, _ = _closes(source, 100_000, 20, 5.0)
    discounted = close * math.exp(-0.15)
    assert abs(discounted.mean() - 100) < 4 * discounted.std() / math.sqrt(close.size)


def test_a_path_does_not_depend_on_its_neighbours():
    source = Heston(xi=1.0, kappa=0.5)
    block = source.paths(seeds=range(70), steps=300, dt=1 / 52)
    for n in (0, 31, 32, 69):
        alone = source.paths(seeds=[n], steps=300, dt=1 / 52)
        assert (alone.values[0] == block.values[n]).all()


def test_constant_variance_is_geometric_brownian_motion():
    ours = Heston(mu=0.07, xi=0.0, kappa=3.0, theta=0.09, v0=0.09)
    close, variance = _closes(ours, 20_000, 4, 1.0)
    assert variance == pytest.approx(np.full(20_000, 0.09), rel=1e-12)
    other = GBM(mu=0.07, sigma=0.3).paths(seeds=range(20_000), steps=4, dt=0.25).close[:, -1]
    assert np.log(close).std() == pytest.approx(np.log(other).std(), rel=0.03)
    assert abs(close.mean() - 100 * math.exp(0.07)) < 4 * close.std() / math.sqrt(20_000)


@pytest.mark.parametrize("scheme", ["qe", "full_truncation"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"kappa": 0.0},
        {"kappa": 0.0, "theta": 0.0, "v0": 0.0},
        {"v0": 0.0, "theta": 0.0},
        {"xi": 10.0, "theta": 1e-6, "v0": 1e-9},
        {"rho": 1.0, "xi": 5.0},
        {"rho": -1.0, "xi": 5.0},
        {"xi": 1e-7, "rho": 0.99},
        {"kappa": 100.0, "theta": 4.0},
    ],
)
def test_extreme_parameters_stay_finite(scheme, parameters):
    block = Heston(scheme=scheme, **parameters).paths(seeds=range(40), steps=200, dt=1 / 12)
    assert np.isfinite(block.values).all()
    assert (block.field("variance") >= 0).all()
    assert (block.high >= np.maximum(block.open, block.close)).all()
    assert (block.low <= np.minimum(block.open, block.close)).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="scheme: found 'euler', allowed 'qe', 'full_truncation'"):
        Heston(scheme="euler")
    with pytest.raises(ValueError, match=r"v0: found -0.01, allowed >= 0"):
        Heston(v0=-0.01)
