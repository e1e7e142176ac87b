"""The DuckDB file: rebuilt from Parquet, swapped in whole; `warehouse_queries` asks it.

`published` says whether it is still what the files behind it make.

Readers keep the file they opened, so readers and the nightly run never block each other.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

import engine
from engine.errors import Refusal
from engine.files import KINDS, DamagedFile, verified_files, write_json, write_whole
from engine.jobs.errors import StudyFailed
from engine.jobs.ledger import count_trials, read_trials
from mc_assets.market_data.tick_days import tick_days
from mc_assets.project import Project
from mc_assets.published import (
    PLACEHOLDER,
    checksum_file,
    completion_mark,
    foreign_writes,
    is_current,
    noted_checksums,
    published_signature,
    signature_of_files,
    sql_texts,
)
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

__all__ = [
    "PublishedTable",
    "publish_warehouse",
    "refresh_warehouse",
]

log = logging.getLogger(__name__)

# Checksums of the last files that were published: one may be read while the next is swapped in.
_KEPT_CHECKSUMS = 4

# Threads of one process would write the same new file: one publishes, and the others wait for it.
# Another process writes a file of its own.
_publishing: dict[Path, threading.Lock] = {}


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

    A file may read other tables by name, and Parquet by placeholder: ``{bars}`` stands for the
    list of its files; ``{headlines}`` stands for the columns of the headline statistics.
    Tables whose files do not exist yet are empty. Those of one's own, whose columns nobody knows,
    are left out until they have files, and so are their readers. A damaged file is left out with a
    warning, and while there is one, every `refresh_warehouse` publishes anew and warns again.

    Raises
    ------
    OSError
        If the file cannot be written, as on a full disk; the one published before stays.
    """
    with _alone(project):
        return _publish(project)


def refresh_warehouse(project: Project) -> bool:
    """Publish anew if the files behind the tables have changed: a study was run, say.

    Studies whose statistics were made from other rows than they have now are given new ones
    first; a study that is unfinished, or failed, keeps those it had.

    Returns
    -------
    bool
        Whether a file was published.
    """
    if is_current(project):
        return False
    with _alone(project):
        # Another thread may have published what this one waited for.
        return not is_current(project) and _refresh(project)


def _alone(project: Project) -> threading.Lock:
    """Return what lets one thread of this process at a time publish a project."""
    return _publishing.setdefault(project.warehouse.resolve(), threading.Lock())


def _publish(project: Project) -> list[PublishedTable]:
    target = project.warehouse
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.next")
    fresh.unlink(missing_ok=True)
    try:
        # Before the files are read: what changes meanwhile is published next time.
        signature = signature_of_files(project)
        with _connected(fresh) as connection:
            # What only views and this module read stands apart from the tables people ask.
            connection.execute("CREATE SCHEMA internal")
            tables, whole = _build(connection, project)
            connection.execute(
                "CREATE TABLE internal.published AS SELECT ? AS signature",
                [signature if whole else None],
            )
            # Closing writes the file as well, but does not report a failure.
            connection.execute("CHECKPOINT")
        _write_checksum(project, fresh)
        os.replace(fresh, target)
        foreign_writes(target).unlink(missing_ok=True)
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
        found = str(error).splitlines()[0]
        raise OSError(f"cannot write {target}: {found}; what was published stays") from None
    finally:
        for left in (fresh, foreign_writes(fresh)):
            left.unlink(missing_ok=True)
    return tables


