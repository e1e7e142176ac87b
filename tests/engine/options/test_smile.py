"""Smiles against their formula and derivatives, fits to known surfaces, and arbitrage."""

from __future__ import annotations

import datetime
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import engine as mc
from engine.options.smile_rows import surface_volatility
from engine.options.smile_settings import SmileVolatility

ES = "data/options/lean_es_futures_option_quotes_20200106.csv"
CLOSE = datetime.datetime(2024, 1, 2, 21, 0, tzinfo=datetime.UTC)


def plain(rows, forward, strike, years):
    """Gatheral and Jacquier's slice, and straight lines of total variance in time."""

    def total(row):
        _, theta, rho, phi = row
        x = math.log(strike / forward)
        return (
            0.5 * theta * (1.0 + rho * phi * x + math.sqrt((phi * x + rho) ** 2 + 1.0 - rho * rho))
        )

    times = [row[0] for row in rows]
    if years <= times[0] or years >= times[-1]:
        row = rows[0] if years <= times[0] else rows[-1]
        return math.sqrt(total(row) / row[0])
    return math.sqrt(float(np.interp(years, times, [total(row) for row in rows])) / years)


ROW = st.tuples(st.floats(0.05, 0.8), st.floats(-0.9, 0.9), st.floats(0.0, 1.0))


def rows_of(slices):
    rows = []
    for i, (level, rho, share) in enumerate(slices):
        years = 0.1 * (i + 1) ** 2
        theta = level * level * years
        most = 4.0 / (theta * (1.0 + abs(rho)))
        rows.append([years, theta, rho, share * min(most, math.sqrt(most), 50.0)])
    return np.array(rows)


@settings(deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=4),
    st.floats(0.3, 3.0),
    st.floats(0.01, 3.0),
)
def test_the_compiled_surface_is_the_formula(slices, moneyness, years):
    rows = rows_of(slices)
    found = surface_volatility(rows, 80.0, 80.0 * moneyness, years)
    assert found == pytest.approx(plain(rows, 80.0, 80.0 * moneyness, years), rel=1e-12)
    assert found == pytest.approx(
        surface_volatility.py_func(rows, 80.0, 80.0 * moneyness, years), rel=1e-14
    )


@settings(deadline=None)
@given(st.floats(0.1, 0.6), st.floats(-0.3, 0.3), st.floats(0.1, 2.0), st.floats(0.05, 2.0))
def test_a_smile_has_the_level_skew_and_curvature_that_were_asked_for(level, skew, curve, years):
    try:
        surface = mc.VolatilitySurface.from_smile([years], level, skew=skew, curvature=curve)
    except mc.Refusal:
        assume(False)
    h = 1e-4
    low, middle, high = surface.volatility(100.0 * np.exp([-h, 0.0, h]), years, forward=100.0)
    assert middle == pytest.approx(level, rel=1e-12)
    assert (high - low) / (2.0 * h) == pytest.approx(skew, abs=1e-5)
    assert (high - 2.0 * middle + low) / h**2 == pytest.approx(curve, abs=1e-3 + 1e-3 * curve)


@settings(deadline=None)
@given(ROW, st.floats(0.05, 1.0))
def test_a_surface_has_no_negative_density(one, years):
    """Prices of butterflies are positive: the second difference of calls by strike."""
    surface = mc.VolatilitySurface(rows_of([one]), np.array([np.nan]), np.zeros(1))
    years = float(surface.rows[0, 0])
    deviation = math.sqrt(float(surface.rows[0, 1]))
    strikes = 100.0 * np.exp(np.linspace(-3.0, 3.0, 401) * deviation)
    even = np.linspace(strikes[0], strikes[-1], 401)
    calls = mc.black76(100.0, even, years, surface.volatility(even, years, forward=100.0)).price
    assert np.diff(calls, 2).min() > -1e-9


def test_a_term_structure_is_linear_in_variance_and_flat_at_its_ends():
    surface = mc.VolatilitySurface.from_smile([0.25, 1.0], [0.4, 0.3])
    found = surface.volatility(100.0, [0.01, 0.25, 0.5, 1.0, 5.0], forward=100.0)
    between = math.sqrt((0.04 + (0.09 - 0.04) / 3.0) / 0.5)
    assert found == pytest.approx([0.4, 0.4, between, 0.3, 0.3])


def test_calendar_arbitrage_is_found_where_variance_falls_with_time():
    good = mc.VolatilitySurface.from_smile([0.25, 1.0], [0.4, 0.3], skew=-0.1, curvature=0.3)
    assert good.calendar_arbitrage() == []
    falls = mc.VolatilitySurface.from_smile([0.25, 0.5, 1.0], [0.6, 0.3, 0.35])
    assert falls.calendar_arbitrage() == [0.5]
    # At the money it rises; in a wing the earlier, steeper smile lies above.
    crosses = mc.VolatilitySurface.from_smile([0.25, 0.26], 0.3, skew=[-0.3, 0.0], curvature=0.5)
    assert crosses.calendar_arbitrage() == [0.26]


