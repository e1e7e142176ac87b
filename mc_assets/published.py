"""What the published DuckDB file was made from, and whether that is still what there is.

Apart from `mc_assets.warehouse`, which makes the file: a question needs nothing of that while the
file is current.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

import duckdb

from engine.files import DamagedFile, read_json, verified_files
from mc_assets.headlines import headline_sql
from mc_assets.project import Project

__all__ = [
    "PLACEHOLDER",
    "check_warehouse",
    "checksum_file",
    "completion_mark",
    "foreign_writes",
    "is_current",
    "noted_checksums",
    "published_signature",
    "signature_of_files",
    "sql_texts",
]

#: What stands for a list of files in the SQL of a table.
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


def is_current(project: Project) -> bool:
    """Whether the published file shows every file there is, statistics of every study included."""
    signature = signature_of_files(project)
    return published_signature(project) == signature == _looked_for_statistics(project)


def check_warehouse(project: Project) -> None:
    """Refuse a published file that is not what was written.

    Raises
    ------
    DamagedFile
        If it is missing or damaged.
    """
    verified, reason = verified_files(project.data), "is damaged: it has no checksum"
    for checksum in noted_checksums(project):
        found = verified.damage(project.warehouse, checksum)
        if found is None:
            return
        reason = found
    raise DamagedFile(project.warehouse, reason)


def checksum_file(project: Project) -> Path:
    """Return the note of the checksums of the files that were published last."""
    return project.warehouse.with_name(f".{project.warehouse.name}.json")


def foreign_writes(file: Path) -> Path:
    """Return the log of what another program writes to a published file: it has none of its own.

    DuckDB would replay it, and refuses a file that was published since.
    """
    return file.with_name(f"{file.name}.wal")


def noted_checksums(project: Project) -> list[str]:
    """Return the checksums of the files that were published last, newest first.

    Raises
    ------
    DamagedFile
        If the note of them is damaged.
    """
    try:
        return [str(checksum) for checksum in read_json(checksum_file(project))["checksums"]]
    except FileNotFoundError:
        return []


def published_signature(project: Project) -> str | None:
    """Return the signature of the whole files that the published tables were made from."""
    try:
        check_warehouse(project)
        with duckdb.connect(str(project.warehouse), read_only=True) as connection:
            ((signature,),) = connection.sql("SELECT signature FROM internal.published").fetchall()
    except (duckdb.Error, DamagedFile):
        return None
    return signature if signature is None else str(signature)


def signature_of_files(project: Project) -> str:
    """Hash the names, sizes, times and inodes of every file behind the tables, and their SQL.

    What was verified when it was published, and has none of them changed, is still whole.
    """
    texts = list(sql_texts(project).values())
    words = {word for text in texts for word in PLACEHOLDER.findall(text)}
    folders = words | {"results", "manifests", "ledger"}
    digest = hashlib.sha256("\0".join(texts).encode())
    for name in sorted(folders):
        for folder, inner, files in os.walk(project.data / name):
            inner.sort()
            for file in sorted(files):
                if not file.startswith("."):
                    status = os.stat(os.path.join(folder, file))
                    place = os.path.relpath(os.path.join(folder, file), project.data)
                    times = f"{status.st_mtime_ns}|{status.st_ctime_ns}|{status.st_ino}"
                    digest.update(f"{place}|{status.st_size}|{times}".encode())
    return digest.hexdigest()


def sql_texts(project: Project) -> dict[str, str]:
    """Read the SQL of every table, and write out the columns of the headline statistics."""
    return {
        path.stem: path.read_text(encoding="utf-8").replace("{headlines}", headline_sql())
        for path in sorted(project.sql.glob("*.sql"))
    }


def completion_mark(project: Project) -> Path:
    """Return the file that holds the signature as every study was last given its statistics."""
    return project.warehouse.with_name(f".{project.warehouse.name}.complete")


def _looked_for_statistics(project: Project) -> str | None:
    """Return the signature of the files when every study was last given its statistics."""
    try:
        return completion_mark(project).read_text(encoding="utf-8")
    except OSError:
        return None
