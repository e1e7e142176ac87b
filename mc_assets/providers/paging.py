"""Pages that go on and on: told apart from a long answer by what they bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mc_assets.providers.network import LimitReached

__all__ = ["PageCheck"]

# A server may well have nothing for a while, as on a holiday; not for ever.
_EMPTY_PAGES: Final = 10


class PageCheck:
    """Refuses the page after which a server only repeats itself.

    Parameters
    ----------
    stamp : str
        Key of a row's stamp; stamps of one series are compared as they are.
    """

    def __init__(self, stamp: str) -> None:
        self._stamp = stamp
        self._ranges: dict[str, tuple[Any, Any]] = {}
        self._empty = 0

    def see(self, rows_by_symbol: dict[str, Sequence[Any]]) -> None:
        """Look at the rows of a page.

        Raises
        ------
        LimitReached
            If no row is earlier or later than all rows before, or the last pages had no rows.
        """
        if not any(rows_by_symbol.values()):
            self._empty += 1
            if self._empty > _EMPTY_PAGES:
                raise LimitReached(f"more than {_EMPTY_PAGES} pages without a bar in a row")
            return
        self._empty = 0
        # Every symbol is looked at, for each keeps its own range.
        widened = [self._widens(name, rows) for name, rows in rows_by_symbol.items() if rows]
        if not any(widened):
            raise LimitReached("the server sends the same bars for ever")

    def _widens(self, symbol: str, rows: Sequence[Any]) -> bool:
        stamps: list[Any] = [row.get(self._stamp) for row in rows if isinstance(row, dict)]
        kinds = {type(stamp) for stamp in stamps}
        if len(kinds) != 1 or not kinds <= {int, float, str}:
            # Rows that are no bars are refused when they become a table.
            return True
        first, last = min(stamps), max(stamps)
        known = self._ranges.get(symbol)
        if known is None or type(known[0]) not in kinds:
            self._ranges[symbol] = (first, last)
            return True
        self._ranges[symbol] = (min(first, known[0]), max(last, known[1]))
        return bool(first < known[0] or last > known[1])
