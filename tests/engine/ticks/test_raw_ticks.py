"""Quotes and trades as they come: canonical events of files of any layout and size."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.tables.errors import MarketDataError
from engine.ticks.columns import TickLayout
from engine.ticks.files import RawTicks, TickReport
from engine.ticks.normalise import Normaliser
from engine.ticks.stream import normalise_file

FIRST = 1723161254087891268
HEADER = "ts,bid_px,bid_sz,ask_px,ask_sz\n"
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
1723161254087891276,100,1,101,2
1723161254087891277,-100,1,101,2
1723161254087891278,1000,1,1010,2
1723161254087891279,100,1,101,2
"""
# Each row of QUOTES that is no event, by its line.
BAD = {
    4: "crossed",
    7: "text_cell",
    8: "out_of_order",
    9: "negative_size",
    10: "bad_timestamp",
    11: "bad_row",
    13: "repeated",
    14: "negative_price",
    15: "wrong_unit",
}


def stream(folder: Path, text: str | bytes, name: str = "q.csv", **options: object) -> TickReport:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return normalise_file(RawTicks(folder / name, **options), folder / "out.parquet")  # type: ignore[arg-type]


def read(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "out.parquet")


def test_each_rule_sets_its_row_aside_and_the_others_are_kept(tmp_path: Path) -> None:
    report = stream(tmp_path, QUOTES)
    bad = pl.read_parquet(tmp_path / "out.quarantine.parquet").sort("row")
    assert dict(zip(bad["row"], bad["reason"], strict=True)) == BAD
    assert report.reasons == dict.fromkeys(sorted(BAD.values()), 1)
    assert (report.events, report.quarantined) == (6, len(BAD))
    assert (report.total("locked"), report.total("one_sided")) == (1, 2)
    text = bad.filter(pl.col("reason") == "text_cell").row(0, named=True)
    assert text["message"] == "row 7, column bid_px: found 'abc', allowed a number"
    assert text["file"] == "q.csv"
    assert json.loads(text["raw"])["bid_px"] == "abc"


def test_a_canonical_file_has_the_columns_of_the_stream(tmp_path: Path) -> None:
    stream(tmp_path, QUOTES, symbol="BTCUSDT", exchange="binance")
    ticks = read(tmp_path)
    assert ticks.columns == [
        *("ts", "local_ts", "bid_px", "ask_px", "bid_sz", "ask_sz"),
        *("trade_px", "trade_sz", "trade_side", "symbol", "exchange"),
    ]
    assert ticks.schema["ts"] == pl.Int64
    assert ticks["ts"].to_list() == [FIRST + at for at in (0, 1, 3, 4, 8, 11)]
    assert ticks["ask_px"].is_nan().to_list() == [False, False, True, False, False, False]
    assert ticks["bid_sz"].is_nan().to_list() == [False, False, False, True, False, False]
    assert set(ticks["symbol"]) == {"BTCUSDT"}
    assert set(ticks["exchange"]) == {"binance"}


def test_prices_below_zero_are_kept_where_the_instrument_has_them(tmp_path: Path) -> None:
    rows = f"{FIRST},-37.65,1,-37.63,2\n{FIRST + 1},-0.01,1,0.01,2\n"
    report = stream(tmp_path, HEADER + rows, negative_prices=True)
    assert (report.events, report.total("negative")) == (2, 2)
    assert read(tmp_path)["bid_px"].to_list() == [-37.65, -0.01]


def test_reference_quotes_and_trades_become_one_stream(reference: Path, tmp_path: Path) -> None:
    raw = RawTicks(reference / "data/ticks", symbol="BTCUSDT")
    report = normalise_file(raw, tmp_path / "out.parquet")
    assert (report.events, report.total("trades"), report.quarantined) == (18765, 3765, 0)
    # Quotes have a local time alone, so the trades are put among them by theirs.
    assert report.clock == "local"
    assert report.counts["quotes"].first == FIRST
    assert [note for note in report.notes if "local stamps are 1.2" in note and "apart" in note]
    ticks = read(tmp_path)
    assert set(ticks["trade_side"].unique()) == {-1, 0, 1}
    assert ticks["ts"].is_sorted()
    # The first trade stands under the quote before it.
    trade = ticks.filter(pl.col("trade_px").is_not_nan()).row(0, named=True)
    assert (trade["ts"], trade["bid_px"], trade["trade_sz"]) == (
        1723161254087896568,
        61837.63,
        0.02,
    )


