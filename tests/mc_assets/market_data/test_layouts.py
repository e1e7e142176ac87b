"""Files as people and programs write them: every layout gives the same bars."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest

from mc_assets.market_data import MarketDataError, Normalised, bars_from_file

# Two New York sessions: 2020-01-02 and 2020-01-03, both open at 14:30Z.
OPENS = [datetime(2020, 1, 2, 14, 30, tzinfo=UTC), datetime(2020, 1, 3, 14, 30, tzinfo=UTC)]
CLOSES = [1234.5, 1240.25]
FIELDS = ("open", "high", "low", "close")

DAILY = {
    "yahoo": """Date,Open,High,Low,Close,Adj Close,Volume
2020-01-02,1230,1236,1229,1234.5,1200.1,1500
2020-01-03,1234.5,1241,1233,1240.25,1206.2,1600
""",
    "newest first": """date,open,high,low,close,volume
2020-01-03,1234.5,1241,1233,1240.25,1600
2020-01-02,1230,1236,1229,1234.5,1500
""",
    "thousands separators": """Date,Open,High,Low,Close,Volume
"Jan 02, 2020","1,230.00","1,236.00","1,229.00","1,234.50","1,500"
"Jan 03, 2020","1,234.50","1,241.00","1,233.00","1,240.25","1,600"
""",
    "investing.com": """"Date","Price","Open","High","Low","Vol.","Change %"
"01/03/2020","1,240.25","1,234.50","1,241.00","1,233.00","1.60K","0.47%"
"01/02/2020","1,234.50","1,230.00","1,236.00","1,229.00","1.50K","-1.2%"
""",
    "nasdaq.com": """Date,Close/Last,Volume,Open,High,Low
01/03/2020,$1240.25,1600,$1234.50,$1241.00,$1233.00
01/02/2020,$1234.50,1500,$1230.00,$1236.00,$1229.00
""",
    "decimal commas": """Datum;Open;High;Low;Close;Volume
02.01.2020;1.230,00;1.236,00;1.229,00;1.234,50;1500
03.01.2020;1.234,50;1.241,00;1.233,00;1.240,25;1600
""",
    "metatrader": """<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>
2020.01.02\t00:00:00\t1230\t1236\t1229\t1234.5\t1500
2020.01.03\t00:00:00\t1234.5\t1241\t1233\t1240.25\t1600
""",
    "no header": """20200102,1230,1236,1229,1234.5,1500
20200103,1234.5,1241,1233,1240.25,1600
""",
    "a title above the table": """https://www.example.com
Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD
1578027600,2020-01-03,X,1234.5,1241,1233,1240.25,1600,2
1577941200,2020-01-02,X,1230,1236,1229,1234.5,1500,2
""",
    "comments and blank lines": """# exported by hand

Date,Open,High,Low,Close,Volume

2020-01-02,1230,1236,1229,1234.5,1500
# a note
2020-01-03,1234.5,1241,1233,1240.25,1600

""",
    "alpaca frame": """symbol,timestamp,open,high,low,close,volume,trade_count,vwap
X,2020-01-02 05:00:00+00:00,1230,1236,1229,1234.5,1500,10,1233
X,2020-01-03 05:00:00+00:00,1234.5,1241,1233,1240.25,1600,11,1238
""",
    "written offset": """Date,Open,High,Low,Close,Volume,Dividends,Stock Splits
2020-01-02 00:00:00-05:00,1230,1236,1229,1234.5,1500,0,0
2020-01-03 00:00:00-05:00,1234.5,1241,1233,1240.25,1600,0,0
""",
    "milliseconds": """t,o,h,l,c,v,vw,n
1577941200000,1230,1236,1229,1234.5,1500,1233,10
1578027600000,1234.5,1241,1233,1240.25,1600,1238,11
""",
    "nanoseconds": """ts,o,h,l,c,v
1577941200000000000,1230,1236,1229,1234.5,1500
1578027600000000000,1234.5,1241,1233,1240.25,1600
""",
    "stamped at the close": """timestamp,open,high,low,close,volume
2020-01-02T16:00:00-05:00,1230,1236,1229,1234.5,1500
2020-01-03T16:00:00-05:00,1234.5,1241,1233,1240.25,1600
""",
    "day first": """Date,Open,High,Low,Close,Volume
02/01/2020,1230,1236,1229,1234.5,1500
03/01/2020,1234.5,1241,1233,1240.25,1600
31/01/2020,x,x,x,x,x
""",
    "spelled months": """Date,Open,High,Low,Close,Volume
02-Jan-2020,1230,1236,1229,1234.5,1500
03-Jan-2020,1234.5,1241,1233,1240.25,1600
""",
    "spreadsheet days": """Date,Open,High,Low,Close,Volume
43832,1230,1236,1229,1234.5,1500
43833,1234.5,1241,1233,1240.25,1600
""",
    "yfinance, one ticker": """Price,Close,High,Low,Open,Volume
Ticker,X,X,X,X,X
Date,,,,,
2020-01-02,1234.5,1236,1229,1230,1500
2020-01-03,1240.25,1241,1233,1234.5,1600
""",
    "yfinance, two tickers": """Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,OTHER,X,OTHER,X,OTHER,X,OTHER,X,OTHER,X
