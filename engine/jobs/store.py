"""Where parts are kept: Parquet files written whole or not at all, each with its checksum.

Layout under a data root::

    results/STUDY/current.json                     which fingerprint the study has now
    results/STUDY/FINGERPRINT/study.json           the resolved study
    results/STUDY/FINGERPRINT/block=NN/PART.parquet and PART.json
    equity/STUDY/FINGERPRINT/block=NN/PART.parquet
    trades/STUDY/FINGERPRINT/block=NN/PART.parquet

A part counts as finished once its manifest ``PART.json`` stands and the files it names have the
bytes it names. Every file is written under a temporary name and renamed, and two processes that
compute the same part write the same bytes, so neither a kill nor a race leaves half a part.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from engine.errors import Refusal
from engine.jobs.columns import SCHEMA_VERSION
from engine.jobs.errors import StorageError, storage_reason
from engine.jobs.job import Job, PartSpec
from engine.jobs.summary import JobSummary

__all__ = [
    "TABLES",
    "Manifest",
    "MemoryStore",
    "ParquetStore",
    "read_json",
    "read_manifest",
    "write_json",
    "write_parquet",
]

log = logging.getLogger(__name__)

# Nobody writes a part for as long.
_STALE_SECONDS = 3600.0

#: Tables of a study.
TABLES = ("results", "equity", "trades")


@dataclass(frozen=True)
class Manifest:
    """What a finished part holds.

    Parameters
    ----------
    study, fingerprint : str
        The job.
    block : int
        Seed block.
    part : str
        Name of the part within the block.
    rows, failed : int
        Simulations, and those of them that failed.
    first_error : str or None
        Error of the first failed simulation.
    files : dict
        Per table: relative path, bytes and SHA-256.
    schema_version : int
        Of the tables.
    """

    study: str
    fingerprint: str
    block: int
    part: str
    rows: int
    failed: int
    first_error: str | None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


class ParquetStore:
    """Parts as Parquet files under a data root.

    Parameters
    ----------
    root : Path
        The data root.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, table: str, study: str, fingerprint: str) -> Path:
        """Folder of a table of a study."""
        return self.root / table / study / fingerprint

    def begin(self, job: Job, summary: JobSummary, *, keep_longer: bool = False) -> None:
        """Write down the resolved study and make it the current one of its name.

        With `keep_longer` a summary of more simulations stays: an earlier run with ``until`` added
        seeds, whose parts stand beside it, and this run will come to the same ones.
        """
        folder = self.folder("results", job.study, job.fingerprint)
        with _clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            if not (keep_longer and _longer(folder / "study.json", summary)):
                write_json(folder / "study.json", summary.to_json())
            write_json(folder.parent / "current.json", {"fingerprint": job.fingerprint})

    def discard(self, job: Job) -> None:
        """Forget that any part of this fingerprint is finished.

        Its tables stay until they are written again, to the same bytes: another process may be
        reading them.
        """
        folder = self.folder("results", job.study, job.fingerprint)
        with _clear_errors(folder):
            for manifest in folder.glob("block=*/part-*.json"):
                manifest.unlink(missing_ok=True)

    def discard_parts(self, parts: Sequence[PartSpec]) -> None:
        """Forget that these parts are finished."""
        for spec in parts:
            path = self._manifest_path(spec)
            with _clear_errors(path):
                path.unlink(missing_ok=True)

    def finished(self, spec: PartSpec) -> Manifest | None:
        """Return the manifest of a part if it is finished and intact."""
        try:
            manifest = read_manifest(self._manifest_path(spec), self.root, checksums=True)
        except FileNotFoundError:
            return None
        except ValueError as damage:
            log.warning("%s; its part is computed again", damage)
            return None
        expected = (spec.job.fingerprint, spec.block, spec.key, spec.rows, SCHEMA_VERSION)
        found = (
            *(manifest.fingerprint, manifest.block, manifest.part, manifest.rows),
            manifest.schema_version,
        )
        paths = {table: entry["path"] for table, entry in manifest.files.items()}
        if found != expected or paths != self._paths(spec):
            log.warning("%s is of another part; its part is computed again", spec.key)
            return None
        return manifest

    def write(
        self, spec: PartSpec, frames: dict[str, pl.DataFrame], manifest: Manifest
    ) -> Manifest:
        """Write the tables of a part and then its manifest."""
        files = {}
        for table, relative in self._paths(spec).items():
            path = self.root / relative
            with _clear_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                files[table] = {"path": relative} | write_parquet(frames[table], path)
        manifest = Manifest(**(asdict(manifest) | {"files": files}))
        with _clear_errors(self._manifest_path(spec)):
            write_json(self._manifest_path(spec), asdict(manifest))
        return manifest

    def _paths(self, spec: PartSpec) -> dict[str, str]:
        """Files of a part under the data root, by table."""
        job = spec.job
        recorded = {"results": True, "equity": job.record.equity > 0, "trades": job.record.trades}
        part = f"{job.study}/{job.fingerprint}/block={spec.block:02d}/{spec.key}.parquet"
        return {table: f"{table}/{part}" for table in TABLES if recorded[table]}

    def _manifest_path(self, spec: PartSpec) -> Path:
        folder = self.folder("results", spec.job.study, spec.job.fingerprint)
        return folder / f"block={spec.block:02d}" / f"{spec.key}.json"


