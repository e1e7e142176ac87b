"""Damaged Parquet files of others: one sentence, and the process that reads them lives on."""

from __future__ import annotations

import base64
import datetime
import io
import random
import re
from pathlib import Path

import polars as pl
import pytest

from engine.tables.errors import MarketDataError
from engine.tables.parquet_table import parquet_table
from engine.ticks.raw_files import raw_batches

DAY = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)


def whole() -> bytes:
    """A table of all types that bars and quotes have."""
    made = io.BytesIO()
    table = {"at": [DAY] * 60, "day": [DAY.date()] * 60, "bid": [9.5] * 60, "sent": [True] * 60}
    names = pl.Series(["é", "p"] * 30)
    pl.DataFrame(
        table | {"right": names, "venue": names.cast(pl.Categorical), "lots": [[1, 2]] * 60}
    ).write_parquet(made)
    return made.getvalue()


def damaged(content: bytes, number: int) -> bytes:
    """Change up to five bytes."""
    chance, changed = random.Random(number), bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def read(path: Path, numbers: range) -> int:
    """Read damaged files; return how many could be."""
    content, count = whole(), 0
    for number in numbers:
        path.write_bytes(damaged(content, number))
        try:
            parquet_table(path).hash_rows()
            count += 1
        except MarketDataError as error:
            said = str(error)
            assert said.startswith("x.parquet: found "), number
            assert "\n" not in said, number
    return count


def test_a_whole_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(whole())
    assert parquet_table(tmp_path / "x.parquet").equals(pl.read_parquet(io.BytesIO(whole())))


def test_a_damaged_file_is_one_sentence_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Of these the reader of Polars prints three backtraces, and the 486th ends the process.
    assert 0 < read(tmp_path / "x.parquet", range(390, 500)) < 110
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("zone", [b"\xffTC", b"UT\xff", b"U<C"])
def test_a_zone_that_there_is_not_is_refused_for_bars_and_ticks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], zone: bytes
) -> None:
    path, content = tmp_path / "x.parquet", whole()
    (found,) = re.finditer(rb"[A-Za-z0-9+/]{200,}={0,2}", content)
    schema = base64.b64decode(found[0])
    assert schema.count(b"UTC") == 1
    changed = base64.b64encode(schema.replace(b"UTC", zone))
    path.write_bytes(content.replace(found[0], changed))
    for read_it in (parquet_table, lambda path: [*raw_batches(path)]):
        with pytest.raises(MarketDataError, match=r"^x\.parquet: found .*(UTF-8|time zone)[^\n]*$"):
            read_it(path)
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_twenty_thousand_damaged_files_are_one_sentence_each(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    count = read(tmp_path / "x.parquet", range(20_000))
    assert capfd.readouterr().err == ""
    print(f"20,000 damaged Parquet files: {count} were read, {20_000 - count} refused")