Date,,,,,,,,,,
2020-01-02,1,1234.5,1,1236,1,1229,1,1230,1,1500
2020-01-03,1,1240.25,1,1241,1,1233,1,1234.5,1,1600
""",
    "yfinance, grouped by ticker": """Ticker,X,X,X,X,X,OTHER,OTHER,OTHER,OTHER,OTHER
Price,Open,High,Low,Close,Volume,Open,High,Low,Close,Volume
Date,,,,,,,,,,
2020-01-02,1230,1236,1229,1234.5,1500,1,1,1,1,1
2020-01-03,1234.5,1241,1233,1240.25,1600,1,1,1,1,1
""",
    "yfinance, old version": """,Adj Close,Close,High,Low,Open,Volume
,X,X,X,X,X,X
Date,,,,,,
2020-01-02,1200.1,1234.5,1236,1229,1230,1500
2020-01-03,1206.2,1240.25,1241,1233,1234.5,1600
""",
    "stooq": """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
X,D,20200102,000000,1230,1236,1229,1234.5,1500,0
X,D,20200103,000000,1234.5,1241,1233,1240.25,1600,0
""",
    "kraken": """1577941200,1230,1236,1229,1234.5,1500,7
1578027600,1234.5,1241,1233,1240.25,1600,8
""",
    "german": """Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke
2020-01-02;1.230,0;1.236,0;1.229,0;1.234,5;1500
2020-01-03;1.234,5;1.241,0;1.233,0;1.240,25;1600
""",
    "french": """Date;Ouv.;Plus Haut;Plus Bas;Dernier;Vol.
02/01/2020;1.230,00;1.236,00;1.229,00;1.234,50;1,50K
03/01/2020;1.234,50;1.241,00;1.233,00;1.240,25;1,60K
31/01/2020;x;x;x;x;x
""",
    "spanish": """Fecha,Último,Apertura,Máximo,Mínimo,Vol.,% var.
"03.01.2020","1.240,25","1.234,50","1.241,00","1.233,00","1,60K","0,47%"
"02.01.2020","1.234,50","1.230,00","1.236,00","1.229,00","1,50K","-1,20%"
""",
    "polish": """Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen
2020-01-02,1230,1236,1229,1234.5,1500
2020-01-03,1234.5,1241,1233,1240.25,1600
""",
    "chinese": """日期,开盘,收盘,最高,最低,成交量,成交额
2020-01-02,1230,1234.5,1236,1229,1500,1
2020-01-03,1234.5,1240.25,1241,1233,1600,1
""",
    "a common word in the names": """Date,Trade Open,Trade High,Trade Low,Trade Close,Total Volume
2020-01-02,1230,1236,1229,1234.5,1500
2020-01-03,1234.5,1241,1233,1240.25,1600
""",
    "alpha vantage": """timestamp,1. open,2. high,3. low,4. close,5. adjusted close,6. volume
2020-01-03,1234.5,1241,1233,1240.25,1206.2,1600
2020-01-02,1230,1236,1229,1234.5,1200.1,1500
""",
    "lower-case symbol in the names": """date,x_open,x_high,x_low,x_close,x_volume
2020-01-02,1230,1236,1229,1234.5,1500
2020-01-03,1234.5,1241,1233,1240.25,1600
""",
    "year, month and day apart": """Year,Month,Day,Open,High,Low,Close,Volume
2020,1,2,1230,1236,1229,1234.5,1500
2020,1,3,1234.5,1241,1233,1240.25,1600
""",
    "days of six digits": """Date,Open,High,Low,Close,Volume
200102,1230,1236,1229,1234.5,1500
200103,1234.5,1241,1233,1240.25,1600
""",
    "sas": """DATE,OPEN,HIGH,LOW,CLOSE,VOLUME
02JAN2020,1230,1236,1229,1234.5,1500
03JAN2020,1234.5,1241,1233,1240.25,1600
""",
    "currencies": """Date,Open,High,Low,Close,Volume
2020-01-02,"USD 1,230.00",1236.00 USD,C$1229,€1234.5,1500
2020-01-03,"USD 1,234.50",1241.00 USD,C$1233,€1240.25,1600
""",
    "text cells of a spreadsheet": """="Date",="Open",="High",="Low",="Close",="Volume"
="2020-01-02",="1230.00",="1236.00",="1229.00",="1234.50",="1500"
="2020-01-03",="1234.50",="1241.00",="1233.00",="1240.25",="1600"
""",
    "a spreadsheet's title": """Prices of,X,,,,
,,,,,
Date,Open,High,Low,Close,Volume
2020-01-02,1230,1236,1229,1234.5,1500
2020-01-03,1234.5,1241,1233,1240.25,1600
""",
    "no header, adjusted close": """2020-01-02,1230,1236,1229,1234.5,1200.1,1500
2020-01-03,1234.5,1241,1233,1240.25,1206.2,1600
""",
    "no header, symbol first": """X,2020-01-02,1230,1236,1229,1234.5,1500
X,2020-01-03,1234.5,1241,1233,1240.25,1600
""",
    "rows end with a delimiter": """Date,Open,High,Low,Close,Volume
2020-01-02,1230,1236,1229,1234.5,1500,
2020-01-03,1234.5,1241,1233,1240.25,1600,
""",
    "yfinance, index reset": """Date,Close,High,Low,Open,Volume
,X,X,X,X,X
2020-01-02,1234.5,1236,1229,1230,1500
2020-01-03,1240.25,1241,1233,1234.5,1600
""",
    "yfinance, index reset and written": """,Date,Close,High,Low,Open,Volume
