"""Text files as UTF-8 bytes: unpacked within limits, decoded, with Unix line ends."""

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
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.tables.errors import MarketDataError

__all__ = ["MEGABYTES", "PACKED", "check_size", "only_member", "text_bytes"]

#: Default limit for the decompressed size of a file, megabytes.
MEGABYTES: Final = 1_000.0

#: Extensions of compressed files, after the extension of the format.
PACKED: Final = (".gz", ".zip", ".bz2", ".xz", ".zst")

_MEGABYTE: Final = 1_000_000
_PIECE: Final = 1 << 20
# Largest compression ratio of a price table; a higher one indicates a decompression bomb. Small
# files may consist of one repeated line and are exempt.
_RATIO: Final = 200
_SMALL: Final = 16 * _MEGABYTE
_MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
# UTF-32 marks come first, because they begin like those of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Spreadsheets write text cells as ="12.50".
_FORMULA: Final = re.compile(rb'="([^"\n]*)"')


def text_bytes(path: Path, megabytes: float = MEGABYTES) -> mmap.mmap | bytes:
    """Return a file as UTF-8 without byte-order mark, with Unix line ends.

    A file that is so already, as most are, is mapped and not copied.

    Parameters
    ----------
    path : Path
        The file, compressed or not.
    megabytes : float
        Largest decompressed size.

    Raises
    ------
    MarketDataError
        If the file is binary, too large, or a damaged or several-file archive.
    """
    size = path.stat().st_size
    if size == 0:
        return b""
    check_size(path.name, size, megabytes)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    packed = next((kind for magic, kind in _MAGIC.items() if mapped[: len(magic)] == magic), None)
    # Pure ASCII also excludes a byte-order mark.
    ascii_only = packed is None and np.frombuffer(mapped, dtype=np.uint8).max() < 128
    # Searching for one byte is much faster than for two.
    formulas = ascii_only and mapped.find(b'"') >= 0 and mapped.find(b'="') >= 0
    if ascii_only and not formulas and mapped.find(b"\r") < 0 and b"\0" not in mapped[:4096]:
        return mapped
    data = bytes(mapped) if packed is None else _unpacked(mapped, packed, path.name, megabytes)
    data = _decoded(data)
    # A few NUL bytes are bad cells; many indicate a binary file.
    if data[:4096].count(0) > len(data[:4096]) / 100:
        raise MarketDataError(path.name, "binary data", "text")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _FORMULA.sub(rb'"\1"', data) if b'="' in data else data


def check_size(name: str, size: float, megabytes: float) -> None:
    """Refuse a file, or a table, that is larger than allowed.

    Raises
    ------
    MarketDataError
        Names the file, what was found and the option that allows more.
    """
    if size > megabytes * _MEGABYTE:
        raise MarketDataError(
            name, f"more than {megabytes:,g} MB", "up to that (options.megabytes)"
        )


def _unpacked(data: mmap.mmap, kind: str, name: str, megabytes: float) -> bytes:
    """Decompress in chunks and stop early at a limit."""
    unpacked = bytearray()
    try:
        for piece, taken in _pieces(data, kind, name):
            unpacked += piece
            check_size(name, len(unpacked), megabytes)
            if len(unpacked) > max(_SMALL, _RATIO * taken):
                raise MarketDataError(
                    name,
                    f"a {kind} file that unpacks to more than {_RATIO} times its size",
                    "less",
                )
    except (
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
    ) as error:
        if isinstance(error, MarketDataError):
            raise
        raise MarketDataError(name, f"a damaged {kind} file ({error})", "a whole one") from None
    return bytes(unpacked)


def _pieces(data: mmap.mmap, kind: str, name: str) -> Iterator[tuple[bytes, int]]:
    """Yield chunks of the content, each with the number of input bytes consumed so far."""
    with ExitStack() as stack:
        file = io.BytesIO(data)
        stream: Any
        if kind == "zip":
            archive = stack.enter_context(zipfile.ZipFile(file))
            member = only_member(archive, name)
            stream = stack.enter_context(archive.open(member))
        elif kind == "gzip":
            stream = stack.enter_context(gzip.GzipFile(fileobj=file))
        elif kind == "bzip2":
            stream = stack.enter_context(bz2.BZ2File(file))
        elif kind == "xz":
            stream = stack.enter_context(lzma.LZMAFile(file))
        else:
            import pyarrow as pa

            stream = stack.enter_context(
                pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
            )
        while piece := stream.read(_PIECE):
            yield piece, file.tell() if kind != "zip" else member.compress_size


def only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Return the entry of an archive that holds a single file.

    Raises
    ------
    MarketDataError
        If there are several, or none, or it needs a password.
    """
    # macOS adds resource forks, which are ignored.
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        shown = ", ".join(member.filename for member in members[:5]) or "none"
        raise MarketDataError(name, f"the files {shown} in it", "one file")
    if members[0].flag_bits & 1:
        raise MarketDataError(name, "a file with a password", "one without")
    return members[0]


def _decoded(data: bytes) -> bytes:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").encode()
    # UTF-16 without a mark: every other byte of Latin text is zero.
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
