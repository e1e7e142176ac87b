"""Removal of what no study uses: parts, and earlier requests of studies."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import Refusal
from engine.files import DamagedFile, FileStore, as_files
from engine.files.documents import read_json_document, state_of, tidy
from engine.jobs.manifest import Manifest, table_key
from engine.jobs.plan import ANYTHING, Request, find_pieces
from engine.jobs.store import TABLES, ParquetStore
from engine.jobs.summary import JobSummary
from engine.jobs.unfinished import FOLDER
from engine.results.load import read_request, stored_studies

__all__ = ["Unused", "find_unused", "remove_study", "remove_unused"]

# Seconds after which a part without a manifest is abandoned: the manifest follows its tables.
_WRITING_SECONDS = 3600.0


@dataclass(frozen=True)
class Unused:
    """Files that can be removed without any study losing a row.

    Parameters
    ----------
    parts : tuple of Manifest
        Finished parts of which no study names a cell.
    files : tuple of str
        Keys of their files, of parts of an earlier version, and of tables that no manifest names.
    requests : tuple of str
        Folders of earlier requests of studies.
    bytes : int
        Size of the files.
    """

    parts: tuple[Manifest, ...]
    files: tuple[str, ...]
    requests: tuple[str, ...]
    bytes: int


def find_unused(root: str | Path | FileStore, *, without: str | None = None) -> Unused:
    """Find what no study names.

    Parameters
    ----------
    root : path or FileStore
        The data root.
    without : str, optional
        A study that is about to be removed.

    Raises
    ------
    Refusal
        If a study's request cannot be read: it may name any cell.
    """
    store = ParquetStore(as_files(root))
    asked: dict[str, list[Request]] = {}
    requests: list[str] = []
    for study in stored_studies(store.files):
        if study == without:
            continue
        folder = f"results/{study}"
        current = str(read_json_document(store.files, f"{folder}/current.json")["fingerprint"])
        world, request = _request(store.files, f"{folder}/{current}", study)
        asked.setdefault(world, []).append(request)
        keys = [key.split("/") for key in store.files.list(f"{folder}/")]
        found = {parts[2] for parts in keys if len(parts) > 3}
        requests += [f"{folder}/{name}" for name in sorted(found - {current})]
    parts: list[Manifest] = []
    files: list[str] = []
    manifests_there = store.files.list("manifests/")
    for world in sorted({key.split("/")[1] for key in manifests_there}):
        manifests = store.manifests(world)
        named = {
            piece.manifest.part
            for request in asked.get(world, [])
            for piece in find_pieces(request, manifests)[0]
        }
        named |= _shown_of([one for one in manifests if one.part in named], manifests)
        unused = [manifest for manifest in manifests if manifest.part not in named]
        parts += unused
        for manifest in unused:
            files.append(f"manifests/{world}/{manifest.part}.json")
            files += [entry["path"] for entry in manifest.files.values()]
        if world not in asked:
            # Of what nobody asks for the damaged goes, too.
            places = [f"{table}/{world}/" for table in ("manifests", *TABLES)]
            files += [key for place in places for key in store.files.list(place)]
        for part in store.outdated(world):
            files.append(f"manifests/{world}/{part}.json")
            files += [table_key(table, world, part) for table in TABLES]
            files.append(table_key("simulations", world, part, apart=True))
    files += _orphans(store.files, set(manifests_there))
    there: list[str] = []
    size = 0
    for key in dict.fromkeys(files):
        try:
            size += state_of(store.files, key)[0]
        except FileNotFoundError:
            continue
        there.append(key)
    return Unused(tuple(parts), tuple(there), tuple(requests), size)


def remove_unused(root: str | Path | FileStore, unused: Unused) -> None:
    """Delete what was found, manifests first: a part without its manifest is no part.

    The ledger stays: what was tried was tried.
    """
    files = as_files(root)
    for request in unused.requests:
        _delete(files, request)
    for key in sorted(unused.files, key=lambda key: not key.endswith(".json")):
        files.delete(key)
    for table in ("manifests", *TABLES, FOLDER):
        tidy(files, table)


def remove_study(root: str | Path | FileStore, study: str) -> None:
    """Remove a study's name and what it asks; its cells stay until they are collected.

    Raises
    ------
    Refusal
        If there is no such study.
    """
    files = as_files(root)
    known = stored_studies(files)
    if study not in known:
        raise Refusal("study", f"no results of {study!r}", ", ".join(known) or "none are stored")
    # Its name goes last: a removal that is killed is asked for again by the same name.
    folder = f"results/{study}"
    name = f"{folder}/current.json"
    for key in files.list(f"{folder}/"):
        if key != name:
            files.delete(key)
    files.delete(name)
    tidy(files, "results")


def _delete(files: FileStore, folder: str) -> None:
    """Delete all that lies in a folder, and the folder where a store has some."""
    for key in files.list(f"{folder}/"):
        files.delete(key)
    tidy(files, folder.rpartition("/")[0])


def _request(files: FileStore, folder: str, study: str) -> tuple[str, Request]:
    try:
        plain = read_json_document(files, f"{folder}/study.json")
        summary = JobSummary.from_json(plain, folder)
        sets, seeds = read_request(files, folder)
    except (OSError, Refusal) as error:
        found = f"{error.path.name} {error.reason}" if isinstance(error, DamagedFile) else error
        raise Refusal(
            "study",
            f"{study} has lost what it asks for, which may be any stored part ({found})",
            hint=f"`mc run {study}` writes it anew, `mc prune {study}` removes it",
        ) from None
    return summary.world, Request(sets, seeds, summary.holds)


def _shown_of(used: list[Manifest], manifests: list[Manifest]) -> set[str]:
    """Names of the parts that show cells of used ones that lie apart: folders need them."""
    shown = [one for one in manifests if not one.apart]
    apart = [one for one in used if one.apart]
    return {
        piece.manifest.part
        for one in apart
        for piece in find_pieces(Request(np.array(one.sets), one.seeds, ANYTHING), shown)[0]
    }


def _orphans(files: FileStore, manifests: set[str]) -> list[str]:
    """Tables that no manifest names, left of parts that were discarded; not one being written.

    So are simulations that were killed and that nobody has gone on with.
    """
    found = []
    for key in (key for table in (*TABLES, FOLDER) for key in files.list(f"{table}/")):
        rest = key.partition("/")[2]
        part = rest.removesuffix(".parquet").replace("/_more/", "/")
        named = f"manifests/{part}.json" in manifests or not part.split("/")[-1].startswith("part-")
        if (named or not rest.endswith(".parquet")) and not key.startswith(f"{FOLDER}/"):
            continue
        with contextlib.suppress(FileNotFoundError):  # another process has just deleted it
            if state_of(files, key)[1] > _WRITING_SECONDS:
                found.append(key)
    return found
