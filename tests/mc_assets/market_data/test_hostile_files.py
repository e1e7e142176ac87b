"""Files made to fill the memory, and names made to leave a folder: each is one sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mc_assets.market_data import MarketDataError, bars_from_file, ingest_many, load_series
from mc_assets.market_data.option_quotes import OptionQuotes
from mc_assets.providers import make_provider
from mc_assets.providers.paths import filled_path

HEADER = b"date,open,high,low,close,volume\n"
ROW = b"2020-01-02,1,1,1,1,5\n"


def zipped(data: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", data)
    return sink.getvalue()


def zstd(data: bytes) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 6),
    "bz2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": zstd,
    "zip": zipped,
}


def refused(path: Path, provider: str = "csv", **options: object) -> str:
    with pytest.raises(MarketDataError) as caught:
        bars_from_file(path, "X", provider=provider, **options)  # type: ignore[arg-type]
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    return said


@pytest.mark.parametrize("ending", PACKERS)
def test_a_file_that_unpacks_to_much_more_than_its_size_is_refused(
    tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"x.csv.{ending}"
    file.write_bytes(PACKERS[ending](HEADER + b" " * 30_000_000))
    assert "unpacks to more than 200 times its size" in refused(file)


@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_a_file_larger_than_allowed_is_refused_and_the_option_is_named(
    tmp_path: Path, ending: str
) -> None:
    days = pl.date_range(datetime(1900, 1, 1), datetime(2020, 1, 1), eager=True).to_list()
    text = HEADER + b"".join(f"{day},{k},{k},{k},{k},{k * 7}\n".encode() for k, day in
                             enumerate(days, 1))  # fmt: skip
    file = tmp_path / f"x.csv{ending and '.'}{ending}"
    file.write_bytes(PACKERS[ending](text) if ending else text)
    said = refused(file, megabytes=0.5)
    assert said.endswith("found more than 0.5 MB, allowed up to that (options.megabytes)")
    assert bars_from_file(file, "X", exchange="24/7").bars.height == len(days)


def test_two_gigabytes_in_two_megabytes_take_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "x.csv.gz"
    with gzip.GzipFile(file, "wb", compresslevel=1) as stream:
        stream.write(HEADER)
        for _ in range(40):
            stream.write(b" " * 8_000_000)
    code = (
        "import resource, sys\n"
        "from mc_assets.market_data import MarketDataError, bars_from_file\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    bars_from_file(sys.argv[1], 'X')\n"
        "except MarketDataError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    said, grown = done.stdout.splitlines()
    assert "unpacks to more than 200 times its size" in said
    assert int(grown) < 120_000  # kilobytes


LONG = {
    "one line": b"1" * 1_000_000,
    "a header and one line": HEADER + b"2020-01-02," + b"1" * 1_000_000,
    "a line among others": HEADER + ROW * 5_000 + b"2," + b"9" * 600_000 + b"\n" + ROW * 5_000,
    "a quoted line": HEADER + b'"' + b"a" * 1_000_000,
    "zeros at the end": HEADER + ROW * 1_000 + b"\0" * 1_000_000,
    "a million columns": b",".join(b"c%d" % k for k in range(1_000_000)) + b"\n",
    "a million cells": HEADER + b"," * 1_000_000 + b"\n",
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_line_that_is_too_long_is_refused_by_its_number(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(text)
    said = refused(file)
    line = 1 + text[: max(text.find(b"9" * 300), 0)].count(b"\n")
    assert "found more than 262,144 bytes, allowed that many" in said
    if b"9" * 300 in text:
        # To the block in which it begins.
        assert abs(int(said.split(" line ")[1].split(":")[0].replace(",", "")) - line) < 15_000


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    names = ",".join(f"c{k}" for k in range(20_000))
    (tmp_path / "x.csv").write_text(f"{names}\n{'1,' * 19_999}1\n")
    assert "columns or more, allowed up to 10,000" in refused(tmp_path / "x.csv")
    wide = pl.DataFrame({f"c{k}": [1.0] for k in range(10_001)})
    wide.write_parquet(tmp_path / "x.parquet")
    assert "found 10,001 columns" in refused(tmp_path / "x.parquet", "parquet")


def test_three_thousand_columns_of_a_download_are_read(tmp_path: Path) -> None:
    names = [f"('{f}', 'S{k}')" for k in range(500) for f in ("Open", "High", "Low", "Close")]
    row = ",".join("1" for _ in names)
    quoted = ",".join(f'"{name}"' for name in names)
    (tmp_path / "x.csv").write_text(f"Date,{quoted}\n2020-01-02,{row}\n2020-01-03,{row}\n")
    assert bars_from_file(tmp_path / "x.csv", "S499").bars.height == 2


def test_a_parquet_file_of_many_rows_is_refused_unread(tmp_path: Path) -> None:
    rows = 70_000_000
    flat = pl.select(
        date=pl.repeat(1, rows, dtype=pl.Int8), close=pl.repeat(1, rows, dtype=pl.Int8)
    )
    flat.write_parquet(tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 2_000_000
    said = refused(tmp_path / "x.parquet", "parquet")
    assert "70,000,000 rows: found more than 1,000 MB" in said


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_damaged_parquet_file_is_one_sentence(tmp_path: Path, share: float) -> None:
    days = pl.date_range(datetime(2020, 1, 1), datetime(2021, 1, 1), eager=True)
    frame = pl.DataFrame({"date": days, "close": pl.int_range(len(days), eager=True)})
    frame.write_parquet(tmp_path / "x.parquet")
    data = bytearray((tmp_path / "x.parquet").read_bytes())
    for at in range(int(len(data) * share), len(data), 7):
        data[at] ^= 0xFF
    (tmp_path / "x.parquet").write_bytes(bytes(data))
    assert "x.parquet: found" in refused(tmp_path / "x.parquet", "parquet")


def test_zeros_in_cells_are_cells(tmp_path: Path) -> None:
    rows = ROW * 200 + b"2020-01-03,1,1,\0\0,1,5\n" + b"2020-01-0\0,1,1,1,1,5\n"
    (tmp_path / "x.csv").write_bytes(HEADER + rows)
    bars, quarantine = bars_from_file(tmp_path / "x.csv", "X")
    assert bars.height == 1
    assert quarantine["reason"].to_list()[-2:] == ["text_cell", "bad_timestamp"]


@pytest.mark.parametrize("data", [b"\0" * 5_000, bytes(range(256)) * 40, b"\x1f\x8b" + b"a" * 500,
                                  b"PK\x03\x04" + b"\0" * 90, b"BZh9" + b"x" * 90,
                                  b"\xfd7zXZ\x00" + b"x" * 90, b"\x28\xb5\x2f\xfd" + b"x" * 90,
                                  b"", b"\n\n\n", b"\xff\xfe" + b"\0\xd8" * 90, b'"' * 10_001,
                                  b"a,b\n" + b'"' * 9_999])  # fmt: skip
def test_what_is_no_table_is_one_sentence_or_no_bar(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    try:
        found = bars_from_file(tmp_path / "x.csv", "X")
    except MarketDataError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert found.bars.is_empty()


def test_a_large_file_with_quotes_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tables.csv_text._MOST_CAREFUL", 0.1)
    (tmp_path / "x.csv").write_bytes(HEADER + b'"2020-01-02",1,1,1,1,5\n' * 10_000)
    assert "which has quotes, comments or rows of several widths: found more than 0.1 MB" in (
        refused(tmp_path / "x.csv")
    )


def test_rows_of_several_widths_are_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tables.csv_text._ROWS_AT_ONCE", 3)
    days = [f"2020-01-{day:02d}" for day in (2, 3, 6, 7, 8, 9, 10)]
    lines = [f'"{day}",1,1,1,1,{k}' for k, day in enumerate(days)]
    lines[5] += ",surplus"
    (tmp_path / "x.csv").write_text(HEADER.decode() + "\n".join(lines))
    bars, quarantine = bars_from_file(tmp_path / "x.csv", "X")
    assert bars["volume"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, 6.0]
    assert quarantine.select("reason", "line").rows() == [("bad_row", 7)]


# --- names that lead elsewhere --------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol",
    ["../secret", "../../etc/passwd", "/etc/passwd", "a/../../secret", "./../secret", "..", "//x"],
)
@pytest.mark.parametrize("template", ["bars/{symbol}.csv", "{symbol}", "bars/{symbol}/x.csv"])
def test_a_symbol_does_not_leave_the_folder_of_its_option(
    tmp_path: Path, template: str, symbol: str
) -> None:
    (tmp_path / "series" / "bars").mkdir(parents=True)
    (tmp_path / "secret.csv").write_bytes(HEADER + ROW)
    (tmp_path / "secret").write_bytes(HEADER + ROW)
    folder = tmp_path / "series"
    found = None
    with suppress(MarketDataError):
        found = filled_path(template, folder, symbol=symbol)
    assert found is None or found.is_relative_to(folder)
    if symbol.startswith(("..", "/")):
        with pytest.raises(MarketDataError, match="lies outside of"):
            filled_path("{symbol}.csv", folder, symbol=symbol + "/x")


def test_a_symbol_with_a_slash_is_a_file_in_a_folder(tmp_path: Path) -> None:
    located = filled_path("bars/{symbol}_{timeframe}.csv", tmp_path, symbol="BTC/USD",
                          timeframe="1d")  # fmt: skip
    assert located == tmp_path / "bars/BTC/USD_1d.csv"
    assert filled_path("../x/{symbol}.csv", tmp_path / "y", symbol="A") == tmp_path / "x/A.csv"


@pytest.mark.parametrize("field", ["options", "factors", "option_quotes"])
def test_a_provider_symbol_does_not_leave_the_folder(tmp_path: Path, field: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "X.csv").write_bytes(HEADER + ROW)
    entry = {"symbol": "A/../../X", "provider": "csv", "start": "2020-01-02", "end": "2020-01-03"}
    entry |= {"options": {"path": "{symbol}.csv"}} if field == "options" else {
        "options": {"path": "../X.csv"}, field: "f/{symbol}.csv"
    }  # fmt: skip
    (tmp_path / "inside" / "series.yaml").write_text(json.dumps({"series": [entry]}))
    with pytest.raises(MarketDataError, match=r"found 'A/\.\./\.\./X', allowed"):
        load_series(tmp_path / "inside" / "series.yaml")
    entry |= {"symbol": "A", "provider_symbol": "B/../../X"}
    (tmp_path / "inside" / "series.yaml").write_text(json.dumps({"series": [entry]}))
    with pytest.raises(MarketDataError, match=r"provider_symbol: found 'B/\.\./\.\./X', allowed"):
        load_series(tmp_path / "inside" / "series.yaml")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5_000, "~nobody-at-all/x.csv", "", "loop/x.csv",
                                  "a" * 300])  # fmt: skip
def test_a_path_that_is_none_is_one_sentence(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    entry = {"symbol": "X", "provider": "csv", "start": "2020-01-02", "end": "2020-01-03",
             "options": {"path": path}}  # fmt: skip
    (tmp_path / "series.yaml").write_text(json.dumps({"series": [entry]}))
    try:
        config = load_series(tmp_path / "series.yaml")
    except MarketDataError as error:
        said = str(error)
    else:
        done = ingest_many(config, [("X@1d", 2020)], tmp_path / "d", datetime.now(UTC))
        [said] = {str(error) for error in done.failures.values()}
    assert "path: found" in said
    assert "unforeseen" not in said


def test_a_file_that_may_not_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("mc_assets.providers.csv_files.read_text_table", locked)
    (tmp_path / "X.csv").write_bytes(HEADER + ROW)
    provider = make_provider("csv", {"path": "X.csv"}, tmp_path, where="x")
    result = provider.fetch(["X"], "1d", datetime.min, datetime.max)
    assert "X.csv (Permission denied), allowed a file that can be read" in str(result.failures["X"])


def test_option_quotes_that_are_no_table_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "chain.csv").write_bytes(b"\0\1\2" * 100)
    entry = {"symbol": "X", "provider": "csv", "start": "2020-01-02",
             "options": {"path": "X.csv"}, "option_quotes": "chain.csv"}  # fmt: skip
    (tmp_path / "series.yaml").write_text(json.dumps({"series": [entry]}))
    config = load_series(tmp_path / "series.yaml")
    with pytest.raises(MarketDataError, match=r"chain\.csv: found"):
        OptionQuotes(config["X@1d"], tmp_path)
