"""Files of ticks that mean ill, or were damaged: one sentence, or the rows that are whole."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from engine.tables.line_quotes import LineQuotes
from engine.ticks import RawTicks, TickReport, write_days
from engine.ticks.utf8 import Utf8Stream

_HEADER: Final = b"ts,bid_px,ask_px,bid_sz,ask_sz\n"
_FIRST: Final = 1_704_205_800_138_000_000


def _rows(count: int, first: int = 0) -> bytes:
    return b"".join(b"%d,100,101,1,2\n" % (_FIRST + at) for at in range(first, first + count))


def _gzipped(piece: bytes, times: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(_HEADER)
        for _ in range(times):
            file.write(piece)
    return packed.getvalue()


def _zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("q.csv", content)
    return packed.getvalue()


def _parquet(columns: int = 0) -> bytes:
    stamps = [_FIRST + at for at in range(200)]
    prices = {"bid_px": 100.0, "ask_px": 101.0, "bid_sz": 1.0, "ask_sz": 2.0}
    wide = {f"c{number}": 1.0 for number in range(columns)}
    made = io.BytesIO()
    pl.DataFrame({"ts": stamps}).with_columns(
        pl.lit(value).alias(name) for name, value in (prices | wide).items()
    ).write_parquet(made)
    return made.getvalue()


def _imported(folder: Path, name: str, content: bytes) -> TickReport:
    (folder / name).write_bytes(content)
    return write_days(RawTicks(folder / name, symbol="X"), folder / "data", name)[1]


def _refused(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises((ValueError, OSError)) as caught:
        _imported(folder, name, content)
    said = str(caught.value)
    assert "\n" not in said
    assert name in said
    assert len(said) < 600
    assert not list((folder / "data").rglob("*.parquet"))
    return said


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("q.csv", lambda: b"1" * 5_000_000, "line 1: found more than 65,536 bytes"),
        ("q.csv", lambda: b",".join(b"c%d" % at for at in range(1_000_000)), "line 1: found more"),
        ("q.csv", lambda: _HEADER + _rows(9) + b"1" * 5_000_000, "a line of more than 2,097,152"),
        ("q.csv", lambda: _HEADER + b'"' + b"a" * 5_000_000, "a line of more than 2,097,152"),
        (
            "q.csv",
            lambda: _HEADER + _rows(200) + b"\0" * 5_000_000,
            "a line of more than 2,097,152",
        ),
        ("q.csv", lambda: b"\0" * 1_000_000, "found text that is not UTF-8"),
        ("q.csv.gz", lambda: _gzipped(b" " * 4_000_000, 10), "a line of more than 2,097,152"),
        ("q.csv.zip", lambda: _zipped(_HEADER + b" " * 40_000_000), "a line of more than"),
        ("q.csv.gz", lambda: _gzipped(_rows(200), 1)[:-30], "a broken file"),
        ("q.csv.gz", lambda: _HEADER + _rows(9), "a broken file"),
        ("q.csv.zip", lambda: _HEADER + _rows(9), "a broken file"),
        ("q.parquet", lambda: _HEADER + _rows(9), "a broken file"),
        ("q.parquet", lambda: b"", "a broken file"),
    ],
    ids=[
        *("an endless line", "a million columns", "an endless row", "an endless quotation"),
        *("zeros at the end", "zeros", "a bomb in gzip", "a bomb in zip", "a cut gzip"),
        *("no gzip", "no zip", "no Parquet", "nothing"),
    ],
)
def test_a_hostile_file_of_ticks_is_refused_in_one_sentence_and_little_memory(
    tmp_path: Path, name: str, content: Callable[[], bytes], sentence: str
) -> None:
    made = content()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sentence in _refused(tmp_path, name, made)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"," * 1_000_000 + b"\n", "bad_row"),
        (b"%d,\0,101,1,2\n" % (_FIRST + 50), "text_cell"),
        (b"%d,\xf2,101,1,2\n" % (_FIRST + 50), "text_cell"),
        (b"x\xf2x\n", "bad_row"),
        (b"9" * 40 + b",100,101,1,2\n", None),
        (b'%d,"100,101,1,2\n' % (_FIRST + 50), "text_cell"),
        (b'%d,1"00",101,1,"2\n' % (_FIRST + 50), "text_cell"),
    ],
    ids=[
        *("a million cells", "a NUL", "no UTF-8", "no UTF-8 in a short row", "an endless stamp"),
        *("an open quote", "an open quote in the last cell"),
    ],
)
def test_one_hostile_row_is_set_aside_and_the_others_stay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], row: bytes, reason: str | None
) -> None:
    report = _imported(tmp_path, "q.csv", _HEADER + _rows(50) + row + _rows(50, 60))
    assert (report.events, report.quarantined) == (100, 1)
    assert reason is None or report.reasons == {reason: 1}
    assert capfd.readouterr().err == ""


def test_no_read_of_a_stream_returns_more_than_was_asked_for_or_changes_good_text() -> None:
    text = "é,€,𝟙,x\n".encode() * 40
    for size in (4, 5, 7, 64):
        stream, pieces = Utf8Stream(io.BytesIO(text)), []
        while piece := stream.read(size):
            assert len(piece) <= size
            pieces.append(piece)
        assert b"".join(pieces) == text
    cut = Utf8Stream(io.BytesIO(b"a\xe2\x82"))
    assert [cut.read(64), cut.read(64), cut.read(64)] == [b"a", b"?", b""]


def test_a_quoted_cell_ends_with_its_line_and_all_others_are_as_they_were() -> None:
    lines = [b'"1","2"', b'"1,2', b'"a ""b"" c",2', b'1"2","3', b"", b'"a\xc3\xa9",""']
    told = [b'"1","2"', b"?1,2", b'"a ""b"" c",2', b"1?2?,?3", b"", b'"a\xc3\xa9",""']
    for end in (b"\n", b"\r\n"):
        for size in (16, 17, 40, 1_000):
            stream, pieces = LineQuotes(io.BytesIO(end.join(lines)), ","), []
            while piece := stream.read(size):
                assert len(piece) <= size
                pieces.append(piece)
            assert b"".join(pieces) == end.join(told)


def test_a_zip_damaged_in_its_middle_is_one_sentence(tmp_path: Path) -> None:
    whole = _zipped(_HEADER + _rows(5_000))
    for place in range(40, len(whole) - 120, len(whole) // 12):
        damaged = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        assert "a broken file" in _refused(tmp_path, "q.csv.zip", damaged)


def test_damaged_files_of_ticks_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    read, refused = _check_damaged(range(30), tmp_path)
    assert read >= 5
    assert refused >= 5


@pytest.mark.slow
def test_two_thousand_damaged_files_of_ticks_are_read_or_refused(tmp_path: Path) -> None:
    read, refused = _check_damaged(range(1_000, 3_000), tmp_path)
    print(f"\n2,000 damaged files of ticks: {read} were read, {refused} refused in one sentence")


@pytest.mark.slow
@pytest.mark.parametrize("piece", [b"\n" * 8_000_000, b"x,x,x,x,x\n" * 400_000])
def test_hundreds_of_megabytes_in_a_small_file_take_little_memory(
    tmp_path: Path, piece: bytes
) -> None:
    content = _gzipped(piece, 400_000_000 // len(piece))
    assert len(content) < 5_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _refused(tmp_path, "q.csv.gz", content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


_WHOLE: Final[dict[str, Callable[[], bytes]]] = {
    "q.csv": lambda: _HEADER + _rows(200),
    "q.csv.gz": lambda: _gzipped(_rows(200), 1),
    "q.csv.zip": lambda: _zipped(_HEADER + _rows(200)),
    "q.csv.bz2": lambda: bz2.compress(_HEADER + _rows(200)),
    "q.csv.xz": lambda: lzma.compress(_HEADER + _rows(200)),
    "q.parquet": _parquet,
}
_PUT_IN: Final = (
    *(b"\0", b"\n", b",", b'"', b"nan", b"inf", b"-", b"1e999", b"9" * 40, b"\xff", b"\r"),
    *("é".encode(), b"2020-02-30"),
)


def _damaged(content: bytes, chance: random.Random) -> bytes:
    """Flip, lose, put in or cut something, in a few places."""
    bytes_ = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(bytes_))
        match chance.randrange(5):
            case 0:
                bytes_[at] ^= 1 << chance.randrange(8)
            case 1:
                del bytes_[at : at + chance.choice([1, 1, 10, 200])]
            case 2:
                bytes_[at:at] = chance.choice(_PUT_IN)
            case 3:
                del bytes_[at:]
            case _:
                bytes_[at] = chance.randrange(256)
        bytes_ = bytes_ or bytearray(b"\n")
    return bytes(bytes_)


def _check_damaged(numbers: range, folder: Path) -> tuple[int, int]:
    whole = {name: make() for name, make in _WHOLE.items()}
    read = refused = 0
    for number in numbers:
        chance = random.Random(number)
        name = chance.choice(list(whole))
        try:
            _imported(folder, name, _damaged(whole[name], chance))
            read += 1
        except (ValueError, OSError) as error:
            said = str(error)
            assert name in said or said.startswith("ticks: "), (number, said)
            assert "\n" not in said, (number, said)
            assert len(said) < 1_500, (number, said)
            refused += 1
    return read, refused


@pytest.mark.parametrize("line", [b',"open', b'"open,', b'x"y,"open', b'"a"",'])
def test_an_open_quote_takes_no_rows_behind_it(tmp_path: Path, line: bytes) -> None:
    lines = [b"note,flag," + _HEADER, *(b",," + row + b"\n" for row in _rows(500).splitlines())]
    lines[250] = line + b"," + _rows(1, 249)
    lines[400] = b'"a, b","""c",' + _rows(1, 399)
    report = _imported(tmp_path, "quotes.csv", b"".join(lines))
    assert report.events == 500
    priced = [_HEADER, *_rows(500).splitlines(keepends=True)]
    priced[250] = b'%d,"100,101,1,2\n' % (_FIRST + 249)
    report = _imported(tmp_path, "priced.csv", b"".join(priced))
    assert (report.events, report.quarantined) == (499, 1)
