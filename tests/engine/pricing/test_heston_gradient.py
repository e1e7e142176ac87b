"""Compiled Heston prices and their derivatives, against the plain transform and differences."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.pricing import heston_price
from engine.pricing.bates_prices import bates_price
from engine.pricing.heston_gradient import heston_gradient, surface_gradient
from engine.pricing.heston_prices import heston_characteristic

NAMES = ("v0", "kappa", "theta", "xi", "rho")
MODEL = {"v0": 0.05, "kappa": 2.0, "theta": 0.06, "xi": 0.7, "rho": -0.6}
STRIKES = np.linspace(70.0, 140.0, 15)


def test_prices_are_those_of_the_reference(reference):
    cases = json.loads((reference / "tables/heston_reference_prices.json").read_text())["cases"]
    for case in cases:
        growth = np.exp((case["r"] - case["q"]) * case["t_years"])
        prices, _ = heston_gradient(
            case["spot"] * growth,
            case["strike"],
            case["t_years"],
            v0=case["v0"],
            kappa=case["kappa"],
            theta=case["theta"],
            xi=case["sigma_volofvol"],
            rho=case["rho"],
            call=case["type"] == "call",
        )
        found = prices[0] * np.exp(-case["r"] * case["t_years"])
        assert found == pytest.approx(float(case["recomputed"]), abs=1e-9)


@given(
    v0=st.floats(0.03, 0.5),
    kappa=st.floats(0.1, 15.0),
    theta=st.floats(0.03, 0.4),
    xi=st.floats(0.05, 1.5),
    rho=st.floats(-0.95, 0.95),
    years=st.floats(0.1, 10.0),
)
@settings(deadline=None)
def test_prices_are_those_of_the_plain_transform(v0, kappa, theta, xi, rho, years):
    model = {"v0": v0, "kappa": kappa, "theta": theta, "xi": xi, "rho": rho}
    call = STRIKES >= 100.0
    prices, _ = heston_gradient(100.0, STRIKES, years, call=call, **model)
    plain = heston_price(100.0, STRIKES, years, call=call, **model)
    np.testing.assert_allclose(prices, plain, atol=2e-8)


def test_the_slowest_integrands_are_followed_to_their_end():
    # At 2,000, where the plain transform stops, this integrand has not ended.
    model = {"v0": 0.0059, "kappa": 0.5, "theta": 0.125, "xi": 3.0, "rho": 0.0}
    u = np.arange(400_000) * 0.05
    values = heston_characteristic(u - 0.5j, 0.125, **model) / (u**2 + 0.25) * 0.05
    values[0] *= 0.5
    for strike in (90.0, 100.0, 110.0):
        turned = np.exp(1j * u * np.log(100.0 / strike)) * values
        right = 100.0 - np.sqrt(100.0 * strike) / np.pi * turned.real.sum()
        found = heston_gradient(100.0, strike, 0.125, **model)[0][0]
        assert found == pytest.approx(right, abs=1e-9)


@pytest.mark.parametrize("years", [7 / 365, 0.5, 10.0])
@pytest.mark.parametrize("change", [{}, {"xi": 2.0, "rho": -0.9}, {"rho": 0.4, "v0": 0.01}])
def test_derivatives_are_those_of_differences(years, change):
    model = MODEL | change
    _, gradient = heston_gradient(100.0, STRIKES, years, **model)
    for i, name in enumerate(NAMES):
        step = 1e-4 * abs(model[name])
        up, down = (
            heston_gradient(100.0, STRIKES, years, **(model | {name: model[name] + s}))[0]
            for s in (step, -step)
        )
        np.testing.assert_allclose(
            (up - down) / (2.0 * step), gradient[:, i], atol=3e-6 * np.abs(gradient[:, i]).max()
        )


def test_the_options_of_all_expiries_are_each_their_own():
    years = np.array([0.5, 0.1, 2.0, 0.1, 0.5])
    strikes = np.array([90.0, 100.0, 110.0, 95.0, 120.0])
    together = heston_gradient(100.0, strikes, years, call=[True, False] * 2 + [True], **MODEL)
    for i, (t, k) in enumerate(zip(years, strikes, strict=True)):
        alone = heston_gradient(100.0, k, t, call=i % 2 == 0, **MODEL)
        assert together[0][i] == pytest.approx(alone[0][0], abs=1e-10)
        np.testing.assert_allclose(together[1][i], alone[1][0], atol=1e-8)


@pytest.mark.parametrize("years", [7 / 365, 0.5, 10.0])
@pytest.mark.parametrize(
    "jumps", [(0.5, -0.1, 0.15), (8.0, 0.03, 0.02), (0.2, -0.5, 0.3), (0.02, -0.1, 0.1)]
)
def test_prices_with_jumps_are_those_of_the_transform_and_their_derivatives_of_differences(
    years, jumps
):
    point, call = np.array([*MODEL.values(), *jumps]), STRIKES >= 100.0
    names = (*NAMES, "jump_intensity", "mean_log_jump", "jump_vol")
    prices, gradient = surface_gradient(100.0, STRIKES, years, point, call=call)
    plain = bates_price(100.0, STRIKES, years, call=call, **dict(zip(names, point, strict=True)))
    np.testing.assert_allclose(prices, plain, atol=1e-9)
    for i in range(8):
        step = 1e-4 * max(abs(point[i]), 0.1)
        up, down = (
            surface_gradient(100.0, STRIKES, years, point + s * np.eye(8)[i], call=call)[0]
            for s in (step, -step)
        )
        np.testing.assert_allclose(
            (up - down) / (2.0 * step), gradient[:, i], atol=3e-6 * np.abs(gradient[:, i]).max()
        )


def test_a_variance_that_hardly_moves_is_refused():
    with pytest.raises(Refusal, match=r"xi: found 1e-06, allowed >= 0\.001"):
        heston_gradient(100.0, 100.0, 1.0, **(MODEL | {"xi": 1e-6}))
