"""The DuckDB file: rebuilt from Parquet, swapped in whole, opened read-only by everyone.

Readers keep the file they opened, so readers and the nightly run never block each other.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

import engine
from engine.errors import Refusal
from engine.execution.metric_names import METRICS
from engine.jobs.errors import StudyFailed
from engine.jobs.ledger import count_trials, read_trials
from mc_assets.headlines import headline_sql
from mc_assets.project import Project
from mc_assets.stored_schemas import STORED, empty_file
from mc_assets.study_cells import StudyCells, study_cells
from mc_assets.study_tables import (
    overfitting_version,
    statistics_version,
    write_overfitting,
    write_statistics,
    written_overfitting_version,
    written_statistics_version,
)

__all__ = ["PublishedTable", "publish_warehouse", "query_warehouse", "refresh_warehouse"]

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
    Tables whose files do not exist yet are empty. Those of one's own, whose columns nobody knows,
    are left out until they have files, and so are their readers.

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
        # Before the files are read: what changes meanwhile is published next time.
        signature = _signature(project)
        with _connected(fresh) as connection:
            # What only views and this module read stands apart from the tables people ask.
            connection.execute("CREATE SCHEMA internal")
            connection.execute(
                "CREATE TABLE internal.published AS SELECT ? AS signature", [signature]
            )
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
    """Publish anew if the files behind the tables have changed: a study was run, say.

    Studies whose statistics were made from other rows than they have now are given new ones
    first; a study that is unfinished, or failed, keeps those it had.

    Returns
    -------
    bool
        Whether a file was published.
    """
    signature = _signature(project)
    published = _published_signature(project) == signature
    if published and _looked_for_statistics(project) == signature:
        return False
    # Who published before may have had one study in mind: others may lack their statistics still.
    written = _write_missing_statistics(project)
    if written or not published:
        publish_warehouse(project)
    with suppress(OSError):
        _mark(project).write_text(_signature(project), encoding="utf-8")
    return written or not published


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
        hint = "`mc sql --tables` lists the tables"
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
    cells = study_cells(project.data)
    internal = {"study_sets": cells.sets, "study_seeds": cells.seeds}
    for name, frame in (internal | {"trials": _trials(project)}).items():
        connection.register("frame", frame.to_arrow())
        connection.execute(f"CREATE TABLE internal.{name} AS SELECT * FROM frame")
        connection.unregister("frame")
    published: list[PublishedTable] = []
    absent: set[str] = set()
    for name, text in _in_order(_sql_texts(project)).items():
        inputs = {word: _inputs(project, word, cells) for word in set(_INPUT.findall(text))}
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


def _published_signature(project: Project) -> str | None:
    """Return the signature of the files that the published tables were made from."""
    if not project.warehouse.exists():
        return None
    try:
        with duckdb.connect(str(project.warehouse), read_only=True) as connection:
            ((signature,),) = connection.sql("SELECT signature FROM internal.published").fetchall()
    except duckdb.Error:
        return None
    return str(signature)


def _write_missing_statistics(project: Project) -> bool:
    """Write the statistics of studies that have none of their present rows; True if any."""
    written, trials = False, count_trials(project.data)
    for marker in sorted(project.data.glob("results/*/current.json")):
        study = marker.parent.name
        with suppress(Refusal, StudyFailed):
            results = engine.load_results(project.data, study)
            if results.missing:
                continue
            if statistics_version(results) != written_statistics_version(project.data, study):
                write_statistics(project.data, study)
            elif overfitting_version(results, trials) != written_overfitting_version(
                project.data, study
            ):
                # Another study has tried more on the same data.
                write_overfitting(project.data, results)
            else:
                continue
            written = True
    return written


def _looked_for_statistics(project: Project) -> str | None:
    """Return the signature of the files when every study was last given its statistics."""
    try:
        return _mark(project).read_text(encoding="utf-8")
    except OSError:
        return None


def _mark(project: Project) -> Path:
    return project.warehouse.with_name(f".{project.warehouse.name}.complete")


def _trials(project: Project) -> pl.DataFrame:
    """Every trial, and whether it is archived."""
    counted, archived = (read_trials(project.data, archived=gone) for gone in (False, True))
    return pl.concat(
        [
            counted.with_columns(archived=pl.lit(value=False)),
            archived.with_columns(archived=pl.lit(value=True)),
        ]
    )


def _signature(project: Project) -> str:
    """Hash the names, sizes and times of every file behind the tables, and their SQL."""
    texts = list(_sql_texts(project).values())
    words = {word for text in texts for word in _INPUT.findall(text)}
    folders = (words - {"simulations", "equity", "trades"}) | {"results", "manifests", "ledger"}
    digest = hashlib.sha256("\0".join(texts).encode())
    for name in sorted(folders):
        for folder, inner, files in os.walk(project.data / name):
            inner.sort()
            for file in sorted(files):
                if not file.startswith("."):
                    status = os.stat(os.path.join(folder, file))
                    place = os.path.relpath(os.path.join(folder, file), project.data)
                    digest.update(f"{place}|{status.st_size}|{status.st_mtime_ns}".encode())
    return digest.hexdigest()


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


def _inputs(project: Project, dataset: str, cells: StudyCells) -> list[str]:
    """Files or patterns behind a placeholder; where there are none yet, one without rows."""
    if cells.files.get(dataset):
        return [str(path) for path in cells.files[dataset]]
    folder = project.data / dataset
    if dataset not in cells.files and next(folder.rglob("*.parquet"), None) is not None:
        return [str(folder / "**" / "*.parquet")]
    if dataset not in STORED:
        return []
    return [str(empty_file(project.data / "empty_tables", dataset))]


def _as_list(globs: list[str]) -> str:
    quoted = (pattern.replace("'", "''") for pattern in globs)
    return "[" + ", ".join(f"'{pattern}'" for pattern in quoted) + "]"
