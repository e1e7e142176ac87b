"""LEAN's zipped files give the bars that the same data give as CSV."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mc_assets.market_data import (
    BarStore,
    MarketDataConfig,
    MarketDataError,
    bars_from_file,
    ingest_many,
    load_series,
    normalise_year,
    series_years,
)
from mc_assets.market_data.adjustments import read_factors
from mc_assets.providers import FetchResult, make_provider

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def pack(file: Path, **entries: str) -> None:
    """Write a zip file; names of entries have ``__`` for the point."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name.replace("__", "."), text)


def fetch(folder: Path, symbol: str, timeframe: str, **options: object) -> FetchResult:
    provider = make_provider("lean", {"path": "data", **options}, folder, where="x")
    span = datetime(1990, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    return provider.fetch([symbol], timeframe, *span)


def refused(folder: Path, timeframe: str = "1d", **options: object) -> str:
    failures = fetch(folder, "SPY", timeframe, **options).failures
    said = str(failures["SPY"])
    assert "\n" not in said
    return said


def stored(folder: Path, **fields: object) -> pl.DataFrame:
    """Bars of a series, through the series file and the stores."""
    (folder / "series.yaml").write_text(
        json.dumps({"series": [{"provider": "lean", **fields}]}, default=str)
    )
    config: MarketDataConfig = load_series(folder / "series.yaml")
    [key] = config.keys
    wanted = [(key, year) for year in series_years(config, key, NOW)]
    done = ingest_many(config, wanted, folder / "bars", NOW)
    assert done.failures == {}
    for _, year in wanted:
        normalise_year(config, key, year, folder / "bars", NOW)
    symbol, _, timeframe = key.rpartition("@")
    return BarStore(folder / "bars").read(symbol, timeframe)


PRICES = ["timestamp", "open", "high", "low", "close", "volume"]


def test_daily_shares_are_the_bars_of_the_reference(tmp_path: Path, reference: Path) -> None:
    source = reference / "data/daily/lean_aapl_unadjusted_1998_2021.csv"
    rows = pl.read_csv(source)
    lines = [
        f"{day.replace('-', '')} 00:00,{','.join(str(round(p * 10_000)) for p in prices)},{volume}"
        for day, *prices, volume in rows.iter_rows()
    ]
    pack(tmp_path / "data/equity/usa/daily/aapl.zip", aapl__csv="\n".join(lines))
    expected = bars_from_file(source, "AAPL").bars
    bars = stored(tmp_path, symbol="AAPL", start="1998-01-01", end="2021-12-31",
                  options={"path": "data"})  # fmt: skip
    assert bars.select(PRICES).equals(expected.select(PRICES))
    assert bars["source"].unique().to_list() == ["lean"]


def test_a_factor_file_of_lean_is_read_as_it_lies_there(tmp_path: Path, reference: Path) -> None:
    table = pl.read_csv(reference / "data/daily/lean_aapl_factor_file.csv")
    file = tmp_path / "data/equity/usa/factor_files/aapl.csv"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(
        f"{row[0].replace('-', '')},{row[1]},{row[2]},{row[3]}" for row in table.iter_rows()
    ))  # fmt: skip
    factors = read_factors(file)
    assert factors["split_factor"].to_list() == table["split_factor"].to_list()


def test_minutes_of_a_future_are_the_bars_of_the_reference(tmp_path: Path, reference: Path) -> None:
    source = reference / "data/minute/lean_es_z13_1min_trades.csv"
    rows = pl.read_csv(source, try_parse_dates=True)
    days = rows.with_columns(day=pl.col("timestamp_utc").dt.date()).partition_by(
        "day", as_dict=True
    )
    for (day,), part in days.items():
        lines = [
            f"{(s.hour * 3600 + s.minute * 60) * 1000},{o},{h},{low},{c},{v}"
            for s, o, h, low, c, v in part.select(pl.exclude("contract", "day")).iter_rows()
        ]
        date = f"{day:%Y%m%d}"
        # Another contract beside it, as LEAN packs them.
        pack(
            tmp_path / f"data/future/cme/minute/es/{date}_trade.zip",
            **{
                f"{date}_es_minute_trade_201312_20131220__csv": "\n".join(lines),
                f"{date}_es_minute_trade_201403_20140321__csv": "0,1,1,1,1,1",
            },
        )
    expected = bars_from_file(source, "ESZ13", timeframe="1m", exchange="CMES").bars
    for contract in ("201312", "20131220"):
        bars = stored(
            tmp_path, symbol="ES", timeframe="1m", exchange="CMES", start="2013-10-01",
            end="2013-10-31", options={"path": "data", "security": "future", "market": "cme",
                                       "contract": contract},
        )  # fmt: skip
        assert bars.select(PRICES).equals(expected.select(PRICES))
    said = refused_future(tmp_path)
    assert "allowed one entry (name a contract)" in said


