"""Where parts are kept: Parquet files written whole or not at all, each with its checksum.

Everything goes through the five verbs of a store of files (`engine.files.FileStore`), so that a
root may be a folder, memory or an object store. Layout under it::

    simulations/WORLD/PART.parquet     rows of a part; equity/ and trades/ likewise
    simulations/WORLD/_more/           rows of parts whose cells another part shows with less
    manifests/WORLD/PART.json          what the part holds, with checksums
    results/STUDY/FINGERPRINT/         what a study asks: study.json, sets.parquet, seeds.parquet;
                                       history.parquet: what a bootstrap draws from
    results/STUDY/current.json         which request is the study's latest
    ledger/WORLD/PART.parquet          trials of a part (`engine.jobs.ledger`); never deleted
    unfinished/WORLD/PART/             long simulations that a killed run goes on from

A part counts as finished once its manifest stands and the files it names have the bytes it
names. Every file is put whole and, where it stands with these bytes, left alone; two processes that
compute the same part write the same bytes, so neither a kill nor a race leaves half a part.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.files import DamagedFile, FileStore, as_files
from engine.files.documents import (
    damages_of,
    for_each,
    path_of,
    read_json_document,
    remove,
    scan_tables,
    settle,
    sweep,
)
from engine.files.writing import json_bytes, table_bytes
from engine.jobs.earlier import made_by_another_version
from engine.jobs.errors import clear_errors
from engine.jobs.job import Holds, Job
from engine.jobs.kept import kept_beside, replaced
from engine.jobs.ledger import trials_key, write_trials
from engine.jobs.manifest import SCHEMA_VERSION, Manifest, OtherVersion, table_key
from engine.jobs.part import Part
from engine.jobs.resampled import ResampledHistory
from engine.jobs.summary import JobSummary
from engine.jobs.unfinished import Unfinished, forget_unfinished

__all__ = [
    "TABLES",
    "MemoryStore",
    "ParquetStore",
    "Store",
]

log = logging.getLogger(__name__)

#: Tables of a study.
TABLES = ("simulations", "equity", "trades")


class ParquetStore:
    """Parts as Parquet files under a data root.

    Parameters
    ----------
    root : Path or FileStore
        The data root.
    """

    def __init__(self, root: Path | FileStore) -> None:
        self.files = as_files(root)
        #: Where trials are counted.
        self.ledger: FileStore | None = self.files
        #: Sentences about the parts that were left out because a file of theirs is damaged.
        self.damages: list[str] = []
        self._said: set[str] = set()

    def begin(self, job: Job, summary: JobSummary, *, keep_longer: bool = False) -> None:
        """Write down what the study asks and make it the current request of its name.

        With `keep_longer` a request with more seeds stays: an earlier run with ``until`` added
        them, and this run will come to the same ones.
        """
        folder = f"results/{job.study}"
        own = f"{folder}/{job.fingerprint}"
        self._say_rebuilt(folder, summary)
        with clear_errors(path_of(self.files, own)):
            for table in ("manifests", *TABLES):
                sweep(self.files, f"{table}/{job.world.id}")
            if not (keep_longer and self._longer(f"{own}/study.json", summary)):
                settle(self.files, f"{own}/sets.parquet", table_bytes(_set_table(job)))
                seeds = pl.DataFrame({"seed": job.seeds})
                settle(self.files, f"{own}/seeds.parquet", table_bytes(seeds))
                resampled = ResampledHistory.of(job.world)
                if resampled is not None:
                    history = table_bytes(resampled.to_frame())
                    settle(self.files, f"{own}/history.parquet", history)
                settle(self.files, f"{own}/study.json", json_bytes(summary.to_json()))
            current = json_bytes({"fingerprint": job.fingerprint})
            settle(self.files, f"{folder}/current.json", current)

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
        keys = self.files.list(f"manifests/{world}/part-")
        found = for_each(
            self.files, self._manifest_or_none, [key for key in keys if key.endswith(".json")]
        )
        return self._whole([manifest for manifest in found if manifest is not None], trials)

    def outdated(self, world: str) -> list[str]:
        """Names of a world's parts that an earlier version wrote: nothing reads them any more."""
        found: list[str] = []
        for key in self.files.list(f"manifests/{world}/part-"):
            with suppress(OSError, ValueError, TypeError, AttributeError):
                content = read_json_document(self.files, key)
                if int(content.get("schema_version", SCHEMA_VERSION)) < SCHEMA_VERSION:
                    found.append(key.split("/")[-1].removesuffix(".json"))
        return found

    def discard(self, parts: Iterable[Manifest]) -> None:
        """Forget that parts are finished.

        Their tables stay until they are written again, to the same bytes: another process may be
        reading them.
        """
        for part in parts:
            key = _manifest_key(part.world, part.part)
            with clear_errors(path_of(self.files, key)):
                remove(self.files, key)

    def finished(self, part: Part) -> Manifest | None:
        """Return the manifest of a part if it is finished and intact."""
        try:
            manifest = self._read_manifest(_manifest_key(part.world.id, part.name))
            found = self._whole([manifest], trials=True)
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
        """Write the tables of a part, its trials, and then its manifest.

        What a stored part of the same cells holds beside these stays.
        """
        world = part.world.id
        holds: Holds = part.holds
        entries: dict[str, dict[str, Any]] = {}
        stored = self._stored(part)
        if stored is not None:
            self._say(replaced(stored.holds, holds), part)
            holds, frames, entries = kept_beside(self.files, stored, holds, frames)
        for table, frame in frames.items():
            key = table_key(table, world, part.name, apart=part.apart)
            # Its checksum stands in the manifest.
            content = table_bytes(frame, sealed=False)
            with clear_errors(path_of(self.files, key)):
                settle(self.files, key, content)
            checksum = hashlib.sha256(content).hexdigest()
            entries[table] = {"path": key, "bytes": len(content), "sha256": checksum}
        with clear_errors(path_of(self.files, f"ledger/{world}")):
            write_trials(self.files, world, part.name, trials)
        manifest = replace(Manifest.of(part, failed, first_error, entries), holds=holds)
        key = _manifest_key(world, part.name)
        with clear_errors(path_of(self.files, key)):
            settle(self.files, key, json_bytes(manifest.to_json()))
        return manifest

    def unfinished(self, part: Part) -> Unfinished:
        """Return where long simulations of a part keep what they have come to."""
        return Unfinished(self.files, part.world.id, part.name)

    def forget_unfinished(self, world: str, part: str = "") -> None:
        """Let the simulations of a world, or of a part of it, begin anew."""
        forget_unfinished(self.files, world, part)

    def scan(self, table: str, manifests: Sequence[Manifest]) -> pl.LazyFrame:
        """Rows of a table of several parts."""
        keys = [manifest.files[table]["path"] for manifest in manifests]
        if self.files.address is None:
            return scan_tables(self.files, keys)
        # A part that is computed anew meanwhile, with more columns or in another precision, still
        # has those that it has now.
        return scan_tables(
            self.files,
            keys,
            schema=pl.read_parquet_schema(f"{self.files.address}/{keys[0]}"),
            extra_columns="ignore",
            cast_options=pl.ScanCastOptions(float_cast=["upcast", "downcast"]),
        )

    def _stored(self, part: Part) -> Manifest | None:
        """Return what is stored of the very cells of a part, where that is whole."""
        try:
            manifest = self._read_manifest(_manifest_key(part.world.id, part.name))
        except (FileNotFoundError, ValueError):
            return None
        wanted = [(entry["path"], entry["sha256"]) for entry in manifest.files.values()]
        return None if any(damages_of(self.files, wanted)) else manifest

    def _say_rebuilt(self, folder: str, summary: JobSummary) -> None:
        """Say once that what is stored of a study is of another version and computed again."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            current = read_json_document(self.files, f"{folder}/current.json")["fingerprint"]
            earlier = read_json_document(self.files, f"{folder}/{current}/study.json")
            said = made_by_another_version(earlier, summary)
            if said is not None and not self.manifests(summary.world):
                log.warning("%s", said)

    def _say(self, lost: str | None, part: Part) -> None:
        """Say once what stored parts lose to this run."""
        if lost is not None and lost not in self._said:
            self._said.add(lost)
            log.warning(
                "%s: stored parts had %s, which what %s asks for takes the place of; "
                "run the study that asked for it again to have it back",
                part.terms.study,
                lost,
                part.terms.study,
            )

    def _whole(self, manifests: list[Manifest], trials: bool) -> list[Manifest]:
        """Leave out manifests of which a file is damaged."""
        wanted: list[tuple[str, str | None]] = []
        owners: list[Manifest] = []
        for manifest in manifests:
            named = [(e["path"], e["sha256"]) for e in manifest.files.values()]
            if trials:
                named.append((trials_key(manifest.world, manifest.part), None))
            wanted += named
            owners += [manifest] * len(named)
        damaged = set()
        reasons = damages_of(self.files, wanted)
        for (key, _), owner, reason in zip(wanted, owners, reasons, strict=True):
            if reason is not None:
                self._leave_out(f"{path_of(self.files, key)} {reason}")
                damaged.add(owner.part)
        return [manifest for manifest in manifests if manifest.part not in damaged]

    def _leave_out(self, damage: str) -> None:
        self.damages.append(f"{damage}; its part is left out until the study runs again")
        log.warning("%s", self.damages[-1])

    def _manifest_or_none(self, key: str) -> Manifest | None:
        try:
            return self._read_manifest(key)
        except (FileNotFoundError, OtherVersion):
            return None  # another process took it away, or its rows are made anew
        except ValueError as damage:
            self._leave_out(str(damage))
            return None

    def _read_manifest(self, key: str) -> Manifest:
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
        path = path_of(self.files, key)
        try:
            manifest = Manifest.from_json(read_json_document(self.files, key))
            _, world, name = key.split("/")
            part = name.removesuffix(".json")
            if (manifest.world, manifest.part) != (world, part) or any(
                entry["path"] != table_key(table, world, part, apart=manifest.apart)
                for table, entry in manifest.files.items()
            ):
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

    def _longer(self, key: str, summary: JobSummary) -> bool:
        try:
            return int(read_json_document(self.files, key)["simulations"]) > summary.simulations
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False


class MemoryStore:
    """Parts kept in memory, for studies that need no files.

    Parameters
    ----------
    ledger : Path or FileStore, optional
        A data root whose ledger counts the trials all the same; without one nothing is counted.
    """

    def __init__(self, ledger: Path | FileStore | None = None) -> None:
        #: Where trials are counted; None if nowhere.
        self.ledger = None if ledger is None else as_files(ledger)
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
        """Keep the tables of a part, and count its trials where there is a ledger."""
        if self.ledger is not None:
            with clear_errors(path_of(self.ledger, f"ledger/{part.world.id}")):
                write_trials(self.ledger, part.world.id, part.name, trials)
        files: dict[str, dict[str, Any]] = {table: {} for table in frames}
        manifest = Manifest.of(part, failed, first_error, files)
        with self._lock:
            for table, frame in frames.items():
                self._frames.setdefault(table, {})[part.name] = frame
            self._manifests[part.name] = manifest
        return manifest

    def unfinished(self, part: Part) -> None:
        """Keep nothing of simulations that have not ended."""

    def forget_unfinished(self, world: str, part: str = "") -> None:
        """Nothing is kept."""

    def scan(self, table: str, manifests: Sequence[Manifest]) -> pl.LazyFrame:
        """Rows of a table of several parts."""
        return pl.concat([self._frames[table][m.part] for m in manifests]).lazy()


Store = ParquetStore | MemoryStore


def _manifest_key(world: str, part: str) -> str:
    return f"manifests/{world}/{part}.json"


def _set_table(job: Job) -> pl.DataFrame:
    """Return the job's parameter sets: ``parameter_set`` and ``set_id``."""
    ids = job.sets.ids.tolist()
    return pl.DataFrame({"parameter_set": np.arange(len(ids), dtype=np.int32), "set_id": ids})