class MemoryStore:
    """Parts kept in memory, for studies that need no files."""

    def __init__(self) -> None:
        self._frames: dict[str, dict[tuple[int, int, int], pl.DataFrame]] = {}
        self._manifests: dict[tuple[int, int, int], Manifest] = {}
        self._lock = threading.Lock()

    def begin(self, job: Job, summary: JobSummary, *, keep_longer: bool = False) -> None:
        """Nothing has to be written down."""

    def discard(self, job: Job) -> None:
        """Forget every part."""
        with self._lock:
            self._frames.clear()
            self._manifests.clear()

    def finished(self, spec: PartSpec) -> Manifest | None:
        """Return the manifest of a part if it is finished."""
        return self._manifests.get(_order(spec))

    def write(
        self, spec: PartSpec, frames: dict[str, pl.DataFrame], manifest: Manifest
    ) -> Manifest:
        """Keep the tables of a part."""
        with self._lock:
            for table, frame in frames.items():
                self._frames.setdefault(table, {})[_order(spec)] = frame
            self._manifests[_order(spec)] = manifest
        return manifest

    def frame(self, table: str) -> pl.DataFrame:
        """All parts of a table, in order."""
        parts = self._frames.get(table, {})
        return pl.concat([parts[key] for key in sorted(parts)]) if parts else pl.DataFrame()


Store = ParquetStore | MemoryStore


def read_manifest(path: Path, root: Path, *, checksums: bool) -> Manifest:
    """Read a part's manifest and look at the files it names.

    Parameters
    ----------
    path : Path
        The manifest.
    root : Path
        The data root its paths start from.
    checksums : bool
        Whether to read the files; otherwise their size must do.

    Raises
    ------
    FileNotFoundError
        If there is no manifest.
    ValueError
        If it, or a file it names, is damaged; says how.
    """
    try:
        manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
        entries = [(root / e["path"], e["bytes"], e["sha256"]) for e in manifest.files.values()]
        if "results" not in manifest.files or not 0 <= manifest.failed <= manifest.rows:
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path} is damaged") from None
    for file, size, digest in entries:
        if not file.is_file():
            raise ValueError(f"{file} is missing")
        if file.stat().st_size != size:
            raise ValueError(f"{file} is truncated")
        if checksums:
            with file.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != digest:
                raise ValueError(f"{file} does not match its checksum")
    return manifest


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of the store.

    Raises
    ------
    FileNotFoundError
        If there is none.
    Refusal
        If it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal("results", f"{path} damaged", "a whole file: run the study again")
    return found


def write_parquet(frame: pl.DataFrame, path: Path) -> dict[str, Any]:
    """Write a frame atomically; return its size in bytes and SHA-256.

    zstd; polars encodes floats plainly, without a dictionary, which random metrics would only
    slow down.
    """
    buffer = io.BytesIO()
    frame.write_parquet(
        buffer, compression="zstd", compression_level=1, statistics=False, row_group_size=131_072
    )
    # Released here: left to the garbage collector in an error's traceback, some versions of
    # Python 3.12 crash on it.
    with buffer.getbuffer() as content:
        _write_atomically(path, content)
        return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON atomically."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    _write_atomically(path, text.encode())


def _write_atomically(path: Path, content: bytes | memoryview) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _longer(path: Path, summary: JobSummary) -> bool:
    try:
        return int(read_json(path)["simulations"]) > summary.simulations
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _sweep(folder: Path) -> None:
    """Delete temporary files that a killed process left behind long ago."""
    for path in folder.rglob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # another process swept it


def _order(spec: PartSpec) -> tuple[int, int, int]:
    return spec.round, spec.block, spec.number


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            error.errno,
            f"cannot write {path}: {storage_reason(error)}; parts finished before are intact, "
            "run the study again to go on from them",
        ) from error
