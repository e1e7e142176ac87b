"""Bars of one's own: tables wherever bars are asked for, and files of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.frames import is_frame, polars_frame

__all__ = ["bars_of", "read_csv"]

# The instrument of a table that names none.
_UNNAMED: Final = "asset"


def bars_of(given: Any) -> tuple[Bars, ...]:
    """Return bars, or tables of bars, as bars of one or several symbols.

    Parameters
    ----------
    given : Bars, DataFrame or table, sequence of these, or mapping of symbols to these
        As of `Bars.from_frame`; a table that names no symbol is of ``asset``.

    Raises
    ------
    Refusal
        If it is none of these, or a table cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-02", periods=3)
    >>> pair = {name: pd.DataFrame({"Close": [1.0, 2.0, 3.0]}, index=days) for name in "AB"}
    >>> [(bars.symbol, len(bars)) for bars in bars_of(pair)]
    [('A', 3), ('B', 3)]
    """
    if isinstance(given, Bars):
        return (given,)
    if isinstance(given, Mapping):
        return tuple(
            table if isinstance(table, Bars) else Bars.from_frame(table, symbol=str(name))
            for name, table in given.items()
        )
    if is_frame(given):
        from engine.tables.bar_rows import symbols_in

        frame = polars_frame(given)
        names = symbols_in(frame) or (_UNNAMED,)
        return tuple(Bars.from_frame(frame, symbol=name) for name in names)
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise Refusal("bars", f"a {type(given).__name__}", "bars, or a table of them")
    return tuple(found for item in given for found in bars_of(item))


def read_csv(
    path: str | Path,
    *,
    symbol: str | None = None,
    calendar: BarCalendar | None = None,
    columns: Sequence[str] = (),
    delimiter: str | None = None,
    layout: Mapping[str, Any] | None = None,
) -> Bars:
    r"""Read bars from a file of text, compressed or not, in whatever layout it is.

    Delimiter, encoding, header, columns, zone, dates and numbers are guessed.

    Parameters
    ----------
    path : path
        The file.
    symbol : str, optional
        Name of the instrument; by default the one that the table names, else the file's own name.
    calendar, columns, layout
        As of `Bars.from_frame`.
    delimiter : str, optional
        What separates the cells.

    Raises
    ------
    Refusal
        If there is no such file, or it cannot be read as a table of bars.

    Examples
    --------
    >>> import pathlib
    >>> lines = ["Datum;Schlusskurs", "31.01.2024;1.234,50", "01.02.2024;1.240,00"]
    >>> _ = pathlib.Path("dax.csv").write_text("\n".join(lines))
    >>> read_csv("dax.csv").close.tolist()
    [1234.5, 1240.0]
    """
    from engine.tables.bar_rows import symbols_in
    from engine.tables.csv_text import read_text_table

    path = Path(path).expanduser()
    frame, separator = read_text_table(path, delimiter)
    told = {"delimiter": separator, **(layout or {})}
    if symbol is None:
        names = symbols_in(frame, told)
        # Of several symbols `from_frame` wants one to be named.
        symbol = path.name.split(".")[0] if not names else None
    return Bars.from_frame(frame, symbol=symbol, calendar=calendar, columns=columns, layout=told)
