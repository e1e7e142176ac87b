"""Write the sample series: ``python data/sample/export.py``.

Daily bars come from the `arch` package, ticks from a book with zero
intelligence under a fixed seed.

The files keep the layout in which their publishers send them (Yahoo for the indices, FRED for
the oil price), so that the sample walks the same road as a user's own files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from arch.data import nasdaq, sp500, wti

from engine.ticks import ZeroIntelligence
from engine.ticks.canonical import CanonicalWriter

FOLDER = Path(__file__).resolve().parent
LAST_DAY = "2018-12-31"
#: Mornings of the days of ticks, and how long each is.
MORNINGS = ("2024-08-06T09:00", "2024-08-07T09:00", "2024-08-08T09:00")
SECONDS = 600.0
SEED = 20_240_806


def export(folder: Path = FOLDER) -> None:
    """Write ``SP500.csv``, ``NASDAQ.csv`` and ``WTI.csv`` into `folder`."""
    for name, module in (("SP500", sp500), ("NASDAQ", nasdaq)):
        write(module.load().loc[:LAST_DAY], folder / f"{name}.csv", "Date")
    # FRED leaves the price of a holiday empty; the rows are kept as published.
    write(wti.load().loc[:LAST_DAY], folder / "WTI.csv", "DATE")
    export_ticks(folder / "ticks" / "SYNTH")


def export_ticks(folder: Path) -> None:
    """Write a morning of quotes and trades for each of `MORNINGS`."""
    book = synthetic_book()
    for number, morning in enumerate(MORNINGS):
        start = int(np.datetime64(morning, "ns").astype(np.int64))
        with CanonicalWriter(folder / f"{morning[:10]}.parquet", "SYNTH", "SYNTHETIC") as writer:
            for chunk in book.ticks(SEED + number, seconds=SECONDS, start=start).chunks():
                writer.write(chunk)


def synthetic_book() -> ZeroIntelligence:
    """Return a book of round numbers: a spread of one tick mostly, some eight events a second."""
    levels = (np.arange(64) + 0.5) / 64
    sizes = tuple((np.ceil(-np.log1p(-levels) * 20) / 100).tolist())
    trades = tuple((np.ceil(-np.log1p(-levels) * 8) / 100).tolist())
    return ZeroIntelligence(
        symbol="SYNTH",
        tick=0.1,
        lot=0.01,
        bid=100_000,
        ask=100_001,
        bid_size=0.2,
        ask_size=0.2,
        rates=(
            (1.5, 1.2, 0.12, 0.0, 0.5),
            (1.2, 1.0, 0.10, 1.5, 0.4),
            (1.0, 1.0, 0.05, 4.0, 0.3),
            (1.0, 1.0, 0.02, 8.0, 0.2),
        ),
        follow=0.4,
        quantiles=(
            tuple(size / 2 for size in sizes),
            sizes,
            tuple(levels.tolist()),
            trades,
            tuple([1.0] * 58 + [2.0] * 6),
            tuple([1.0] * 64),
        ),
    )


def write(frame: pd.DataFrame, path: Path, index_label: str) -> None:
    """Write one CSV with ISO dates and every digit of the prices."""
    frame.to_csv(path, index_label=index_label, date_format="%Y-%m-%d", lineterminator="\n")


if __name__ == "__main__":
    export()