def refused_future(folder: Path) -> str:
    result = fetch(folder, "ES", "1m", security="future", market="cme")
    return str(result.failures["ES"])


def test_minutes_of_crypto_are_the_bars_of_the_reference(tmp_path: Path, reference: Path) -> None:
    source = reference / "data/minute/lean_coinbase_btcusd_1min.csv"
    rows = pl.read_csv(source, try_parse_dates=True)
    for (day,), part in (
        rows.with_columns(day=pl.col("timestamp_utc").dt.date())
        .partition_by("day", as_dict=True)
        .items()
    ):
        lines = [
            f"{(s.hour * 3600 + s.minute * 60) * 1000},{o},{h},{low},{c},{v!r}"
            for s, o, h, low, c, v in part.select(pl.exclude("day")).iter_rows()
        ]
        name = f"{day:%Y%m%d}_btcusd_minute_trade__csv"
        pack(
            tmp_path / f"data/crypto/coinbase/minute/btcusd/{day:%Y%m%d}_trade.zip",
            **{name: "\n".join(lines) + "\n"},
        )
    expected = bars_from_file(source, "BTCUSD", timeframe="1m", exchange="24/7").bars
    bars = stored(
        tmp_path, symbol="BTCUSD", timeframe="1m", exchange="24/7", start="2016-10-01",
        end="2016-10-31", options={"path": "data", "security": "crypto", "market": "coinbase"},
    )  # fmt: skip
    assert bars.select(PRICES).equals(expected.select(PRICES))


