"""What a stored part holds beside what it is computed anew for: kept, as its cells are the same.

A cell's world decides its path and what happens on it, so a metric of one's own, a curve or a trade
that was recorded of it is what it would be now.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import polars as pl

from engine.files import FileStore
from engine.files.documents import scan_tables
from engine.jobs.job import Holds
from engine.jobs.manifest import Manifest

__all__ = ["kept_beside", "replaced"]

_KEYS: Final = ("set_id", "seed", "path")


def kept_beside(
    files: FileStore, stored: Manifest, holds: Holds, frames: dict[str, pl.DataFrame]
) -> tuple[Holds, dict[str, pl.DataFrame], dict[str, dict[str, Any]]]:
    """Add to a part what the stored one of the same cells has beside it.

    Parameters
    ----------
    files : FileStore
        Where the stored part lies, whole.
    stored : Manifest
        The part of the same name that is there.
    holds : Holds
        What the new part holds.
    frames : dict of str to polars.DataFrame
        Its tables.

    Returns
    -------
    holds : Holds
        With the equity, trades and own metrics of the stored part where the new one has none.
    frames : dict of str to polars.DataFrame
        With the columns of these own metrics.
    entries : dict of str to dict
        Files of the stored part that stay, as its manifest names them.
    """
    entries = {name: entry for name, entry in stored.files.items() if name not in frames}
    record, rows = holds.record, frames["simulations"]
    own = {
        name: code
        for name, code in stored.holds.own_metrics.items()
        if name not in holds.own_metrics and name not in rows.columns
    }
    if own:
        old = scan_tables(files, [stored.files["simulations"]["path"]])
        columns = old.select(*_KEYS, *own).collect()
        rows = rows.join(columns, on=list(_KEYS), how="left", maintain_order="left")
    kept = {
        "equity": record.equity or stored.holds.record.equity,
        "trades": record.trades or stored.holds.record.trades,
    }
    holds = replace(
        holds,
        record=record.model_copy(update=kept),
        own_metrics={**own, **holds.own_metrics},
    )
    return holds, frames | {"simulations": rows}, entries


def replaced(stored: Holds, holds: Holds) -> str | None:
    """Say what of a stored part a new one takes the place of; None where nothing is lost."""
    lost = [
        f"the metric {name!r} of another function"
        for name, code in stored.own_metrics.items()
        if holds.own_metrics.get(name, code) != code
    ]
    points = stored.record.equity
    if points and holds.record.equity not in (0, points):
        lost.append(f"equity at {points} points")
    return " and ".join(lost) or None
