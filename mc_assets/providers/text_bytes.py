"""Text files as UTF-8 bytes: unpacked, decoded, with Unix line ends."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import mmap
import re
import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np

from mc_assets.providers.errors import MarketDataError

__all__ = ["PACKED", "only_member", "text_bytes"]

#: Endings of compressed files, after their own ending.
PACKED: Final = (".gz", ".zip", ".bz2", ".xz", ".zst")

_MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
# The longest mark first: UTF-32's begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Spreadsheets write a cell that must stay text as ="12.50".
_FORMULA: Final = re.compile(rb'="([^"\n]*)"')


def text_bytes(path: Path) -> mmap.mmap | bytes:
    """Return a file as UTF-8 without byte-order mark, with Unix line ends.

    A file that is so already, as most are, is mapped and not copied.

    Raises
    ------
    MarketDataError
        If the file is binary, or a damaged or several-file archive.
    """
    if path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    packed = next((kind for magic, kind in _MAGIC.items() if mapped[: len(magic)] == magic), None)
    # Below 128 every byte is ASCII, so there is no byte-order mark either.
    ascii_only = packed is None and np.frombuffer(mapped, dtype=np.uint8).max() < 128
    # One byte is found much faster than two.
    formulas = ascii_only and mapped.find(b'"') >= 0 and mapped.find(b'="') >= 0
    if ascii_only and not formulas and mapped.find(b"\r") < 0 and b"\0" not in mapped[:4096]:
        return mapped
    data = bytes(mapped) if packed is None else _unpacked(bytes(mapped), packed, path.name)
    data = _decoded(data)
    # A few zeros are bad cells; many say that the file is no text.
    if data[:4096].count(0) > len(data[:4096]) / 100:
        raise MarketDataError(f"{path.name}: found binary data, allowed text")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _FORMULA.sub(rb'"\1"', data) if b'="' in data else data


def _unpacked(data: bytes, kind: str, name: str) -> bytes:
    try:
        if kind == "gzip":
            return gzip.decompress(data)
        if kind == "bzip2":
            return bz2.decompress(data)
        if kind == "xz":
            return lzma.decompress(data)
        if kind == "zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return archive.read(only_member(archive, name))
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            content: bytes = stream.read()
            return content
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        if isinstance(error, MarketDataError):
            raise
        raise MarketDataError(
            f"{name}: found a damaged {kind} file ({error}), allowed a whole one"
        ) from None


def only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Entry of the one file in an archive.

    Raises
    ------
    MarketDataError
        If there are several, or none, or it needs a password.
    """
    # Resource forks that macOS adds are no files of the user's.
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        shown = ", ".join(member.filename for member in members[:5]) or "none"
        raise MarketDataError(f"{name}: found the files {shown} in it, allowed one file")
    if members[0].flag_bits & 1:
        raise MarketDataError(f"{name}: found a file with a password, allowed one without")
    return members[0]


def _decoded(data: bytes) -> bytes:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").encode()
    # UTF-16 without a mark: of Latin letters every other byte is zero.
    head = np.frombuffer(data[:4096][: len(data[:4096]) // 2 * 2], dtype=np.uint8).reshape(-1, 2)
    zeros = (head == 0).mean(axis=0) if len(head) else np.zeros(2)
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if zeros[place] > 0.9 and zeros[1 - place] == 0:
            return data.decode(encoding, errors="replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    if data.isascii():
        return data
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding).encode()
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1").encode()
