"""Opening the results of a study from disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import polars as pl

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.store import TABLES, Manifest, read_json, read_manifest
from engine.jobs.summary import JobSummary
from engine.results.results import Results

__all__ = ["from_manifests", "read_results", "stored_rows"]

log = logging.getLogger(__name__)


def read_results(root: str | Path, study: str, *, fingerprint: str | None = None) -> Results:
    """Open the results of a study under a data root.

    Parameters
    ----------
    root : path
        The data root.
    study : str
        Name of the study.
    fingerprint : str, optional
        Defaults to that of the latest run.

    Raises
    ------
    Refusal
        If there are none.

    Notes
    -----
    A damaged part is left out with a warning; `Results.missing` then counts its simulations.
    """
    root = Path(root)
    folder = root / "results" / study
    if fingerprint is None:
        try:
            current = read_json(folder / "current.json")
        except FileNotFoundError:
            have = sorted(path.parent.name for path in root.glob("results/*/current.json"))
            allowed = ", ".join(have) or f"a study that has run; none has under {root}"
            raise Refusal("study", f"no results of {study!r}", allowed) from None
        fingerprint = str(current.get("fingerprint"))
    folder = folder / fingerprint
    if not (folder / "study.json").is_file():
        raise Refusal("fingerprint", repr(fingerprint), f"a folder of {folder.parent}")
    file = folder / "study.json"
    summary = JobSummary.from_json(read_json(file), str(file))
    manifests = []
    for path in folder.glob("block=*/part-*.json"):
        try:
            manifests.append(read_manifest(path, root, checksums=False))
        except ValueError as damage:
            log.warning("%s; its part is left out, run the study again", damage)
    if not manifests:
        raise Refusal("study", f"no finished part of {study!r}", "a study that has run")
    return from_manifests(root, manifests, summary)


def stored_rows(root: str | Path, study: str) -> tuple[int, int] | None:
    """Count the rows of a study's latest run that are stored, and all that it has.

    Returns
    -------
    tuple of int or None
        None if it has never run.

    Raises
    ------
    Refusal
        If a file of its results is damaged, or another version of the engine wrote it.
    """
    folder = Path(root) / "results" / study
    try:
        folder = folder / str(read_json(folder / "current.json").get("fingerprint"))
    except FileNotFoundError:
        return None
    file = folder / "study.json"
    summary = JobSummary.from_json(read_json(file), str(file))
    manifests = [read_json(path) for path in folder.glob("block=*/part-*.json")]
    return sum(int(manifest.get("rows", 0)) for manifest in manifests), summary.simulations


def from_manifests(
    root: Path,
    manifests: list[Manifest],
    summary: JobSummary,
    remake: Callable[[], Job] | None = None,
) -> Results:
    """Results of these parts, in the order of their simulations."""
    ordered = sorted(manifests, key=lambda m: (m.part.split("-")[1], m.block, m.part))
    tables: dict[str, pl.LazyFrame] = {}
    for table in TABLES:
        files = [root / m.files[table]["path"] for m in ordered if table in m.files]
        if files:
            tables[table] = pl.scan_parquet(files, hive_partitioning=False)
    return Results(
        tables["results"],
        summary,
        tables.get("equity"),
        tables.get("trades"),
        tuple(ordered),
        remake,
    )