def test_alpacas_crossed_quotes_are_set_aside(reference: Path) -> None:
    path = reference / "data/nasty/alpaca/alpaca_stock_quotes_crossed.json"
    raw = pl.DataFrame(json.loads(path.read_text())["quotes"]["AAPL"])
    layout = TickLayout.of(raw, "quotes", {}, path.name)
    ticks, bad = Normaliser().batch(raw, layout, pl.Series([1, 2]))
    assert ticks.is_empty()
    assert bad["reason"].to_list() == ["crossed", "crossed"]


@pytest.mark.parametrize(
    ("name", "encode"),
    [("q.csv.gz", gzip.compress), ("q.csv", lambda data: data.replace(b",", b";"))],
    ids=["gzip", "semicolons"],
)
def test_another_encoding_gives_the_same_ticks(tmp_path: Path, name: str, encode: object) -> None:
    stream(tmp_path, QUOTES)
    plain = read(tmp_path)
    stream(tmp_path, encode(QUOTES.encode()), name)  # type: ignore[operator]
    assert read(tmp_path).equals(plain, null_equal=True)


def test_written_nanoseconds_are_kept(tmp_path: Path) -> None:
    text = "timestamp,bid,ask,bs,as\n2024-08-08T23:54:14.087891268Z,1,2,1,1\n"
    assert stream(tmp_path, text).counts["quotes"].first == FIRST


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
    assert (report.events, report.quarantined) == (1, 0)
    assert read(tmp_path)["ts"].to_list() == [1723161254123456789]
    assert read(tmp_path).row(0)[2:6] == (100.5, 101.25, 1.0, 2.0)


def test_a_price_of_three_decimals_behind_a_semicolon_is_no_thousand(tmp_path: Path) -> None:
    stream(tmp_path, "ts;bid;ask;bs;as\n1723161254123456789;151,234;151,236;1;1\n")
    assert read(tmp_path).row(0)[2:4] == (151.234, 151.236)


def test_seconds_of_a_data_frame_keep_their_fraction_and_categories_are_text(
    tmp_path: Path,
) -> None:
    frame = pl.DataFrame(
        {"ts": [1723161254.123457], "bid": ["100"], "ask": [101.0], "bs": 1, "as": 1}
    )
    frame.with_columns(pl.col("bid").cast(pl.Categorical)).write_parquet(tmp_path / "q.parquet")
    normalise_file(RawTicks(tmp_path / "q.parquet"), tmp_path / "out.parquet")
    assert read(tmp_path)["ts"].to_list() == [1723161254123457000]
    assert read(tmp_path)["bid_px"].to_list() == [100.0]


def test_a_zip_of_one_file_is_read_and_one_of_two_is_one_sentence(tmp_path: Path) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("quotes.csv", QUOTES)
    assert stream(tmp_path, packed.getvalue(), "q.zip").events == 6
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("more.csv", QUOTES)
    with pytest.raises(MarketDataError, match=r"found the files quotes\.csv, more\.csv in it"):
        stream(tmp_path, packed.getvalue(), "q.zip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,100,3,5,1723075200123,true,true\n", r"q.csv line 1: found '1,100,3,.*names of the"),
        (
            "symbol,ts,bid,ask,bs,as\nX,1,1,2,1,1\nY,2,5,6,1,1\n",
            "column symbol: found X and Y, allowed one instrument in a file; name the one to read",
        ),
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
        ("ts,price\n1,2\n", "q.csv: found columns ts, price, allowed trades with a trade_sz col"),
        ("ts,bid\n1,2\n", "q.csv: found columns ts, bid, allowed quotes with a ask_px column"),
        ("ts,bid,ask\n1,2,3\n", "found columns ts, bid, ask, allowed quotes with a bid_sz column"),
        ("ts,x\n1,2\n", "q.csv: found columns ts, x, allowed quotes with a bid_px column"),
        ("bid,ask,bs,as\n1,2,1,1\n", "columns bid, ask, bs, as, allowed quotes with a ts column"),
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
from engine.ticks.files import RawTicks
from engine.ticks.stream import normalise_file

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
report = normalise_file(RawTicks(sys.argv[1]), Path(sys.argv[2]))
print(report.events, before, peak())
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


@pytest.mark.slow
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
    kept, before, peak = streamed_in_a_process(source, tmp_path / "out.parquet")
    assert kept == len(stamps) - wrong
    # What reading takes, beside the libraries that are loaded before.
    assert peak - before < 200.0
    assert peak < 400.0


def test_days_without_a_time_are_no_instants(tmp_path: Path) -> None:
    text = "date,bid,ask,bs,as\n2020-01-02,100,101,1,1\n2020-01-03,100,101,1,1\n"
    with pytest.raises(MarketDataError, match="column date: found days without a time, allowed in"):
        stream(tmp_path, text)
    # As TAQ names the clock beside the day.
    text = "DATE,TIME_M,BID,BIDSIZ,ASK,ASKSIZ\n20200102,14:30:00.138000000,100,3,101,4\n"
    stream(tmp_path, text)
    ticks = read(tmp_path)
    stamp = ticks["ts"].cast(pl.Datetime("ns"))
    assert stamp.dt.strftime("%d %H:%M:%S%.3f").to_list() == ["02 14:30:00.138"]
    assert ticks.select("bid_sz", "ask_sz").row(0) == (3.0, 4.0)


