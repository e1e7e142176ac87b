"""Volatility on a path: tables of models agree with their closed forms, levels with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine as mc
from engine.options.layout import (
    BLOCK,
    DEVIATION,
    GROWTH,
    SPOT_LOADING,
    TABLES_WIDTH,
    YIELD_LOADING,
)
from engine.options.volatility import DYNAMICS, fill_levels, fill_tables
from engine.sources.dynamics import WithDynamics, dynamics_of

ONE = mc.Schwartz1F(kappa=1.3, mu=4.2, sigma=0.35, lambda_=0.1)
TWO = mc.Schwartz2F(
    kappa=1.876, sigma_spot=0.393, sigma_yield=0.527, rho=0.766, alpha=0.106, lambda_=0.198, r=0.06
)
SLOW = mc.Schwartz2F(kappa=0.01, sigma_spot=0.3, sigma_yield=0.2, rho=-0.4, alpha=0.02, r=0.03)


def tables_of(source: Any, *, longest: int, lag: float = 0.0) -> NDArray[np.float64]:
    constants = dynamics_of(source)
    kind = DYNAMICS.index(tuple(constants))
    out = np.empty((TABLES_WIDTH, longest + 1 + BLOCK))
    of_future = source.name != "gbm"
    values = np.array(list(constants.values()))
    fill_tables(kind, values, True, of_future, 1 / 252, lag, 0.0, 0.0, out)
    # From no bars left to the longest.
    return out[:, longest::-1]


@pytest.mark.parametrize("source", [ONE, TWO, SLOW])
@pytest.mark.parametrize("lag", [0.0, 3 / 252, 0.5])
def test_futures_are_those_of_the_source(source: Any, lag: float) -> None:
    tables = tables_of(source, longest=60, lag=lag)
    spot, convenience = 63.0, 0.21
    found = np.exp(
        tables[GROWTH] + tables[SPOT_LOADING] * np.log(spot) + tables[YIELD_LOADING] * convenience
    )
    maturities = np.arange(61) / 252 + lag
    state = (spot,) if source is ONE else (spot, convenience)
    np.testing.assert_allclose(found, source.futures(*state, maturities), rtol=1e-13)


@pytest.mark.parametrize("lag", [0.0, 0.25])
def test_deviations_are_those_of_the_models_option_prices(lag: float) -> None:
    years = np.arange(1, 61) / 252
    two = {n: getattr(TWO, n) for n in ("kappa", "sigma_spot", "sigma_yield", "rho")}
    one = {"kappa": ONE.kappa, "sigma_spot": ONE.sigma}
    for source, terms in ((TWO, two), (ONE, one)):
        expected = mc.schwartz_volatility(years, years + lag, **terms) * np.sqrt(years)
        found = tables_of(source, longest=60, lag=lag)[DEVIATION, 1:]
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    flat = tables_of(mc.GBM(sigma=0.3), longest=60)[DEVIATION]
    np.testing.assert_allclose(flat, 0.3 * np.sqrt(np.arange(61) / 252), rtol=1e-15)


@pytest.mark.parametrize("normal", [False, True])
def test_realised_volatility_is_the_root_mean_square_of_the_last_bars(normal: bool) -> None:
    prices = 50.0 * np.exp(np.cumsum(0.02 * np.random.default_rng(3).standard_normal(90)))
    out = np.empty(90 + BLOCK)
    fill_levels(prices, 21, 1.1, 252.0, normal, out)
    changes = np.diff(prices if normal else np.log(prices))
    assert np.isnan(out[:21]).all()
    for bar in range(21, 90):
        expected = 1.1 * np.sqrt(252.0 * np.mean(changes[bar - 21 : bar] ** 2))
        assert out[bar] == pytest.approx(expected, rel=1e-12)


def test_paths_bring_the_constants_of_their_model_on_every_bar() -> None:
    generator = WithDynamics(TWO.prepare(steps=30), dynamics_of(TWO))
    assert generator.fields[5:7] == ("convenience_yield", "model.kappa")
    seeds, paths = np.arange(3, dtype=np.uint64), np.zeros(3, dtype=np.uint64)
    out = np.empty((3, 1, len(generator.fields), 30))
    generator.fill(seeds, paths, out, generator.scratch(3))
    block = TWO.paths(seeds=range(3), steps=30)
    assert (out[:, :, :6] == block.values).all()
    assert (out[:, 0, generator.fields.index("model.sigma_yield")] == 0.527).all()


def test_a_season_leaves_no_closed_form() -> None:
    assert dynamics_of(mc.Schwartz2F(seasonality=[(0.1, 0.0)])) == {}
    rolled = mc.RollingFutures(TWO)
    assert dynamics_of(rolled) == dynamics_of(TWO)
