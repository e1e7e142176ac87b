"""Laws of normalisation that hold for any table."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mc_assets.market_data import BARS_SCHEMA, normalise
from mc_assets.providers import Layout, RawTable

CELLS = st.one_of(
    st.floats(min_value=1, max_value=1000, allow_nan=False).map(lambda x: f"{x:.2f}"),
    st.sampled_from(["", "abc", "inf", "1,234.5", "-5", "null"]),
)
DAYS = st.integers(min_value=0, max_value=400).map(
    lambda k: (date(2020, 1, 1) + timedelta(days=k)).isoformat()
)
ROWS = st.lists(
    st.tuples(st.one_of(DAYS, st.just("soon")), CELLS, CELLS, CELLS, CELLS, CELLS),
    min_size=1,
    max_size=30,
)
LAYOUT = Layout(date_format="%Y-%m-%d", decimal=".")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def table(rows: list[tuple[str, ...]]) -> RawTable:
    names = ["date", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return RawTable("X", "1d", frame, "test", "raw", LAYOUT)


@settings(deadline=None)
@given(ROWS)
def test_every_row_becomes_a_bar_or_is_quarantined(rows: list[tuple[str, ...]]) -> None:
    bars, quarantine = normalise(table(rows), now=NOW)
    assert bars.height + quarantine.height == len(rows)
    assert bars.schema == dict(BARS_SCHEMA)
    assert quarantine["reason"].null_count() == 0
    assert all("found" in message for message in quarantine["message"])


@settings(deadline=None)
@given(ROWS)
def test_bars_are_sorted_unique_and_ordered_in_price(rows: list[tuple[str, ...]]) -> None:
    bars, _ = normalise(table(rows), now=NOW)
    assert (bars["timestamp"].dt.epoch("us").diff().drop_nulls() > 0).all()
    for price in ("open", "close"):
        assert (bars["low"] <= bars[price]).all()
        assert (bars[price] <= bars["high"]).all()
    assert (bars["volume"] >= 0).all()
    assert not any(bars[name].has_nulls() for name in ("open", "high", "low", "close"))


@settings(deadline=None)
@given(st.lists(DAYS, min_size=1, max_size=40, unique=True), st.randoms())
def test_the_order_of_rows_does_not_matter(days: list[str], shuffle: random.Random) -> None:
    rows = [(day, "10", "12", "9", f"{10 + k % 3}", "5") for k, day in enumerate(days)]
    mixed = list(rows)
    shuffle.shuffle(mixed)
    assert normalise(table(rows), now=NOW).bars.equals(normalise(table(mixed), now=NOW).bars)
