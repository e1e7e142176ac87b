"""Quotes and trades: canonical ticks of files of any size."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from mc_assets.market_data import MarketDataError
from mc_assets.market_data.quote_stream import TickReport, iterate_ticks, stream_ticks
from mc_assets.market_data.quotes import QuoteCounts, normalise_ticks
from mc_assets.market_data.tick_layout import TickLayout

QUOTES = """ts,bid_px,bid_sz,ask_px,ask_sz
1723161254087891268,100,1,101,2
1723161254087891269,101,1,101,2
1723161254087891270,102,1,101,2
1723161254087891271,100,1,0,0
1723161254087891272,,,101,2
1723161254087891273,abc,1,101,2
1723161254087891260,100,1,101,2
1723161254087891274,100,-1,101,2
soon,100,1,101,2
1723161254087891275,100,1,101,2,9
1723161254087891276,100,1,101,2
"""


def stream(folder: Path, text: str | bytes, name: str = "q.csv", **options: object) -> TickReport:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return stream_ticks(folder / name, folder / "out.parquet", **options)  # type: ignore[arg-type]


def test_quotes_are_kept_counted_and_quarantined(tmp_path: Path) -> None:
    report = stream(tmp_path, QUOTES)
    counts = report.counts
    assert (counts.rows, counts.quarantined) == (6, 5)
    assert (counts.crossed, counts.locked, counts.one_sided) == (1, 1, 2)
    assert counts.out_of_order == 1
    ticks = pl.read_parquet(report.path)
    assert ticks.columns == ["ts", "bid_px", "ask_px", "bid_sz", "ask_sz"]
    assert ticks["ts"].dt.epoch("ns")[0] == 1723161254087891268
    assert ticks["ask_px"][3] is None
    bad = pl.read_parquet(report.quarantine)
    assert sorted(bad["reason"].to_list()) == [
        "bad_row", "bad_timestamp", "negative_size", "out_of_order", "text_cell",
    ]  # fmt: skip
    text = bad.filter(pl.col("reason") == "text_cell").row(0, named=True)
    assert text["message"] == "row 7, column bid_px: found 'abc', allowed a number"


def test_reference_quotes_and_trades_are_read_whole(reference: Path, tmp_path: Path) -> None:
    folder = reference / "data/ticks"
    quotes = stream_ticks(folder / "binance_spot_btcusdt_20240808_l1.csv", tmp_path / "q.parquet")
    assert (quotes.counts.rows, quotes.counts.quarantined) == (15000, 0)
    assert quotes.counts.first == 1723161254087891268
    trades = stream_ticks(
        folder / "binance_spot_btcusdt_20240808_trades.csv", tmp_path / "t.parquet", kind="trades"
    )
    assert (trades.counts.rows, trades.counts.quarantined) == (3765, 0)
    assert set(pl.read_parquet(trades.path)["aggressor"].unique()) == {"buy", "sell"}


def test_alpacas_crossed_quotes_are_counted(reference: Path) -> None:
    path = reference / "data/nasty/alpaca/alpaca_stock_quotes_crossed.json"
    raw = pl.DataFrame(json.loads(path.read_text())["quotes"]["AAPL"])
    counts = QuoteCounts()
    layout = TickLayout.of(raw, "quotes", {}, path.name)
    ticks, quarantine = normalise_ticks(raw, layout, counts)
    assert quarantine.is_empty()
    assert (counts.rows, counts.crossed) == (2, 2)
    assert ticks.row(0)[1:] == (159.52, 158.65, 4.0, 1.0)
    assert ticks["ts"].dt.epoch("ns")[0] == 1646816400000059000


@pytest.mark.parametrize(
    ("name", "encode"),
    [("q.csv.gz", gzip.compress), ("q.csv", lambda data: data.replace(b",", b";"))],
    ids=["gzip", "semicolons"],
)
def test_another_encoding_gives_the_same_ticks(tmp_path: Path, name: str, encode: object) -> None:
    plain = pl.read_parquet(stream(tmp_path, QUOTES).path)
    other = stream(tmp_path, encode(QUOTES.encode()), name)  # type: ignore[operator]
    assert pl.read_parquet(other.path).equals(plain)


def test_a_parquet_file_gives_the_same_ticks_batch_by_batch(tmp_path: Path) -> None:
    report = stream(tmp_path, QUOTES)
    again = pl.concat(iterate_ticks(report.path))
    assert again.equals(pl.read_parquet(report.path))


def test_written_nanoseconds_are_kept(tmp_path: Path) -> None:
    text = "timestamp,bid,ask\n2024-08-08T23:54:14.087891268Z,1,2\n"
    report = stream(tmp_path, text)
    assert report.counts.first == 1723161254087891268


LAYOUTS = {
    "seconds with a fraction": "ts,bid,ask,bidsize,asksize\n{s}.{ns},100.5,101.25,1,2\n",
    "milliseconds with a fraction": "ts,bid,ask,bidsize,asksize\n{s}123.456789,100.5,101.25,1,2\n",
    "a date and a clock": "Date,Time,Bid,Ask,BidSize,AskSize\n"
    "2024-08-08,23:54:14.{ns},100.5,101.25,1,2\n",
    "decimal commas": "ts;bid_px;ask_px;bid_sz;ask_sz\n{s}{ns};100,5;101,25;1;2\n",
    "Polygon": "ticker,ask_price,ask_size,bid_price,bid_size,participant_timestamp,sip_timestamp\n"
    "X,101.25,2,100.5,1,{s}000000000,{s}{ns}\n",
    "Binance's book ticker": "u,s,b,B,a,A,T\n1,X,100.5,1,101.25,2,{s}{ns}\n",
    "volumes of a side": "Gmt time,Ask,Bid,AskVolume,BidVolume\n"
    "08.08.2024 23:54:14.{ns},101.25,100.5,2,1\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_gives_the_same_tick(tmp_path: Path, layout: str) -> None:
    report = stream(tmp_path, LAYOUTS[layout].format(s=1723161254, ns=123456789))
    assert (report.counts.rows, report.counts.quarantined) == (1, 0)
    tick = pl.read_parquet(report.path)
    assert tick["ts"].dt.epoch("ns").to_list() == [1723161254123456789]
    assert tick.row(0)[1:] == (100.5, 101.25, 1.0, 2.0)


def test_a_price_of_three_decimals_behind_a_semicolon_is_no_thousand(tmp_path: Path) -> None:
    report = stream(tmp_path, "ts;bid;ask\n1723161254123456789;151,234;151,236\n")
    assert pl.read_parquet(report.path).row(0)[1:3] == (151.234, 151.236)


def test_seconds_of_a_data_frame_keep_their_fraction_and_categories_are_text(
    tmp_path: Path,
) -> None:
    frame = pl.DataFrame({"ts": [1723161254.123457], "bid": ["100"], "ask": [101.0]})
    frame.with_columns(pl.col("bid").cast(pl.Categorical)).write_parquet(tmp_path / "q.parquet")
    tick = pl.read_parquet(stream_ticks(tmp_path / "q.parquet", tmp_path / "out.parquet").path)
    assert tick["ts"].dt.epoch("ns").to_list() == [1723161254123457000]
    assert tick["bid_px"].to_list() == [100.0]


def test_a_zip_of_one_file_is_read_and_one_of_two_is_one_sentence(tmp_path: Path) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("quotes.csv", QUOTES)
    assert stream(tmp_path, packed.getvalue(), "q.zip").counts.rows == 6
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("more.csv", QUOTES)
    with pytest.raises(MarketDataError, match=r"found the files quotes\.csv, more\.csv in it"):
        stream(tmp_path, packed.getvalue(), "q.zip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,100,3,5,1723075200123,true,true\n", r"q.csv line 1: found '1,100,3,.*names of the"),
        ("symbol,ts,bid,ask\nX,1,1,2\nY,2,5,6\n", "column symbol: found X and Y, allowed one"),
    ],
    ids=["no header", "two instruments"],
)
def test_a_file_of_no_single_book_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MarketDataError, match=message):
        stream(tmp_path, text)
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ts,price\n1,2\n", "q.csv: found columns ts, price, allowed quotes with a bid_px column"),
        ("", "q.csv: found no rows, allowed a header and rows"),
    ],
)
def test_a_file_that_is_no_table_of_quotes_is_one_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(MarketDataError, match=message):
        stream(tmp_path, text)
    assert not (tmp_path / "out.parquet").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.csv"]


# Peak memory is read from the process's own memory map: `getrusage` would count that of the
# process it was forked from.
_CHILD = """
import re, sys
from pathlib import Path
from mc_assets.market_data.quote_stream import stream_ticks

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
report = stream_ticks(sys.argv[1], sys.argv[2])
print(report.counts.rows, before, peak())
"""


def streamed_in_a_process(source: Path, target: Path) -> tuple[int, float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(source), str(target)],
        capture_output=True,
        text=True,
        check=True,
        env={"POLARS_MAX_THREADS": "2", "PATH": ""},
    )
    rows, before, after = (int(word) for word in done.stdout.split())
    return rows, before / 1024, after / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    # 180 MB of text, several times that as a table: held whole it would pass the limit.
    count, copies = 50_000, 60
    source = tmp_path / "big.csv"
    with source.open("w") as file:
        file.write("ts,bid_px,bid_sz,ask_px,ask_sz\n")
        for copy in range(copies):
            first = 1_700_000_000_000_000_000 + copy * count
            stamps = pl.int_range(first, first + count, eager=True)
            block = pl.DataFrame({"ts": stamps}).with_columns(
                b=pl.lit(61837.63),
                bs=pl.lit(3.788260001),
                a=pl.lit(61837.64),
                s=pl.lit(1.5469800012),
            )
            file.write(block.write_csv(include_header=False))
    assert source.stat().st_size > 150e6
    rows, _, peak = streamed_in_a_process(source, tmp_path / "out.parquet")
    assert rows == count * copies
    assert peak < 500.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("wrong", [pytest.param(0, marks=pytest.mark.slow), 300_000])
def test_short_rows_and_wrong_ones_stay_within_the_limit(tmp_path: Path, wrong: int) -> None:
    # A block holds the more rows the shorter they are; of wrong ones every cell is kept.
    source = tmp_path / "short.csv"
    stamps = 1_704_205_800_000_000_000 + pl.int_range(0, wrong or 3_000_000, eager=True)
    bid = pl.lit("x") if wrong else pl.lit(100.25)
    rows = pl.DataFrame({"ts": stamps}).with_columns(
        b=bid, a=pl.lit(100.5), bs=pl.lit(5), s=pl.lit(6)
    )
    source.write_text("ts,bid_px,ask_px,bid_sz,ask_sz\n" + rows.write_csv(include_header=False))
    kept, _, peak = streamed_in_a_process(source, tmp_path / "out.parquet")
    assert kept == len(stamps) - wrong
    assert peak < 340.0


def test_days_without_a_time_are_no_instants(tmp_path: Path) -> None:
    text = "date,bid,ask\n2020-01-02,100,101\n2020-01-03,100,101\n"
    with pytest.raises(MarketDataError, match="column date: found days without a time, allowed in"):
        stream(tmp_path, text)
    # As TAQ names the clock beside the day.
    text = "DATE,TIME_M,BID,BIDSIZ,ASK,ASKSIZ\n20200102,14:30:00.138000000,100,3,101,4\n"
    ticks = pl.read_parquet(stream(tmp_path, text).path)
    assert ticks["ts"].dt.strftime("%d %H:%M:%S%.3f").to_list() == ["02 14:30:00.138"]
    assert ticks.select("bid_sz", "ask_sz").row(0) == (3.0, 4.0)


@pytest.mark.parametrize("units", [(10**6, 10**3), (10**3, 10**6), (10**9, 1), (1, 10**9)])
def test_stamps_that_change_their_unit_within_a_file_are_read(
    tmp_path: Path, units: tuple[int, int]
) -> None:
    instants = [1_735_600_000 * 10**9 + second * 10**9 for second in range(6)]
    rows = [f"{at // units[place > 3]},100,101\n" for place, at in enumerate(instants)]
    report = stream(tmp_path, "ts,bid,ask\n" + "".join(rows))
    assert report.counts.quarantined == 0
    assert pl.read_parquet(report.path)["ts"].dt.epoch("ns").to_list() == instants


def test_ticks_in_billionths_are_one_sentence(tmp_path: Path) -> None:
    text = "ts_event,rtype,publisher_id,bid_px_00,ask_px_00\n1704205800138000000,1,2,{},{}\n"
    with pytest.raises(MarketDataError, match="found 100000000000, a price in units of 1e-9"):
        stream(tmp_path, text.format(100 * 10**9, 101 * 10**9))
    assert stream(tmp_path, text.format(100, 101)).counts.rows == 1


def test_utf_16_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match=r"q\.csv: found text that is not UTF-8"):
        stream(tmp_path, QUOTES.encode("utf-16"))
