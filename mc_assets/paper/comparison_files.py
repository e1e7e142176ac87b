"""Paper against simulation as it is kept: a file for each bar at which a session was compared."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from engine.paper import COMPARISON_SCHEMA

if TYPE_CHECKING:
    from engine.paper import PaperComparison

__all__ = ["KEPT_COMPARISON_SCHEMA", "keep_comparison", "kept_comparisons"]

#: Columns of the table ``paper_comparison``.
KEPT_COMPARISON_SCHEMA: Final[Mapping[str, Any]] = {
    "bar": pl.Int64,
    "measured_at": pl.Datetime("us", "UTC"),
    **COMPARISON_SCHEMA,
}

_FOLDER: Final = "paper_comparison"


def keep_comparison(data: Path, compared: PaperComparison, bar: int) -> Path:
    """Keep what a session measured up to a bar; compared again at that bar, it is replaced.

    Parameters
    ----------
    data : Path
        The data folder.
    compared : PaperComparison
        Of one session.
    bar : int
        The last bar that it has decided on, from 0 at the first that is traded on.

    Returns
    -------
    Path
        The file.
    """
    from engine.files import write_parquet

    now = pl.lit(datetime.datetime.now(datetime.UTC)).dt.cast_time_unit("us")
    table = compared.table.with_columns(pl.lit(bar, pl.Int64).alias("bar"), measured_at=now)
    session = str(compared.table["session"][0])
    path = data / _FOLDER / session / f"{bar:08d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(table.select(list(KEPT_COMPARISON_SCHEMA)), path)
    return path


def kept_comparisons(data: Path) -> pl.DataFrame:
    """Return all that is kept, session by session, oldest bar first.

    Raises
    ------
    DamagedFile
        If a file is not what was written.
    """
    from engine.files import read_parquet

    files = sorted((data / _FOLDER).rglob("*.parquet"))
    empty = pl.DataFrame(schema=dict(KEPT_COMPARISON_SCHEMA))
    return pl.concat([empty, *(read_parquet(data, path) for path in files)])
