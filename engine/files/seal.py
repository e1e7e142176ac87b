"""A file's checksum inside the file itself, so that nothing can come between the two.

A checksum in a file beside it needs two writes, and a kill between them leaves a sound file that
looks damaged. A sealed file is one write: it is made with `UNSEALED` as a value of its own (a key's
in the metadata of a Parquet file, the last entry's of a JSON object), and the SHA-256 of all bytes
but the digits takes the place of the zeros. Any reader of Parquet or JSON still reads it.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["SEAL", "UNSEALED", "is_whole", "seal"]

#: Key of the checksum in the metadata of a Parquet file and in a JSON object.
SEAL: Final = "checksum"

_MARK: Final = b"mc-sha256:"
_DIGITS: Final = 64

#: What a file is made with where its checksum will stand.
UNSEALED: Final = _MARK.decode() + "0" * _DIGITS


def seal(content: bytes | bytearray | memoryview) -> bytes:
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
    whole = bytes(content)
    place = whole.rfind(UNSEALED.encode())
    if place < 0:
        raise ValueError(
            "content: found no place for a checksum, allowed one that was made with it"
        )
    first = place + len(_MARK)
    return whole[:first] + _digest(whole, first) + whole[first + _DIGITS :]


def is_whole(content: bytes) -> bool | None:
    """Whether a file's bytes are those that were sealed; None where it was never sealed.

    Parameters
    ----------
    content : bytes
        The file.
    """
    place = content.rfind(_MARK)
    if place < 0:
        return None
    first = place + len(_MARK)
    return content[first : first + _DIGITS] == _digest(content, first)


def _digest(content: bytes, first: int) -> bytes:
    """SHA-256 of everything but the digits that begin at `first`, as hexadecimal digits."""
    view = memoryview(content)
    digest = hashlib.sha256(view[:first])
    digest.update(view[first + _DIGITS :])
    return digest.hexdigest().encode()