@pytest.mark.parametrize("units", [(10**6, 10**3), (10**3, 10**6), (10**9, 1), (1, 10**9)])
def test_stamps_that_change_their_unit_within_a_file_are_read(
    tmp_path: Path, units: tuple[int, int]
) -> None:
    instants = [1_735_600_000 * 10**9 + second * 10**9 for second in range(6)]
    rows = [
        f"{at // units[place > 3]},100,101,{place + 1},1\n" for place, at in enumerate(instants)
    ]
    report = stream(tmp_path, "ts,bid,ask,bs,as\n" + "".join(rows))
    assert report.quarantined == 0
    assert read(tmp_path)["ts"].to_list() == instants


def test_ticks_in_billionths_are_one_sentence(tmp_path: Path) -> None:
    text = (
        "ts_event,rtype,publisher_id,bid_px_00,ask_px_00,bid_sz_00,ask_sz_00\n"
        "1704205800138000000,1,2,{},{},1,1\n"
    )
    with pytest.raises(MarketDataError, match="found 100000000000, a price in units of 1e-9"):
        stream(tmp_path, text.format(100 * 10**9, 101 * 10**9))
    assert stream(tmp_path, text.format(100, 101)).events == 1


def test_utf_16_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match=r"q\.csv: found text that is not UTF-8"):
        stream(tmp_path, QUOTES.encode("utf-16"))


def test_the_rows_of_a_named_instrument_are_read_out_of_several(tmp_path: Path) -> None:
    text = (
        "symbol,ts,bid,ask,bs,as\n"
        f"ETHUSDT,{FIRST},1,2,1,1\nBTCUSDT,{FIRST + 1},100,101,1,1\nETHUSDT,{FIRST + 2},x,2,1,1\n"
    )
    report = stream(tmp_path, text, symbol="BTCUSDT")
    assert (report.events, report.quarantined, report.symbol) == (1, 0, "BTCUSDT")
    report = stream(tmp_path, text, symbol="ETHUSDT")
    assert (report.events, report.reasons) == (1, {"text_cell": 1})
    assert pl.read_parquet(tmp_path / "out.quarantine.parquet")["row"].to_list() == [4]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [(at, 100.0) for at in range(20, 0, -1)],
            "q.csv: found 19 of 20 rows earlier than a row before them, allowed rows in the order "
            "of time; sort the file by ts",
        ),
        (
            [(at, 100.0 if at < 5 else 10_000.0) for at in range(20)],
            "q.csv: found 5 of 20 prices ten times or a tenth of the others, allowed prices in one",
        ),
    ],
    ids=["newest first", "two units"],
)
def test_an_unsorted_file_and_one_of_two_units_are_one_sentence(
    tmp_path: Path, rows: list[tuple[int, float]], message: str
) -> None:
    lines = [f"{FIRST + at},{bid},1,{bid + 1},{at + 1}\n" for at, bid in rows]
    with pytest.raises(MarketDataError, match=message):
        stream(tmp_path, HEADER + "".join(lines))
    assert [path.name for path in tmp_path.iterdir()] == ["q.csv"]


def test_trades_in_another_unit_than_the_quotes_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(f"ts,bid,ask,bs,as\n{FIRST},100,101,1,1\n")
    (tmp_path / "t.csv").write_text(f"ts,price,size,side\n{FIRST},10050,1,buy\n")
    with pytest.raises(MarketDataError, match="trades around 10,050 beside quotes around 100"):
        normalise_file(RawTicks(tmp_path), tmp_path / "out.parquet")


def test_files_without_a_common_clock_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(f"local_ts,bid,ask,bs,as\n{FIRST},100,101,1,1\n")
    (tmp_path / "t.csv").write_text(f"ts,price,size,side\n{FIRST},100,1,buy\n")
    with pytest.raises(MarketDataError, match=r"q\.csv with a local time and t\.csv with an exch"):
        RawTicks(tmp_path)


