"""Frames as tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from mc_assets.answers.tables import FirstRows

__all__ = ["format_value", "print_first_rows", "print_frame"]

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
    shown_by: str = "--limit",
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
    shown_by : str
        What shows the rest.
    """
    console = _console()
    if title is not None:
        console.print(title, style="bold", soft_wrap=True, highlight=False, markup=False)
    candidates = [_cells_of(candidate, limit) for candidate in (frame, *narrower)]
    _print_cells(console, *candidates)
    _print_more(console, (frame.height if total is None else total) - limit, shown_by)


def print_first_rows(answer: FirstRows) -> None:
    """Print the first rows of an answer as `print_frame` does those of a frame."""
    console = _console()
    columns = zip(*answer.rows, strict=True) if answer.rows else ([] for _ in answer.columns)
    texts = [[format_value(value) for value in column] for column in columns]
    _print_cells(console, _Cells(answer.columns, answer.numeric, texts))
    _print_more(console, answer.total - len(answer.rows), "--limit")


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


@dataclass(frozen=True)
class _Cells:
    """What is printed: text of the cells, a list per column."""

    names: Sequence[str]
    numeric: Sequence[bool]
    columns: list[list[str]]

    def width(self) -> int:
        """Columns of the terminal that the table takes."""
        needed = _GAP * (len(self.names) - 1) + _EDGES
        for name, numeric, column in zip(self.names, self.numeric, self.columns, strict=True):
            longest = max(map(len, [name, *column]))
            if _is_sentence(numeric, column):
                longest = max(len(name), _SENTENCE)
            needed += longest
        return needed

    def rows(self) -> Iterator[tuple[str, ...]]:
        return zip(*self.columns, strict=True)


def _cells_of(frame: pl.DataFrame, limit: int) -> _Cells:
    texts = [[format_value(value) for value in column] for column in frame.head(limit)]
    return _Cells(frame.columns, [dtype.is_numeric() for dtype in frame.dtypes], texts)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe has no width: a table that a program reads is never folded.
    return console if console.is_terminal else Console(width=10_000)


def _print_cells(console: Console, cells: _Cells, *narrower: _Cells) -> None:
    for candidate in (cells, *narrower):
        if candidate.width() <= console.width:
            console.print(_table(candidate))
            if candidate is not cells:
                _print_what_is_missing(console, cells.width())
            return
    _print_records(console, cells)


def _print_more(console: Console, count: int, shown_by: str) -> None:
    if count > 0:
        console.print(f"{count:,} more rows; {shown_by} shows them")


def _table(cells: _Cells) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, numeric, column in zip(cells.names, cells.numeric, cells.columns, strict=True):
        # An estimate with its error is a text, but it is read as a number.
        number = numeric or (bool(column) and all(text[:1] in "-–0123456789" for text in column))
        table.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=not _is_sentence(numeric, column),
        )
    for row in cells.rows():
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


def _is_sentence(numeric: bool, column: list[str]) -> bool:
    return not numeric and max(map(len, column), default=0) > _SENTENCE


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text)


def _print_records(console: Console, cells: _Cells) -> None:
    """Print every row as lines of a name and a value."""
    widest = max(map(len, cells.names))
    for row in cells.rows():
        console.print()
        for name, text in zip(cells.names, row, strict=True):
            console.print(f"{name:<{widest}}  {text}", highlight=False, markup=False)