def _refresh(project: Project) -> bool:
    published = published_signature(project) == signature_of_files(project)
    # Who published before may have had one study in mind: others may lack their statistics still.
    written = _write_missing_statistics(project)
    if written or not published:
        _publish(project)
    with suppress(OSError):
        write_whole(completion_mark(project), signature_of_files(project).encode())
    return written or not published


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a database in which instants are read and written in UTC, not in the machine's zone."""
    connection = duckdb.connect(str(path))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _build(
    connection: duckdb.DuckDBPyConnection, project: Project
) -> tuple[list[PublishedTable], bool]:
    """Make the tables; return them, and whether no damaged file was left out."""
    cells = study_cells(project.data)
    damages: dict[str, None] = {}
    internal = {
        "study_sets": cells.sets,
        "study_rows": cells.rows,
    }
    absent: set[str] = set()
    try:
        internal["trials"] = _trials(project)
    except DamagedFile as damage:
        damages[f"{damage}; the table trials is left out"] = None
        absent.add("trials")
    try:
        internal["tick_days"] = tick_days(project.data).drop("path")
    except DamagedFile as damage:
        damages[f"{damage}; the table tick_days is left out"] = None
        absent.add("tick_days")
    for name, frame in internal.items():
        _add(connection, f"CREATE TABLE internal.{name} AS SELECT * FROM", frame)
    connection.execute(
        "CREATE TABLE internal.study_seeds "
        "(study VARCHAR, piece INTEGER, seed UBIGINT, position BIGINT)"
    )
    for seeds in cells.seeds():
        _add(connection, "INSERT INTO internal.study_seeds SELECT * FROM", seeds)
    # Counting the rows of these views would join every one of millions.
    known = {"simulations": cells.stored(), "equity": cells.stored("equity")}
    published: list[PublishedTable] = []
    view_files: dict[Path, None] = {}
    for name, text in _in_order(sql_texts(project)).items():
        inputs = {
            word: _inputs(project, word, cells, damages) for word in set(PLACEHOLDER.findall(text))
        }
        needs = _tables_read(text)
        if not all(inputs.values()) or (needs | {name}) & absent:
            absent.add(name)
            published.append(PublishedTable(name, None))
            continue
        for word, files in inputs.items():
            text = text.replace("{" + word + "}", _as_list(files))
            if "CREATE VIEW" in text:
                view_files |= dict.fromkeys(files)
        try:
            connection.execute(text)
        except duckdb.InvalidInputException as error:
            found = str(error).splitlines()[0]
            raise ValueError(
                f"table {name}: found a damaged file ({found}); `mc run STUDY` "
                "writes a damaged part of a study again"
            ) from None
        count = known.get(name)
        if count is None:
            ((count,),) = connection.sql(f'SELECT count(*) FROM "{name}"').fetchall()
        published.append(PublishedTable(name, int(count)))
    # What a question may open: `mc_assets.warehouse_queries`.
    connection.execute(
        "CREATE TABLE internal.view_files AS SELECT unnest(?::VARCHAR[]) AS path",
        [[str(path) for path in view_files]],
    )
    for sentence in damages:
        log.warning("%s", sentence)
    connection.execute(
        "CREATE TABLE internal.left_out AS SELECT unnest(?::VARCHAR[]) AS sentence",
        [[*damages, *cells.damages]],
    )
    return published, not (damages or cells.damages)


def _add(connection: duckdb.DuckDBPyConnection, statement: str, frame: pl.DataFrame) -> None:
    connection.register("frame", frame.to_arrow())
    connection.execute(f"{statement} frame")
    connection.unregister("frame")


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


def _write_checksum(project: Project, fresh: Path) -> None:
    """Write down the checksum of a file that is about to be swapped in, beside the last ones.

    Written first, so that the file is known at every moment, also if this process ends between.
    """
    with fresh.open("rb") as content:
        checksums = [hashlib.file_digest(content, "sha256").hexdigest()]
    with suppress(DamagedFile):
        noted = noted_checksums(project)
        verified = verified_files(project.data)
        # That of the file that stands is never crowded out by publications that were killed.
        noted.sort(key=lambda checksum: verified.damage(project.warehouse, checksum) is not None)
        checksums += noted
    kept = list(dict.fromkeys(checksums))[:_KEPT_CHECKSUMS]
    write_json(checksum_file(project), {"checksums": kept})


def _trials(project: Project) -> pl.DataFrame:
    """Every trial, and whether it is archived."""
    counted, archived = (read_trials(project.data, archived=gone) for gone in (False, True))
    return pl.concat(
        [
            counted.with_columns(archived=pl.lit(value=False)),
            archived.with_columns(archived=pl.lit(value=True)),
        ]
    )


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


def _inputs(
    project: Project, dataset: str, cells: StudyCells, damages: dict[str, None]
) -> list[Path]:
    """Files behind a placeholder; where there are none yet, one without rows.

    Of a kind that this project writes whole ones alone.
    """
    found = cells.files[dataset] if dataset in cells.files else _whole(project, dataset, damages)
    if found or dataset not in STORED:
        return found
    return [empty_file(project.data / "empty_tables", dataset)]


def _whole(project: Project, dataset: str, damages: dict[str, None]) -> list[Path]:
    files = sorted((project.data / dataset).rglob("*.parquet"))
    if dataset not in KINDS:
        return files
    whole = []
    reasons = verified_files(project.data).damages((path, None) for path in files)
    for path, reason in zip(files, reasons, strict=True):
        if reason is None:
            whole.append(path)
        else:
            damages[f"{DamagedFile(path, reason)}; its rows are left out"] = None
    return whole


def _as_list(files: list[Path]) -> str:
    quoted = (str(path).replace("'", "''") for path in files)
    return "[" + ", ".join(f"'{path}'" for path in quoted) + "]"
