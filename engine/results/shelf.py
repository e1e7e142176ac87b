"""Arrays that are put away and taken back in slices: the first ones in memory, the rest in a file.

The file has no name: it is gone when the shelf is, whatever ends the process.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.errors import storage_reason

__all__ = ["Shelf", "Shelved"]

Floats = NDArray[np.float64]

# Numbers that are kept in memory: 32 MB.
_MOST_NUMBERS: Final = 4_000_000


@dataclass(frozen=True)
class Shelved:
    """An array of shape (rows, width) on a shelf.

    Parameters
    ----------
    rows, width : int
        Its shape.
    held : ndarray of float64, shape (rows, width), optional
        The array itself, if it is kept in memory.
    first : int
        Where it begins in the file, in bytes.
    """

    rows: int
    width: int
    held: Floats | None
    first: int


class Shelf:
    """Where arrays are put away.

    Parameters
    ----------
    folder : Path, optional
        Folder of the file, which is as large as what is put away; that of temporary files if it
        is None or nothing can be written there.
    most : int
        Numbers that are kept in memory before the file is begun.
    """

    def __init__(self, folder: Path | None = None, most: int = _MOST_NUMBERS) -> None:
        self._folder, self._most = folder, most
        self._numbers = self._bytes = 0
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def in_file(self) -> int:
        """Bytes in the file."""
        return self._bytes

    def put(self, values: Floats) -> Shelved:
        """Put an array of shape (rows, width) away.

        Raises
        ------
        Refusal
            If there is no room for it on the disk.
        """
        rows, width = values.shape
        plain = np.ascontiguousarray(values, dtype=np.float64)
        with self._lock:
            if self._numbers + plain.size <= self._most:
                self._numbers += plain.size
                return Shelved(rows, width, plain, 0)
            first = self._bytes
            try:
                if self._file is None:
                    self._file = self._opened()
                    weakref.finalize(self, self._file.close)
                self._file.write(plain.data)
                self._file.flush()
            except OSError as error:
                raise Refusal(
                    "results",
                    f"no room to sort their rows by parameter set ({storage_reason(error)})",
                    hint="make room, or name a folder for temporary files in TMPDIR",
                ) from None
            self._bytes += plain.nbytes
            return Shelved(rows, width, None, first)

    def take(self, shelved: Shelved, first: int, last: int, some: slice | None = None) -> Floats:
        """Return some columns, without a step, of rows `first` to `last`, the latter excluded."""
        width = shelved.width
        begin, end = (0, width) if some is None else some.indices(width)[:2]
        if shelved.held is not None:
            return shelved.held[first:last, begin:end]
        if end - begin == width:
            return self._read(shelved, first, 0, (last - first) * width).reshape(-1, width)
        # Only what is wanted is read: a part of a set has a few paths of every block.
        rows = [self._read(shelved, row, begin, end - begin) for row in range(first, last)]
        return np.stack(rows) if rows else np.empty((0, end - begin))

    def _read(self, shelved: Shelved, row: int, column: int, count: int) -> Floats:
        assert self._file is not None
        place = shelved.first + 8 * (row * shelved.width + column)
        return np.frombuffer(os.pread(self._file.fileno(), 8 * count, place))

    def _opened(self) -> IO[bytes]:
        if self._folder is not None and os.access(self._folder, os.W_OK):
            return tempfile.TemporaryFile(dir=self._folder)
        return tempfile.TemporaryFile()
