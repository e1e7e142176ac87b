"""Hostile or damaged files of option chains: one sentence, or the quotes that are whole.

A failure names the number that makes its file again: ``_damaged(_WHOLE[name](), Random(number))``.
"""

from __future__ import annotations

import gzip
import io
import random
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl
import pytest

import engine as mc

_HEADER: Final = b"date,expiry,strike,right,bid,ask\n"


def _rows(count: int, first: int = 0) -> bytes:
    return b"".join(
        b"2024-01-02,2024-02-16,%d,%s,%d.5,%d.75\n" % (400 + at // 2, (b"c", b"p")[at % 2], 9, 9)
        for at in range(first, first + count)
    )


def _zipped(*contents: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return packed.getvalue()


def _parquet() -> bytes:
    made = io.BytesIO()
    pl.read_csv(_HEADER + _rows(60)).write_parquet(made)
    return made.getvalue()


def _read(folder: Path, name: str, content: bytes) -> mc.OptionChain:
    (folder / name).write_bytes(content)
    return mc.read_option_chain(folder / name)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("q.csv.gz", lambda: gzip.compress(_HEADER + b" " * 40_000_000), "more than 200 times"),
        ("q.zip", lambda: _zipped(_HEADER + b" " * 40_000_000), "bytes unpacked"),
        ("q.csv", lambda: b"\0" * 1_000_000, "binary data"),
        ("q.csv", lambda: b"1" * 5_000_000, "one for the expiry"),
        ("q.csv.gz", lambda: gzip.compress(_HEADER + _rows(60))[:-20], "a damaged gzip file"),
        ("q.zip", lambda: _zipped(_HEADER + _rows(60))[:200], "cannot be read as .zip"),
        ("q.parquet", lambda: _HEADER + _rows(60), "a file that is not Parquet"),
        ("q.csv", lambda: b"", "cannot be read as .csv"),
    ],
    ids=[
        *("a bomb in gzip", "a bomb in zip", "zeros", "an endless line", "a cut gzip"),
        *("a cut zip", "no Parquet", "nothing"),
    ],
)
def test_a_hostile_file_is_refused_in_one_sentence_and_little_memory(
    tmp_path: Path, name: str, content: Callable[[], bytes], sentence: str
) -> None:
    made = content()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(mc.Refusal) as refusal:
        _read(tmp_path, name, made)
    said = str(refusal.value)
    assert sentence in said
    assert name in said
    assert "\n" not in said
    assert len(said) < 600
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize(
    "row",
    [
        b'2024-01-02,"2024-02-16,500,c,1,2\n',
        b'2024-01-02,2024-02-16,500,c,"1,2\n',
        b'2024-01-02,2024-02-16,5"00,c,1,2\n',
        b"2024-01-02,2024-02-16,\xff,c,1,2\n",
        b"2024-01-02,2024-02-16,1e999,c,1,2\n",
        b"0000-00-00,9999-99-99,500,c,1,2\n",
    ],
    ids=["an open quote", "another", "a quote inside", "no UTF-8", "an infinity", "no dates"],
)
def test_one_hostile_row_is_set_aside_and_the_others_stay(tmp_path: Path, row: bytes) -> None:
    chain = _read(tmp_path, "q.csv", _HEADER + _rows(30) + row + _rows(30, 30))
    assert (len(chain), len(chain.set_aside)) == (60, 1)


def test_damaged_chains_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    read, refused = _check_damaged(range(40), tmp_path)
    assert read >= 5
    assert refused >= 5


@pytest.mark.slow
def test_two_thousand_damaged_chains_are_read_or_refused(tmp_path: Path) -> None:
    read, refused = _check_damaged(range(1_000, 3_000), tmp_path)
    print(f"\n2,000 damaged files of option chains: {read} were read, {refused} refused")


_WHOLE: Final[dict[str, Callable[[], bytes]]] = {
    "q.csv": lambda: _HEADER + _rows(60),
    "q.csv.gz": lambda: gzip.compress(_HEADER + _rows(60)),
    "q.zip": lambda: _zipped(_HEADER + _rows(30), _HEADER + _rows(30, 30)),
    "q.parquet": _parquet,
}
_PUT_IN: Final = (
    *(b"\0", b"\n", b",", b'"', b"nan", b"inf", b"-", b"1e999", b"1e308", b"9" * 40, b"\xff"),
    *(b"\r", "é".encode(), b"2020-02-30", b"9999-12-31", b"0001-01-01"),
)


def _damaged(content: bytes, chance: random.Random) -> bytes:
    """Flip, lose, put in or cut something, in a few places."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at : at + chance.choice([1, 1, 10, 200])]
            case 2:
                changed[at:at] = chance.choice(_PUT_IN)
            case 3:
                del changed[at:]
            case _:
                changed[at] = chance.randrange(256)
        changed = changed or bytearray(b"\n")
    return bytes(changed)


def _check_damaged(numbers: range, folder: Path) -> tuple[int, int]:
    whole = {name: make() for name, make in _WHOLE.items()}
    read = refused = 0
    for number in numbers:
        chance = random.Random(number)
        name = chance.choice(list(whole))
        try:
            chain = _read(folder, name, _damaged(whole[name], chance))
            assert len(chain) + len(chain.set_aside) <= 200, number
            read += 1
        except (ValueError, OSError) as error:
            said = str(error)
            assert name in said, (number, said)
            assert "\n" not in said, (number, said)
            assert len(said) < 1_500, (number, said)
            refused += 1
    return read, refused
