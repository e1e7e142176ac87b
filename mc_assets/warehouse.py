"""The DuckDB file: rebuilt from Parquet, swapped in whole, opened read-only by everyone.

Readers keep the file they opened, so readers and the nightly run never block each other.
"""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from engine import studies
from engine.errors import Refusal
from engine.execution.metric_names import METRICS
from engine.jobs.errors import StudyFailed
from mc_assets.headlines import headline_sql
from mc_assets.project import Project
from mc_assets.study_tables import statistics_written, write_statistics

__all__ = ["PublishedTable", "publish_warehouse", "query_warehouse", "refresh_warehouse"]

log = logging.getLogger(__name__)

_NO_FRAME_KIND = re.compile(r"\b(INTERVAL|BLOB|BIT|UNION)\b|\bMAP\((?!VARCHAR)")
_NESTED_KIND = re.compile(r"\[|\b(STRUCT|MAP)\b")
_MISSING_COLUMN = re.compile(r'column(?: named)? "([^"]+)"', re.IGNORECASE)
_INPUT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class PublishedTable:
    """A table or view of the warehouse.

    Parameters
    ----------
    name : str
        Its name: the stem of its file in ``sql/``.
    rows : int or None
        Rows, or None where its Parquet files do not exist yet.
    """

    name: str
    rows: int | None


def publish_warehouse(project: Project) -> list[PublishedTable]:
    """Build every table of ``sql/`` in a new DuckDB file and swap it in.

    A file may read other tables by name, and Parquet by placeholder: ``{bars}`` stands for a
    list of file patterns; ``{headlines}`` stands for the columns of the headline statistics.
    Tables whose files do not exist yet, and those that read such tables, are left out.

    Raises
    ------
    OSError
        If the file cannot be written, as on a full disk; the one published before stays.
    """
    target = project.warehouse
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.next")
    fresh.unlink(missing_ok=True)
    try:
        with _connected(fresh) as connection:
            tables = _build(connection, project)
            # Closing writes the file as well, but does not report a failure.
            connection.execute("CHECKPOINT")
        os.replace(fresh, target)
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
        found = str(error).splitlines()[0]
        raise OSError(f"cannot write {target}: {found}; what was published stays") from None
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            left.unlink(missing_ok=True)
    return tables


def refresh_warehouse(project: Project) -> bool:
    """Publish anew if something was written since: a study run from the command line, say.

    Studies whose statistics are older than their results, or absent, are given them first.

    Returns
    -------
    bool
        Whether a file was published.
    """
    published = project.warehouse.stat().st_mtime_ns if project.warehouse.exists() else 0
    if _newest_change(project) <= published:
        return False
    for marker in project.data.glob("results/*/current.json"):
        study = marker.parent.name
        if marker.stat().st_mtime_ns > statistics_written(project.data, study):
            # An unfinished or failed study keeps the statistics it had.
            with suppress(Refusal, StudyFailed):
                if not studies.load_results(project.data, study).missing:
                    write_statistics(project.data, study)
    publish_warehouse(project)
    return True


def query_warehouse(project: Project, query: str, *, flat: bool = False) -> pl.DataFrame:
    """Answer a query from the published file.

    Columns of types that Polars does not know, such as intervals, are returned as text; with
    `flat`, lists and structures are, too.

    Raises
    ------
    ValueError
        If nothing was published yet, the query is wrong, or it returns no table; a `Refusal` that
        names the command that helps where a table or column is missing.
    """
    if not project.warehouse.exists():
        raise ValueError(
            "warehouse: nothing is published yet; `mc run` or `mc run STUDY` makes something to ask"
        )
    with _connected(project.warehouse, read_only=True) as connection:
        try:
            relation = connection.sql(query)
            if relation is None:
                raise ValueError("query: found a statement without a result, allowed a SELECT")
            frame: pl.DataFrame = _readable(relation, flat).pl()
        except duckdb.Error as error:
            raise _refusal(error) from None
    return frame


def _refusal(error: duckdb.Error) -> Refusal:
    """Say in one sentence what is wrong with a query, and which command helps."""
    text = str(error).partition("\nLINE ")[0].partition(": ")[2] or str(error)
    sentence = " ".join(text.split())
    column = _MISSING_COLUMN.search(sentence)
    hint = None
    if column and column[1] in METRICS:
        sentence = f"no stored result has the column {column[1]!r}"
        hint = "`mc run STUDY` computes this metric, which is newer than the results"
    elif column:
        hint = '`mc sql "DESCRIBE simulations"` lists the columns of a table'
    elif isinstance(error, duckdb.CatalogException) and sentence.startswith("Table "):
        hint = '`mc sql "SHOW TABLES"` lists the tables'
    return Refusal("query", sentence, hint=hint)


