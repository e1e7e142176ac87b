"""Opening the results of a study: the cells it asks for, out of the parts of its world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import DamagedFile, FileStore, Root, as_files, named_root
from engine.files.documents import path_of, read_json_document, read_table
from engine.jobs.job import Job
from engine.jobs.manifest import Manifest
from engine.jobs.plan import Piece, Request, find_pieces
from engine.jobs.resampled import ResampledHistory
from engine.jobs.store import TABLES, ParquetStore, Store
from engine.jobs.summary import JobSummary
from engine.results.results import Results
from engine.results.shelf import Shelf
from engine.results.stored_columns import StoredColumns

__all__ = ["open_results", "read_request", "read_results", "stored_studies"]


def read_results(root: Root, study: str, *, fingerprint: str | None = None) -> Results:
    """Open the results of a study under a data root.

    Parameters
    ----------
    root : path or FileStore
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
    files = as_files(root)
    folder = f"results/{study}"
    if fingerprint is None:
        try:
            current = read_json_document(files, f"{folder}/current.json")
        except FileNotFoundError:
            have = stored_studies(files)
            known = f"none under {files.address or 'this store'}"
            if have:
                known = f"there are results of {', '.join(have)}"
            raise Refusal(
                "study", f"{study!r} has no results", hint=f"{known}; `mc run {study}` makes them"
            ) from None
        fingerprint = str(current.get("fingerprint"))
    own = f"{folder}/{fingerprint}"
    try:
        plain = read_json_document(files, f"{own}/study.json")
    except FileNotFoundError:
        raise Refusal(
            "fingerprint", repr(fingerprint), f"a folder of {path_of(files, folder)}"
        ) from None
    summary = JobSummary.from_json(plain, str(path_of(files, f"{own}/study.json")))
    try:
        set_ids, seeds = read_request(files, own)
    except DamagedFile as damage:
        raise Refusal(
            "results",
            f"{path_of(files, own)} has lost the list of its parameter sets or seeds: "
            f"{damage.path.name} {damage.reason}",
            hint=f"`mc run {study}` writes it anew",
        ) from None
    results = open_results(
        ParquetStore(files),
        summary,
        set_ids,
        seeds,
        resampled=_resampled(files, f"{own}/history.parquet"),
        rare=_table_or_none(files, f"{own}/rare_events.parquet"),
        root=named_root(files),
    )
    if not results.pieces:
        raise Refusal(
            "study", f"no part of {study!r} is finished", hint=f"`mc run {study}` goes on"
        )
    return results


def stored_studies(files: FileStore) -> list[str]:
    """Return the names of the studies that a store has results of, sorted."""
    found = (key.split("/") for key in files.list("results/"))
    return [parts[1] for parts in found if len(parts) == 3 and parts[2] == "current.json"]


def read_request(files: FileStore, folder: str) -> tuple[NDArray[np.str_], NDArray[np.uint64]]:
    """Read the ids of the parameter sets and the seeds that a study asks for.

    Returns
    -------
    set_ids : ndarray of str, shape (sets,)
        Sets, in the order of the study.
    seeds : ndarray of uint64, shape (seeds,)
        Seeds, in the order of the study.

    Raises
    ------
    DamagedFile
        If one is missing or not what was written.
    """
    sets = read_table(files, f"{folder}/sets.parquet")["set_id"]
    seeds = read_table(files, f"{folder}/seeds.parquet")["seed"]
    return sets.to_numpy().astype("U16"), seeds.to_numpy()


def _resampled(files: FileStore, key: str) -> ResampledHistory | None:
    """Read what a bootstrap draws from; None of another source.

    Raises
    ------
    DamagedFile
        If it is not what was written.
    """
    found = _table_or_none(files, key)
    return None if found is None else ResampledHistory.from_frame(found)


def _table_or_none(files: FileStore, key: str) -> pl.DataFrame | None:
    """Read a table that not every study has.

    Raises
    ------
    DamagedFile
        If it is not what was written.
    """
    return read_table(files, key) if key in files.list(key) else None


