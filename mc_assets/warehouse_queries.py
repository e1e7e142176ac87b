"""Questions to the published DuckDB file, within a fence: they read it, and the files behind it.

The fence is DuckDB's own. The file is attached read-only to a database in memory, so that each
question has limits of its own even where several are answered in one process; of all files, only
those that the views read may be opened, no network, and no setting may be changed any more. Of
what is allowed to be opened something could still be overwritten by a statement that writes, so
only questions are run (`mc_assets.sql_question`).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import duckdb

from engine.errors import Refusal
from mc_assets.project import Project
from mc_assets.published import check_warehouse, foreign_writes
from mc_assets.sql_question import check_plan, check_question

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FirstRows", "Limits", "first_rows", "query_warehouse"]

T = TypeVar("T")

_NO_FRAME_KIND: Final = re.compile(
    r"\b(INTERVAL|BLOB|BIT|UNION|VARIANT|BIGNUM|GEOMETRY)\b|\bMAP\((?!VARCHAR)"
)
_NESTED_KIND: Final = re.compile(r"\[|\b(STRUCT|MAP)\b")
# DuckDB knows more years, and infinity.
_INSTANT: Final = re.compile(r"^(DATE|TIMESTAMP(_S|_MS| WITH TIME ZONE)?)$")
_YEARS: Final = "'0001-01-01' AND '9999-12-31'"
_MISSING_COLUMN: Final = re.compile(r'column(?: named)? "([^"]+)"', re.IGNORECASE)
_NUMBER: Final = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\))$")
_GIGABYTES: Final = "MC_SQL_GIGABYTES"
_SECONDS: Final = "MC_SQL_SECONDS"


@dataclass(frozen=True)
class Limits:
    """How much one question may take.

    Parameters
    ----------
    gigabytes : float
        Memory, in 10^9 bytes.
    seconds : float
        Time until it is answered.
    """

    gigabytes: float
    seconds: float

    @classmethod
    def from_environment(cls) -> Limits:
        """Read ``MC_SQL_GIGABYTES`` and ``MC_SQL_SECONDS``.

        The defaults are half of the machine's memory, and ten minutes.

        Raises
        ------
        Refusal
            If one of them is no number above 0.
        """
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        return cls(_setting(_GIGABYTES, memory / 2.0), _setting(_SECONDS, 600.0))


@dataclass(frozen=True)
class FirstRows:
    """The first rows of an answer, for who shows no more of it.

    Parameters
    ----------
    columns : tuple of str
        Their names.
    numeric : tuple of bool
        Whether a column holds numbers.
    rows : list of tuple
        Values, a tuple per row.
    total : int
        Rows of the whole answer.
    """

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: list[tuple[Any, ...]]
    total: int


def first_rows(
    project: Project, query: str, count: int, *, limits: Limits | None = None, unsafe: bool = False
) -> FirstRows:
    """Answer a question from the published file with the first rows alone.

    The rest is counted, not made. The arguments, and what is raised, are those of
    `query_warehouse`.

    Parameters
    ----------
    count : int
        How many rows at most.
    """

    def read(relation: duckdb.DuckDBPyRelation) -> FirstRows:
        rows = relation.limit(count + 1).fetchall()
        more = len(rows) > count
        return FirstRows(
            columns=tuple(relation.columns),
            numeric=tuple(bool(_NUMBER.search(str(kind))) for kind in relation.types),
            rows=rows[:count],
            total=int(relation.aggregate("count(*)").fetchall()[0][0]) if more else len(rows),
        )

    return _asked(project, query, read, limits=limits, unsafe=unsafe)


def query_warehouse(
    project: Project,
    query: str,
    *,
    flat: bool = False,
    rows: int | None = None,
    limits: Limits | None = None,
    unsafe: bool = False,
) -> pl.DataFrame:
    """Answer a question from the published file.

    Columns of types that Polars does not know, such as intervals, are returned as text; with
    `flat`, lists and structures are, too.

    Parameters
    ----------
    project : Project
        Where the warehouse lies.
    query : str
        SQL for DuckDB: one statement that reads.
    flat : bool
        Whether lists and structures come as text.
    rows : int, optional
        Make no more than the first so many; by default all.
    limits : Limits, optional
        Defaults to those of the environment.
    unsafe : bool
        Run any statement, without limits, with the rights of whoever runs this process; the
        warehouse itself stays as it is.

    Raises
    ------
    ValueError
        If nothing was published yet, the query is wrong, or it returns no table; a `Refusal` that
        names what helps where it is no question, takes more than its limits, asks for a table or
        column that is not there, or the published file is damaged.
    """

    def read(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
        frame: pl.DataFrame = (relation if rows is None else relation.limit(rows)).pl()
        return frame

    return _asked(project, query, read, flat=flat, limits=limits, unsafe=unsafe)


def _asked(
    project: Project,
    query: str,
    read: Callable[[duckdb.DuckDBPyRelation], T],
    *,
    flat: bool = False,
    limits: Limits | None,
    unsafe: bool,
) -> T:
    """Return what `read` makes of the answer, within the fence."""
    if not project.warehouse.exists():
        raise ValueError(
            "warehouse: nothing is published yet; `mc run` or `mc run STUDY` makes something to ask"
        )
    check_warehouse(project)
    limits = limits or Limits.from_environment()
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(":memory:") as connection,
    ):
        try:
            _attach(connection, project.warehouse, Path(folder))
            if unsafe:
                return read(_answer(connection, query, flat))
            statement = check_question(connection, query)
            _fence(connection, limits)
            with _interrupted_after(connection, limits.seconds):
                if statement is not None:
                    check_plan(connection, statement)
                return read(_answer(connection, query, flat))
        except duckdb.InterruptException:
            raise Refusal(
                "query",
                f"found no answer within {limits.seconds:g} s",
                hint=f"{_SECONDS} allows more",
            ) from None
        except duckdb.OutOfMemoryException:
            raise Refusal(
                "query",
                f"takes more than {limits.gigabytes:.3g} GB of memory",
                hint=f"{_GIGABYTES} allows more",
            ) from None
        except duckdb.Error as error:
            raise _refusal(error) from None


def _attaching(file: Path) -> str:
    path = str(file).replace("'", "''")
    return f"ATTACH '{path}' AS mc (READ_ONLY)"


def _answer(
    connection: duckdb.DuckDBPyConnection, query: str, flat: bool
) -> duckdb.DuckDBPyRelation:
    relation = connection.sql(query)
    if relation is None:
        raise Refusal("query", "a statement without a result", "a SELECT")
    return _readable(relation, flat)


def _attach(connection: duckdb.DuckDBPyConnection, file: Path, folder: Path) -> None:
    """Make the published file the current database; instants are read and written in UTC.

    Where another program holds it for writing, or has left there what it wrote, a copy in `folder`
    is.
    """
    held = foreign_writes(file).exists()
    if not held:
        try:
            connection.execute(_attaching(file))
        except duckdb.IOException as error:
            if "lock on file" not in str(error):
                raise
            held = True
    if held:
        connection.execute(_attaching(Path(shutil.copy(file, folder))))
    connection.execute("USE mc")
    connection.execute("SET TimeZone = 'UTC'")
    # Variables of this program are no tables.
    connection.execute("SET python_enable_replacements = false")


def _fence(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Close everything but the published file and the Parquet files behind its views."""
    rows = connection.sql("SELECT path FROM internal.view_files").fetchall()
    paths = ", ".join("'" + str(path).replace("'", "''") + "'" for (path,) in rows)
    for setting in (
        f"memory_limit = '{limits.gigabytes * 1e9:.0f}B'",
        # Nothing is written to disk: what does not fit into memory is refused.
        "temp_directory = ''",
        f"allowed_paths = [{paths}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


@contextmanager
def _interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _setting(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise Refusal(name, repr(text), "a number above 0")
    return value


def _refusal(error: duckdb.Error) -> Refusal:
    """Say in one sentence what is wrong with a query, and which command helps."""
    # Declared with the settings of the engine, which an answer does without.
    from engine.execution.metric_groups import all_metrics

    text = str(error).partition("\nLINE ")[0].partition(": ")[2] or str(error)
    sentence = " ".join(text.split())
    column = _MISSING_COLUMN.search(sentence)
    hint = None
    if column and column[1] in all_metrics():
        sentence = f"no stored result has the column {column[1]!r}"
        hint = "`mc run STUDY` computes it for a study whose `record.metrics` asks for it"
    elif column:
        hint = '`mc sql "DESCRIBE simulations"` lists the columns of a table'
    elif isinstance(error, duckdb.CatalogException) and sentence.startswith("Table "):
        hint = "`mc sql --tables` lists the tables"
    elif isinstance(error, duckdb.PermissionException):
        sentence = sentence.partition(" - ")[0]
        hint = (
            "only published tables may be asked; `mc sql --unsafe` reads and writes anything, "
            "for whoever owns the machine"
        )
    return Refusal("query", sentence, hint=hint)


def _readable(relation: duckdb.DuckDBPyRelation, flat: bool) -> duckdb.DuckDBPyRelation:
    columns = []
    for number, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        as_text = _NO_FRAME_KIND.search(str(kind)) or (flat and _NESTED_KIND.search(str(kind)))
        quoted = name.replace('"', '""')
        value = f"#{number}"
        if as_text:
            value = f"CAST(#{number} AS VARCHAR)"
        elif _INSTANT.search(str(kind)):
            said = f"column {name}: a time beyond the years 1 to 9999; cast it to VARCHAR"
            value = _within_years(number, said)
        columns.append(f'{value} AS "{quoted}"')
    if all(column.startswith("#") for column in columns):
        return relation
    return relation.project(", ".join(columns))


def _within_years(number: int, said: str) -> str:
    """Return SQL of a column that fails with a sentence where Python has no such year."""
    sentence = said.replace("'", "''")
    found = f"#{number} IS NULL OR CAST(#{number} AS DATE) BETWEEN {_YEARS}"
    return f"CASE WHEN {found} THEN #{number} ELSE error('{sentence}') END"