def test_shares_are_stamped_in_new_york_and_priced_in_hundredths_of_a_cent(tmp_path: Path) -> None:
    pack(
        tmp_path / "data/equity/usa/minute/spy/20131007_trade.zip",
        **{"20131007_spy_minute_trade__csv": "34200000,1680000,1681500,1679900,1681000,1200\n"},
    )
    pack(tmp_path / "data/equity/usa/hour/spy.zip",
         spy__csv="20131007 10:00,1680000,1681500,1679900,1681000,1200\n")  # fmt: skip
    bars = stored(tmp_path, symbol="SPY", timeframe="1m", start="2013-10-01", end="2013-10-31",
                  options={"path": "data"})  # fmt: skip
    assert bars.select(PRICES).row(0) == (
        datetime(2013, 10, 7, 13, 30, tzinfo=UTC), 168.0, 168.15, 167.99, 168.1, 1200.0
    )  # fmt: skip
    hours = stored(tmp_path, symbol="SPY", timeframe="1h", start="2013-10-01", end="2013-10-31",
                   options={"path": "data"})  # fmt: skip
    assert hours["timestamp"].to_list() == [datetime(2013, 10, 7, 14, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("hours", "opening"),
    [(("09:00", "10:00", "15:00"), "13:30"), (("08:00", "09:00", "10:00"), "13:00")],
)
def test_the_first_hour_of_shares_begins_with_the_session_unless_there_is_trade_before_it(
    tmp_path: Path, hours: tuple[str, ...], opening: str
) -> None:
    rows = "".join(f"20131007 {hour},1680000,1681500,1679900,1681000,1200\n" for hour in hours)
    pack(tmp_path / "data/equity/usa/hour/spy.zip", spy__csv=rows)
    bars = stored(tmp_path, symbol="SPY", timeframe="1h", start="2013-10-01", end="2013-10-31",
                  options={"path": "data"})  # fmt: skip
    told = bars["timestamp"].dt.strftime("%H:%M").to_list()
    assert told[hours.index("09:00")] == opening
    assert told[hours.index("10:00")] == "14:00"


@pytest.mark.parametrize(("price", "close"), [("mid", 1.3866), ("bid", 1.3865), ("ask", 1.3867)])
def test_quotes_of_currencies_become_bars_without_volume(
    tmp_path: Path, price: str, close: float
) -> None:
    row = "1.3860,1.3870,1.3850,1.3865,1000,1.3862,1.3872,1.3852,1.3867,2000"
    pack(tmp_path / "data/forex/oanda/daily/eurusd.zip", eurusd__csv=f"20140501 00:00,{row}\n")
    bars = stored(
        tmp_path, symbol="EURUSD", exchange="24/5", start="2014-05-01", end="2014-05-31",
        options={"path": "data", "security": "forex", "market": "oanda", "price": price},
    )  # fmt: skip
    assert bars["close"].to_list() == [pytest.approx(close, abs=1e-12)]
    assert bars["volume"].to_list() == [None]
    # Thursday's session, from Wednesday 17:00 in New York.
    assert bars["timestamp"].to_list() == [datetime(2014, 4, 30, 21, tzinfo=UTC)]


def test_rows_that_are_no_bars_are_quarantined_with_file_and_line(tmp_path: Path) -> None:
    rows = ["34200000,1680000,1681500,1679900,1681000,1200",
            "34260000,168x,1681500,1679900,1681000,1200",
            "99999999999,1680000,1681500,1679900,1681000,1200",
            "34320000,1680000,1681500",
            "34380000,1680000,1681500,1679900,1681000,1200,77",
            "", "34440000,0,0,0,0,0"]  # fmt: skip
    pack(tmp_path / "data/equity/usa/minute/spy/20131007_trade.zip", a__csv="\n".join(rows))
    stored(tmp_path, symbol="SPY", timeframe="1m", start="2013-10-01", end="2013-10-31",
           options={"path": "data"})  # fmt: skip
    quarantine = BarStore(tmp_path / "bars").quarantine("SPY", "1m")
    assert quarantine.select("reason", "line").sort("line").rows() == [
        ("text_cell", 2), ("bad_timestamp", 3), ("missing_price", 4), ("bad_row", 5),
        ("missing_price", 7),
    ]  # fmt: skip
    assert quarantine["file"].unique().to_list() == ["20131007_trade.zip#a.csv"]


def test_a_day_that_is_gone_is_a_short_answer(tmp_path: Path) -> None:
    rows = "\n".join(f"{34_200_000 + 60_000 * k},1,1,1,1,1" for k in range(30))
    folder = tmp_path / "data/equity/usa/minute/spy"
    for day in ("20131007", "20131008"):
        pack(folder / f"{day}_trade.zip", **{f"{day}__csv": rows})
    fields = {"symbol": "SPY", "timeframe": "1m", "start": "2013-10-01", "end": "2013-10-31",
              "options": {"path": "data"}}  # fmt: skip
    assert stored(tmp_path, **fields).height == 60
    (folder / "20131008_trade.zip").unlink()
    config = load_series(tmp_path / "series.yaml")
    done = ingest_many(config, [("SPY@1m", 2013)], tmp_path / "bars", NOW)
    assert "without 30 of the 60 stored bars of 2013" in str(done.failures["SPY@1m", 2013])


def test_what_is_no_folder_of_lean_is_one_sentence(tmp_path: Path) -> None:
    assert "found no" in refused(tmp_path)
    assert "found no folder" in refused(tmp_path, "1m")
    file = tmp_path / "data/equity/usa/daily/spy.zip"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PK\x03\x04 and nothing more")
    assert "spy.zip: found a damaged zip file" in refused(tmp_path)
    pack(file, a__txt="1")
    assert "spy.zip: found a.txt, allowed one entry" in refused(tmp_path)
    pack(file, a__csv="x" * 1_000, b__csv="x")
    assert "found a.csv, b.csv, allowed one entry (name a contract)" in refused(tmp_path)
    pack(tmp_path / "data/equity/usa/minute/spy/99999999_trade.zip", a__csv="1")
    assert "found no date in its name" in refused(tmp_path, "1m")


def test_an_entry_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data/equity/usa/daily/spy.zip"
    pack(file, spy__csv=" " * 20_000_000)
    assert "unpacks to more than 200 times its size" in refused(tmp_path)
    pack(file, spy__csv="20131007 00:00,1,1,1,1,1\n" * 40_000)
    assert "more than 0.5 MB, allowed up to that (options.megabytes)" in (
        refused(tmp_path, megabytes=0.5)
    )
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    assert "found a damaged zip file" in refused(tmp_path)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("spy.csv", b"1")
    file.write_bytes(sink.getvalue()[:-10])
    assert "found a damaged zip file" in refused(tmp_path)


@pytest.mark.parametrize(
    "options",
    [{"market": "../usa"}, {"market": "USA"}, {"security": "bonds"}, {"contract": "Z13"},
     {"timezone": "Mars"}, {"price": "last"}, {"megabytes": 0}],
)  # fmt: skip
def test_an_option_that_is_none_is_refused_when_the_file_is_loaded(
    tmp_path: Path, options: dict[str, object]
) -> None:
    entry = {"symbol": "SPY", "provider": "lean", "start": "2013-10-01",
             "options": {"path": "data", **options}}  # fmt: skip
    (tmp_path / "series.yaml").write_text(json.dumps({"series": [entry]}))
    with pytest.raises(MarketDataError, match=rf"series\[0\]\.options\.{next(iter(options))}: "):
        load_series(tmp_path / "series.yaml")


def test_a_symbol_does_not_leave_the_data_folder(tmp_path: Path) -> None:
    pack(tmp_path / "data/equity/usa/daily/../secret.zip", a__csv="1")
    failures = fetch(tmp_path, "../secret", "1d").failures
    assert "lies outside of" in str(failures["../secret"])