def chain_from(surface: mc.VolatilitySurface, days, forward=75.0) -> mc.OptionChain:
    rows = []
    for left in days:
        expiry = CLOSE.date() + datetime.timedelta(days=left)
        years = left / 365
        for strike in np.arange(0.7, 1.35, 0.025) * forward:
            volatility = surface.volatility(strike, years, forward=forward)
            for right in ("call", "put"):
                price = mc.black76(
                    forward, strike, years, volatility, rate=0.03, call=right == "call"
                ).price
                rows.append((CLOSE, expiry, strike, right, 0.999 * price, 1.001 * price))
    names = ("timestamp", "expiry", "strike", "right", "bid", "ask")
    return mc.OptionChain.from_frame(pl.DataFrame(rows, schema=names, orient="row"))


def test_a_surface_comes_back_from_a_chain_of_its_prices():
    years = np.array([40, 90, 365]) / 365
    made = mc.VolatilitySurface.from_smile(
        years, [0.4, 0.36, 0.3], skew=[-0.2, -0.15, -0.08], curvature=[1.2, 0.8, 0.3]
    )
    found = mc.VolatilitySurface.from_chain(chain_from(made, (40, 90, 365)))
    # An hour of summer time less to one of them.
    assert found.rows[:, 0] == pytest.approx(years, abs=2e-4)
    assert found.forwards == pytest.approx(75.0, rel=1e-4)
    assert (found.errors < 2e-3).all()
    strikes = np.arange(60.0, 92.0, 2.0)
    for left in (20, 40, 65, 200, 365):
        expected = made.volatility(strikes, left / 365, forward=75.0)
        assert found.volatility(strikes, left / 365) == pytest.approx(expected, abs=3e-3)
    assert found.calendar_arbitrage() == []


def test_a_smile_of_real_quotes_prices_them_within_their_spread(reference):
    chain = mc.read_option_chain(reference / ES, underlying="202003").at("2020-01-06T15:00Z")
    surface = mc.VolatilitySurface.from_chain(chain)
    assert len(surface.rows) == 1
    assert surface.errors[0] < 0.004
    assert surface.rows[0, 2] < -0.3  # an index: puts are dearer
    rows = chain.frame.filter(
        (pl.col("strike") >= pl.col("forward")) == (pl.col("right") == "call")
    )
    rows = rows.filter(pl.col("delta").abs() > 0.1)
    k, t, f, r = (rows[name].to_numpy() for name in ("strike", "years", "forward", "rate"))
    price = mc.black76(
        f, k, t, surface.volatility(k, t), rate=r, call=(rows["right"] == "call").to_numpy()
    ).price
    away = np.abs(price - 0.5 * (rows["bid"] + rows["ask"]).to_numpy())
    assert away.max() < 1.5  # of premiums up to 80 points


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: mc.VolatilitySurface.from_smile([0.5, 0.25], 0.3),
            "years: found [0.5  0.25], allowed ascending times to expiry",
        ),
        (
            lambda: mc.VolatilitySurface.from_smile([0.5], 0.0),
            "volatility: found [0.], allowed positive volatilities at positive times",
        ),
        (
            lambda: mc.VolatilitySurface.from_smile([0.5], 0.3, skew=-0.1, curvature=-1.0),
            "curvature: found [-1.], allowed enough for variance to be convex at the money",
        ),
        (
            lambda: mc.VolatilitySurface.from_smile([0.5], 0.3, skew=-5.0),
            "smile: found one at 0.5 years with butterfly arbitrage, allowed less skew "
            "or curvature",
        ),
        (
            lambda: mc.VolatilitySurface.from_smile([0.5], 0.3).volatility(90.0, 0.5),
            "forward: found none, allowed a price: the surface was made without one",
        ),
        (
            lambda: mc.VolatilitySurface(np.zeros((0, 4)), np.zeros(0), np.zeros(0)),
            "rows: found shape (0, 4), allowed (expiries, 4)",
        ),
    ],
)
def test_what_is_no_surface_is_said_in_a_sentence(make, sentence):
    with pytest.raises(mc.Refusal) as refusal:
        make()
    assert str(refusal.value) == sentence


def test_a_chain_with_too_few_quotes_is_refused():
    flat = mc.VolatilitySurface.from_smile([0.5], 0.3)
    chain = chain_from(flat, (40,))
    few = mc.OptionChain.from_frame(chain.frame.head(4).select(chain.frame.columns[:8]))
    with pytest.raises(mc.Refusal, match=r"found . volatilities out of the money, allowed 4"):
        mc.VolatilitySurface.from_chain(few)


def test_skew_and_curvature_by_delta_are_derivatives_by_the_delta_of_the_call():
    years, skew, curvature = np.array([0.1, 1.0]), [0.12, 0.06], [1.2, 0.9]
    shape = {"years": years.tolist(), "skew": skew, "curvature": curvature}
    smile = SmileVolatility.of({"value": 0.35, "by": "delta", **shape}, "smile").surface()
    for time, first, second in zip(years, skew, curvature, strict=True):
        root = math.sqrt(time)
        strikes = np.exp(np.linspace(-0.01, 0.01, 41) * root)
        sigma = smile.volatility(strikes, time, forward=1.0)
        ends = -np.log(strikes) / (sigma * root) + 0.5 * sigma * root
        deltas = np.array([0.5 * (1.0 + math.erf(end / math.sqrt(2.0))) for end in ends])
        found = np.polynomial.Polynomial.fit(deltas - deltas[20], sigma, 5).convert().coef
        assert found[1] == pytest.approx(first, rel=1e-4)
        assert 2.0 * found[2] == pytest.approx(second, rel=1e-4)
