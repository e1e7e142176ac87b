"""The trial ledger: every parameter set that was ever run, counted once, never forgotten.

A *trial* is a parameter set of a strategy's code on a world, whatever the version of the engine: a
set that is computed again is the same trial. Each part writes its trials beside itself, under
``ledger/WORLD/PART.parquet``, before its manifest; a file that stands is never written again and
never deleted, so that what parts are pruned or recomputed leaves the count as it was.

A row holds what overfitting tests need: estimates, the number of paths, and the *outcome vector*,
mean profits as shares of the starting cash on fixed blocks. Blocks are the remainders of seeds by
64, the same for every trial, so that sets that shared their paths can be correlated; on history,
where every seed is the same path, they are stretches of time. Beside those stands what the prices
themselves did (``market``), so that an edge can be told from exposure.
"""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import FileStore, as_files
from engine.files.documents import (
    check_files,
    damages_of,
    read_json_document,
    scan_tables,
    settle,
)
from engine.files.writing import json_bytes, table_bytes
from engine.jobs.blocks import BLOCKS

__all__ = [
    "OUTCOME_BLOCKS",
    "SCHEMA",
    "Archive",
    "archive_trials",
    "count_trials",
    "outcome_matrix",
    "read_archives",
    "read_trials",
    "time_block_ends",
    "trials_key",
    "write_trials",
]

#: Blocks of seeds, and the most stretches of time, of an outcome vector.
OUTCOME_BLOCKS: Final = 64

_ARCHIVES: Final = "ledger/archives/"

#: Columns of a part's ledger file, a row per parameter set.
SCHEMA: Final = pl.Schema(
    [
        ("trial", pl.String),
        ("family", pl.String),
        ("code", pl.String),
        ("data", pl.String),
        ("series", pl.String),
        ("world", pl.String),
        ("set_id", pl.String),
        ("parameters", pl.String),
        ("study", pl.String),
        ("asked_by", pl.String),
        ("status", pl.String),
        ("engine_version", pl.String),
        ("tried_at", pl.Datetime("us", "UTC")),
        ("seeds", pl.UInt32),
        ("first_seed", pl.UInt64),
        ("last_seed", pl.UInt64),
        ("paths", pl.UInt32),
        ("failed", pl.UInt32),
        ("mean_net_pnl", pl.Float64),
        ("std_net_pnl", pl.Float64),
        ("mean_sharpe", pl.Float64),
        ("blocks_of", pl.String),
        ("block", pl.List(pl.UInt8)),
        ("outcome", pl.List(pl.Float32)),
        ("block_paths", pl.List(pl.UInt32)),
        ("market", pl.List(pl.Float32)),
    ]
)


@dataclass(frozen=True)
class Archive:
    """Trials of a family that no longer count, and why.

    Parameters
    ----------
    family : str
        Name of the strategy.
    until : datetime.datetime
        Trials first run up to then are archived.
    reason : str
        Why.
    """

    family: str
    until: datetime.datetime
    reason: str


