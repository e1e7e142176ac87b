from __future__ import annotations

import json

import numpy as np
import pytest

import engine as mc

MODEL = {"v0": 0.05, "kappa": 2.0, "theta": 0.06, "xi": 0.7, "rho": -0.6}


def test_prices_of_the_reference_come_from_the_public_face(reference):
    cases = json.loads((reference / "tables/heston_reference_prices.json").read_text())["cases"]
    for case in cases:
        found = mc.heston_price(
            case["spot"],
            case["strike"],
            case["t_years"],
            v0=case["v0"],
            kappa=case["kappa"],
            theta=case["theta"],
            xi=case["sigma_volofvol"],
            rho=case["rho"],
            rate=case["r"],
            dividend=case["q"],
            call=case["type"] == "call",
        )
        assert float(found) == pytest.approx(float(case["recomputed"]), abs=1e-10)


def test_expiries_and_strikes_broadcast_and_give_the_bits_of_one_expiry():
    strikes, years = np.array([80.0, 100.0, 120.0]), np.array([[0.25], [1.0]])
    table = mc.heston_price(100.0, strikes, years, **MODEL, rate=0.02)
    assert table.shape == (2, 3)
    for row, t in enumerate((0.25, 1.0)):
        assert (mc.heston_price(100.0, strikes, t, **MODEL, rate=0.02) == table[row]).all()
    mixed = mc.heston_price(100.0, 110.0, 0.5, **MODEL, call=[True, False])
    assert mixed[0] - mixed[1] == pytest.approx(-10.0, abs=1e-12)


def test_what_has_no_price_is_nan_in_arrays_and_a_sentence_of_one_option():
    found = mc.heston_price([100.0, -1.0, 100.0], 100.0, [0.5, 0.5, -0.5], **MODEL)
    assert np.isnan(found).tolist() == [False, True, True]
    assert mc.heston_price(100.0, 90.0, 0.0, **MODEL) == 10.0
    with pytest.raises(mc.Refusal, match=r"years: found -0\.5, allowed 0 or more"):
        mc.heston_price(100.0, 100.0, -0.5, **MODEL)
    with pytest.raises(mc.Refusal, match=r"rho: found -1\.5, allowed -1 to 1"):
        mc.heston_price(100.0, 100.0, 0.5, **(MODEL | {"rho": -1.5}))
    with pytest.raises(mc.Refusal, match=r"xi: found -0\.1, allowed 0 or more"):
        mc.heston_price(100.0, 100.0, 0.5, **(MODEL | {"xi": -0.1}))
