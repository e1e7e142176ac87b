"""Listed strikes, ticks and expiries against published tables, real quotes and the rules."""

from __future__ import annotations

import csv
import datetime
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.options.expiry_rules import business_days, crude_future_last_trade
from engine.options.listings import LISTINGS, expiry_in_window
from engine.options.strike_grid import StrikeBand, StrikeGrid, listed_strike

CL, ES, SPX, EQUITY = (LISTINGS[name] for name in ("CL", "ES", "SPX", "equity"))


def crude_rows(reference: Path) -> list[dict[str, str]]:
    file = reference / "data" / "futures" / "rtl_expiry_table.csv"
    text = file.read_text(encoding="utf-8").splitlines()
    return [row for row in csv.DictReader(text) if row["tick.prefix"] == "CL"]


def date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def test_crude_futures_trade_last_on_the_days_of_the_exchanges_table(reference):
    rows = crude_rows(reference)
    assert len(rows) == 385
    for row in rows:
        found = crude_future_last_trade(int(row["Year"]), int(row["Month"]))
        assert str(found) == row["Last.Trade"], (row["Year"], row["Month"])


def test_crude_options_expire_three_business_days_before_their_future(reference):
    rows = crude_rows(reference)
    lasts = np.array(sorted(row["Last.Trade"] for row in rows), dtype="datetime64[D]")
    days = business_days(2002, 2036, "nymex")
    expected = days[np.searchsorted(days, lasts) - 3]
    found = CL.expiries(str(expected[0]), str(expected[-1]), ["monthly"])
    assert found == expected.tolist()


@pytest.mark.parametrize(
    ("year", "month", "future", "option"),
    [
        # Published: CME Group, expiration calendars of CL and LO.
        (2020, 5, "2020-04-21", "2020-04-16"),
        (2024, 1, "2023-12-19", "2023-12-14"),
        (2024, 3, "2024-02-20", "2024-02-14"),
        (2011, 12, "2011-11-18", "2011-11-15"),
    ],
)
def test_months_that_everyone_remembers_expire_when_they_did(year, month, future, option):
    assert str(crude_future_last_trade(year, month)) == future
    assert date(option) in CL.expiries("2011-01-01", "2024-12-31", ["monthly"])


@pytest.mark.parametrize(
    ("listing", "kind", "first", "last", "expected"),
    [
        (ES, "quarterly", "2020-01-01", "2020-12-31",
         ["2020-03-20", "2020-06-19", "2020-09-18", "2020-12-18"]),
        # Good Friday: the third Friday of April 2019 had no session.
        (SPX, "monthly", "2019-03-01", "2019-05-31", ["2019-03-15", "2019-04-18", "2019-05-17"]),
        (EQUITY, "weekly", "2024-03-01", "2024-03-31",
         ["2024-03-01", "2024-03-08", "2024-03-22", "2024-03-28"]),
        (ES, "month_end", "2024-05-01", "2024-06-30", ["2024-05-31", "2024-06-28"]),
        (SPX, "daily", "2024-07-01", "2024-07-05",
         ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05"]),
    ],
)  # fmt: skip
def test_other_listings_expire_by_their_rules(listing, kind, first, last, expected):
    assert listing.expiries(first, last, [kind]) == [date(day) for day in expected]


@pytest.mark.parametrize(
    ("listing", "file", "price", "kinds"),
    [
        (SPX, "lean_spx_chain_20151222.csv", 2038.97, ["monthly"]),
        (ES, "lean_es_futures_option_quotes_20200106.csv", 3240.0, ["quarterly"]),
    ],
)
def test_strikes_and_expiries_of_real_chains_are_listed(listing, file, price, kinds, reference):
    chain = pl.read_csv(reference / "data" / "options" / file)
    for strike in chain["strike"].unique().to_list():
        listing.grid.check(float(strike), price=price)
    days = chain["expiry"].unique().cast(pl.String).str.to_date("%Y%m%d").to_list()
    assert set(days) <= set(listing.expiries(min(days), max(days), kinds))


def test_options_that_settle_at_the_open_trade_last_on_the_day_before():
    assert SPX.last_trading_day("2019-04-18", "monthly") == date("2019-04-17")
    assert SPX.last_trading_day("2024-03-28", "weekly") == date("2024-03-28")
    assert ES.last_trading_day("2020-03-20", "quarterly") == date("2020-03-19")


def test_the_nearest_expiry_lies_in_the_window_and_is_the_sooner_of_two():
    # From 1 March 2024 the months expire in 14 and 49 days.
    assert EQUITY.nearest_expiry("2024-03-01", 30, kinds=["monthly"]) == date("2024-03-15")
    found = EQUITY.nearest_expiry("2024-03-01", 30, kinds=["monthly"], window=(20, 60))
    assert found == date("2024-04-19")
    # In 7 and 21 days: 14 is between them.
    weekly = EQUITY.nearest_expiry("2024-03-01", 14, kinds=["weekly"], window=(1, 28))
    assert weekly == date("2024-03-08")
    with pytest.raises(mc.Refusal, match="window: found 20 to 22 days after 2024-03-01"):
        EQUITY.nearest_expiry("2024-03-01", 21, kinds=["monthly"], window=(20, 22))


def test_the_nth_month_counts_from_the_next_expiry():
    assert CL.nth_expiry("2024-01-02", 1) == date("2024-01-17")
    assert CL.nth_expiry("2024-01-17", 1) == date("2024-02-14")
    assert CL.nth_expiry("2024-01-02", 12) == date("2024-12-16")
    assert EQUITY.nth_expiry("2024-01-02", 3, ["monthly"]) == date("2024-03-15")


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=20, unique=True),
    st.integers(0, 100),
    st.integers(0, 60),
    st.integers(0, 90),
)
def test_the_compiled_choice_of_an_expiry_is_that_of_a_sorted_list(days, target, low, more):
    expiries = np.array(sorted(days), dtype=np.float64)
    fits = [i for i, day in enumerate(expiries) if low <= day - 3 <= low + more]
    best = min(fits, key=lambda i: (abs(expiries[i] - 3 - target), i), default=-1)
    assert expiry_in_window(3.0, expiries, float(target), float(low), float(low + more)) == best