def time_block_ends(bar_count: int) -> NDArray[np.int64]:
    """Return the last bar of each stretch of time of an outcome vector on history.

    Parameters
    ----------
    bar_count : int
        Bars that count.

    Returns
    -------
    ndarray of int64, shape (blocks,)
        As equal stretches as there can be: `OUTCOME_BLOCKS` of them, or one per bar.
    """
    count = min(OUTCOME_BLOCKS, bar_count)
    return np.array([(k + 1) * bar_count // count - 1 for k in range(count)], dtype=np.int64)


def trials_key(world: str, part: str) -> str:
    """Return the key of a part's trials."""
    return f"ledger/{world}/{part}.parquet"


def write_trials(root: Path | FileStore, world: str, part: str, rows: pl.DataFrame) -> None:
    """Write a part's trials unless they exist: their time is that of the first run.

    A damaged file is kept under another name.
    """
    files, key = as_files(root), trials_key(world, part)
    content = table_bytes(rows)
    if files.put_new(key, content):
        return
    (reason,) = damages_of(files, [(key, None)])
    if reason is not None:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            settle(files, f"{key}.damaged", files.get(key))
        files.delete(key)
        files.put_new(key, content)


def count_trials(root: Path | FileStore) -> dict[tuple[str, str], int]:
    """Count the trials that count, by family and hash of the data; cheap, since little is read."""
    wanted = ("trial", "family", "data", "tried_at")
    first = (
        _scan(root)
        .select(wanted)
        .group_by("trial", "family", "data")
        .agg(pl.col("tried_at").min())
        .filter(~_archived(root))
    )
    counts = first.group_by("family", "data").len().collect()
    return {(family, data): count for family, data, count in counts.iter_rows()}


def read_trials(
    root: Path | FileStore, *, family: str | None = None, archived: bool = False
) -> pl.DataFrame:
    """Read the ledger: one row per trial.

    Parameters
    ----------
    root : Path or FileStore
        The data root.
    family : str, optional
        Only the trials of this strategy.
    archived : bool
        Whether to return the archived trials instead of those that count.

    Returns
    -------
    polars.DataFrame
        Sorted by the time at which they were first tried: ``trial``, ``family``, ``code``,
        ``data``, ``series``, ``set_id``, ``parameters``, ``status``, ``tried_at``, ``studies``,
        ``asked_by``, ``worlds``, ``seeds``, ``paths``, ``failed``, ``mean_net_pnl``,
        ``std_net_pnl``, ``mean_sharpe``, ``blocks_of``, ``block`` (numbers of the blocks),
        ``outcome`` (mean profit on each as a share of the starting cash), ``block_paths`` and
        ``market`` (on history, the price's return in each, of several symbols the mean; null
        elsewhere, and of trials that were written before it was kept).

    Raises
    ------
    DamagedFile
        If a file is damaged: without it, fewer trials would be counted than were tried.

    Notes
    -----
    The status of a trial is ``pruned`` where it left every race that it ran in before the last
    seeds, else ``finished``. Of rows of one trial whose seeds overlap, as where cells were computed
    again, those with the most seeds count.
    """
    rows = _scan(root)
    if family is not None:
        rows = rows.filter(pl.col("family") == family)
    gone = _archived(root)
    return _merged(rows.collect()).filter(gone if archived else ~gone)


def archive_trials(root: Path | FileStore, family: str, reason: str) -> int:
    """Take the trials of a family out of the count, from now on, and write down why.

    Returns
    -------
    int
        How many were archived.

    Raises
    ------
    Refusal
        If there is none, or no reason is given.
    """
    if not reason.strip():
        raise Refusal("reason", repr(reason), "a sentence that says why these trials do not count")
    trials = read_trials(root)
    count = int((trials["family"] == family).sum())
    if count == 0:
        families = ", ".join(sorted(set(trials["family"]))) or "none: no trial counts"
        raise Refusal("family", repr(family), families)
    now = datetime.datetime.now(datetime.UTC)
    content = {"family": family, "until": now.isoformat(), "reason": reason.strip()}
    as_files(root).put_new(f"{_ARCHIVES}{now:%Y%m%dT%H%M%S%f}.json", json_bytes(content))
    return count


def read_archives(root: Path | FileStore) -> list[Archive]:
    """Return what was archived, oldest first.

    Raises
    ------
    DamagedFile
        If a file is damaged.
    """
    found = []
    files = as_files(root)
    for key in files.list(_ARCHIVES):
        if not key.endswith(".json"):
            continue
        content = read_json_document(files, key)
        until = datetime.datetime.fromisoformat(content["until"])
        found.append(Archive(content["family"], until, content["reason"]))
    return found


def _scan(root: Path | FileStore) -> pl.LazyFrame:
    """Rows of every part; a column that was added later is null in older files.

    Raises
    ------
    DamagedFile
        If a file is damaged: too few trials would be counted, and an edge be found too easily.
    """
    files = as_files(root)
    keys = [
        key
        for key in files.list("ledger/")
        if key.endswith(".parquet") and key.count("/") == 2 and "/part-" in key
    ]
    check_files(files, keys)
    if not keys:
        return pl.LazyFrame(schema=SCHEMA)
    return scan_tables(files, keys, schema=SCHEMA, missing_columns="insert")


def _archived(root: Path | FileStore) -> pl.Expr:
    gone = pl.lit(value=False)
    for archive in read_archives(root):
        gone |= (pl.col("family") == archive.family) & (pl.col("tried_at") <= archive.until)
    return gone


def _without_overlaps(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep of rows of a trial with overlapping seeds those with the most."""
    rows = rows.with_row_index("row").sort(
        ["trial", "seeds", "tried_at", "row"], descending=[False, True, False, False]
    )
    keys = rows.select("trial", "blocks_of", "first_seed", "last_seed").rows()
    kept: list[bool] = []
    taken: dict[str, list[tuple[int, int, int]]] = {}
    for trial, kind, first, last in keys:
        if kind == "time":
            keep = trial not in taken  # every seed of history is the same path
            residue = 0
        else:
            residue = first % BLOCKS  # which the seeds of a part share
            keep = not any(
                residue == other and first <= high and low <= last
                for other, low, high in taken.get(trial, ())
            )
        if keep:
            taken.setdefault(trial, []).append((residue, first, last))
        kept.append(keep)
    return rows.filter(pl.Series(kept, dtype=pl.Boolean)).drop("row")


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Merge the rows of each trial: who asked, sums of paths, pooled moments, blocks in order."""
    told = (
        rows.sort("tried_at", "study", maintain_order=True)
        .group_by("trial", maintain_order=True)
        .agg(
            pl.col("tried_at").min(),
            pl.col("study").unique(maintain_order=True).alias("studies"),
            pl.col("asked_by").unique(maintain_order=True),
            pl.col("world").unique(maintain_order=True).alias("worlds"),
            # Whoever ran it to the end finished it.
            pl.when((pl.col("status") == "finished").any())
            .then(pl.lit("finished"))
            .otherwise(pl.lit("pruned"))
            .alias("status"),
        )
    )
    rows = _without_overlaps(rows)
    ok = (pl.col("paths") - pl.col("failed")).cast(pl.Float64)
    sums = rows.with_columns(
        ok.alias("_ok"),
        (ok * pl.col("mean_net_pnl")).alias("_sum"),
        ((ok - 1.0) * pl.col("std_net_pnl").fill_null(0.0) ** 2).alias("_within"),
        (ok * pl.col("mean_net_pnl") ** 2).alias("_square"),
    )
    total, n = pl.col("_sum").sum(), pl.col("_ok").sum()
    between = pl.col("_square").sum() - total**2 / n
    variance = (pl.col("_within").sum() + pl.max_horizontal(between, 0.0)) / (n - 1.0)
    same = ["family", "code", "data", "series", "set_id", "parameters", "blocks_of"]
    merged = sums.group_by("trial", maintain_order=True).agg(
        *(pl.col(name).first() for name in same),
        *(pl.col(name).sum() for name in ("seeds", "paths", "failed")),
        pl.col("market").drop_nulls().first(),
        (total / n).alias("mean_net_pnl"),
        pl.when(n > 1.0).then(variance.sqrt()).alias("std_net_pnl"),
        # Not every engine has one.
        pl.when(pl.col("mean_sharpe").is_not_null().any())
        .then((pl.col("_ok") * pl.col("mean_sharpe")).sum() / n)
        .alias("mean_sharpe"),
    )
    vectors = (
        rows.select("trial", "block", "outcome", "block_paths")
        .explode("block", "outcome", "block_paths")
        .with_columns(pl.col("outcome").cast(pl.Float64).fill_nan(None))
        .group_by("trial", "block")
        .agg(
            ((pl.col("outcome") * pl.col("block_paths")).sum() / pl.col("block_paths").sum())
            .cast(pl.Float32)
            .alias("outcome"),
            pl.col("block_paths").sum(),
        )
        .sort("trial", "block")
        .group_by("trial", maintain_order=True)
        .agg("block", "outcome", "block_paths")
    )
    return (
        merged.join(told, on="trial", how="left")
        .join(vectors, on="trial", how="left")
        .sort("tried_at", "trial")
    )


def outcome_matrix(trials: pl.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the outcome vectors of trials side by side, on the blocks that all of them have.

    Parameters
    ----------
    trials : polars.DataFrame
        Rows of `read_trials` with one kind of blocks.

    Returns
    -------
    outcomes : ndarray of float32, shape (blocks, trials)
        Mean profit as a share of the starting cash.
    blocks : ndarray of int64, shape (blocks,)
        Numbers of the blocks.

    Raises
    ------
    Refusal
        If trials on history stand beside others: their blocks have nothing in common.
    """
    kinds = set(trials["blocks_of"])
    if len(kinds) > 1:
        raise Refusal("trials", "blocks of seeds and of time", "trials with one kind of blocks")
    if len(trials) and trials["block"].n_unique() == 1:
        shared = trials["block"][0].to_list()
        flat = trials["outcome"].explode().to_numpy().astype(np.float32)
        # As many sets as a sweep has, without an object per number.
        return flat.reshape(len(trials), -1).T.copy(), np.array(shared, dtype=np.int64)
    vectors = [
        dict(zip(blocks, outcome, strict=True))
        for blocks, outcome in trials.select("block", "outcome").iter_rows()
    ]
    shared = sorted(set.intersection(*map(set, vectors))) if vectors else []
    outcomes = np.array([[vector[block] for vector in vectors] for block in shared], np.float32)
    return outcomes.reshape(len(shared), len(vectors)), np.array(shared, dtype=np.int64)
