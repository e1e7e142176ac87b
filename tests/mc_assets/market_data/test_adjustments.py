"""Adjusted views of raw bars."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from mc_assets.market_data import (
    BarStore,
    MarketDataError,
    bars_from_file,
    ingest_raw,
    load_series,
    normalise_year,
)
from mc_assets.market_data.adjustments import (
    adjust,
    factors_from_events,
    read_factors,
    with_ends,
)

AAPL = "daily/lean_aapl_unadjusted_1998_2021.csv"
FACTORS = "daily/lean_aapl_factor_file.csv"


@pytest.fixture(scope="module")
def aapl(reference: Path) -> pl.DataFrame:
    return bars_from_file(reference / "data" / AAPL, "AAPL").bars


@pytest.fixture(scope="module")
def factors(reference: Path) -> pl.DataFrame:
    return read_factors(reference / "data" / FACTORS)


def on(bars: pl.DataFrame, day: str) -> dict[str, float]:
    return bars.filter(pl.col("timestamp").dt.date() == date.fromisoformat(day)).row(0, named=True)


@pytest.mark.parametrize(
    ("last_old", "first_new", "ratio"),
    [
        ("2000-06-20", "2000-06-21", 2),
        ("2005-02-25", "2005-02-28", 2),
        ("2014-06-06", "2014-06-09", 7),
        ("2020-08-28", "2020-08-31", 4),
    ],
)
def test_apple_does_not_jump_over_its_four_splits(
    aapl: pl.DataFrame, factors: pl.DataFrame, last_old: str, first_new: str, ratio: int
) -> None:
    raw = on(aapl, first_new)["open"] / on(aapl, last_old)["close"]
    assert raw * ratio == pytest.approx(1.0, abs=0.03)
    adjusted = adjust(aapl, factors, adjustment="split")
    move = on(adjusted, first_new)["open"] / on(adjusted, last_old)["close"]
    assert move == pytest.approx(raw * ratio, rel=1e-5)
    volume = on(adjusted, last_old)["volume"] / on(aapl, last_old)["volume"]
    assert volume == pytest.approx(on(aapl, last_old)["close"] / on(adjusted, last_old)["close"])


def test_apple_agrees_with_the_factor_file_row_by_row(
    aapl: pl.DataFrame, factors: pl.DataFrame
) -> None:
    # By hand, one bar at a time: the first row whose date is the bar's or later.
    adjusted = adjust(aapl, factors)
    rows = list(factors.iter_rows())
    for raw, view in zip(aapl.iter_rows(named=True), adjusted.iter_rows(named=True), strict=True):
        day = raw["timestamp"].date()
        _, price, split = next(row for row in rows if row[0] >= day)
        assert view["close"] == pytest.approx(raw["close"] * price * split, rel=1e-14)
    assert adjusted["adjustment"].unique().to_list() == ["all"]


def test_the_first_close_of_1998_is_known(aapl: pl.DataFrame, factors: pl.DataFrame) -> None:
    assert on(adjust(aapl, factors), "1998-01-02")["close"] == pytest.approx(
        16.25 * 0.8613657 * 0.00892857, rel=1e-14
    )


def test_adjusting_twice_is_refused(aapl: pl.DataFrame, factors: pl.DataFrame) -> None:
    with pytest.raises(MarketDataError, match="adjustment: found 'all' bars, allowed raw bars"):
        adjust(adjust(aapl, factors), factors)


def test_events_make_the_factors(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "date,open,high,low,close,volume\n"
        "2020-01-02,100,100,100,100,10\n"
        "2020-01-03,50,50,50,50,20\n"
        "2020-01-06,49,49,49,49,20\n"
    )
    bars = bars_from_file(tmp_path / "x.csv", "X").bars
    splits = pl.DataFrame({"date": [date(2020, 1, 3)], "ratio": [2.0]})
    dividends = pl.DataFrame({"date": [date(2020, 1, 6)], "amount": [1.0]})
    factors = factors_from_events(bars, splits, dividends)
    assert factors["split_factor"].to_list() == [0.5, 1.0, 1.0]
    assert factors["price_factor"].to_list() == pytest.approx([0.98, 0.98, 1.0])
    adjusted = adjust(bars, factors)
    assert adjusted["close"].to_list() == pytest.approx([49.0, 49.0, 49.0])
    assert adjusted["volume"].to_list() == [20.0, 20.0, 20.0]


def test_a_text_cell_in_a_factor_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("date,price_factor,split_factor\n2020-01-02,one,1\n")
    with pytest.raises(MarketDataError, match=r"f\.csv line 2, column price_factor: found 'one'"):
        read_factors(tmp_path / "f.csv")


def test_raw_and_adjusted_bars_are_both_there_after_ingestion(
    reference: Path, tmp_path: Path
) -> None:
    folder = reference / "data/daily"
    (tmp_path / "series.yaml").write_text(
        f"""series:
  - symbol: AAPL
    provider: csv
    start: 2020-08-01
    end: 2020-09-30
    options: {{path: "{folder}/lean_aapl_unadjusted_1998_2021.csv"}}
    factors: "{folder}/lean_aapl_factor_file.csv"
