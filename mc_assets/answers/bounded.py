"""Tables that are shown in part: so many rows, so many characters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from engine.errors import Refusal
from mc_assets.answers.json_values import plain

__all__ = ["BoundedRows", "bounded_rows"]

MOST_CHARACTERS: Final = 50_000
_LONGEST_TEXT: Final = 2_000


@dataclass(frozen=True)
class BoundedRows:
    """The first rows of a table.

    Parameters
    ----------
    rows : list of dict
        Values by column, as JSON knows them.
    complete : bool
        Whether these are all there are.
    """

    rows: list[dict[str, Any]]
    complete: bool


def bounded_rows(frame: pl.DataFrame, rows: int) -> BoundedRows:
    """Take the first rows of a table, no more than 50,000 characters of JSON.

    Parameters
    ----------
    frame : polars.DataFrame
        The table, or its first `rows` + 1 rows.
    rows : int
        How many are taken at most. Texts above 2,000 characters are cut and end in "…".

    Raises
    ------
    Refusal
        If the first row alone has more characters than that.

    Examples
    --------
    >>> import polars as pl
    >>> bounded_rows(pl.DataFrame({"x": [1, 2, 3]}), 2)
    BoundedRows(rows=[{'x': 1}, {'x': 2}], complete=False)
    """
    texts = pl.col(pl.String)
    short = frame.head(rows).with_columns(
        pl.when(texts.str.len_chars() > _LONGEST_TEXT)
        .then(texts.str.slice(0, _LONGEST_TEXT) + "…")
        .otherwise(texts)
        .name.keep()
    )
    taken: list[dict[str, Any]] = []
    left = MOST_CHARACTERS
    for row in plain(short):
        left -= len(json.dumps(row))
        if left < 0:
            break
        taken.append(row)
    if not taken and not frame.is_empty():
        raise Refusal(
            "columns",
            f"a row of more than {MOST_CHARACTERS:,} characters in {frame.width:,} columns",
            f"rows of at most {MOST_CHARACTERS:,} characters",
            hint="name the columns that are needed",
        )
    return BoundedRows(taken, len(taken) == frame.height)
