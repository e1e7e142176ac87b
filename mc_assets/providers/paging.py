"""Detect paginated answers that never end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mc_assets.providers.failures import LimitReached

__all__ = ["PageCheck"]

# A few empty pages are normal, for example around holidays.
_EMPTY_PAGES: Final = 10


class PageCheck:
    """Refuses pages that bring no new bars.

    Parameters
    ----------
    stamp : str
        Key of a row's timestamp; timestamps of one series must be comparable.
    """

    def __init__(self, stamp: str) -> None:
        self._stamp = stamp
        self._ranges: dict[str, tuple[Any, Any]] = {}
        self._empty = 0

    def see(self, rows_by_symbol: dict[str, Sequence[Any]]) -> None:
        """Check the rows of a page.

        Raises
        ------
        LimitReached
            If no row lies outside the range of the rows received before, or more than ten pages
            in a row are empty.
        """
        if not any(rows_by_symbol.values()):
            self._empty += 1
            if self._empty > _EMPTY_PAGES:
                raise LimitReached(f"more than {_EMPTY_PAGES} pages without a bar in a row")
            return
        self._empty = 0
        # A list, because every symbol's range must be updated.
        widened = [self._widens(name, rows) for name, rows in rows_by_symbol.items() if rows]
        if not any(widened):
            raise LimitReached("the server sends the same bars for ever")

    def _widens(self, symbol: str, rows: Sequence[Any]) -> bool:
        stamps: list[Any] = [row.get(self._stamp) for row in rows if isinstance(row, dict)]
        kinds = {type(stamp) for stamp in stamps}
        if len(kinds) != 1 or not kinds <= {int, float, str}:
            # Malformed rows are refused later, when the table is made.
            return True
        first, last = min(stamps), max(stamps)
        known = self._ranges.get(symbol)
        if known is None or type(known[0]) not in kinds:
            self._ranges[symbol] = (first, last)
            return True
        self._ranges[symbol] = (min(first, known[0]), max(last, known[1]))
        return bool(first < known[0] or last > known[1])
