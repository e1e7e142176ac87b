"""What quality checks found in years that are stored, in one line each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from engine.files import DamagedFile
from mc_assets.market_data.bar_store import BarStore

__all__ = ["stored_findings"]


def stored_findings(
    store: BarStore, keys: Sequence[str], without: Collection[tuple[str, int]]
) -> dict[str, list[str]]:
    """Return what is known of stored years, by check.

    Parameters
    ----------
    store : BarStore
        The bars.
    keys : sequence of str
        Series such as ``SP500@1d``.
    without : collection of (str, int)
        Series and years that are left out: those that are being made anew.

    Returns
    -------
    dict of str to list of str
        A line for each series and year in which the check found something that is not ignored. A
        damaged table is left out: whoever needs it says so.
    """
    found: dict[str, list[str]] = {}
    for key in keys:
        symbol, _, timeframe = key.rpartition("@")
        try:
            table = store.quality(symbol, timeframe)
        except DamagedFile:
            continue
        grouped = (
            table.filter(pl.col("severity") != "ignore")
            .group_by("year", "check", maintain_order=True)
            .agg(pl.len().alias("places"), pl.col("message").first())
        )
        for year, check, places, message in grouped.iter_rows():
            if (key, year) not in without:
                more = f" ({places:,} places)" if places > 1 else ""
                found.setdefault(check, []).append(f"{key} {year} {check}: {message}{more}")
    return found
