"""Questions to the warehouse in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mc_assets.project import Project
from mc_assets.published import is_current
from mc_assets.warehouse_queries import FirstRows, first_rows, query_warehouse

if TYPE_CHECKING:
    import polars as pl

    from mc_assets.data_dictionary import TableEntry as TableEntry

__all__ = [
    "FirstRows",
    "ask_first_rows",
    "ask_tables",
    "describe_tables",
    "left_out",
    "parameter_sets",
    "study_warnings",
]


def ask_tables(
    project: Project,
    query: str,
    *,
    flat: bool = False,
    rows: int | None = None,
    unsafe: bool = False,
) -> pl.DataFrame:
    """Answer a query from the warehouse, which is published anew if something was written since.

    Parameters
    ----------
    project : Project
        Where the warehouse lies.
    query : str
        SQL for DuckDB; `describe_tables` says what there is.
    flat : bool
        Whether lists and structures come as text.
    rows : int, optional
        Make no more than the first so many; by default all.
    unsafe : bool
        Run any statement, not only questions, without limits on memory, time and files.

    Raises
    ------
    Refusal
        If the query is wrong or no question; names the command that helps.
    ValueError
        If there is nothing to ask yet, or a table's file is damaged.
    """
    _refresh(project)
    return query_warehouse(project, query, flat=flat, rows=rows, unsafe=unsafe)


def ask_first_rows(project: Project, query: str, count: int, *, unsafe: bool = False) -> FirstRows:
    """Answer a query with its first rows and how many there are, as `ask_tables` does with all."""
    _refresh(project)
    return first_rows(project, query, count, unsafe=unsafe)


def describe_tables(project: Project) -> list[TableEntry]:
    """Say what every table of the warehouse holds: a row, its columns, a query to start from.

    Raises
    ------
    ValueError
        If a table's file is damaged.
    """
    from mc_assets.data_dictionary import Dictionary

    columns = ask_tables(
        project,
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'main' ORDER BY table_name, ordinal_position",
    )
    by_table: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in columns.iter_rows():
        by_table.setdefault(table, []).append((column, kind))
    return Dictionary.read(project.sql).tables(by_table)


def left_out(project: Project) -> list[str]:
    """Say which damaged files the tables that were asked last do without.

    They are warnings in this process's log as well, which nobody sees who asks over a wire.
    """
    if is_current(project):
        return []
    return query_warehouse(project, "SELECT sentence FROM internal.left_out")["sentence"].to_list()


def parameter_sets(project: Project) -> pl.DataFrame:
    """Headline statistics of every parameter set of every study, as they were published last.

    Raises
    ------
    ValueError
        If nothing was published yet.
    """
    return query_warehouse(project, "SELECT * FROM parameter_sets ORDER BY study, parameter_set")


def study_warnings(project: Project) -> pl.DataFrame:
    """Read what should be known before studies' numbers are believed, as published last.

    Raises
    ------
    ValueError
        If nothing was published yet.
    """
    return query_warehouse(project, "SELECT * FROM study_warnings")


def _refresh(project: Project) -> None:
    """Publish the warehouse anew if need be; what that takes is not loaded where it is current."""
    if not is_current(project):
        from mc_assets.warehouse import refresh_warehouse

        refresh_warehouse(project)
