"""A file is whole or it is the one before: killed writers, full disks."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from engine.files import read_footer
from mc_assets.market_data.files import write_parquet

WRITER = """
import sys
from pathlib import Path
import numpy as np, polars as pl
from mc_assets.market_data.files import write_parquet

random, path = np.random.default_rng(0), Path(sys.argv[1])
for version in range(1, 10**6):
    frame = pl.DataFrame({"a": random.normal(size=100_000)})
    write_parquet(frame, path, {"sum": repr(float(frame["a"].sum()))})
    print(version, flush=True)
"""


def test_a_writer_that_is_killed_leaves_a_whole_version(tmp_path: Path) -> None:
    path = tmp_path / "2020.parquet"
    command = [sys.executable, "-c", WRITER, str(path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(7):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait(timeout=60)
    writer.stdout.close()
    stored = pl.read_parquet(path)
    assert stored.height == 100_000
    # Table and footer are of one version.
    assert read_footer(tmp_path, path, "sum") == repr(float(stored["a"].sum()))


def test_a_full_disk_leaves_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "2020.parquet"
    write_parquet(pl.DataFrame({"a": [1, 2, 3]}), path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_parquet(pl.DataFrame({"a": range(100_000)}), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
