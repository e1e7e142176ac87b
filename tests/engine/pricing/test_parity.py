"""Forwards and rates of a chain from put-call parity."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pricing import black_scholes
from engine.pricing.parity import parity_curve

TIMES = (0.02, 0.1, 0.25, 0.5, 1.0, 2.0)


def chain(strikes, rate, *, times=TIMES, dividend=0.01, noise=0.0, seed=3):
    """Years, strikes, calls and prices of calls and puts of each expiry around a spot of 100."""
    rows = [
        (t, float(k), call, float(price))
        for t, ks in zip(times, strikes, strict=True)
        for call in (True, False)
        for k, price in zip(
            ks,
            black_scholes(
                100.0, np.array(ks, float), t, 0.2, rate=rate(t), dividend=dividend, call=call
            ).price,
            strict=True,
        )
    ]
    years, k, calls, prices = (np.array(column) for column in zip(*rows, strict=True))
    prices = prices + noise * np.random.default_rng(seed).standard_normal(len(prices))
    return years, k, calls, np.maximum(prices, 0.01) if noise else prices


def steep(t):
    return 0.03 + 0.005 * t


def forwards(rate, times=TIMES, dividend=0.01):
    return np.array([100.0 * math.exp((rate(t) - dividend) * t) for t in times])


def test_two_pairs_of_one_expiry_determine_forward_and_discount():
    found = parity_curve(*chain([[90, 110]], lambda t: 0.04, times=[2.0], dividend=0.0))
    assert found.forwards[0] == pytest.approx(108.3287, abs=1e-3)
    assert found.discounts[0] == pytest.approx(math.exp(-0.08), rel=1e-5)


def test_one_pair_alone_determines_nothing():
    found = parity_curve(*chain([[90]], lambda t: 0.04, times=[2.0]))
    assert np.isnan(found.forwards).all()
    assert np.isnan(found.discounts).all()
    assert found.pairs.tolist() == [1]


def test_an_expiry_with_one_pair_takes_the_rate_of_its_neighbours():
    strikes = [range(80, 121, 5)] * 6
    strikes[3] = [100]
    found = parity_curve(*chain(strikes, steep))
    np.testing.assert_allclose(found.forwards, forwards(steep), rtol=1e-4)
    np.testing.assert_allclose(found.discounts, [math.exp(-steep(t) * t) for t in TIMES], rtol=5e-4)


@pytest.mark.parametrize(("noise", "moved"), [(0.0, 5e-5), (0.02, 1.5e-3)])
@pytest.mark.parametrize("factor", [0.3, 1.05, 3.0])
def test_one_stale_quote_moves_nothing(noise, moved, factor):
    years, strikes, calls, prices = chain([range(80, 121, 5)] * 6, steep, noise=noise)
    base = parity_curve(years, strikes, calls, prices)
    for row in range(0, len(prices), 7):
        stale = prices.copy()
        stale[row] *= factor
        found = parity_curve(years, strikes, calls, stale)
        np.testing.assert_allclose(found.forwards, base.forwards, rtol=moved)
        np.testing.assert_allclose(found.discounts, base.discounts, rtol=moved)


def test_a_stale_quote_among_three_pairs_moves_the_forward_by_less_than_a_thousandth():
    years, strikes, calls, prices = chain([[90, 100, 110]] * 6, steep)
    for row in range(len(prices)):
        stale = prices.copy()
        stale[row] *= 3.0
        found = parity_curve(years, strikes, calls, stale)
        np.testing.assert_allclose(found.forwards, forwards(steep), rtol=1e-3)
        assert found.pairs_set_aside >= (abs(stale[row] - prices[row]) > 0.1)


def test_pairs_that_contradict_each_other_leave_their_expiry_open_or_are_settled_by_the_others():
    years, strikes, calls, prices = chain([[90, 110]] * 6, lambda t: 0.04)
    for row in range(len(prices)):
        stale = prices.copy()
        stale[row] += 8.0
        found = parity_curve(years, strikes, calls, stale)
        known = np.isfinite(found.forwards)
        assert known.sum() >= 5
        np.testing.assert_allclose(
            found.forwards[known], forwards(lambda t: 0.04)[known], rtol=1e-4
        )


def test_a_single_pair_that_lies_off_the_forwards_of_its_neighbours_leaves_its_expiry_open():
    strikes = [range(80, 121, 5)] * 6
    strikes[3] = [100]
    years, k, calls, prices = chain(strikes, steep)
    prices[np.flatnonzero((years == 0.5) & calls)] += 2.0
    found = parity_curve(years, k, calls, prices)
    assert np.isnan(found.forwards).tolist() == [False, False, False, True, False, False]


def test_known_discounts_leave_only_the_forward_to_a_single_pair():
    years, strikes, calls, prices = chain([[90]] * 6, steep)
    discounts = np.exp(-np.array([steep(t) for t in years]) * years)
    assert np.isnan(parity_curve(years, strikes, calls, prices).forwards).all()
    both = np.append(strikes, [95.0, 95.0]), np.append(calls, [True, False])
    t = np.append(years, [1.0, 1.0])
    extra = [
        float(black_scholes(100.0, 95.0, 1.0, 0.2, rate=0.035, dividend=0.01, call=call).price)
        for call in (True, False)
    ]
    found = parity_curve(
        t, *both, np.append(prices, extra), discounts=np.append(discounts, [math.exp(-0.035)] * 2)
    )
    np.testing.assert_allclose(found.forwards, forwards(steep), rtol=1e-10)
    np.testing.assert_allclose(found.discounts, [math.exp(-steep(t) * t) for t in TIMES])


def test_errors_grow_with_the_distance_from_the_pairs_and_cover_what_they_say():
    strikes = [range(90, 111, 5)] * 6
    away, off = np.array([60.0, 100.0, 140.0]), []
    for seed in range(40):
        quotes = chain(strikes, steep, noise=0.05, seed=seed)
        found = parity_curve(*quotes)
        right = math.exp(-steep(1.0)) * (forwards(steep)[4] - away)
        said = found.error(np.ones(3), away)
        assert said[0] > said[1] < said[2]
        off.append((found.discounts[4] * (found.forwards[4] - away) - right) / said)
    assert 0.5 < math.sqrt(np.mean(np.square(off))) < 2.0


@given(
    rate=st.floats(-0.02, 0.2),
    dividend=st.floats(0.0, 0.08),
    count=st.integers(2, 6),
    spread=st.floats(0.0, 0.02),
)
@settings(deadline=None)
def test_a_flat_rate_is_found_whatever_it_is(rate, dividend, count, spread):
    strikes = [np.linspace(85.0, 120.0, count)] * 6
    quotes = chain(strikes, lambda t: rate, dividend=dividend)
    found = parity_curve(*quotes, spreads=np.full(len(quotes[0]), spread))
    right = forwards(lambda t: rate, dividend=dividend)
    np.testing.assert_allclose(found.forwards, right, rtol=2e-4)
    np.testing.assert_allclose(found.discounts, np.exp(-rate * np.array(TIMES)), rtol=1e-3)


def test_a_real_index_chain_has_one_rate_for_all_expiries_with_a_pair(reference):
    frame = pl.read_csv(
        reference / "data/options/lean_spx_chain_20151222.csv", infer_schema_length=None
    )
    days = [
        (date(x // 10000, x // 100 % 100, x % 100) - date(2015, 12, 22)).days
        for x in frame["expiry"]
    ]
    found = parity_curve(
        np.array(days) / 365.0,
        frame["strike"].to_numpy().astype(float),
        (frame["right"] == "C").to_numpy(),
        frame["close"].to_numpy(),
    )
    known = np.isfinite(found.forwards)
    assert known.tolist() == (found.pairs > 0).tolist()
    rates = -np.log(found.discounts[known]) / found.years[known]
    # Treasury bills of three months to notes of two years paid 0.2 to 1.0 per cent; funding an
    # index costs some tenths more.
    assert (rates > 0.004).all()
    assert (rates < 0.012).all()
    # Dividends of 2.1 per cent less the rate: forwards fall by 0.6 to 1.6 per cent a year.
    carry = np.log(found.forwards[known][-1] / found.forwards[known][0])
    carry /= found.years[known][-1] - found.years[known][0]
    assert -0.016 < carry < -0.006


@given(seed=st.integers(0, 10_000), size=st.integers(1, 40), wild=st.floats(0.01, 50.0))
@settings(deadline=None)
def test_whatever_is_quoted_is_a_positive_forward_or_left_open(seed, size, wild):
    rng = np.random.default_rng(seed)
    strikes = rng.choice([80.0, 90.0, 100.0, 110.0], size)  # the same option more than once
    years = rng.choice([0.02, 0.5, 2.0], size)
    with np.errstate(all="raise"):
        found = parity_curve(years, strikes, rng.random(size) < 0.5, rng.exponential(wild, size))
    known = np.isfinite(found.forwards)
    assert (known == np.isfinite(found.discounts)).all()
    assert (found.forwards[known] > 0.0).all()
    assert (found.discounts[known] > 0.0).all()


def test_of_several_quotes_of_one_option_the_last_counts():
    years, strikes, calls, prices = chain([range(80, 121, 5)] * 6, steep)
    base = parity_curve(years, strikes, calls, prices)
    twice = [np.concatenate([x[:20], x]) for x in (years, strikes, calls)]
    found = parity_curve(*twice, np.concatenate([prices[:20] + 3.0, prices]))
    np.testing.assert_array_equal(found.forwards, base.forwards)
