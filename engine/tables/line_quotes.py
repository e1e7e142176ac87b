"""CSV text in which no quoted cell goes on behind its line."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

__all__ = ["LineQuotes", "close_quotes"]

_QUOTE: Final = ord('"')
_NEWLINE: Final = np.uint8(ord("\n"))


def close_quotes(text: bytes, delimiter: str) -> bytes:
    r"""Return CSV text with question marks for the quotes of lines whose quotes are no pairs.

    Tables of prices have no cell of several lines. A quote that is never closed makes one bad cell;
    readers that know of such cells would take all lines up to the next quote for a part of it.

    Parameters
    ----------
    text : bytes
        UTF-8.
    delimiter : str
        What separates cells: a quote opens one only where it begins.

    Examples
    --------
    >>> close_quotes(b'1,"2,3\n"4",5\n', ",").decode()
    '1,?2,3\n"4",5\n'
    """
    if b'"' not in text:
        return text
    signs = np.frombuffer(text, dtype=np.uint8)
    quotes = np.flatnonzero(signs == _QUOTE)
    line_ends = np.flatnonzero((signs == ord("\n")) | (signs == ord("\r")))
    lines = np.searchsorted(line_ends, quotes)
    numbers = np.arange(quotes.size)
    is_first = np.r_[True, lines[1:] != lines[:-1]]
    place = numbers - np.maximum.accumulate(np.where(is_first, numbers, 0))
    breaks = np.frombuffer(f"{delimiter}\n\r".encode(), dtype=np.uint8)
    bounds = np.isin(np.r_[_NEWLINE, signs, _NEWLINE], breaks)
    # Most open at the beginning of a cell and close at its end, in turns.
    plain = np.where(place % 2 == 0, bounds[quotes], bounds[quotes + 2])
    odd = np.bincount(lines)[lines] % 2 == 1
    doubtful = np.unique(lines[~plain | odd])
    if not doubtful.size:
        return text
    sign = re.escape(delimiter).encode()
    # A cell that begins with a quote, up to the quote that closes it, if there is one.
    quoted = re.compile(rb"(?:(?<=" + sign + rb')|^)"(?:[^"]|"")*+(?P<closed>"?)')
    starts, ends = np.r_[0, line_ends + 1], np.r_[line_ends, len(text)]
    changed = bytearray(text)
    for start, end in zip(starts[doubtful].tolist(), ends[doubtful].tolist(), strict=True):
        line = text[start:end]
        if line.count(b'"') % 2 or any(not cell["closed"] for cell in quoted.finditer(line)):
            changed[start:end] = line.replace(b'"', b"?")
    return bytes(changed)


class LineQuotes:
    r"""Bytes of a stream of CSV text, as `close_quotes` returns them.

    Parameters
    ----------
    stream : file object
        Binary, UTF-8; it is not closed.
    delimiter : str
        What separates cells.

    Examples
    --------
    >>> import io
    >>> LineQuotes(io.BytesIO(b'1,"2,3\n"4",5\n'), ",").read(100).decode()
    '1,?2,3\n"4",5\n'
    """

    def __init__(self, stream: Any, delimiter: str) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._held = b""
        self.closed = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes and never more; none at the end of the stream."""
        while True:
            new = bytes(self._stream.read(max(size - len(self._held), 1)))
            text = self._held + new
            if b'"' not in text:
                self._held = b""
                return text
            # A line that is cut waits for its end, unless it is longer than what is asked for.
            whole = 1 + max(text.rfind(b"\n"), text.rfind(b"\r")) if new else len(text)
            if not whole and len(text) >= size:
                whole = len(text)
            self._held = text[whole:]
            if whole:
                return close_quotes(text[:whole], self._delimiter)

    def close(self) -> None:
        """Read no more."""
        self.closed = True