def _connected(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database in which instants are read and written in UTC, not in the machine's zone."""
    connection = duckdb.connect(str(path), read_only=read_only)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _readable(relation: duckdb.DuckDBPyRelation, flat: bool) -> duckdb.DuckDBPyRelation:
    columns = []
    for number, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1):
        as_text = _NO_FRAME_KIND.search(str(kind)) or (flat and _NESTED_KIND.search(str(kind)))
        value = f"CAST(#{number} AS VARCHAR)" if as_text else f"#{number}"
        quoted = name.replace('"', '""')
        columns.append(f'{value} AS "{quoted}"')
    if not any(column.startswith("CAST") for column in columns):
        return relation
    return relation.project(", ".join(columns))


def _build(connection: duckdb.DuckDBPyConnection, project: Project) -> list[PublishedTable]:
    published: list[PublishedTable] = []
    absent: set[str] = set()
    for name, text in _in_order(_sql_texts(project)).items():
        inputs = {word: _parquet_globs(project, word) for word in set(_INPUT.findall(text))}
        needs = _tables_read(text)
        if not all(inputs.values()) or needs & absent:
            absent.add(name)
            published.append(PublishedTable(name, None))
            continue
        for word, globs in inputs.items():
            text = text.replace("{" + word + "}", _as_list(globs))
        try:
            connection.execute(text)
        except duckdb.InvalidInputException as error:
            found = str(error).splitlines()[0]
            raise ValueError(
                f"table {name}: found a damaged file ({found}); `mc run STUDY` "
                "writes a damaged part of a study again"
            ) from None
        ((count,),) = connection.sql(f'SELECT count(*) FROM "{name}"').fetchall()
        published.append(PublishedTable(name, int(count)))
    return published


def _newest_change(project: Project) -> int:
    """Return when a file of any table was last written, in nanoseconds; 0 if there is none."""
    words = {word for text in _sql_texts(project).values() for word in _INPUT.findall(text)}
    # Files are renamed into place, which updates their folder's time.
    folders = [
        folder
        for word in words - {"results", "equity", "trades"}
        for folder, _, files in os.walk(project.data / word)
        if files
    ]
    markers = [str(path) for path in project.data.glob("results/*/current.json")]
    return max((os.stat(path).st_mtime_ns for path in folders + markers), default=0)


def _sql_texts(project: Project) -> dict[str, str]:
    """Read the SQL of every table, and write out the columns of the headline statistics."""
    return {
        path.stem: path.read_text(encoding="utf-8").replace("{headlines}", headline_sql())
        for path in sorted(project.sql.glob("*.sql"))
    }


def _in_order(texts: dict[str, str]) -> dict[str, str]:
    """Order tables so that each follows those that it reads."""
    waiting = {name: (_tables_read(text) & set(texts)) - {name} for name, text in texts.items()}
    ordered: dict[str, str] = {}
    while waiting:
        ready = [name for name, needs in waiting.items() if not needs & set(waiting)]
        if not ready:
            raise ValueError(f"sql: the tables {sorted(waiting)} read one another in a circle")
        for name in ready:
            ordered[name] = texts[name]
            del waiting[name]
    return ordered


def _tables_read(text: str) -> set[str]:
    code = re.sub(r"--[^\n]*", "", text)
    return set(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]+)\b(?!\s*\()", code, flags=re.IGNORECASE))


def _parquet_globs(project: Project, dataset: str) -> list[str]:
    """Patterns behind a placeholder, each of which matches a file."""
    if dataset in {"results", "equity", "trades"}:
        folders = _current_results(project.data, dataset)
    else:
        folders = [project.data / dataset]
    return [
        str(folder / "**" / "*.parquet")
        for folder in folders
        if next(folder.rglob("*.parquet"), None) is not None
    ]


def _current_results(data: Path, table: str) -> list[Path]:
    """Folder of every study's current fingerprint: older ones are history, not results."""
    folders = []
    for marker in sorted(data.glob("results/*/current.json")):
        try:
            fingerprint = str(json.loads(marker.read_text(encoding="utf-8"))["fingerprint"])
        except (ValueError, KeyError, TypeError):
            # Damage in one study must not hide the others.
            log.warning("%s is damaged; its study is left out, run it again", marker)
            continue
        folders.append(data / table / marker.parent.name / fingerprint)
    return folders


def _as_list(globs: list[str]) -> str:
    quoted = (pattern.replace("'", "''") for pattern in globs)
    return "[" + ", ".join(f"'{pattern}'" for pattern in quoted) + "]"
