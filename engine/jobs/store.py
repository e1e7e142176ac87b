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

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.files import DamagedFile, read_json, verified_files, write_json, write_parquet
from engine.jobs.errors import StorageError, storage_reason
from engine.jobs.job import Job
from engine.jobs.ledger import trials_path, write_trials
from engine.jobs.manifest import Manifest, OtherVersion
from engine.jobs.part import Part
from engine.jobs.resampled import ResampledHistory
from engine.jobs.summary import JobSummary

__all__ = [
    "TABLES",
    "MemoryStore",
    "ParquetStore",
    "Store",
]

log = logging.getLogger(__name__)

# Seconds after which an unfinished part is abandoned: none takes as long to write.
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
        #: Sentences about the parts that were left out because a file of theirs is damaged.
        self.damages: list[str] = []

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

    def manifests(self, world: str, *, trials: bool = False) -> list[Manifest]:
        """Manifests of a world's finished parts; damaged parts are left out with a warning.

        Parameters
        ----------
        world : str
            Id of the world.
        trials : bool
            Whether a part whose trials were lost counts as damaged, too: computed again, it
            counts them again.
        """
        found = []
        for path in sorted((self.root / "manifests" / world).glob("part-*.json")):
            try:
                found.append(_read_manifest(path))
            except (FileNotFoundError, OtherVersion):
                continue  # another process took it away, or its rows are made anew
            except ValueError as damage:
                self._leave_out(str(damage))
        return self._whole(found, trials)

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
            found = self._whole([_read_manifest(path)], trials=True)
        except (FileNotFoundError, ValueError):
            return None
        return next((manifest for manifest in found if manifest.holds.satisfies(part.holds)), None)

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
                # Its checksum stands in the manifest.
                files[table] = {"path": relative} | write_parquet(frame, path, sealed=False)
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

    def _whole(self, manifests: list[Manifest], trials: bool) -> list[Manifest]:
        """Leave out manifests of which a file is damaged."""
        files: list[tuple[Path, str | None]] = []
        owners: list[Manifest] = []
        for manifest in manifests:
            named = [(self.root / e["path"], e["sha256"]) for e in manifest.files.values()]
            if trials:
                named.append((trials_path(self.root, manifest.world, manifest.part), None))
            files += named
            owners += [manifest] * len(named)
        damaged = set()
        reasons = verified_files(self.root).damages(files)
        for (path, _), owner, reason in zip(files, owners, reasons, strict=True):
            if reason is not None:
                self._leave_out(f"{path} {reason}")
                damaged.add(owner.part)
        return [manifest for manifest in manifests if manifest.part not in damaged]

    def _leave_out(self, damage: str) -> None:
        self.damages.append(f"{damage}; its part is left out, run the study again")
        log.warning("%s", self.damages[-1])

    def _manifest_path(self, world: str, part: str) -> Path:
        return self.root / "manifests" / world / f"{part}.json"


class MemoryStore:
    """Parts kept in memory, for studies that need no files."""

    def __init__(self) -> None:
        self.damages: list[str] = []
        self._frames: dict[str, dict[str, pl.DataFrame]] = {}
        self._manifests: dict[str, Manifest] = {}
        self._lock = threading.Lock()

    def begin(self, job: Job, summary: JobSummary, *, keep_longer: bool = False) -> None:
        """Nothing has to be written down."""

    def manifests(self, world: str, *, trials: bool = False) -> list[Manifest]:
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


def _read_manifest(path: Path) -> Manifest:
    """Read a part's manifest.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OtherVersion
        If another version of the engine wrote it.
    ValueError
        If it is damaged or another part's.
    """
    try:
        manifest = Manifest.from_json(read_json(path))
        world, part = path.parent.name, path.stem
        paths = {t: f"{t}/{world}/{part}.parquet" for t in manifest.files}
        if (manifest.world, manifest.part) != (world, part) or paths != {
            table: entry["path"] for table, entry in manifest.files.items()
        }:
            raise ValueError
        if not all(isinstance(e["sha256"], str) for e in manifest.files.values()):
            raise ValueError
    except (FileNotFoundError, OtherVersion):
        raise
    except DamagedFile as damage:
        raise ValueError(f"{path} {damage.reason}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path} is damaged") from None
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
