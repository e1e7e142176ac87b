"""Raw rows that a provider has replaced long ago, and damaged years that were fetched anew."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from mc_assets.market_data.files import symbol_of, years_of
from mc_assets.market_data.raw_store import RawStore

__all__ = ["OldRawRows", "find_old_raw_rows", "forget_old_raw_rows"]


@dataclass(frozen=True)
class OldRawRows:
    """What nothing is made of any more.

    Parameters
    ----------
    rows : int
        Raw rows that later fetches replaced.
    years : tuple of (str, str, int)
        Symbol, timeframe and year of those that hold them.
    damaged : tuple of Path
        Damaged years beside those that were fetched in their place.
    """

    rows: int
    years: tuple[tuple[str, str, int], ...]
    damaged: tuple[Path, ...]


def find_old_raw_rows(root: Path, days: int) -> OldRawRows:
    """Find them in files of a data root that nobody has written for so many days.

    The last fetch of a year in which a row changed counts: a year that a provider still restates
    keeps everything.
    """
    store = RawStore(root)
    latest = time.time() - days * 86_400
    rows, years = 0, []
    for folder in sorted((root / "raw_bars").glob("*/*")):
        symbol, timeframe = symbol_of(folder), folder.parent.name
        for year in years_of(folder):
            if (folder / f"{year}.parquet").stat().st_mtime > latest:
                continue
            count = store.replaced(symbol, timeframe, year)
            if count:
                rows += count
                years.append((symbol, timeframe, year))
    damaged = (root / "raw_bars").glob("*/*/*.damaged")
    old = tuple(sorted(path for path in damaged if path.stat().st_mtime <= latest))
    return OldRawRows(rows, tuple(years), old)


def forget_old_raw_rows(root: Path, found: OldRawRows) -> None:
    """Remove what was found."""
    store = RawStore(root)
    for symbol, timeframe, year in found.years:
        store.forget_replaced(symbol, timeframe, year)
    for path in found.damaged:
        path.unlink(missing_ok=True)
