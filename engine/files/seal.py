"""A file's checksum inside the file itself, so that nothing can come between the two.

A checksum in a file beside it needs two writes, and a kill between them leaves a sound file that
looks damaged. A sealed file is one write: it is made with `UNSEALED` as a value of its own (a key's
in the metadata of a Parquet file, the last entry's of a JSON object), and the SHA-256 of all bytes
but the digits takes the place of the zeros. Any reader of Parquet or JSON still reads it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO, Final

from engine.errors import Refusal

__all__ = ["SEAL", "UNSEALED", "is_whole", "is_whole_file", "seal", "seal_file"]

#: Key of the checksum in the metadata of a Parquet file and in a JSON object.
SEAL: Final = "checksum"

_MARK: Final = b"mc-sha256:"
_DIGITS: Final = 64
# Read at once: files are larger than a machine with many processors wants to hold in memory.
_CHUNK: Final = 2**20
# A checksum stands near the end: behind the rows, among what describes the table.
_TAIL: Final = 2**22

#: What a file is made with where its checksum will stand.
UNSEALED: Final = _MARK.decode() + "0" * _DIGITS


def seal(content: bytes) -> bytes:
    """Put the checksum of a file's bytes in the place kept for it.

    Parameters
    ----------
    content : bytes
        The file, with `UNSEALED` in it once.

    Returns
    -------
    bytes
        As long as `content`.

    Raises
    ------
    ValueError
        If no place is kept.

    Examples
    --------
    >>> is_whole(seal(b'{"x": 1, "checksum": "' + UNSEALED.encode() + b'"}'))
    True
    """
    place = content.rfind(UNSEALED.encode())
    if place < 0:
        raise Refusal("content", "no place for a checksum", "one that was made with it")
    first = place + len(_MARK)
    digits = _digest(io.BytesIO(content), first)
    view = memoryview(content)
    return b"".join((view[:first], digits, view[first + _DIGITS :]))


def seal_file(path: Path) -> None:
    """Put the checksum of a file's bytes in the place kept for it, as `seal`, little by little.

    Parameters
    ----------
    path : Path
        A file too large to be held in memory, with `UNSEALED` in its last megabytes once.

    Raises
    ------
    ValueError
        If no place is kept.
    """
    with path.open("r+b") as file:
        start = max(file.seek(0, io.SEEK_END) - _TAIL, 0)
        file.seek(start)
        place = file.read().rfind(UNSEALED.encode())
        if place < 0:
            raise Refusal("file", "no place for a checksum", "one that was made with it", file=path)
        first = start + place + len(_MARK)
        digits = _digest(file, first)
        file.seek(first)
        file.write(digits)


def is_whole(content: bytes) -> bool | None:
    """Whether a file's bytes are those that were sealed; None where it was never sealed.

    Parameters
    ----------
    content : bytes
        The file.
    """
    return is_whole_file(io.BytesIO(content))


def is_whole_file(file: BinaryIO) -> bool | None:
    """Whether an open file is what was sealed, as `is_whole`; little of it is in memory at once.

    Parameters
    ----------
    file : binary file
        Open for reading; its position changes.
    """
    size = file.seek(0, io.SEEK_END)
    start = max(size - _TAIL, 0)
    file.seek(start)
    place = file.read().rfind(_MARK)
    if place < 0 and start > 0:
        file.seek(0)
        start, place = 0, file.read().rfind(_MARK)
    if place < 0:
        return None
    first = start + place + len(_MARK)
    file.seek(first)
    return file.read(_DIGITS) == _digest(file, first)


def _digest(file: BinaryIO, first: int) -> bytes:
    """SHA-256 of everything but the digits that begin at `first`, as hexadecimal digits."""
    digest = hashlib.sha256()
    file.seek(0)
    left = first
    while left > 0 and (chunk := file.read(min(left, _CHUNK))):
        digest.update(chunk)
        left -= len(chunk)
    file.seek(first + _DIGITS)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest().encode()
