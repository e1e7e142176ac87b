"""Reference files: real layouts, values known from elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from engine.tables.columns import PRICES
from engine.tables.rows import read_rows, resolve_layout
from engine.tables.sessions import sessions_of
from mc_assets.market_data import QualityFinding, SeriesConfig, bars_from_file
from mc_assets.market_data.quality import check_bars
from mc_assets.market_data.repair import repair_unit_errors
from mc_assets.providers import make_provider

NASTY = "data/nasty"


def raw_rows(path: Path, exchange: str) -> pl.DataFrame:
    """Parsed rows of a CSV before any is judged."""
    provider = make_provider("csv", {"path": str(path)}, Path(), where="test")
    table = provider.fetch(["X"], "1d", datetime.min, datetime.max).tables["X"]
    sessions = sessions_of(exchange)
    return read_rows(resolve_layout(table, sessions), sessions)


def check(findings: list[QualityFinding], name: str) -> QualityFinding:
    return next(item for item in findings if item.check == name)


def findings_of(path: Path, exchange: str = "XNYS", **fields: object) -> list[QualityFinding]:
    bars, quarantine = bars_from_file(path, "X", exchange=exchange)
    series = SeriesConfig.model_validate(
        {"symbol": "X", "provider": "csv", "start": "1980-01-01", "exchange": "CMES", **fields}
    )
    series = series.model_copy(update={"exchange": exchange})
    first, last = bars["timestamp"][0], bars["timestamp"][-1]
    return check_bars(bars, quarantine, series, start=first, end=last)


@pytest.mark.parametrize("name", ["alpaca_stock_bars_aapl", "alpaca_stock_bars_desc_tsla"])
def test_an_alpaca_frame_keeps_every_value(reference: Path, name: str) -> None:
    path = reference / NASTY / "alpaca" / f"{name}.df.csv"
    document = json.loads(path.with_name(f"{name}.json").read_text())
    (symbol, rows), *_ = document["bars"].items()
    bars, quarantine = bars_from_file(path, symbol)
    assert quarantine.is_empty()
    rows = sorted(rows, key=lambda row: row["t"])
    for short, long in zip("ohlcvnw", (*PRICES, "volume", "trade_count", "vwap"), strict=True):
        key = "vw" if short == "w" else short
        assert bars[long].to_list() == [float(row[key]) for row in rows]
    days = [date.fromisoformat(row["t"][:10]) for row in rows]
    assert bars["timestamp"].dt.date().to_list() == days
    assert (bars["timestamp"].dt.convert_time_zone("America/New_York").dt.hour() == 9).all()


def test_the_unit_error_is_found(reference: Path) -> None:
    path = reference / NASTY / "yfinance_SSW-JO-1d-100x-error.csv"
    found = check(findings_of(path, "XJSE"), "unit_error")
    assert found.severity == "error"
    assert found.count == 18  # 22 days in cents, of which 4 break the order of prices anyway
    assert "found open, high, low, close 100 times too large" in found.message
    fixed = reference / NASTY / "yfinance_SSW-JO-1d-100x-error-fixed.csv"
    assert check(findings_of(fixed, "XJSE"), "unit_error").count == 0


def test_the_unit_error_is_repaired_when_asked_for(reference: Path) -> None:
    folder = reference / NASTY
    broken = raw_rows(folder / "yfinance_SSW-JO-1d-100x-error.csv", "XJSE")
    fixed = raw_rows(folder / "yfinance_SSW-JO-1d-100x-error-fixed.csv", "XJSE")
    repaired = repair_unit_errors(broken)
    for name in PRICES:
        # The fixed twin is rounded to four digits where nothing was wrong.
        error = (repaired[name] - fixed[name]).abs().max()
        assert error is not None
        assert float(error) < 1e-4  # type: ignore[arg-type]
    assert repair_unit_errors(fixed).equals(fixed)


def test_yfinance_header_rows_are_read(reference: Path) -> None:
    path = reference / NASTY / "yf_download_layout_auto_adjust_true.csv"
    bars, quarantine = bars_from_file(path, "SPY", adjustment="all")
    assert (bars.height, quarantine.height) == (40, 0)
    first = bars.row(0, named=True)
    assert first["timestamp"] == datetime(2020, 9, 1, 13, 30, tzinfo=UTC)
    assert (first["open"], first["close"]) == (347.3331401256082, 349.703522)
    assert first["volume"] == 54999300.0


def test_a_negative_price_is_a_bar_and_reported(reference: Path) -> None:
    path = reference / NASTY / "cl_front_ohlc_negative_price_2020.csv"
    bars, quarantine = bars_from_file(path, "CL", exchange="CMES")
    assert (bars.height, quarantine.height) == (63, 0)
    assert bars["low"].min() == -40.32
    found = check(findings_of(path, "CMES"), "non_positive_price")
    assert (found.count, found.severity) == (2, "warn")
    assert check(findings_of(path, "CMES"), "unit_error").count == 0


def test_the_negative_oil_spot_price_is_a_bar(reference: Path) -> None:
    path = reference / "data/daily/eia_wti_spot_daily.csv"
    bars = bars_from_file(path, "WTI").bars
    day = bars.filter(pl.col("timestamp").dt.date() == date(2020, 4, 20))
    assert day["close"].to_list() == [-36.98]


def test_missing_marks_of_the_vix_are_quarantined(reference: Path) -> None:
    path = reference / "data/daily/arch_vix.csv"
    bars, quarantine = bars_from_file(path, "VIX")
    assert bars.height == 1259
    assert quarantine["reason"].unique().to_list() == ["missing_price"]
    assert bars["timestamp"][0] == datetime(2014, 1, 3, 14, 30, tzinfo=UTC)


def test_apples_splits_are_found_in_unadjusted_bars(reference: Path) -> None:
    path = reference / "data/daily/lean_aapl_unadjusted_1998_2021.csv"
    found = check(findings_of(path), "unadjusted_split")
    days = found.rows["timestamp"].dt.date().cast(pl.String).to_list()
    assert days == ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"]


def test_minutes_without_a_trade_are_gaps(reference: Path) -> None:
    path = reference / "data/minute/lean_coinbase_btcusd_1min.csv"
    bars, quarantine = bars_from_file(path, "BTC/USD", timeframe="1m", exchange="24/7")
    assert (bars.height, quarantine.height) == (4216, 0)
    series = SeriesConfig.model_validate(
        {
            "symbol": "BTC/USD",
            "timeframe": "1m",
            "provider": "csv",
            "exchange": "24/7",
            "start": "2016-10-07",
        }
    )
    start, end = datetime(2016, 10, 7, tzinfo=UTC), datetime(2016, 10, 10, tzinfo=UTC)
    found = check(check_bars(bars, quarantine, series, start=start, end=end), "gap")
    assert found.count == 3 * 1440 - 4216
