from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.sources import Schwartz2F, SchwartzSmith


def _tables(reference: Path) -> tuple[dict, dict]:
    folder = reference / "tables"
    forms = json.loads((folder / "commodity_closed_forms.json").read_text())
    return forms, json.loads((folder / "schwartz_1997.json").read_text())


def _source(parameters: dict[str, float]) -> Schwartz2F:
    """Make the source from the notation of schwartz_1997.json."""
    return Schwartz2F(
        mu=parameters["mu"],
        sigma_spot=parameters["sigma1"],
        kappa=parameters["kappa"],
        alpha=parameters["alpha"],
        sigma_yield=parameters["sigma2"],
        rho=parameters["rho"],
        lambda_=parameters["lambda_"],
        r=parameters.get("r", 0.06),
        delta0=parameters.get("delta0", 0.0),
    )


def _check_moment(sample: np.ndarray, expected: float) -> None:
    assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(sample.size)


@pytest.mark.parametrize("paths", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("steps", [1, 7])
def test_joint_moments_are_the_closed_forms_at_any_step(paths, steps, reference: Path):
    forms, _ = _tables(reference)
    two = forms["two_factor"]
    for case in two["moments_P"]:
        given = two["sets"][case["set"]]
        block = _source(given).paths(
            seeds=range(paths), s0=given["s0"], steps=steps, dt=case["t"] / steps, bars="close"
        )
        log = np.log(block.close[:, -1])
        delta = block.field("convenience_yield")[:, -1]
        _check_moment(log, case["mean_lnS"])
        _check_moment(delta, case["mean_delta"])
        _check_moment(block.close[:, -1], case["mean_S"])
        x, y = log - case["mean_lnS"], delta - case["mean_delta"]
        _check_moment(x * x, case["var_lnS"])
        _check_moment(y * y, case["var_delta"])
        _check_moment(x * y, case["cov"])


def test_futures_are_the_closed_form(reference: Path):
    two = _tables(reference)[0]["two_factor"]
    for case in two["futures"]:
        given = two["sets"][case["set"]]
        price = _source(given).futures(given["s0"], given["delta0"], case["T"])
        assert price == pytest.approx(case["closed_form"], rel=1e-12)


def test_options_on_futures_priced_on_paths_are_the_closed_form(reference: Path):
    two = _tables(reference)[0]["two_factor"]
    for case in two["european_options_on_futures"]:
        given = two["sets"][case["set"]]
        source = _source(given)
        block = source.risk_neutral().paths(
            seeds=range(50_000), s0=given["s0"], steps=1, dt=case["t_option"], bars="close"
        )
        futures = source.futures(
            block.close[:, -1],
            block.field("convenience_yield")[:, -1],
            case["T_futures"] - case["t_option"],
        )
        _check_moment(futures, case["futures"])
        sign = 1 if case["type"] == "call" else -1
        discount = math.exp(-given["r"] * case["t_option"])
        _check_moment(
            discount * np.maximum(sign * (futures - case["strike"]), 0), case["own_price"]
        )


def test_the_conversion_to_schwartz_smith_is_table_1_and_comes_back(reference: Path):
    _, table = _tables(reference)
    for estimate, mapped in zip(
        table["two_factor_estimates"], table["mapped_to_schwartz_smith"], strict=True
    ):
        source = _source(estimate)
        short = SchwartzSmith.from_schwartz_2f(source)
        assert short.sigma_chi == pytest.approx(mapped["sigma_chi"], rel=1e-12)
        assert short.sigma_xi == pytest.approx(mapped["sigma_xi"], rel=1e-12)
        assert short.rho == pytest.approx(mapped["rho_xi_chi"], rel=1e-10)
        assert short.lambda_chi == pytest.approx(mapped["lambda_chi"], rel=1e-12)
        assert short.mu_xi == pytest.approx(mapped["mu_xi"], rel=1e-10)
        back = short.to_schwartz_2f(r=source.r)
        assert back.values == pytest.approx(source.values, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("rho", [-1.0, 1.0])
@pytest.mark.parametrize("kappa", [0.0, 1e-14, 1e-6, 40.0])
def test_extreme_parameters_stay_finite(rho, kappa):
    source = Schwartz2F(rho=rho, kappa=kappa, sigma_yield=2.0, sigma_spot=0.0 if rho > 0 else 1.0)
    block = source.paths(seeds=range(20), steps=300)
    assert np.isfinite(block.values).all()
    assert np.isfinite(source.futures(10.0, 0.1, [0.0, 0.1, 1.0])).all()


def test_the_limit_without_mean_reversion_is_smooth():
    zero = Schwartz2F(kappa=0.0).paths(seeds=range(3), steps=300)
    tiny = Schwartz2F(kappa=1e-11).paths(seeds=range(3), steps=300)
    assert zero.close == pytest.approx(tiny.close, rel=1e-8)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"rho: found 1.5, allowed >= -1 and <= 1"):
        Schwartz2F(rho=1.5)
    with pytest.raises(ValueError, match="maturity: found -1, allowed >= 0"):
        Schwartz2F().futures(10.0, 0.0, -1.0)
    with pytest.raises(ValueError, match=r"kappa: found 0.0, allowed > 0"):
        SchwartzSmith.from_schwartz_2f(Schwartz2F(kappa=0.0))
