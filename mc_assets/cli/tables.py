"""Frames as tables in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["format_value", "print_frame"]


def print_frame(frame: pl.DataFrame, *, title: str | None = None, limit: int = 100) -> None:
    """Print the first `limit` rows of a frame, numbers aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for name, dtype in frame.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for row in frame.head(limit).iter_rows():
        table.add_row(*(format_value(value) for value in row))
    console = Console()
    if not console.is_terminal:
        # A pipe has no width of its own: never fold a table that a program reads.
        console = Console(width=10_000)
    console.print(table)
    if frame.height > limit:
        console.print(f"{frame.height - limit:,} more rows; --limit shows them")


def format_value(value: object) -> str:
    """One cell: four significant digits for small numbers, thousands separated, null as –."""
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
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return str(value)