def open_results(
    store: Store,
    summary: JobSummary,
    set_ids: NDArray[np.str_],
    seeds: NDArray[np.uint64],
    remake: Callable[[], Job] | None = None,
    resampled: ResampledHistory | None = None,
    root: Root | None = None,
    rare: pl.DataFrame | None = None,
) -> Results:
    """Open the cells of a study that are there.

    Parameters
    ----------
    store : ParquetStore or MemoryStore
        Where the parts are.
    summary : JobSummary
        The study as it was asked.
    set_ids : ndarray of str, shape (sets,)
        Its parameter sets, in its order.
    seeds : ndarray of uint64, shape (seeds,)
        Its seeds, in its order.
    remake : callable, optional
        Returns the job as its study stands now.
    resampled : ResampledHistory, optional
        What its bootstrap draws from.
    root : Path or FileStore, optional
        Data root whose ledger counts its trials.
    rare : polars.DataFrame, optional
        Its rare events (`engine.jobs.rare_events`).
    """
    uneven = summary.seeds_of_set
    counts = None if uneven is None else np.array(uneven, dtype=np.int64)
    asked = Request(set_ids, seeds, summary.holds, counts)
    pieces, _ = find_pieces(asked, store.manifests(summary.world))
    numbers = _numbers(set_ids, seeds)
    tables: dict[str, pl.LazyFrame] = {}
    recorded = {
        "simulations": True,
        "equity": summary.record.equity > 0,
        "trades": summary.record.trades,
    }
    for table in TABLES:
        if recorded[table]:
            rows = _rows(store, table, pieces, set_ids)
            if rows is not None:
                tables[table] = _numbered(rows, summary, numbers)
    if "simulations" in tables:
        columns = [*summary.parameters, "status", "error"]
        keys = ["study", "simulation", "parameter_set", "world", "set_id", "seed", "path"]
        # A part that keeps more than was asked says the same as one that keeps just that.
        dtype = pl.Float32() if summary.record.precision == "float32" else pl.Float64()
        metrics = [pl.col(name).cast(dtype) for name in summary.metrics]
        tables["simulations"] = tables["simulations"].select(*keys, *columns, *metrics)
    empty = pl.LazyFrame(schema=dict.fromkeys(("simulation", "status"), pl.Int64()))
    rows = tables.get("simulations", empty)
    stored = StoredColumns(
        rows,
        store,
        summary,
        set_ids,
        seeds,
        pieces,
        Shelf(root if isinstance(root, Path) else None),
    )
    return Results(
        rows,
        summary,
        stored if pieces else None,
        tables.get("equity"),
        tables.get("trades"),
        tuple(pieces),
        set_ids,
        seeds,
        rare,
        remake,
        tuple(store.damages),
        resampled,
        root,
    )


def _rows(
    store: Store, table: str, pieces: list[Piece], set_ids: NDArray[np.str_]
) -> pl.LazyFrame | None:
    """Rows of a table that the pieces serve, without the other cells of their parts."""
    # Parts that keep the same have the same columns, and are read as one.
    whole: dict[tuple[object, ...], list[Manifest]] = {}
    for piece in pieces:
        if piece.whole:
            holds = piece.manifest.holds
            alike = (holds.metrics, holds.record.precision, *sorted(holds.own_metrics))
            whole.setdefault(alike, []).append(piece.manifest)
    frames = [store.scan(table, manifests) for manifests in whole.values()]
    for piece in pieces:
        if not piece.whole:
            chosen = pl.Series(set_ids[piece.sets].tolist(), dtype=pl.String)
            own = pl.col("set_id").is_in(chosen.implode())
            some = pl.col("seed").is_in(pl.Series(piece.seeds).implode())
            frames.append(store.scan(table, [piece.manifest]).filter(own & some))
    if not frames:
        return None
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")


def _numbers(
    set_ids: NDArray[np.str_], seeds: NDArray[np.uint64]
) -> tuple[pl.LazyFrame, pl.LazyFrame | int]:
    """Tables of the study's own numbers: of its parameter sets, and of its seeds.

    Of consecutive seeds the first says it all, however many they are.
    """
    sets = {"set_id": set_ids.tolist(), "parameter_set": np.arange(len(set_ids), dtype=np.int32)}
    ascending = len(seeds) > 0 and bool((seeds[1:] > seeds[:-1]).all())
    if ascending and int(seeds[-1]) - int(seeds[0]) == len(seeds) - 1:
        return pl.LazyFrame(sets), int(seeds[0])
    # Of millions of seeds the numbers are made where they are asked for.
    order = pl.LazyFrame({"seed": seeds}).with_row_index("_position")
    return pl.LazyFrame(sets), order.with_columns(pl.col("_position").cast(pl.Int64))


def _numbered(
    rows: pl.LazyFrame, summary: JobSummary, numbers: tuple[pl.LazyFrame, pl.LazyFrame | int]
) -> pl.LazyFrame:
    """Add the study's name and its numbers of parameter sets and simulations."""
    sets, order = numbers
    rows = rows.join(sets, on="set_id", how="inner", maintain_order="left")
    if isinstance(order, int):
        # Rows have no other seeds than the study's (`_rows`).
        from_first = pl.col("seed") - pl.lit(order, pl.UInt64())
        rows = rows.with_columns(from_first.cast(pl.Int64).alias("_position"))
    else:
        rows = rows.join(order, on="seed", how="inner", maintain_order="left")
    path = pl.col("_position") * summary.paths_per_seed + pl.col("path")
    return rows.with_columns(
        pl.lit(summary.study).alias("study"),
        (path * summary.parameter_sets + pl.col("parameter_set")).alias("simulation"),
    ).drop("_position")
