"""Whether every stored file is what was written."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from engine.files import (
    KINDS,
    DamagedFile,
    VerifiedFiles,
    is_whole,
    read_json,
    write_json,
    write_whole,
)
from engine.files.writing import parquet_bytes
from engine.jobs.unfinished import FOLDER, is_whole_state
from engine.tables.parquet_table import parquet_table
from mc_assets.market_data.bar_store import BARS, QUALITY, QUARANTINE, RAW
from mc_assets.project import Project

__all__ = ["NIGHTS", "Verified", "seal_files", "verify_files"]

#: Nights in which a nightly check looks at every file once.
NIGHTS: Final = 16

_PARTS: Final = ("simulations", "equity", "trades")
# A year of bars has a file in each.
_OF_A_YEAR: Final = (RAW, BARS, QUARANTINE, QUALITY)
# Folders of worlds, but for the ledger, which stays; folders that have a file or a folder for each
# study.
_OF_A_WORLD: Final = (*_PARTS, "manifests")
_OF_A_STUDY: Final = (
    *("results", "statistics", "lineage", "study_warnings", "error_budget", "attribution"),
    "overfitting",
)
_REQUEST: Final = ("study.json", "sets.parquet", "seeds.parquet")


@dataclass(frozen=True)
class Verified:
    """Stored files, counted by kind, and the damaged ones among them.

    Parameters
    ----------
    kinds : polars.DataFrame
        A row per kind that there are files of: ``kind``, ``files``, ``damaged`` and ``remedy``,
        what to do about a damaged one.
    damaged : tuple of DamagedFile
        Each of them, with what is wrong and what to do.
    """

    kinds: pl.DataFrame
    damaged: tuple[DamagedFile, ...]


def verify_files(project: Project, *, night: int | None = None) -> Verified:
    """Read every file of the data folder that this project wrote, and compare checksums.

    Nothing that was found before is believed. Tables of parts that no manifest names are not
    looked at: nobody reads them.

    Parameters
    ----------
    project : Project
        Its data folder.
    night : int, optional
        Look only at the files whose turn it is on this day: each has one in `NIGHTS`.
    """
    found: dict[str, tuple[list[Path], list[str | None]]] = {}
    for kind in KINDS:
        files = [
            (path, checksum)
            for path, checksum in _files(project, kind)
            if night is None or _turn(project, path) == night % NIGHTS
        ]
        reasons = VerifiedFiles(project.data, remember=False).damages(files)
        found[kind] = ([path for path, _ in files], reasons)
    # A file that several name is told of once.
    damaged = {
        path: reason
        for paths, reasons in found.values()
        for path, reason in zip(paths, reasons, strict=True)
        if reason is not None
    }
    rows = [
        {
            "kind": kind,
            "files": len(set(paths)),
            "damaged": len(
                {path for path, why in zip(paths, reasons, strict=True) if why is not None}
            ),
            "remedy": KINDS[kind],
        }
        for kind, (paths, reasons) in found.items()
        if paths
    ]
    schema = {"kind": pl.String, "files": pl.Int64, "damaged": pl.Int64, "remedy": pl.String}
    return Verified(pl.DataFrame(rows, schema=schema), tuple(_told(project, damaged)))


def seal_files(project: Project) -> int:
    """Give files that never had a checksum one, where they can be read; return how many.

    Whether they are what was written, nobody can tell: this is for files that an earlier version
    of this project wrote.
    """
    sealed = 0
    for kind in KINDS:
        if kind in (*_PARTS, "warehouse", FOLDER):
            continue
        for path, _ in _files(project, kind):
            if path.is_file() and is_whole(path.read_bytes()) is None:
                sealed += _sealed(path)
    return sealed


def _sealed(path: Path) -> bool:
    try:
        if path.suffix == ".json":
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict):
                return False
            write_json(path, content)
        else:
            parquet_table(path, math.inf)  # refuses what could end the process below
            footer = pl.read_parquet_metadata(path)
            footer.pop("ARROW:schema", None)
            frame = pl.read_parquet(path, hive_partitioning=False, glob=False)
            write_whole(path, parquet_bytes(frame, footer=footer))
    except (ValueError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    return True


def _told(project: Project, damaged: Mapping[Path, str]) -> Iterator[DamagedFile]:
    """Say what is wrong with files, and of studies without a file what removes them."""
    if not damaged:
        return
    worlds = _studies_of_worlds(project.data)
    there = set(project.study_files) if project.studies.is_dir() else set()
    for path, reason in damaged.items():
        kind, *below = path.relative_to(project.data).parts
        hint = None
        if kind in _OF_A_WORLD and worlds is not None:
            studies = worlds.get(below[0], set())
            if not studies:
                hint = "no study asks for it: `mc prune --yes` removes it"
            elif not studies & there:
                them = ", ".join(f"`mc prune {name} --yes`" for name in sorted(studies))
                names = ", ".join(sorted(studies))
                hint = f"there is no study file of {names}: {them} removes it"
        elif kind in _OF_A_STUDY:
            name = below[0].removesuffix(".parquet")
            if name not in there:
                hint = f"there is no study file of {name}: `mc rm {name} --yes` removes it"
        yield DamagedFile(path, reason, hint)


def _studies_of_worlds(data: Path) -> dict[str, set[str]] | None:
    """Return the studies that have results of each world; None where one is damaged."""
    found: dict[str, set[str]] = {}
    for marker in (data / "results").glob("*/current.json"):
        try:
            fingerprint = str(read_json(marker)["fingerprint"])
            world = read_json(marker.parent / fingerprint / "study.json")["world"]
        except (DamagedFile, FileNotFoundError):
            return None
        found.setdefault(str(world), set()).add(marker.parent.name)
    return found


def _files(project: Project, kind: str) -> Iterator[tuple[Path, str | None]]:
    """Files of a kind that are there or should be, and the checksums that others say of them."""
    data = project.data
    if kind == "warehouse":
        yield from _warehouse_files(project)
        return
    if kind == FOLDER:
        yield from _states(data)
        return
    if kind in _PARTS:
        for manifest in _manifests(data):
            entry = manifest["files"].get(kind)
            if entry is not None:
                yield data / entry["path"], entry["sha256"]
        return
    there = {
        path
        for path in (data / kind).rglob("*")
        if path.suffix in (".parquet", ".json") and not path.name.startswith(".")
    }
    if kind == "results":
        for marker in (data / kind).glob("*/current.json"):
            with suppress(DamagedFile, FileNotFoundError):
                own = marker.parent / str(read_json(marker)["fingerprint"])
                there |= {own / name for name in _REQUEST}
    if kind == "ledger":
        there |= {
            data / kind / manifest["world"] / f"{manifest['part']}.parquet"
            for manifest in _manifests(data)
        }
    if kind in _OF_A_YEAR:
        there |= {
            data / kind / path.relative_to(data / other)
            for other in _OF_A_YEAR
            for path in (data / other).glob("*/*/[0-9]*.parquet")
        }
    for path in sorted(there):
        yield path, None


def _states(data: Path) -> Iterator[tuple[Path, str | None]]:
    """Return what unfinished simulations came to, and the checksum of each that is whole."""
    for path in sorted((data / FOLDER).rglob("*.state")):
        content = path.read_bytes()
        whole = content if is_whole_state(content) else b""
        yield path, hashlib.sha256(whole).hexdigest()


def _manifests(data: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((data / "manifests").rglob("part-*.json")):
        # A damaged one is found where manifests are looked at.
        with suppress(DamagedFile, FileNotFoundError):
            yield read_json(path)


def _warehouse_files(project: Project) -> Iterator[tuple[Path, str | None]]:
    """Return the published file with the one of the noted checksums that it has, and the note."""
    from mc_assets.published import checksum_file, noted_checksums

    if not project.warehouse.exists():
        return
    yield checksum_file(project), None
    try:
        noted = noted_checksums(project)
    except DamagedFile:
        return  # of the file, nothing is known
    with project.warehouse.open("rb") as content:
        own = hashlib.file_digest(content, "sha256").hexdigest()
    yield project.warehouse, own if own in noted else next(iter(noted), None)


def _turn(project: Project, path: Path) -> int:
    name = path.relative_to(project.data).as_posix()
    return hashlib.sha256(name.encode()).digest()[0] % NIGHTS
