"""Option surfaces from the columns of a chain."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from engine.calibration import OptionSurface
from engine.errors import Refusal
from engine.pricing import black_scholes_price

DAY = date(2020, 1, 6)
DAYS = (36, 182, 730)
STRIKES = (80.0, 90.0, 100.0, 110.0, 120.0)


def curve(years: float) -> float:
    return 0.03 + 0.01 * years


def chain(days=DAYS, strikes=STRIKES, rights=("C", "P")) -> pl.DataFrame:
    """European quotes at a volatility of 20 %, spot 100, dividends 1 %, on a curve of rates."""
    rows = []
    for n in days:
        t = n / 365.0
        for right in rights:
            for k in strikes:
                price = black_scholes_price(
                    100.0, k, t, 0.2, rate=curve(t), dividend=0.01, call=right == "C"
                )
                rows.append(
                    {
                        "expiry": (DAY + timedelta(days=n)).isoformat(),
                        "strike": k,
                        "right": right,
                        "price": float(price),
                        "forward": 100.0 * math.exp((curve(t) - 0.01) * t),
                        "rate": curve(t),
                        "implied_volatility": 0.2,
                    }
                )
    return pl.DataFrame(rows)


def by_parity(frame: pl.DataFrame) -> OptionSurface:
    return OptionSurface.from_frame(
        frame.select("expiry", "strike", "right", "price"), as_of=DAY, symbol="X"
    )


def test_an_expiry_that_nothing_determines_is_left_out_and_counted():
    frame = chain().filter(~((pl.col("right") == "P") & (pl.col("expiry") == "2020-02-11")))
    found = by_parity(frame)
    assert found.left_out == {"without a call and put of one strike": 5}
    assert found.expiries_left_out == 1
    assert len(found) == 20
    np.testing.assert_allclose(found.implied_volatilities(), 0.2, atol=1e-4)


def test_the_rates_of_a_column_may_differ_from_expiry_to_expiry():
    found = OptionSurface.from_frame(chain().drop("forward"), as_of=DAY, spot=100.0, dividend=0.01)
    np.testing.assert_allclose(found.implied_volatilities(), 0.2, rtol=1e-10)
    rates = -np.log(found.discounts) / found.years
    np.testing.assert_allclose(rates, [curve(t) for t in found.years])


def test_an_expiry_without_a_rate_takes_it_from_the_straight_line_between_its_neighbours():
    gap = pl.when(pl.col("expiry") == "2020-07-06").then(None).otherwise(pl.col("rate"))
    frame = chain().with_columns(rate=gap)
    found = OptionSurface.from_frame(frame, as_of=DAY)
    np.testing.assert_allclose(
        -np.log(found.discounts) / found.years, [curve(t) for t in found.years]
    )


def test_a_curve_of_rates_is_as_good_as_a_column():
    frame = chain().drop("rate", "forward")
    given = {0.01: curve(0.01), 3.0: curve(3.0)}
    found = OptionSurface.from_frame(frame, as_of=DAY, spot=100.0, dividend=0.01, rate=given)
    np.testing.assert_allclose(found.implied_volatilities(), 0.2, rtol=1e-10)
    with pytest.raises(Refusal, match="found a curve without a rate"):
        OptionSurface.from_frame(frame, as_of=DAY, spot=100.0, rate={})


def test_forwards_of_a_column_and_rates_price_implied_volatilities():
    found = OptionSurface.from_frame(chain().drop("price"), as_of=DAY)
    np.testing.assert_allclose(found.prices, chain()["price"].to_numpy(), rtol=1e-12)
    assert found.left_out == {}


def test_known_rates_leave_the_dividends_to_parity():
    frame = chain().drop("forward")
    found = OptionSurface.from_frame(frame, as_of=DAY)
    right = [100.0 * math.exp((curve(t) - 0.01) * t) for t in found.years]
    np.testing.assert_allclose(found.forwards, right, rtol=1e-9)


def test_a_spot_alone_does_not_make_the_rate_zero():
    frame = chain().select("expiry", "strike", "right", "price")
    found = OptionSurface.from_frame(frame, as_of=DAY, spot=100.0)
    rates = -np.log(found.discounts) / found.years
    np.testing.assert_allclose(rates, [curve(t) for t in found.years], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.lit("A").alias("style"), "X style: found a, allowed european"),
        (pl.lit("American").alias("exercise"), "X exercise: found american, allowed european"),
        (pl.lit("straddle").alias("right"), "X right: found 'straddle', allowed call or put"),
        (pl.lit("soon").alias("expiry"), "expiry: found 'soon', allowed a date or yyyymmdd"),
        (pl.col("strike").alias("rate"), "X rate: found 80 and 120 for options of 36 days"),
        (pl.lit("2019-01-01").alias("expiry"), r"no usable quote \(left out: 30 expired\)"),
        (pl.lit(-1.0).alias("price"), r"no usable quote \(left out: 30 not positive\)"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(change, message):
    frame = chain().drop("forward").with_columns(change)
    with pytest.raises(Refusal, match=message):
        OptionSurface.from_frame(frame, as_of=DAY, spot=100.0, symbol="X")


def test_a_chain_of_one_strike_or_one_right_without_a_rate_has_no_forward():
    for frame in (chain(strikes=(100.0,)), chain(rights=("C",))):
        with pytest.raises(Refusal, match="no usable quote"):
            by_parity(frame)


def test_european_options_may_say_so():
    frame = chain().with_columns(style=pl.lit("European"))
    assert len(OptionSurface.from_frame(frame, as_of=DAY)) == 30


def test_spreads_are_kept_with_the_quotes_and_belong_to_the_hash():
    frame = chain().with_columns(bid=pl.col("price") - 0.01, ask=pl.col("price") + 0.01)
    found = OptionSurface.from_frame(frame, as_of=DAY)
    np.testing.assert_allclose(found.spreads, 0.02)
    kept = found.select(found.calls)
    assert len(kept.spreads) == len(kept) == int(found.calls.sum())
    wider = frame.with_columns(bid=pl.col("price") - 0.02, ask=pl.col("price") + 0.02)
    assert OptionSurface.from_frame(wider, as_of=DAY).data_hash != found.data_hash
