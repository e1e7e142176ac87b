"""Questions to the warehouse in SQL."""

from __future__ import annotations

import polars as pl

from mc_assets.project import Project
from mc_assets.warehouse import query_warehouse, refresh_warehouse

__all__ = ["ask_tables", "parameter_sets", "study_warnings"]


def ask_tables(project: Project, query: str, *, flat: bool = False) -> pl.DataFrame:
    """Answer a query from the warehouse, which is published anew if something was written since.

    Parameters
    ----------
    project : Project
        Where the warehouse lies.
    query : str
        SQL for DuckDB; ``SHOW TABLES`` lists the tables.
    flat : bool
        Whether lists and structures come as text.

    Raises
    ------
    Refusal
        If the query is wrong; names the command that helps.
    ValueError
        If there is nothing to ask yet, or a table's file is damaged.
    """
    refresh_warehouse(project)
    return query_warehouse(project, query, flat=flat)


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
