from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad

import engine as mc
from engine.pricing import schwartz_variance

OIL = {"kappa": 1.876, "sigma_spot": 0.393, "sigma_yield": 0.527, "rho": 0.766}


def test_variances_are_those_of_the_table(reference):
    table = pl.read_csv(reference / "tables/schwartz_futures_option_variance.csv")
    for row in table.iter_rows(named=True):
        times = row["option_expiry"], row["futures_expiry"]
        terms = {"kappa": row["kappa"], "sigma_spot": row["sigma_spot"]}
        if row["model"] == "2f":
            terms |= {"sigma_yield": row["sigma_yield"], "rho": row["rho"]}
        found = schwartz_variance(*times, **terms)
        assert found == pytest.approx(row["total_variance"], rel=1e-13)
        assert mc.schwartz_volatility(*times, **terms) == pytest.approx(row["black_vol"], rel=1e-13)


@pytest.mark.parametrize("kappa", [0.0, 1e-9, 1e-4, 0.05, 0.19, 0.21, 1.0, 20.0])
def test_every_speed_gives_the_integral_of_the_squared_volatility(kappa):
    years, futures = 0.4, 1.0
    s1, s2, rho = 0.35, 0.4, 0.8

    def local(u: float) -> float:
        b = u if kappa == 0.0 else -math.expm1(-kappa * u) / kappa
        return s1 * s1 + s2 * s2 * b * b - 2.0 * rho * s1 * s2 * b

    expected, _ = quad(local, futures - years, futures, epsabs=0.0, epsrel=1e-13)
    found = schwartz_variance(years, futures, kappa=kappa, sigma_spot=s1, sigma_yield=s2, rho=rho)
    assert found == pytest.approx(expected, rel=1e-12)
    decayed, _ = quad(lambda u: s1 * s1 * math.exp(-2.0 * kappa * u), futures - years, futures)
    found = schwartz_variance(years, futures, kappa=kappa, sigma_spot=s1)
    assert found == pytest.approx(decayed, rel=1e-12)


def test_a_contract_moves_less_the_longer_it_lives():
    volatility = mc.schwartz_volatility(0.25, [0.25, 0.5, 1.0, 3.0], **OIL)
    assert (np.diff(volatility) < 0.0).all()
    assert (volatility < 0.393).all()


def test_simulated_futures_have_the_variance_that_prices_their_options():
    source = mc.Schwartz2F(mu=0.02, r=0.02, alpha=0.05, delta0=0.05, lambda_=0.0, **OIL)
    block = source.paths(s0=60.0, steps=63, dt=0.25 / 63, seeds=range(20_000))
    left = 0.5 - 0.25
    spots, yields = block.close[:, -1], block.field("convenience_yield")[:, -1]
    futures = source.futures(spots, yields, left)
    now = float(source.futures(60.0, 0.05, 0.5))
    payoff = np.maximum(futures - 1.05 * now, 0.0)
    volatility = mc.schwartz_volatility(0.25, 0.5, **OIL)
    expected = float(mc.black76(now, 1.05 * now, 0.25, volatility).price)
    error = payoff.std() / math.sqrt(len(payoff))
    assert abs(payoff.mean() - expected) < 4.0 * error


def test_what_has_no_variance_is_nan_in_arrays_and_a_sentence_of_one_option():
    found = mc.schwartz_volatility([0.5, 0.2, -0.1], 0.4, **OIL)
    assert np.isnan(found).tolist() == [True, False, True]
    with pytest.raises(mc.Refusal, match=r"futures_years: found 0\.4, allowed 0\.5 or more"):
        mc.schwartz_volatility(0.5, 0.4, **OIL)
    with pytest.raises(mc.Refusal, match=r"rho: found 1\.5, allowed -1 to 1"):
        mc.schwartz_volatility(0.25, 0.4, **(OIL | {"rho": 1.5}))
    with pytest.raises(mc.Refusal, match=r"rho: found 0\.5, allowed 0 without sigma_yield"):
        mc.schwartz_volatility(0.25, 0.4, kappa=1.0, sigma_spot=0.3, rho=0.5)
    with pytest.raises(mc.Refusal, match=r"kappa: found -1\.0, allowed 0 or more"):
        mc.schwartz_volatility(0.25, 0.4, kappa=-1.0, sigma_spot=0.3)
