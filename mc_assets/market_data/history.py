"""The hash by which a stored history is found again."""

from __future__ import annotations

import hashlib

from mc_assets.market_data.bar_store import BarStore

__all__ = ["history_hashes"]


def history_hashes(store: BarStore, symbol: str, timeframe: str) -> dict[int, str]:
    """Hash a series' stored history through each of its years.

    The hash through a year is the SHA-256 (its first 16 hexadecimal digits) of a line ``YEAR HASH``
    per year up to it, where HASH is that of the year's bars in its manifest: it changes when any
    bar up to the end of that year does, and with nothing after it. ``sql/bars_history.sql``
    computes the same.

    Returns
    -------
    dict of int to str
        By year, oldest first; empty where nothing is stored.
    """
    digest = hashlib.sha256()
    found = {}
    for year in store.years(symbol, timeframe):
        digest.update(f"{year} {store.year_manifest(symbol, timeframe, year)['hash']}\n".encode())
        found[year] = digest.hexdigest()[:16]
    return found
