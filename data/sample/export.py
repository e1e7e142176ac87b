"""Write the sample series from the `arch` package: ``python data/sample/export.py``.

The files keep the layout in which their publishers send them (Yahoo for the indices, FRED for
the oil price), so that the sample walks the same road as a user's own files.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from arch.data import nasdaq, sp500, wti

FOLDER = Path(__file__).resolve().parent
LAST_DAY = "2018-12-31"


def export(folder: Path = FOLDER) -> None:
    """Write ``SP500.csv``, ``NASDAQ.csv`` and ``WTI.csv`` into `folder`."""
    for name, module in (("SP500", sp500), ("NASDAQ", nasdaq)):
        write(module.load().loc[:LAST_DAY], folder / f"{name}.csv", "Date")
    # FRED leaves the price of a holiday empty; the rows are kept as published.
    write(wti.load().loc[:LAST_DAY], folder / "WTI.csv", "DATE")


def write(frame: pd.DataFrame, path: Path, index_label: str) -> None:
    """Write one CSV with ISO dates and every digit of the prices."""
    frame.to_csv(path, index_label=index_label, date_format="%Y-%m-%d", lineterminator="\n")


if __name__ == "__main__":
    export()
