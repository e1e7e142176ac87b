"""Files are read for their checksum once, and again when anything about them changed."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import engine.files.verified as verified_module
from engine.files import MEMORY, DamagedFile, VerifiedFiles, kind_of, read_parquet, write_parquet

FRAME = pl.DataFrame({"x": [1, 2, 3]})


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose content was read, in order."""
    seen: list[str] = []
    real = verified_module._look

    def look(path: Path, checksum: str | None) -> Any:
        seen.append(path.name)
        return real(path, checksum)

    monkeypatch.setattr(verified_module, "_look", look)
    return seen


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as unchanged for long."""
    monkeypatch.setattr(verified_module, "_SETTLED_SECONDS", -1.0)


def test_a_file_is_read_once_in_all_processes(
    tmp_path: Path, looked: list[str], settled: None
) -> None:
    write_parquet(FRAME, tmp_path / "a.parquet")
    for _ in range(2):
        one = VerifiedFiles(tmp_path)
        assert [one.damage(tmp_path / "a.parquet") for _ in range(2)] == [None, None]
    assert looked == ["a.parquet"]


def test_a_check_of_everything_believes_no_memory(
    tmp_path: Path, looked: list[str], settled: None
) -> None:
    write_parquet(FRAME, tmp_path / "a.parquet")
    assert VerifiedFiles(tmp_path).damage(tmp_path / "a.parquet") is None
    before = (tmp_path / MEMORY).read_bytes()
    assert VerifiedFiles(tmp_path, remember=False).damage(tmp_path / "a.parquet") is None
    assert looked == ["a.parquet", "a.parquet"]
    assert (tmp_path / MEMORY).read_bytes() == before


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def _flip_in_place_and_hide_it(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(8)
        (byte,) = file.read(1)
        file.seek(8)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_flip, "is damaged: it does not match its checksum"),
        (_flip_in_place_and_hide_it, "is damaged: it does not match its checksum"),
        (lambda path: path.write_bytes(path.read_bytes()[:-50]), "is damaged: it "),
        (lambda path: path.write_bytes(b""), "is damaged: it has no checksum"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.unlink() or path.mkdir(), "is damaged: it cannot be read"),
    ],
)
def test_what_was_whole_and_changed_is_read_again(
    tmp_path: Path, settled: None, change: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "a.parquet"
    write_parquet(FRAME, path)
    verified = VerifiedFiles(tmp_path)
    assert verified.damage(path) is None
    time.sleep(0.02)
    change(path)
    for asked in (verified, VerifiedFiles(tmp_path)):
        assert str(asked.damage(path)).startswith(said)


def test_a_file_that_changed_a_moment_ago_is_not_remembered(
    tmp_path: Path, looked: list[str]
) -> None:
    write_parquet(FRAME, tmp_path / "a.parquet")
    verified = VerifiedFiles(tmp_path)
    assert verified.damage(tmp_path / "a.parquet") is None
    assert verified.damage(tmp_path / "a.parquet") is None
    assert looked == ["a.parquet"] * 2
    assert not (tmp_path / MEMORY).exists()


def test_another_checksum_than_the_remembered_one_is_looked_for(
    tmp_path: Path, settled: None
) -> None:
    path = tmp_path / "part.parquet"
    write_parquet(FRAME, path, sealed=False)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    verified = VerifiedFiles(tmp_path)
    assert verified.damage(path, checksum) is None
    assert verified.damage(path, "0" * 64) == "is damaged: it does not match its checksum"
    assert verified.damage(path) == "is damaged: it has no checksum"


def test_a_memory_that_was_cut_or_damaged_makes_no_file_whole(
    tmp_path: Path, looked: list[str], settled: None
) -> None:
    for name in "ab":
        write_parquet(FRAME, tmp_path / f"{name}.parquet")
    files = [(tmp_path / f"{name}.parquet", None) for name in "ab"]
    assert VerifiedFiles(tmp_path).damages(files) == [None, None]
    memory = tmp_path / MEMORY
    first, second = memory.read_text().splitlines()
    memory.write_text(first.replace(json.loads(first)[1][:5], "00000") + "\n" + second[:20])
    looked.clear()
    assert VerifiedFiles(tmp_path).damages(files) == [None, None]
    assert sorted(looked) == ["a.parquet", "b.parquet"]


def test_a_memory_of_files_long_gone_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    monkeypatch.setattr(verified_module, "_FEW_LINES", 10)
    path = tmp_path / "a.parquet"
    for number in range(30):
        write_parquet(pl.DataFrame({"x": [number]}), path)
        assert VerifiedFiles(tmp_path).damage(path) is None
    assert len((tmp_path / MEMORY).read_text().splitlines()) <= 11


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(
    tmp_path: Path, settled: None
) -> None:
    write_parquet(FRAME, tmp_path / "a.parquet")
    (tmp_path / MEMORY).mkdir()
    assert VerifiedFiles(tmp_path).damage(tmp_path / "a.parquet") is None


def test_a_damaged_file_is_named_with_what_makes_it_again(tmp_path: Path) -> None:
    path = tmp_path / "bars" / "1d" / "X" / "2020.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1")
    with pytest.raises(DamagedFile) as caught:
        read_parquet(tmp_path, path)
    sentence = (
        f"{path} is damaged: it has no checksum; "
        "`mc ingest SERIES` makes it again from what the provider sent"
    )
    assert str(caught.value) == sentence
    assert str(pickle.loads(pickle.dumps(caught.value))) == sentence
    assert kind_of(path) == "bars"
    assert kind_of(tmp_path / "x") is None