,,X,X,X,X,X
0,2020-01-02,1234.5,1236,1229,1230,1500
1,2020-01-03,1240.25,1241,1233,1234.5,1600
""",
    "japanese": """"日付け","終値","始値","高値","安値","出来高","変化率 %"
"2020年01月03日","1,240.25","1,234.50","1,241.00","1,233.00","1.60K","0.47%"
"2020年01月02日","1,234.50","1,230.00","1,236.00","1,229.00","1.50K","-1.20%"
""",
    "korean": """"날짜","종가","시가","고가","저가","거래량","변동 %"
"2020- 01- 03","1,240.25","1,234.50","1,241.00","1,233.00","1.60K","0.47%"
"2020- 01- 02","1,234.50","1,230.00","1,236.00","1,229.00","1.50K","-1.20%"
""",
    "turkish": """"Tarih","Şimdi","Açılış","Yüksek","Düşük","Hac.","Fark %"
"03.01.2020","1.240,25","1.234,50","1.241,00","1.233,00","1,60K","0,47%"
"02.01.2020","1.234,50","1.230,00","1.236,00","1.229,00","1,50K","-1,20%"
""",
    "bloomberg": """Security,X US Equity,,,,
Start Date,1/2/2020,,,,
End Date,1/3/2020,,,,
Period,D,,,,
Currency,USD,,,,
,,,,,
Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME
1/3/2020,1234.5,1241,1233,1240.25,1600
1/2/2020,1230,1236,1229,1234.5,1500
""",
    "refinitiv fields": """Date,TRDPRC_1,OPEN_PRC,HIGH_1,LOW_1,ACVOL_UNS
2020-01-02,1234.5,1230,1236,1229,1500
2020-01-03,1240.25,1234.5,1241,1233,1600
""",
    "refinitiv tick history": """#RIC,Domain,Date-Time,Type,Open,High,Low,Last,Volume,No. Trades
X,Market Price,2020-01-02T00:00:00.000000000Z,Intraday 1Day,1230,1236,1229,1234.5,1500,9
X,Market Price,2020-01-03T00:00:00.000000000Z,Intraday 1Day,1234.5,1241,1233,1240.25,1600,9
""",
    "names in a comment": """# by hand
# time,low,high,open,close,volume
1577941200,1229,1236,1230,1234.5,1500
1578027600,1233,1241,1234.5,1240.25,1600
""",
    "euronext": """"Historical Data"
Date;Open;High;Low;Last;Close;"Number of Shares";"Number of Trades";Turnover
03/01/2020;1234.5;1241;1233;1240.25;1240.25;1600;9;99
02/01/2020;1230;1236;1229;1234.5;1234.5;1500;9;99
31/12/2019;x;x;x;x;x;x;x;x
""",
    "polygon's files": """ticker,volume,open,close,high,low,window_start,transactions
X,1500,1230,1234.5,1236,1229,1577941200000000000,9
X,1600,1234.5,1240.25,1241,1233,1578027600000000000,9
""",
    "blanks behind delimiters": """volume, open, close, high, low, t
1500, 1230, 1234.5, 1236, 1229, 1577941200
1600, 1234.5, 1240.25, 1241, 1233, 1578027600
""",
    "prices first, stamps last": """c,h,l,o,s,t,v
1234.5,1236,1229,1230,ok,1577941200,1500
1240.25,1241,1233,1234.5,ok,1578027600,1600
""",
    "several symbols in rows": """symbol,date,open,high,low,close,volume
