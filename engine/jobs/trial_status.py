"""Which sets of a race ran to its end: told once it is known, as no row is ever written again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Literal

import polars as pl

from engine.files import FileStore
from engine.files.documents import check_files, scan_tables
from engine.jobs.ledger import SCHEMA, write_trials

__all__ = ["TrialStatus", "finish_trials"]

#: Whether a set ran on all seeds that it was asked on, or left a race before.
TrialStatus = Literal["finished", "pruned"]


def finish_trials(files: FileStore, world: str, study: str, set_ids: Collection[str]) -> None:
    """Write that sets ran to the end of a race whose rounds were written as ``pruned``.

    The rows stand beside those of the rounds, which have the same cells and are counted once.

    Parameters
    ----------
    files : FileStore
        The data root.
    world : str
        Id of the world.
    study : str
        Who raced them.
    set_ids : collection of str
        The sets that were still there on the last seeds.

    Raises
    ------
    DamagedFile
        If a file of the world's ledger is damaged.
    """
    keys = [key for key in files.list(f"ledger/{world}/part-") if key.endswith(".parquet")]
    if not keys:
        return
    check_files(files, keys)
    rows = scan_tables(files, keys, schema=SCHEMA, missing_columns="insert")
    rows = rows.filter(pl.col("study") == study, pl.col("set_id").is_in(list(set_ids)))
    cells = ["set_id", "first_seed", "last_seed"]
    ended = rows.collect().sort(*cells).with_columns(pl.lit("finished").alias("status"))
    ended = ended.unique(cells, keep="first", maintain_order=True)
    if len(ended):
        digest = hashlib.sha256(repr(ended.select(cells).rows()).encode()).hexdigest()
        write_trials(files, world, f"part-ended-{digest[:16]}", ended)