"""
    )
    config, root = load_series(tmp_path / "series.yaml"), tmp_path / "data"
    ingest_raw(config, "AAPL@1d", 2020, root)
    normalise_year(config, "AAPL@1d", 2020, root)
    store = BarStore(root)
    raw, adjusted = store.read("AAPL", "1d"), store.adjusted("AAPL", "1d")
    assert on(raw, "2020-08-28")["close"] == 499.23
    assert on(adjusted, "2020-08-28")["close"] == pytest.approx(499.23 * 0.9967882 * 0.25)
    assert adjusted["adjustment"].unique().to_list() == ["all"]


def test_adjusting_a_series_without_factors_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match="X@1d: factors: found none stored"):
        BarStore(tmp_path).adjusted("X", "1d")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2005-02-25,0,1", r"f\.csv line 3, column price_factor: found '0', allowed > 0"),
        ("2005-02-25,1,-2", r"f\.csv line 3, column split_factor: found '-2', allowed > 0"),
        ("2004-02-25,0.8,1", r"f\.csv line 3, column date: found '2004-02-25', allowed each date"),
    ],
)
def test_a_factor_that_cannot_be_is_named_by_its_line(
    tmp_path: Path, row: str, message: str
) -> None:
    (tmp_path / "f.csv").write_text(
        f"date,price_factor,split_factor\n2004-02-25,0.9,1\n{row}\n2050-12-31,1,1\n"
    )
    with pytest.raises(MarketDataError, match=message):
        read_factors(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("exchange", "before", "after"),
    [
        # A split of 4 for 1 on Monday: Friday's late trade is old, Monday's early one new.
        (
            "XNYS",
            ["2020-01-31T14:30", "2020-02-01T00:30"],
            ["2020-02-03T09:00", "2020-02-03T14:30"],
        ),
        ("XNYS", ["2020-08-28T23:30"], ["2020-08-31T08:00", "2020-08-31T23:00"]),
        ("XTKS", ["2020-01-31T05:00"], ["2020-02-03T00:00"]),
        ("CMES", ["2020-01-31T21:30"], ["2020-02-02T23:00", "2020-02-03T15:00"]),
        ("24/5", ["2020-01-31T21:30"], ["2020-02-02T22:00", "2020-02-03T15:00"]),
        ("24/7", ["2020-02-02T23:30"], ["2020-02-03T00:00"]),
    ],
)
def test_a_bar_out_of_hours_has_the_factors_of_its_own_day_in_python_and_sql(
    tmp_path: Path, project: Path, exchange: str, before: list[str], after: list[str]
) -> None:
    stamps = pl.Series([*before, *after]).str.to_datetime(time_unit="us", time_zone="UTC")
    raw = [400.0] * len(before) + [100.0] * len(after)
    bars = pl.DataFrame({"symbol": "X", "timestamp": stamps, "adjustment": "raw"}).with_columns(
        *(pl.Series(name, raw) for name in ("open", "high", "low", "close", "vwap")), volume=1.0
    )
    last = date(2020, 8, 30) if before[0] > "2020-02-03" else date(2020, 2, 2)
    factors = pl.DataFrame(
        {
            "date": [last, date(2050, 12, 31)],
            "price_factor": [1.0, 1.0],
            "split_factor": [0.25, 1.0],
        }
    )
    adjusted = adjust(bars, factors, exchange=exchange)["close"].to_list()
    assert adjusted == [100.0] * len(raw)
    table = with_ends(factors, exchange).with_columns(symbol=pl.lit("X"), timeframe=pl.lit("1h"))
    table.write_parquet(tmp_path / "factors.parquet")
    view = (project / "sql" / "bars_adjusted.sql").read_text()
    with duckdb.connect() as connection:
        naive = bars.with_columns(pl.col("timestamp").dt.replace_time_zone(None))
        connection.register("held", naive.with_columns(timeframe=pl.lit("1h")).to_arrow())
        connection.execute("CREATE TABLE bars AS FROM held")
        connection.execute(view.replace("{bars_factors}", f"'{tmp_path / 'factors.parquet'}'"))
        found = connection.sql("SELECT close FROM bars_adjusted ORDER BY timestamp").fetchall()
    assert [close for (close,) in found] == adjusted