OTHER,2020-01-02,1,1,1,1,1
X,2020-01-02,1230,1236,1229,1234.5,1500
OTHER,2020-01-03,1,1,1,1,1
X,2020-01-03,1234.5,1241,1233,1240.25,1600
""",
}


def read(folder: Path, text: str | bytes, name: str = "x.csv", **options: object) -> Normalised:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return bars_from_file(path, "X", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", DAILY)
def test_a_daily_layout_gives_the_same_bars(tmp_path: Path, layout: str) -> None:
    bars, _ = read(tmp_path, DAILY[layout])
    assert bars["timestamp"].to_list() == OPENS
    assert bars["open"].to_list() == [1230.0, 1234.5]
    assert bars["high"].to_list() == [1236.0, 1241.0]
    assert bars["low"].to_list() == [1229.0, 1233.0]
    assert bars["close"].to_list() == CLOSES
    assert bars["volume"].to_list() == [1500.0, 1600.0]


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("x.csv", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("x.csv", lambda text: text.encode("utf-16")),
        ("x.csv", lambda text: text.replace("\n", "\r\n").encode()),
        ("x.csv.gz", lambda text: gzip.compress(text.encode())),
        ("x.csv", lambda text: text.encode("utf-16-le")),
        ("x.csv", lambda text: text.encode("utf-32")),
        ("x.csv.zip", lambda text: zipped({"x.csv": text, "__MACOSX/x.csv": "?"})),
        ("x.csv.bz2", lambda text: bz2.compress(text.encode())),
        ("x.csv.xz", lambda text: lzma.compress(text.encode())),
        ("x.csv.zst", lambda text: pa.compress(text.encode(), "zstd", asbytes=True)),
    ],
    ids=[
        "byte-order mark",
        "utf-16",
        "windows line ends",
        "gzip",
        "utf-16 without mark",
        "utf-32",
        "zip",
        "bzip2",
        "xz",
        "zstd",
    ],
)
def test_an_encoding_gives_the_same_bars(tmp_path: Path, name: str, encode: object) -> None:
    bars, quarantine = read(tmp_path, encode(DAILY["yahoo"]), name)  # type: ignore[operator]
    assert bars["close"].to_list() == CLOSES
    assert quarantine.is_empty()


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_an_archive_of_several_files_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match=r"x\.zip: found the files a\.csv, b\.csv in it"):
        read(tmp_path, zipped({"a.csv": "1", "b.csv": "2"}), "x.zip")


@pytest.mark.parametrize(
    "damaged",
    [zipped({"x.csv": DAILY["yahoo"]})[:-9], b"BZh9broken", b"\xfd7zXZ\x00broken",
     b"\x28\xb5\x2f\xfdbroken"],
    ids=["zip", "bzip2", "xz", "zstd"],
)  # fmt: skip
def test_a_damaged_archive_is_one_sentence(tmp_path: Path, damaged: bytes) -> None:
    with pytest.raises(MarketDataError, match=r"x\.csv: found a damaged \w+ file \("):
        read(tmp_path, damaged)


def test_bid_and_ask_are_not_chosen_between(tmp_path: Path) -> None:
    names = ",".join(f"{side}{price}" for side in ("bid", "ask") for price in "ohlc")
    with pytest.raises(MarketDataError, match="with a close column"):
        read(tmp_path, f"date,{names}\n2020-01-02,1,1,1,1,2,2,2,2\n")


@pytest.mark.parametrize(
    "remark",
    ["Source: a vendor, all rights reserved", '"Downloaded as of 01-10-2022 05:00pm CST"', "END"],
)
def test_a_remark_below_the_table_is_quarantined_as_a_warning(tmp_path: Path, remark: str) -> None:
    bars, quarantine = read(tmp_path, DAILY["yahoo"] + remark + "\n")
    assert bars["close"].to_list() == CLOSES
    assert quarantine.select("reason", "severity", "line").rows() == [("note", "warn", 4)]


def test_a_file_of_nothing_but_words_is_no_remark(tmp_path: Path) -> None:
    _, quarantine = read(tmp_path, "Date,Open,High,Low,Close\none,a,b,c,d\ntwo,e,f,g,h\n")
    assert quarantine["reason"].to_list() == ["bad_timestamp"] * 2


def test_minutes_of_new_york_are_read_in_its_time_zone(tmp_path: Path) -> None:
    text = "datetime,open,high,low,close,volume\n2020-07-01 09:30,1,1,1,1,5\n"
    bars, _ = read(tmp_path, text, timeframe="1m")
    assert bars["timestamp"][0] == datetime(2020, 7, 1, 13, 30, tzinfo=UTC)


def test_a_configured_time_zone_wins(tmp_path: Path) -> None:
    text = "datetime,open,high,low,close,volume\n2020-07-01 13:30:00,1,1,1,1,5\n"
    bars, _ = read(tmp_path, text, timeframe="1m", timezone="UTC")
    assert bars["timestamp"][0] == datetime(2020, 7, 1, 13, 30, tzinfo=UTC)


def test_minutes_stamped_at_their_end_are_moved_to_their_open(tmp_path: Path) -> None:
    rows = "".join(f"2020-07-01 {m // 60:02d}:{m % 60:02d},1,1,1,1,5\n" for m in range(571, 961))
    bars, _ = read(tmp_path, "datetime,open,high,low,close,volume\n" + rows, timeframe="1m")
    assert bars["timestamp"][0] == datetime(2020, 7, 1, 13, 30, tzinfo=UTC)
    assert bars["timestamp"][-1] == datetime(2020, 7, 1, 19, 59, tzinfo=UTC)


@pytest.mark.parametrize("exchange", ["XNYS", "24/7"])
def test_minutes_stamped_with_their_last_second_are_moved_to_their_open(
    tmp_path: Path, exchange: str
) -> None:
    rows = "".join(f"2020-07-01T13:{m}:59.999Z,1,1,1,1,5\n" for m in range(30, 60))
    text = "time,open,high,low,close,volume\n" + rows
    bars, _ = read(tmp_path, text, timeframe="1m", exchange=exchange)
    assert bars["timestamp"][0] == datetime(2020, 7, 1, 13, 30, tzinfo=UTC)
    assert bars["timestamp"].dt.second().max() == 0


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_day_and_a_clock_of_digits_need_no_header(tmp_path: Path, mark: str) -> None:
    text = "20200102,930,1230,1236,1229,1234,15\n20200102,931,1234,1241,1233,1240,16\n"
    bars, _ = read(tmp_path, text.replace(",", mark), timeframe="1m")
    assert bars["timestamp"].dt.strftime("%H:%M").to_list() == ["14:30", "14:31"]
    assert bars["close"].to_list() == [1234.0, 1240.0]
    assert bars["volume"].to_list() == [15.0, 16.0]


def test_the_hour_that_winter_time_repeats_is_two_hours(tmp_path: Path) -> None:
    stamps = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    rows = "".join(f"2020-11-01 {stamp},1,1,1,1,5\n" for stamp in stamps)
    bars, quarantine = read(
        tmp_path,
        "datetime,open,high,low,close,volume\n" + rows,
        timeframe="30m",
        exchange="24/7",
        timezone="America/New_York",
    )
    assert quarantine.is_empty()
    assert bars["timestamp"].dt.epoch("s").diff().drop_nulls().unique().to_list() == [1800]


def test_a_time_that_summer_time_skips_is_quarantined(tmp_path: Path) -> None:
    text = "datetime,open,high,low,close,volume\n2020-03-08 02:30,1,1,1,1,5\n"
    bars, quarantine = read(
        tmp_path, text, timeframe="30m", exchange="24/7", timezone="America/New_York"
    )
    assert bars.is_empty()
    assert quarantine["reason"].to_list() == ["bad_timestamp"]


def test_a_row_with_too_many_cells_is_quarantined_with_its_line(tmp_path: Path) -> None:
    text = DAILY["yahoo"].replace("1600\n", "1600,7\n")
    bars, quarantine = read(tmp_path, text)
    assert bars.height == 1
    assert quarantine["message"][0] == (
        "x.csv line 3, found surplus cells '7', allowed one cell per column"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("1241,1233,1240.25", "1239,1233,1240.25"), "ohlc_order"),
        (("1241,1233,1240.25", "inf,1233,1240.25"), "non_finite"),
        (("1241,1233,1240.25", ",1233,1240.25"), "missing_price"),
        (("1206.2,1600", "1206.2,-5"), "negative_volume"),
        (("2020-01-03", "2020-01-02"), "repeated_timestamp"),
        (("2020-01-03", "2999-01-03"), "future"),
        (("2020-01-03", "2020-02-31"), "bad_timestamp"),
    ],
)
def test_a_row_that_is_no_bar_is_quarantined(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    bars, quarantine = read(tmp_path, DAILY["yahoo"].replace(*change))
    assert bars["close"].to_list() == [1234.5]
    assert quarantine["reason"].to_list() == [reason]
    assert quarantine["line"].to_list() == [3]


def test_a_high_missed_by_rounding_is_set_to_the_price(tmp_path: Path) -> None:
    bars, quarantine = read(tmp_path, DAILY["yahoo"].replace("1241,", "1240.2499999999998,"))
    assert quarantine.is_empty()
    assert bars["high"][1] == 1240.25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv: found an empty file"),
        (b"hello\nworld\n", "found one column 'hello'"),
        (b"\x1f\x8b\x08broken", "found a damaged gzip file"),
        (b"Date,Open,Close\n2020-01-02,1,2\n", "found no high column among Date, Open, Close"),
        (b"a,b,d\nx,y,z\n", "found columns a, b, d, allowed a table with a close column"),
    ],
)
def test_a_file_that_is_no_table_of_bars_is_one_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(MarketDataError, match=message):
        read(tmp_path, content)


def test_a_configured_column_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match=r"columns\.close: found 'Last', allowed Date, Open"):
        read(tmp_path, DAILY["yahoo"], columns={"close": "Last"})


def test_a_parquet_frame_of_pandas_gives_the_same_bars(tmp_path: Path) -> None:
    frame = pl.read_csv(DAILY["alpaca frame"].encode()).with_columns(
        pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S%z")
    )
    frame.write_parquet(tmp_path / "x.parquet")
    bars, _ = bars_from_file(tmp_path / "x.parquet", "X", provider="parquet")
    assert bars["timestamp"].to_list() == OPENS
    assert bars["close"].to_list() == CLOSES
    assert bars["trade_count"].to_list() == [10.0, 11.0]


def test_a_parquet_frame_of_yfinance_gives_the_same_bars(tmp_path: Path) -> None:
    frame = pl.read_csv(DAILY["yahoo"].encode(), try_parse_dates=True)
    names = {name: f"('{name}', 'X')" for name in frame.columns[1:]}
    frame.rename(names).write_parquet(tmp_path / "x.parquet")
    bars, _ = bars_from_file(tmp_path / "x.parquet", "X", provider="parquet")
    assert bars["timestamp"].to_list() == OPENS
    assert bars["close"].to_list() == CLOSES


def test_a_date_and_a_time_as_numbers_are_one_stamp(tmp_path: Path) -> None:
    text = "Date,Time,Open,High,Low,Close,Volume\n20200102,930,1,1,1,1,1\n20200102,1331,1,1,1,1,1\n"
    bars, _ = read(tmp_path, text, timeframe="1m")
    assert bars["timestamp"].dt.strftime("%H:%M").to_list() == ["14:30", "18:31"]


def test_a_folder_of_files_is_one_series(tmp_path: Path) -> None:
    lines = DAILY["yahoo"].splitlines(keepends=True)
    (tmp_path / "X_2019.csv").write_text(lines[0] + lines[1])
    (tmp_path / "X_2020.csv").write_text(lines[0] + lines[2])
    (tmp_path / "XY_2020.csv").write_text(lines[0] + lines[2])
    bars, quarantine = bars_from_file(tmp_path, "X")
    assert bars["close"].to_list() == CLOSES
    assert quarantine.is_empty()


@pytest.mark.parametrize(
    "cell",
    ["1.5", " 1.5", "+1.5", "01.5", ".5", "5.", "1e2", "1E2", "9007199254740993", "-0", "-1.5",
     "inf", "nan", "", "n/a", "1 234.5", "$3", "1.5M", "(3)", "0x10", "1_0", "--5"],
)  # fmt: skip
@pytest.mark.parametrize("row", [pytest.param(1, marks=pytest.mark.slow), 100])
def test_numbers_parsed_while_reading_are_those_of_the_text(
    tmp_path: Path, cell: str, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Row 100 is beyond the rows that the reader looks at before it decides.
    days = pl.date_range(datetime(2020, 1, 1), datetime(2020, 6, 30), "1d", eager=True)
    lines = [f"{day},2.5,3,2,{cell if at == row else '2.25'},7" for at, day in enumerate(days)]
    (tmp_path / "x.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]))
    fast = bars_from_file(tmp_path / "x.csv", "X", exchange="24/7")
    monkeypatch.setattr("mc_assets.market_data.one_file.number_columns", lambda *_, **__: [])
    text = bars_from_file(tmp_path / "x.csv", "X", exchange="24/7")
    assert fast.bars.equals(text.bars)
    assert fast.quarantine.equals(text.quarantine)
    assert text.bars.height + text.quarantine.height == len(days)


def test_a_mapping_of_numbers_keeps_zeros_that_begin_a_clock(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(
        "Date,Time,Open,High,Low,Close,Volume\n"
        "20200102,0930,1,1,1,1,10\n20200102,0931,1,1,1,1,10\n20200102,1000,1,1,1,1,10\n"
    )
    bars, quarantine = bars_from_file(tmp_path / "x.txt", "X", timeframe="1m")
    assert quarantine.is_empty()
    assert bars["timestamp"].dt.strftime("%H:%M").to_list() == ["14:30", "14:31", "15:00"]


def test_the_repeated_hour_of_autumn_is_read_newest_first_too(tmp_path: Path) -> None:
    clocks = ["00:59", "01:00", "01:59", "01:00", "01:59", "02:00"]
    rows = [f"2020-11-01 {clock},1,1,1,1,{at}" for at, clock in enumerate(clocks)]
    for order in (rows, rows[::-1]):
        (tmp_path / "x.csv").write_text("\n".join(["ts,open,high,low,close,volume", *order]))
        bars, quarantine = bars_from_file(
            tmp_path / "x.csv", "X", timeframe="1m", exchange="24/7", timezone="America/New_York"
        )
        assert quarantine.is_empty()
        assert bars["volume"].to_list() == [0, 1, 2, 3, 4, 5]
        assert bars["timestamp"].dt.strftime("%H:%M").to_list() == [
            "04:59", "05:00", "05:59", "06:00", "06:59", "07:00"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["20-01-02", "20-01-03", "20-01-31"], ["2020-01-02", "2020-01-03", "2020-01-31"]),
        (["19/12/30", "19/12/31", "20/01/02"], ["2019-12-30", "2019-12-31", "2020-01-02"]),
        (["02-01-20", "03-01-20", "06-01-20"], ["2020-01-02", "2020-01-03", "2020-01-06"]),
        (["01/02/20", "01/03/20", "01/06/20"], ["2020-01-02", "2020-01-03", "2020-01-06"]),
        (["1/2/20", "1/3/20", "1/14/20"], ["2020-01-02", "2020-01-03", "2020-01-14"]),
        (["14/1/20", "15/1/20", "32/1/20"], ["2020-01-14", "2020-01-15"]),
    ],
)
def test_years_of_two_digits_stand_where_the_column_says(
    tmp_path: Path, cells: list[str], days: list[str]
) -> None:
    rows = [f"{cell},1,1,1,1,5" for cell in cells]
    (tmp_path / "x.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    bars, quarantine = bars_from_file(tmp_path / "x.csv", "X")
    assert bars["timestamp"].dt.strftime("%Y-%m-%d").to_list() == days
    assert quarantine.height == len(cells) - len(days)


@pytest.mark.parametrize(
    "names",
    [
        "Date,Open_BRK.B,High_BRK.B,Low_BRK.B,Close_BRK.B,Volume_BRK.B",
        "Date,BRK.B.Open,BRK.B.High,BRK.B.Low,BRK.B.Close,BRK.B.Volume",
        "Date,\"('Open', 'BRK.B')\",\"('High', 'BRK.B')\",\"('Low', 'BRK.B')\","
        "\"('Close', 'BRK.B')\",\"('Volume', 'BRK.B')\"",
        "Datum,Eröffnung,Hoch,Tief,Schluss,Stücke",
    ],
)
def test_names_flattened_from_field_and_ticker_are_known(tmp_path: Path, names: str) -> None:
    (tmp_path / "x.csv").write_bytes(f"{names}\n2020-01-02,2,3,1,2.5,9\n".encode("latin-1"))
    bars, _ = bars_from_file(tmp_path / "x.csv", "BRK.B")
    assert bars.select("open", "high", "low", "close", "volume").row(0) == (2, 3, 1, 2.5, 9)


@pytest.mark.parametrize(
    ("cell", "value"), [("1,10,000.5", 110000.5), ("12,34,567", 1234567.0), ("1,234,567", 1234567)]
)
def test_digits_are_grouped_as_the_country_does(tmp_path: Path, cell: str, value: float) -> None:
    (tmp_path / "x.csv").write_text(f'date,price\n2020-01-02,"{cell}"\n')
    bars, _ = bars_from_file(tmp_path / "x.csv", "X")
    assert bars["close"].to_list() == [value]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timezone": "Mars/X"}, "options.timezone: found 'Mars/X', allowed an IANA name such as"),
        ({"delimiter": ";;"}, "options.delimiter: found ';;', allowed"),
        ({"date_format": "%Q"}, "date_format: found '%Q', which reads no cell such as '2020-01-02"),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    (tmp_path / "x.csv").write_text("date,price\n2020-01-02 09:30,1\n")
    with pytest.raises(MarketDataError, match=message):
        bars_from_file(tmp_path / "x.csv", "X", timeframe="1m", **options)


def test_stamps_in_scientific_notation_are_epochs(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("ts,price\n1.5779754e+12,1\n1.57797546e+12,2\n")
    bars, _ = bars_from_file(tmp_path / "x.csv", "X", timeframe="1m")
    assert bars["timestamp"].dt.strftime("%H:%M").to_list() == ["14:30", "14:31"]


def bars_of_frame(folder: Path, frame: pl.DataFrame, timeframe: str = "1d") -> Normalised:
    frame.write_parquet(folder / "x.parquet")
    return bars_from_file(folder / "x.parquet", "X", timeframe=timeframe, provider="parquet")


def test_a_day_and_a_clock_of_a_data_frame_are_one_stamp(tmp_path: Path) -> None:
    day, clocks = [OPENS[0].date()] * 2, [time(9, 30), time(9, 31)]
    bars, _ = bars_of_frame(
        tmp_path, pl.DataFrame({"date": day, "time": clocks, "price": [1.0, 2.0]}), "1m"
    )
    assert bars["timestamp"].dt.strftime("%H:%M").to_list() == ["14:30", "14:31"]


def test_categories_are_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"date": ["2020-01-02"], "symbol": ["X"], "price": [1.0]})
    frame = frame.with_columns(pl.col("date", "symbol").cast(pl.Categorical))
    assert bars_of_frame(tmp_path, frame).bars["timestamp"].to_list() == OPENS[:1]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("price", [[1.0, 2.0]], r"column price: found type List\(Float64\), allowed numbers"),
        ("price", [b"1"], "column price: found type Binary, allowed numbers"),
        ("price", [True], "column price: found type Boolean, allowed numbers"),
        ("date", [time(9, 30)], "column date: found type Time, allowed dates or times"),
    ],
)
def test_a_column_of_another_type_is_one_sentence(
    tmp_path: Path, column: str, values: list[object], message: str
) -> None:
    frame = pl.DataFrame({"date": [OPENS[0].date()], "price": [1.0]} | {column: values})
    with pytest.raises(MarketDataError, match=message):
        bars_of_frame(tmp_path, frame)


@pytest.mark.parametrize("layout", ["parquet", "reset", "csv"])
def test_a_frame_grouped_by_ticker_gives_each_its_own_bars(tmp_path: Path, layout: str) -> None:
    import pandas as pd

    fields, prices = ["Close", "High", "Low", "Open", "Volume"], [1.5, 2.0, 0.5, 1.0, 10.0]
    names = pd.MultiIndex.from_product([["QQQ", "SPY"], fields])
    days = pd.DatetimeIndex(["2020-01-02"], name="Date")
    frame = pd.DataFrame([[7 * price for price in prices] + prices], index=days, columns=names)
    for symbol, size in (("SPY", 1.0), ("QQQ", 7.0)):
        if layout == "csv":
            flat = frame.set_axis([str(pair) for pair in frame.columns], axis=1)
            flat.to_csv(tmp_path / "both.csv")
            found, quarantine = bars_from_file(tmp_path / "both.csv", symbol)
        else:
            written = frame.reset_index() if layout == "reset" else frame
            written.to_parquet(tmp_path / "both.parquet")
            found, quarantine = bars_from_file(
                tmp_path / "both.parquet", symbol, provider="parquet"
            )
        assert quarantine.is_empty()
        assert found.select("close", "high", "low", "open", "volume").row(0) == tuple(
            size * price for price in prices
        )
    with pytest.raises(MarketDataError, match="allowed a table with a close column"):
        bars_from_file(tmp_path / "both.csv", "IWM") if layout == "csv" else bars_from_file(
            tmp_path / "both.parquet", "IWM", provider="parquet"
        )


def test_the_volume_of_another_symbol_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "both.csv").write_text(
        "Date,Open QQQ,High QQQ,Low QQQ,Close QQQ,Volume QQQ,Open SPY,High SPY,Low SPY,Close SPY\n"
        "2020-01-02,7,14,3.5,10.5,70,1,2,0.5,1.5\n"
    )
    found, _ = bars_from_file(tmp_path / "both.csv", "SPY")
    assert found.select("close", "volume").row(0) == (1.5, None)


def test_rows_numbered_before_stacked_headers_are_read(tmp_path: Path) -> None:
    (tmp_path / "both.csv").write_text(
        "Price,Date,Close,High,Low,Open,Volume\nTicker,,SPY,SPY,SPY,SPY,SPY\n"
        "0,2020-01-02,1.5,2,0.5,1,10\n"
    )
    found, quarantine = bars_from_file(tmp_path / "both.csv", "SPY")
    assert quarantine.is_empty()
    assert found.select("open", "high", "low", "close").row(0) == (1.0, 2.0, 0.5, 1.5)


@pytest.mark.parametrize(
    ("column", "zone"),
    [
        ("Time (EET)", "Europe/Athens"),
        ("Time (UTC)", "UTC"),
        ("Date (UTC+02:00)", "Etc/GMT-2"),
        ("Datetime [GMT-5]", "Etc/GMT+5"),
        ("Date (Europe/London)", "Europe/London"),
        ("Timestamp (ET)", "America/New_York"),
        ("Date (CT)", "America/Chicago"),
        ("Date (EDT)", "Etc/GMT+4"),
        ("Date (JST)", "Asia/Tokyo"),
        ("Date", "America/New_York"),
    ],
)
def test_a_zone_in_the_name_of_the_stamps_is_that_of_the_stamps(
    tmp_path: Path, column: str, zone: str
) -> None:
    # Winter, and the weeks in which only America has summer time.
    instants = [datetime(2024, 1, 5, 15, tzinfo=UTC), datetime(2024, 3, 12, 15, tzinfo=UTC)]
    rows = [f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M},1,2,0.5,1,7\n" for at in instants]
    text = f"{column},Open,High,Low,Close,Volume\n{''.join(rows)}"
    bars = read(tmp_path, text, timeframe="1m").bars
    assert bars["timestamp"].to_list() == instants
    # The day and the clock apart: the zone stands beside the clock.
    text = f"Date,Time {column.partition(' ')[2]},Open,High,Low,Close,Volume\n"
    text += "".join(row.replace(" ", ",") for row in rows)
    assert read(tmp_path, text, timeframe="1m").bars["timestamp"].to_list() == instants


def test_an_offset_of_half_an_hour_asks_for_the_zone(tmp_path: Path) -> None:
    text = "Date (UTC+05:30),Close\n2024-01-05 20:30,1\n2024-01-05 20:31,1\n"
    with pytest.raises(MarketDataError, match=r"column Date \(UTC\+05:30\): found an offset of no"):
        read(tmp_path, text, timeframe="1m")


@pytest.mark.parametrize("factors", [(10**3, 10**6), (10**6, 10**3), (1, 10**9), (10**9, 1)])
def test_epochs_that_change_their_unit_within_a_column_are_read(
    tmp_path: Path, factors: tuple[int, int]
) -> None:
    # Binance's public files are in milliseconds to 2024 and in microseconds from 2025.
    seconds = [1_735_600_000 + 60 * minute for minute in range(8)]
    rows = [
        f"{second * factors[place > 4]},1,2,0.5,1,7,0,0,3,0,0,0\n"
        for place, second in enumerate(seconds)
    ]
    bars, quarantine = read(tmp_path, "".join(rows), timeframe="1m", exchange="24/7")
    assert quarantine.is_empty()
    assert bars["timestamp"].dt.epoch("s").to_list() == seconds


def test_prices_in_two_currencies_are_not_chosen_between(tmp_path: Path) -> None:
    names = [f"{name} ({unit})" for unit in ("CNY", "USD") for name in FIELDS]
    text = f"timestamp,{','.join(names)},volume\n2020-01-02,7,8,6,7,1,2,0.5,1,9\n"
    with pytest.raises(
        MarketDataError, match=r"columns open \(CNY\) and open \(USD\), allowed one"
    ):
        read(tmp_path, text)
    columns = {name: f"{name} (USD)" for name in FIELDS}
    assert read(tmp_path, text, columns=columns).bars["close"].to_list() == [1.0]


@pytest.mark.parametrize("scale", [1, 10**9])
def test_prices_in_billionths_are_one_sentence(tmp_path: Path, scale: int) -> None:
    cells = ",".join(f"{price * scale}.000"[: None if scale == 1 else -4] for price in (8, 9, 7, 8))
    text = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n"
    text += f"2020-01-02T00:00:00.000000000Z,35,2,38,{cells},5\n"
    if scale == 1:
        assert read(tmp_path, text).bars["close"].to_list() == [8.0]
    else:
        with pytest.raises(MarketDataError, match="found 8000000000, a price in units of 1e-9"):
            read(tmp_path, text)


@pytest.mark.parametrize(
    "stamps",
    [
        # Sessions of Friday to Tuesday; each ends as the next one begins, at 17:00 in Chicago.
        ["2024-03-08T23:00:00Z", "2024-03-11T22:00:00Z", "2024-03-12T22:00:00Z"],
        ["2024-03-08 17:00:00", "2024-03-11 17:00:00", "2024-03-12 17:00:00"],
        ["2024-03-08 23:59:59", "2024-03-11 23:59:59", "2024-03-12 23:59:59"],
        ["2024-03-08T23:59:59Z", "2024-03-11T23:59:59Z", "2024-03-12T23:59:59Z"],
        # And those that stamp its open, which is of the evening before.
        ["2024-03-07T23:00:00Z", "2024-03-10T22:00:00Z", "2024-03-11T22:00:00Z"],
    ],
)
def test_a_day_of_futures_is_its_session_whichever_end_is_stamped(
    tmp_path: Path, stamps: list[str]
) -> None:
    rows = "".join(f"{stamp},1,2,0.5,1,7\n" for stamp in stamps)
    text = f"time,open,high,low,close,volume\n{rows}"
    bars, quarantine = read(tmp_path, text, exchange="CMES")
    assert quarantine.is_empty()
    assert bars["timestamp"].dt.strftime("%d %H:%M").to_list() == [
        "07 23:00", "10 22:00", "11 22:00"
    ]  # fmt: skip