# --- strikes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listing", "target", "price", "expected"),
    [
        (CL, 71.37, 75.0, 71.5),
        (CL, 71.25, 75.0, 71.0),  # the lower of two
        (CL, 150.9, 75.0, 150.0),
        (CL, 0.1, 20.0, 0.5),
        (CL, 500.0, 75.0, 175.0),
        (ES, 3237.4, 3240.0, 3235.0),
        (ES, 2700.4, 3240.0, 2700.0),
        (ES, 2566.0, 3240.0, 2575.0),
        (EQUITY, 23.6, 24.0, 22.5),
        (EQUITY, 101.0, 100.0, 100.0),
        (EQUITY, 213.0, 200.0, 210.0),
    ],
)
def test_the_nearest_listed_strike(listing, target, price, expected):
    assert listing.grid.nearest(target, price=price) == expected


@settings(deadline=None)
@given(
    st.sampled_from(sorted(LISTINGS)),
    st.floats(5.0, 8000.0),
    st.floats(0.55, 1.45),
)
def test_the_compiled_strike_is_the_nearest_of_all_that_are_listed(name, price, away):
    grid = LISTINGS[name].grid
    target = price * away
    around = grid.between(max(target - 200.0, 0.01), target + 200.0, price=price)
    around = around[np.isfinite(around)]
    found = listed_strike(target, price, grid.rows())
    if len(around):
        least = np.abs(around - target).min()
        assert abs(found - target) == pytest.approx(least, abs=1e-9)
        assert found == around[np.abs(around - target) <= least + 1e-9].min()


@settings(deadline=None)
@given(st.sampled_from(sorted(LISTINGS)), st.floats(5.0, 8000.0), st.floats(0.3, 2.0))
def test_a_listed_strike_passes_the_check_and_a_neighbouring_number_does_not(name, price, away):
    grid = LISTINGS[name].grid
    found = grid.nearest(price * away, price=price)
    grid.check(found, price=price)
    with pytest.raises(mc.Refusal, match="allowed a listed strike, such as"):
        grid.check(found + 0.13, price=price)


def test_a_strike_off_the_grid_is_refused_with_its_neighbours():
    with pytest.raises(mc.Refusal) as refusal:
        CL.grid.check(131.0, price=75.0, field="legs[0].strike")
    assert str(refusal.value) == (
        "legs[0].strike: found 131, allowed a listed strike, such as 130 or 132.5"
    )


def test_premiums_are_quoted_in_ticks():
    assert [ES.tick(p) for p in (0.5, 4.99, 5.0, 100.0)] == [0.05, 0.05, 0.25, 0.25]
    assert ES.to_tick(12.4) == 12.5
    assert CL.to_tick(1.2349) == 1.23


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: mc.option_listing("CLL"), "listing: found CLL (did you mean 'CL'?), allowed"),
        (lambda: CL.expiries("2024-01-01", "soon"), "last: found 'soon', allowed a date"),
        (
            lambda: CL.expiries("2024-01-01", "2024-02-01", ["monthy"]),
            "kinds: found monthy (did you mean 'monthly'?), allowed monthly, weekly",
        ),
        (lambda: CL.nth_expiry("2024-01-01", 0), "n: found 0, allowed 1 or more"),
        (lambda: CL.grid.nearest(-3.0, price=20.0), "target: found -3.0, allowed a positive"),
        (lambda: StrikeBand(0.0), "increment: found 0.0, allowed more than 0"),
        (lambda: StrikeBand(1.0, 1.0, "metres"), "measure: found 'metres', allowed points, share"),
        (lambda: StrikeGrid(()), "bands: found none, allowed at least one"),
    ],
)
def test_what_is_not_listed_is_said_in_a_sentence(make, sentence):
    with pytest.raises(mc.Refusal) as refusal:
        make()
    assert str(refusal.value).startswith(sentence)


def test_every_listing_has_terms_that_fit_together():
    for name, listing in LISTINGS.items():
        assert listing.name == name
        assert listing.ticks[-1][1] == math.inf
        assert listing.grid.nearest(100.0, price=100.0) == 100.0
        for kind in listing.series:
            days = listing.expiries("2021-01-01", "2021-12-31", [kind])
            assert len(days) >= 4
            assert np.isin(np.array(days, "datetime64[D]"), business_days(2021, 2021)).all()