@pytest.mark.parametrize(
    ("column", "cells", "sides"),
    [
        ("side", ("buy", "SELL", "B", "a", "none"), (1, -1, 1, -1, 0)),
        ("is_buyer_maker", ("true", "False", "1", "0", ""), (-1, 1, -1, 1, 0)),
        ("trade_side", ("1", "-1", "0", "+1", "N"), (1, -1, 0, 1, 0)),
    ],
)
def test_sides_of_trades_are_read_as_vendors_write_them(
    tmp_path: Path, column: str, cells: tuple[str, ...], sides: tuple[int, ...]
) -> None:
    rows = [f"{FIRST + at},100,1,{cell}\n" for at, cell in enumerate(cells)]
    stream(tmp_path, f"ts,price,qty,{column}\n" + "".join(rows))
    assert tuple(read(tmp_path)["trade_side"]) == sides


def test_a_side_that_is_none_is_set_aside(tmp_path: Path) -> None:
    report = stream(tmp_path, f"ts,price,qty,side\n{FIRST},100,1,maybe\n{FIRST},100,1,buy\n")
    assert report.reasons == {"bad_side": 1}


def test_trades_that_are_alike_are_two_unless_their_number_repeats(tmp_path: Path) -> None:
    rows = f"{FIRST},100,1,buy,{{}}\n"
    plain = f"ts,price,qty,side\n{FIRST},100,1,buy\n{FIRST},100,1,buy\n"
    assert stream(tmp_path, plain).events == 2
    numbered = "ts,price,qty,side,trade_id\n" + rows.format(1) + rows.format(2) + rows.format(2)
    report = stream(tmp_path, numbered)
    assert (report.events, report.reasons) == (2, {"repeated": 1})


def test_a_trade_before_any_quote_has_no_book_and_later_ones_the_last(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        f"ts,bid,ask,bs,as\n{FIRST + 5},100,101,1,1\n{FIRST + 7},0,102,0,3\n"
    )
    (tmp_path / "b.csv").write_text(
        "ts,price,size\n" + "".join(f"{FIRST + at},100,1\n" for at in (0, 5, 6, 7, 8))
    )
    normalise_file(RawTicks(tmp_path), tmp_path / "out.parquet")
    ticks = read(tmp_path).fill_nan(None)
    seen = ticks.filter(pl.col("trade_px").is_not_null())
    # At equal stamps the trade comes first: the quote shows what it left.
    assert seen["ask_px"].to_list() == [None, None, 101.0, 101.0, 102.0]
    assert seen["bid_px"].to_list() == [None, None, 100.0, 100.0, None]
    assert ticks["ts"].to_list() == [FIRST + at for at in (0, 5, 5, 6, 7, 7, 8)]


def test_folders_by_day_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    day = 86_400_000_000_000
    for number, name in ((0, "day=10"), (1, "day=9")):
        folder = tmp_path / "raw" / name
        folder.mkdir(parents=True)
        at = FIRST + number * day
        (folder / "quotes.csv").write_text(f"ts,bid,ask,bs,as\n{at},100,101,1,1\n")
        packed = gzip.compress(f"ts,price,size\n{at + 1},101,1\n".encode())
        (folder / "trades.csv.gz").write_bytes(packed)
    report = normalise_file(RawTicks(tmp_path / "raw"), tmp_path / "out.parquet")
    assert (report.events, report.quarantined) == (4, 0)
    assert read(tmp_path)["ts"].to_list() == [FIRST, FIRST + 1, FIRST + day, FIRST + day + 1]


def test_stamps_that_no_float_can_hold_are_kept_in_every_form(tmp_path: Path) -> None:
    odd = [FIRST + at for at in (1, 3, 77, 129)]
    assert [int(float(at)) for at in odd] != odd
    frame = pl.DataFrame(
        {"ts": odd, "local_ts": [at + 1 for at in odd], "bid_px": 1.0, "ask_px": 2.0,
         "bid_sz": [1.0, 2.0, 3.0, 4.0], "ask_sz": 1.0}
    )  # fmt: skip
    frame.write_csv(tmp_path / "q.csv")
    frame.write_parquet(tmp_path / "q.parquet")
    for name in ("q.csv", "q.parquet"):
        normalise_file(RawTicks(tmp_path / name), tmp_path / "out.parquet")
        assert read(tmp_path)["ts"].to_list() == odd
        assert read(tmp_path)["local_ts"].to_list() == [at + 1 for at in odd]
    assert np.asarray(read(tmp_path)["ts"]).dtype == np.int64


def test_a_local_clock_a_second_behind_is_noticed_and_a_quick_line_is_not(tmp_path: Path) -> None:
    text = "ts,local_ts,bid,ask,bs,as\n{0},{1},100,101,1,1\n"
    slow = stream(tmp_path, text.format(FIRST, FIRST + 1_250_000_000))
    assert slow.lag_ns == 1.25e9
    assert "local stamps are 1.250 s behind the exchange's (median): the clocks are apart" in str(
        slow.notes
    )
    assert stream(tmp_path, text.format(FIRST, FIRST + 2_000_000)).notes == []
