"""Frames as tables in the terminal."""

from __future__ import annotations

import os
import sys
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
_WIDTH_OF_A_PIPE = 10_000
# Beside columns whose names end in _price.
_PRICES = frozenset({"price", "open", "high", "low", "close", "limit", "stop", "bid", "ask"})
# With these, Rich draws as for a terminal.
_AS_IF_TERMINAL = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
# Characters that take one column of a terminal each, and mean nothing else to it.
_ONE_COLUMN_EACH = frozenset(map(chr, range(32, 127))) | frozenset("–…±·×∞≤≥−")


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
    more = (frame.height if total is None else total) - limit
    if _into_a_pipe() and _print_plainly(_cells_of(frame, limit), title, more, shown_by):
        return
    console = _console()
    if title is not None:
        console.print(title, style="bold", soft_wrap=True, highlight=False, markup=False)
    _print_cells(console, (_cells_of(candidate, limit) for candidate in (frame, *narrower)))
    _print_more(console, more, shown_by)


def print_first_rows(answer: FirstRows) -> None:
    """Print the first rows of an answer as `print_frame` does those of a frame."""
    columns = zip(*answer.rows, strict=True) if answer.rows else ([] for _ in answer.columns)
    texts = [_texts_of(*named) for named in zip(answer.columns, columns, strict=True)]
    cells, more = _Cells(answer.columns, answer.numeric, texts), answer.total - len(answer.rows)
    if _into_a_pipe() and _print_plainly(cells, None, more, "--limit"):
        return
    console = _console()
    _print_cells(console, [cells])
    _print_more(console, more, "--limit")


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

    def right_aligned(self) -> list[bool]:
        """Whether each column holds numbers, or estimates with errors, read as numbers."""
        return [
            numeric or (bool(column) and all(text[:1] in "-–0123456789" for text in column))
            for numeric, column in zip(self.numeric, self.columns, strict=True)
        ]

    def rows(self) -> Iterator[tuple[str, ...]]:
        return zip(*self.columns, strict=True)


def _cells_of(frame: pl.DataFrame, limit: int) -> _Cells:
    texts = [_texts_of(column.name, column) for column in frame.head(limit)]
    return _Cells(frame.columns, [dtype.is_numeric() for dtype in frame.dtypes], texts)


def _texts_of(name: str, column: Iterable[object]) -> list[str]:
    """Cells of a column; prices keep their ticks, 5,123.25 among them."""
    if name in _PRICES or name.endswith("_price"):
        return [
            f"{value:,.10g}" if isinstance(value, float) and value == value else format_value(value)
            for value in column
        ]
    return [format_value(value) for value in column]


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe has no width: a table that a program reads is never folded.
    return console if console.is_terminal else Console(width=_WIDTH_OF_A_PIPE)


def _into_a_pipe() -> bool:
    """Whether nobody looks at a terminal, and no program asked for colours as if one did."""
    return not sys.stdout.isatty() and not any(name in os.environ for name in _AS_IF_TERMINAL)


def _print_plainly(cells: _Cells, title: str | None, more: int, shown_by: str) -> bool:
    """Print what Rich would print into a pipe, without loading it; False where widths differ.

    It takes longer to load and to draw a table than most answers to compute.
    """
    texts = [title or "", *cells.names, *(text for column in cells.columns for text in column)]
    simple = cells.names and _ONE_COLUMN_EACH.issuperset("".join(texts))
    if not simple or cells.width() > _WIDTH_OF_A_PIPE:
        return False
    columns = list(zip(cells.names, cells.columns, cells.right_aligned(), strict=True))
    widths = [max(map(len, [name, *column])) for name, column, _ in columns]

    def line(row: Iterable[str]) -> str:
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, (_, _, right) in zip(row, widths, columns, strict=True)
        )
        return f" {gap.join(padded)} "

    gap = " " * _GAP
    inside = sum(widths) + _GAP * (len(widths) - 1)
    blank = " " * (inside + _EDGES)
    lines = [blank, line(cells.names), f" {'─' * inside} ", *map(line, cells.rows()), blank]
    lines[:0] = [] if title is None else [title]
    if more > 0:
        lines.append(f"{more:,} more rows; {shown_by} shows them")
    print("\n".join(lines))
    return True


def _print_cells(console: Console, candidates: Iterable[_Cells]) -> None:
    """Print the first of the candidates that fits, or rows of the first as lines."""
    widest: _Cells | None = None
    for cells in candidates:
        widest = widest or cells
        if cells.width() <= console.width:
            console.print(_table(cells))
            if cells is not widest:
                _print_what_is_missing(console, widest.width())
            return
    assert widest is not None
    _print_records(console, widest)


def _print_more(console: Console, count: int, shown_by: str) -> None:
    if count > 0:
        console.print(f"{count:,} more rows; {shown_by} shows them")


def _table(cells: _Cells) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    right = cells.right_aligned()
    for place, (name, column) in enumerate(zip(cells.names, cells.columns, strict=True)):
        table.add_column(
            name,
            justify="right" if right[place] else "left",
            overflow="fold",
            no_wrap=not _is_sentence(cells.numeric[place], column),
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
