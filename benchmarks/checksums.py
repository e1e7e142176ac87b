"""What it costs that every reader compares checksums: 1,000 parts of a study, first and again."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from engine.files import MEMORY, VerifiedFiles, write_parquet

_PARTS = 1_000
_ROWS, _COLUMNS = 2_500, 40
# Until then a file may change again without showing it in its times, and is not remembered.
_SETTLED_SECONDS = 3.0


def main() -> None:
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        parts: list[tuple[Path, str | None]] = []
        for number in range(_PARTS):
            rows = {f"metric_{k}": random.normal(size=_ROWS) for k in range(_COLUMNS)}
            path = root / f"part-{number}.parquet"
            parts.append((path, write_parquet(pl.DataFrame(rows), path, sealed=False)["sha256"]))
        size = sum(path.stat().st_size for path, _ in parts) / 1e6
        time.sleep(_SETTLED_SECONDS)
        print("| what | value |")
        print("|---|---:|")
        print(f"| parts, and their size in MB | {_PARTS:,}, {size:,.0f} |")
        print(f"| comparing their checksums, s | {_seconds(root, parts):.3f} |")
        again = min(_seconds(root, parts) for _ in range(5))
        print(f"| the same in the next process, from memory, s | {again:.4f} |")
        print(f"| size of the memory, kB | {(root / MEMORY).stat().st_size / 1e3:,.0f} |")


def _seconds(root: Path, parts: list[tuple[Path, str | None]]) -> float:
    begin = time.perf_counter()
    reasons = VerifiedFiles(root).damages(parts)
    spent = time.perf_counter() - begin
    assert not any(reasons)
    return spent


if __name__ == "__main__":
    main()
