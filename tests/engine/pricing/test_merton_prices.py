from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import engine as mc

JUMPS = {"sigma": 0.2, "jump_intensity": 2.0, "mean_log_jump": -0.1, "jump_vol": 0.15}


def test_prices_are_those_of_haugs_table(reference):
    table = pl.read_csv(reference / "tables/merton76_haug.csv")
    found = mc.merton_price(
        *(table[name].to_numpy() for name in ("spot", "strike", "t_years")),
        sigma=table["diffusion_vol"].to_numpy(),
        **{
            name: table[name].to_numpy() for name in ("jump_intensity", "mean_log_jump", "jump_vol")
        },
        rate=table["r"].to_numpy(),
        dividend=table["q"].to_numpy(),
        call=(table["type"] == "call").to_numpy(),
    )
    # The table's parameters are rounded to twelve digits.
    np.testing.assert_allclose(found, table["recomputed_price"].to_numpy(), rtol=1e-9)


def test_a_call_less_a_put_is_the_forward_less_the_strike():
    strikes = np.linspace(60.0, 160.0, 11)
    call, put = (
        mc.merton_price(100.0, strikes, 0.7, **JUMPS, rate=0.05, dividend=0.02, call=right)
        for right in (True, False)
    )
    expected = 100.0 * math.exp(-0.02 * 0.7) - strikes * math.exp(-0.05 * 0.7)
    np.testing.assert_allclose(call - put, expected, atol=1e-11)


def test_without_jumps_prices_are_those_of_black_and_scholes():
    none = mc.merton_price(100.0, 110.0, 0.5, **(JUMPS | {"jump_intensity": 0.0}), rate=0.03)
    assert none == mc.black_scholes(100.0, 110.0, 0.5, 0.2, rate=0.03).price


def test_prices_are_the_mean_payoff_of_the_source():
    source = mc.Merton(mu=0.0, **JUMPS)
    block = source.paths(s0=100.0, steps=4, dt=0.125, seeds=range(40_000))
    payoff = np.maximum(105.0 - block.close[:, -1], 0.0)
    expected = float(mc.merton_price(100.0, 105.0, 0.5, **JUMPS, call=False))
    assert abs(payoff.mean() - expected) < 4.0 * payoff.std() / math.sqrt(len(payoff))


def test_what_has_no_price_is_nan_in_arrays_and_a_sentence_of_one_option():
    found = mc.merton_price([100.0, -1.0, 100.0], 100.0, [0.5, 0.5, -0.5], **JUMPS)
    assert np.isnan(found).tolist() == [False, True, True]
    with pytest.raises(mc.Refusal, match=r"sigma: found -0\.2, allowed 0 or more"):
        mc.merton_price(100.0, 100.0, 0.5, **(JUMPS | {"sigma": -0.2}))
    with pytest.raises(mc.Refusal, match=r"jump_intensity: found 1000\.0 jumps until expiry"):
        mc.merton_price(100.0, 100.0, 1.0, **(JUMPS | {"jump_intensity": 1000.0}))
