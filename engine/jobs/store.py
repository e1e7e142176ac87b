"""Where parts are kept: Parquet files written whole or not at all, each with its checksum.

Layout under a data root::

    simulations/WORLD/PART.parquet     rows of a part; equity/ and trades/ likewise
    manifests/WORLD/PART.json          what the part holds, with checksums
    results/STUDY/FINGERPRINT/         what a study asks: study.json, sets.parquet, seeds.parquet;
                                       history.parquet: what a bootstrap draws from
    results/STUDY/current.json         which request is the study's latest
    ledger/WORLD/PART.parquet          trials of a part (`engine.jobs.ledger`); never deleted

A part counts as finished once its manifest stands and the files it names have the bytes it
names. Every file is written under a temporary name and renamed, and two processes that compute
the same part write the same bytes, so neither a kill nor a race leaves half a part.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.jobs.errors import StorageError, storage_reason
from engine.jobs.files import read_json, write_json, write_parquet
from engine.jobs.job import Job
from engine.jobs.ledger import write_trials
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.resampled import ResampledHistory
from engine.jobs.summary import JobSummary

__all__ = [
    "TABLES",
    "MemoryStore",
    "ParquetStore",
    "Store",
    "read_manifest",
]

log = logging.getLogger(__name__)

# Nobody writes a part for as long.
_STALE_SECONDS = 3600.0

#: Tables of a study.
TABLES = ("simulations", "equity", "trades")


class ParquetStore:
    """Parts as Parquet files under a data root.

    Parameters
    ----------
    root : Path
        The data root.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def begin(self, job: Job, summary: JobSummary, *, keep_longer: bool = False) -> None:
        """Write down what the study asks and make it the current request of its name.

        With `keep_longer` a request with more seeds stays: an earlier run with ``until`` added
        them, and this run will come to the same ones.
        """
        folder = self.root / "results" / job.study
        own = folder / job.fingerprint
        with _clear_errors(own):
            own.mkdir(parents=True, exist_ok=True)
            for table in ("manifests", *TABLES):
                _sweep(self.root / table / job.world.id)
            if not (keep_longer and _longer(own / "study.json", summary)):
                write_parquet(_set_table(job), own / "sets.parquet")
                write_parquet(pl.DataFrame({"seed": job.seeds}), own / "seeds.parquet")
                resampled = ResampledHistory.of(job.world)
                if resampled is not None:
                    write_parquet(resampled.to_frame(), own / "history.parquet")
                write_json(own / "study.json", summary.to_json())
            write_json(folder / "current.json", {"fingerprint": job.fingerprint})

    def manifests(self, world: str, *, checksums: bool = False) -> list[Manifest]:
        """Manifests of a world's finished parts; damaged parts are left out with a warning.

        Parameters
        ----------
        world : str
            Id of the world.
        checksums : bool
            Whether to read the files; otherwise their size must do.
        """
        found = []
        for path in sorted((self.root / "manifests" / world).glob("part-*.json")):
            try:
                found.append(read_manifest(path, self.root, checksums=checksums))
            except FileNotFoundError:
                continue  # another process took it away
            except ValueError as damage:
                log.warning("%s; its part is left out, run the study again", damage)
        return found

    def discard(self, parts: Iterable[Manifest]) -> None:
        """Forget that parts are finished.

        Their tables stay until they are written again, to the same bytes: another process may be
        reading them.
        """
        for part in parts:
            path = self._manifest_path(part.world, part.part)
            with _clear_errors(path):
                path.unlink(missing_ok=True)

    def finished(self, part: Part) -> Manifest | None:
        """Return the manifest of a part if it is finished and intact."""
        path = self._manifest_path(part.world.id, part.name)
        try:
            manifest = read_manifest(path, self.root, checksums=True)
        except (FileNotFoundError, ValueError):
            return None
        return manifest if manifest.holds.satisfies(part.holds) else None

    def write(
        self,
        part: Part,
        frames: dict[str, pl.DataFrame],
        trials: pl.DataFrame,
        failed: int,
        first_error: str | None,
    ) -> Manifest:
        """Write the tables of a part, its trials, and then its manifest."""
        files = {}
        for table, frame in frames.items():
            relative = f"{table}/{part.world.id}/{part.name}.parquet"
            path = self.root / relative
            with _clear_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                files[table] = {"path": relative} | write_parquet(frame, path)
        with _clear_errors(self.root / "ledger" / part.world.id):
            write_trials(self.root, part.world.id, part.name, trials)
        manifest = Manifest.of(part, failed, first_error, files)
        path = self._manifest_path(part.world.id, part.name)
        with _clear_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, manifest.to_json())
        return manifest

    def scan(self, table: str, manifests: Sequence[Manifest]) -> pl.LazyFrame:
        """Rows of a table of several parts."""
        files = [self.root / manifest.files[table]["path"] for manifest in manifests]
        return pl.scan_parquet(files, hive_partitioning=False)

    def _manifest_path(self, world: str, part: str) -> Path:
        return self.root / "manifests" / world / f"{part}.json"


class MemoryStore:
    """Parts kept in memory, for studies that need no files."""

    def __init__(self) -> None:
        self._frames: dict[str, dict[str, pl.DataFrame]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._lock = threading.Lock()

    def begin(self, job: Job, summary: JobSummary, *, keep_longer: bool = False) -> None:
        """Nothing has to be written down."""

    def manifests(self, world: str, *, checksums: bool = False) -> list[Manifest]:
        """Manifests of the parts so far."""
        return list(self._manifests.values())

    def discard(self, parts: Iterable[Manifest]) -> None:
        """Forget parts."""
        with self._lock:
            for part in parts:
                self._manifests.pop(part.part, None)

    def write(
        self,
        part: Part,
        frames: dict[str, pl.DataFrame],
        trials: pl.DataFrame,
        failed: int,
        first_error: str | None,
    ) -> Manifest:
        """Keep the tables of a part; trials are counted where there is a data root."""
        files: dict[str, dict[str, Any]] = {table: {} for table in frames}
        manifest = Manifest.of(part, failed, first_error, files)
        with self._lock:
            for table, frame in frames.items():
                self._frames.setdefault(table, {})[part.name] = frame
            self._manifests[part.name] = manifest
        return manifest

    def scan(self, table: str, manifests: Sequence[Manifest]) -> pl.LazyFrame:
        """Rows of a table of several parts."""
        return pl.concat([self._frames[table][m.part] for m in manifests]).lazy()


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
        manifest = Manifest.from_json(json.loads(path.read_text(encoding="utf-8")))
        world, part = path.parent.name, path.stem
        paths = {t: f"{t}/{world}/{part}.parquet" for t in manifest.files}
        if (manifest.world, manifest.part) != (world, part) or paths != {
            table: entry["path"] for table, entry in manifest.files.items()
        }:
            raise ValueError
        entries = [(root / e["path"], e["bytes"], e["sha256"]) for e in manifest.files.values()]
    except FileNotFoundError:
        raise
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


def _longer(path: Path, summary: JobSummary) -> bool:
    try:
        return int(read_json(path)["simulations"]) > summary.simulations
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _set_table(job: Job) -> pl.DataFrame:
    """Return the job's parameter sets: ``parameter_set`` and ``set_id``."""
    ids = job.sets.ids.tolist()
    return pl.DataFrame({"parameter_set": np.arange(len(ids), dtype=np.int32), "set_id": ids})


def _sweep(folder: Path) -> None:
    """Delete temporary files that a killed process left behind long ago."""
    for path in folder.rglob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # another process swept it


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
