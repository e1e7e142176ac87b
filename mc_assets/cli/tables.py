"""Frames as tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

__all__ = ["format_value", "print_frame"]

_GAP = 2  # between columns
_EDGES = 2  # before the first and behind the last
# Text longer than this may wrap; its column is then at least this wide.
_SENTENCE = 24
_LONGEST_LIST = 6


def print_frame(
    frame: pl.DataFrame,
    *narrower: pl.DataFrame,
    title: str | None = None,
    limit: int = 100,
    total: int | None = None,
) -> None:
    """Print the first `limit` rows of a frame, numbers aligned to the right.

    Parameters
    ----------
    frame : polars.DataFrame
        Printed where it fits, and always into a pipe.
    *narrower : polars.DataFrame
        The same rows with fewer columns: the first frame that fits the terminal is printed, and
        below it how wide `frame` is. If none fits, every row is printed as lines of a name and a
        value.
    title : str, optional
        Printed above.
    limit : int
        Rows.
    total : int, optional
        How many rows there are; default: as many as the frame has.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        # A pipe has no width: a table that a program reads is never folded.
        console = Console(width=10_000)
    if title is not None:
        console.print(title, style="bold", soft_wrap=True, highlight=False, markup=False)
    for candidate in (frame, *narrower):
        cells = _cells(candidate, limit)
        if _fits(candidate, cells, console.width):
            console.print(_table(candidate, cells))
            if candidate is not frame:
                _print_what_is_missing(console, _width(frame, _cells(frame, limit)))
            break
    else:
        _print_records(console, frame, _cells(frame, limit))
    more = (frame.height if total is None else total) - limit
    if more > 0:
        console.print(f"{more:,} more rows; --limit shows them")


def format_value(value: object) -> str:
    """Format a cell: small numbers with four significant digits, thousands separated, null as –.

    A long list shows its first values and the last one.
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        if value != value:
            return "–"
        magnitude = abs(value)
        if magnitude >= 1000:
            return f"{value:,.0f}"
        if magnitude >= 100:
            return f"{value:,.1f}"
        return f"{value:.4g}"
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | dict):
        cells = [format_value(item) for item in value]
        if len(cells) > _LONGEST_LIST:
            cells[_LONGEST_LIST - 2 : -1] = ["…"]
        return f"[{', '.join(cells)}]"
    return str(value)


def _cells(frame: pl.DataFrame, limit: int) -> list[list[str]]:
    """Text of the cells, a list per column."""
    return [[format_value(value) for value in column] for column in frame.head(limit)]


def _table(frame: pl.DataFrame, cells: list[list[str]]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, dtype, column in zip(frame.columns, frame.dtypes, cells, strict=True):
        # An estimate with its error is a text, but it is read as a number.
        number = dtype.is_numeric() or (
            bool(column) and all(text[:1] in "-–0123456789" for text in column)
        )
        table.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=not _is_sentence(dtype.is_numeric(), column),
        )
    for row in zip(*cells, strict=True):
        table.add_row(*(_plain(text) for text in row))
    return table


def _print_what_is_missing(console: Console, needed: int) -> None:
    """Say that a narrow terminal hides columns or errors of estimates, and what shows them."""
    console.print(
        f"shortened to {console.width} columns; all numbers and their errors take {needed}, or "
        "`| less -S`, or --json",
        style="dim",
        soft_wrap=True,
        highlight=False,
    )


def _fits(frame: pl.DataFrame, cells: list[list[str]], width: int) -> bool:
    return _width(frame, cells) <= width


def _width(frame: pl.DataFrame, cells: list[list[str]]) -> int:
    """Columns of the terminal that a table takes."""
    needed = _GAP * (frame.width - 1) + _EDGES
    for name, dtype, column in zip(frame.columns, frame.dtypes, cells, strict=True):
        longest = max(map(len, [name, *column]))
        if _is_sentence(dtype.is_numeric(), column):
            longest = max(len(name), _SENTENCE)
        needed += longest
    return needed


def _is_sentence(numeric: bool, column: list[str]) -> bool:
    return not numeric and max(map(len, column), default=0) > _SENTENCE


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text)


def _print_records(console: Any, frame: pl.DataFrame, cells: list[list[str]]) -> None:
    """Print every row as lines of a name and a value."""
    widest = max(map(len, frame.columns))
    for row in zip(*cells, strict=True):
        console.print()
        for name, text in zip(frame.columns, row, strict=True):
            console.print(f"{name:<{widest}}  {text}", highlight=False, markup=False)
