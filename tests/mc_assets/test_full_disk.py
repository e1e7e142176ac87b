"""A disk that is full: one sentence, and what was stored before is whole."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mc_assets.history_errors import history_errors

CSV = "Date,Open,High,Low,Close,Volume\n2020-01-02,100,101,99,100.5,1000\n"
SERIES = """series:
  - {symbols: [X], provider: csv, start: 2020-01-02, end: 2020-01-03, options: {path: X.csv}}
"""


def _no_more_than(size: int) -> None:
    """Let no file of this process grow beyond some bytes, as on a disk that has no more."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(1_000, marks=pytest.mark.slow),
        40_000,
        pytest.param(150_000, marks=pytest.mark.slow),
    ],
)
def test_ingest_on_a_full_disk_ends_in_one_sentence(tmp_path: Path, size: int) -> None:
    (tmp_path / "X.csv").write_text(CSV)
    (tmp_path / "series.yaml").write_text(SERIES)
    done = subprocess.run(
        [sys.executable, "-c", "from mc_assets.cli import main; main()", "ingest"],
        env=os.environ
        | {"MC_DATA": str(tmp_path / "data"), "MC_SERIES": str(tmp_path / "series.yaml")},
        preexec_fn=lambda: _no_more_than(size),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith(f"mc: cannot write Dagster's history in {tmp_path}/data/")
    assert "run the same command again" in sentence


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("database or disk is full", "the disk is full; bars and results"),
        ("attempt to write a readonly database", "the file system is read-only"),
        ("unable to open database file", "the folder cannot be written"),
        ("database disk image is malformed", "a database is damaged: move the folder away"),
    ],
)
def test_what_the_database_says_of_the_disk_is_said_in_words(
    tmp_path: Path, said: str, expected: str
) -> None:
    failed = RuntimeError("a step failed")
    failed.__cause__ = sqlite3.OperationalError(said)
    with pytest.raises(OSError, match=expected), history_errors(tmp_path):
        raise failed


@pytest.mark.parametrize("error", [sqlite3.OperationalError("no such table: runs"), KeyError("x")])
def test_a_mistake_of_the_program_keeps_its_traceback(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), history_errors(tmp_path):
        raise error
