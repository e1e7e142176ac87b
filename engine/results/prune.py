"""Removal of what no study uses: parts, and earlier requests of studies."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Refusal
from engine.files import DamagedFile, read_json, read_parquet
from engine.jobs.manifest import Manifest
from engine.jobs.plan import Request, find_pieces
from engine.jobs.store import TABLES, ParquetStore
from engine.jobs.summary import JobSummary

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
    files : tuple of Path
        Their files, and tables that no manifest names.
    requests : tuple of Path
        Folders of earlier requests of studies.
    bytes : int
        Size of the files.
    """

    parts: tuple[Manifest, ...]
    files: tuple[Path, ...]
    requests: tuple[Path, ...]
    bytes: int


def find_unused(root: Path, *, without: str | None = None) -> Unused:
    """Find what no study names.

    Parameters
    ----------
    root : Path
        The data root.
    without : str, optional
        A study that is about to be removed.

    Raises
    ------
    Refusal
        If a study's request cannot be read: it may name any cell.
    """
    store = ParquetStore(root)
    asked: dict[str, list[Request]] = {}
    requests: list[Path] = []
    for marker in sorted((root / "results").glob("*/current.json")):
        if marker.parent.name == without:
            continue
        current = str(read_json(marker)["fingerprint"])
        world, request = _request(marker.parent / current, marker.parent.name)
        asked.setdefault(world, []).append(request)
        requests += [
            folder
            for folder in sorted(marker.parent.iterdir())
            if folder.is_dir() and folder.name != current
        ]
    parts: list[Manifest] = []
    files: list[Path] = []
    for folder in sorted((root / "manifests").glob("*")):
        world = folder.name
        manifests = store.manifests(world)
        named = {
            piece.manifest.part
            for request in asked.get(world, [])
            for piece in find_pieces(request, manifests)[0]
        }
        unused = [manifest for manifest in manifests if manifest.part not in named]
        parts += unused
        for manifest in unused:
            files.append(root / "manifests" / world / f"{manifest.part}.json")
            files += [root / entry["path"] for entry in manifest.files.values()]
    files += _orphans(root)
    there = [path for path in dict.fromkeys(files) if path.exists()]
    size = sum(path.stat().st_size for path in there)
    return Unused(tuple(parts), tuple(there), tuple(requests), size)


def remove_unused(root: Path, unused: Unused) -> None:
    """Delete what was found, manifests first: a part without its manifest is no part.

    The ledger stays: what was tried was tried.
    """
    for request in unused.requests:
        shutil.rmtree(request, ignore_errors=True)
    for path in sorted(unused.files, key=lambda path: path.suffix != ".json"):
        path.unlink(missing_ok=True)
    for table in ("manifests", *TABLES):
        for folder in (root / table).glob("*"):
            if folder.is_dir() and next(folder.iterdir(), None) is None:
                folder.rmdir()


def remove_study(root: Path, study: str) -> None:
    """Remove a study's name and what it asks; its cells stay until they are collected.

    Raises
    ------
    Refusal
        If there is no such study.
    """
    known = sorted(path.parent.name for path in (root / "results").glob("*/current.json"))
    if study not in known:
        raise Refusal("study", f"no results of {study!r}", ", ".join(known) or "none are stored")
    folder = root / "results" / study
    # Its name goes last: a removal that is killed is asked for again by the same name.
    for request in folder.glob("*/"):
        shutil.rmtree(request, ignore_errors=True)
    (folder / "current.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _request(folder: Path, study: str) -> tuple[str, Request]:
    try:
        summary = JobSummary.from_json(read_json(folder / "study.json"), str(folder))
        root = folder.parents[2]
        sets = read_parquet(root, folder / "sets.parquet")["set_id"].to_numpy().astype("U16")
        seeds = read_parquet(root, folder / "seeds.parquet")["seed"].to_numpy()
    except (OSError, Refusal) as error:
        found = f"{error.path.name} {error.reason}" if isinstance(error, DamagedFile) else error
        raise Refusal(
            "study",
            f"{study} has lost what it asks for, which may be any stored part ({found})",
            hint=f"`mc run {study}` writes it anew, `mc prune {study}` removes it",
        ) from None
    return summary.world, Request(sets, seeds, summary.holds)


def _orphans(root: Path) -> list[Path]:
    """Tables that no manifest names, left of parts that were discarded; not one being written."""
    return [
        path
        for table in TABLES
        for path in sorted((root / table).glob("*/part-*.parquet"))
        if not (root / "manifests" / path.parent.name / f"{path.stem}.json").exists()
        and time.time() - path.stat().st_mtime > _WRITING_SECONDS
    ]
