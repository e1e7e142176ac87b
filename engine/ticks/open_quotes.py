"""Lines of text whose quotes end with the line."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["ClosedQuotes"]

# A longer line is refused by the reader of the file, which needs no help here.
_LONGEST: Final = 4 << 20


class ClosedQuotes:
    r"""Bytes of a stream of lines, with question marks for quotes that a line leaves open.

    No cell of a file of ticks holds an end of line. To pyarrow an open quote takes the lines behind
    it into its cell, up to the next quote: rows would be lost in a column that nobody reads.

    Parameters
    ----------
    stream : file object
        Binary; it is not closed.
    delimiter : str
        Between cells.

    Examples
    --------
    >>> import io
    >>> text = b'1,"a\n2,"b"\n'
    >>> ClosedQuotes(io.BytesIO(text), ",").read(100)
    b'1,?a\n2,"b"\n'
    """

    def __init__(self, stream: Any, delimiter: str) -> None:
        self._stream = stream
        cut = re.escape(delimiter.encode())
        # A quote that is not the first character of its cell is one as any other.
        cell = rb'(?:"(?:[^"]|"")*+"[^%b]*+|(?!")[^%b]*+)' % (cut, cut)
        self._closed = re.compile(rb"%b(?:%b%b)*+" % (cell, cut, cell), re.DOTALL)
        self._line = b""
        self._ready = b""
        self._ended = False
        self.closed = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes and never more; none at the end of the stream."""
        while not self._ready and not self._ended:
            new = self._stream.read(size)
            self._ended = not new
            data = self._line + new
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            if self._ended or (not end and len(data) > _LONGEST):
                end = len(data)
            self._line, self._ready = data[end:], data[:end]
            if b'"' in self._ready:
                lines = self._ready.splitlines(keepends=True)
                self._ready = b"".join(map(self._mended, lines))
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def close(self) -> None:
        """Read no more."""
        self.closed = True

    def _mended(self, line: bytes) -> bytes:
        if b'"' not in line or self._closed.fullmatch(line.rstrip(b"\r\n")):
            return line
        return line.replace(b'"', b"?")
