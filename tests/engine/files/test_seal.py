"""A sealed file says itself whether it is what was written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.files.seal as seal_module
from engine.files import UNSEALED, DamagedFile, is_whole, read_json, write_json
from engine.files.seal import seal
from engine.files.writing import parquet_bytes

FRAME = pl.DataFrame({"x": [1.5, 2.5, None], "name": ["a", "b", "c"]})
SEALED = parquet_bytes(FRAME, footer={"key": "value"})


def test_a_sealed_table_reads_as_before() -> None:
    assert pl.read_parquet(io.BytesIO(SEALED)).equals(FRAME)
    assert pl.read_parquet_metadata(io.BytesIO(SEALED))["key"] == "value"
    assert is_whole(SEALED) is True


def test_the_same_table_gives_the_same_bytes() -> None:
    assert parquet_bytes(FRAME, footer={"key": "value"}) == SEALED


def test_no_flipped_bit_of_a_sealed_table_goes_unseen() -> None:
    for place in range(8 * len(SEALED)):
        flipped = bytearray(SEALED)
        flipped[place // 8] ^= 1 << place % 8
        assert is_whole(bytes(flipped)) is not True, place


@settings(database=None)
@given(length=st.integers(0, len(SEALED) - 1))
def test_no_cut_table_is_taken_for_whole(length: int) -> None:
    assert is_whole(SEALED[:length]) is not True


def test_what_was_never_sealed_is_told_from_what_is_damaged() -> None:
    assert is_whole(parquet_bytes(FRAME, sealed=False)) is None
    assert is_whole(b"") is None


def test_a_checksum_that_stands_far_from_the_end_is_found_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seal_module, "_TAIL", 100)
    monkeypatch.setattr(seal_module, "_CHUNK", 7)
    whole = seal(b"a" * 500 + UNSEALED.encode() + b"b" * 500)
    assert is_whole(whole) is True
    assert whole == seal_module.seal(b"a" * 500 + UNSEALED.encode() + b"b" * 500)
    assert is_whole(whole[:-1] + b"c") is False
    assert is_whole(b"c" + whole[1:]) is False


def test_content_without_a_place_for_its_checksum_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="no place for a checksum"):
        seal(b"{}")


def test_a_text_in_a_file_that_looks_like_a_checksum_changes_nothing(tmp_path: Path) -> None:
    content = {"description": UNSEALED, "other": "mc-sha256:"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content


@settings(database=None)
@given(content=st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=5))
def test_json_comes_back_as_it_was_written(
    content: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content.pop("checksum", None)
    path = tmp_path_factory.mktemp("json") / "a.json"
    write_json(path, content)
    assert read_json(path) == content
    assert "checksum" in json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "it has no checksum"),
        (b"\xff\xfe", "it has no checksum"),
        (b'{"checksum": "mc-sha256:0"}', "it does not match its checksum"),
    ],
)
def test_damaged_json_is_named(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with pytest.raises(DamagedFile, match=rf"a\.json is damaged: {said}"):
        read_json(path)
