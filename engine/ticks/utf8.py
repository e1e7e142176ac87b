"""A stream of bytes as UTF-8, whatever is in it."""

from __future__ import annotations

import codecs
from typing import Any

__all__ = ["Utf8Stream"]


class Utf8Stream:
    r"""Bytes of a stream, with a question mark for each sequence that is not UTF-8.

    One bad byte makes one bad cell; pyarrow would refuse the whole file, or print a traceback where
    the row has another length, too.

    Parameters
    ----------
    stream : file object
        Binary; it is not closed.

    Examples
    --------
    >>> import io
    >>> Utf8Stream(io.BytesIO(b"1,\xf2,\xc3\xa9")).read(100).decode()
    '1,?,é'
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._cut = b""
        self.closed = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes and never more; none at the end of the stream."""
        while True:
            # A character that the last read cut, of at most three bytes, counts as of this one.
            new = self._stream.read(max(size - len(self._cut), 1))
            if not self._cut and new.isascii():
                return bytes(new)
            text, used = codecs.utf_8_decode(data := self._cut + new, "replace", not new)
            self._cut = data[used:]
            if text or not new:
                return text.replace("\ufffd", "?").encode()

    def close(self) -> None:
        """Read no more."""
        self.closed = True
