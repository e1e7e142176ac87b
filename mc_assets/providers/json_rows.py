"""Make a table of the rows of a JSON answer, whatever their content."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from polars._typing import PolarsDataType

from mc_assets.providers.failures import Failure

__all__ = ["json_frame"]


def json_frame(rows: object, types: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    """Make a table of a list of JSON objects.

    Parameters
    ----------
    rows : object
        What stands where rows should.
    types : mapping
        Types of columns. A column with a cell that is of another keeps the type it came with:
        normalisation says of such a cell what it is.

    Raises
    ------
    Failure
        If `rows` is no list of objects.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Failure("found rows that are no JSON objects, allowed a list of bars")
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None, strict=False)
    except (pl.exceptions.PolarsError, TypeError, OverflowError):
        raise Failure("found rows that make no table, allowed a list of bars") from None
    typed = {
        name: frame[name].cast(kind, strict=False)
        for name, kind in types.items()
        if name in frame.columns
    }
    whole = [
        column for name, column in typed.items() if column.null_count() == frame[name].null_count()
    ]
    return frame.with_columns(whole)
