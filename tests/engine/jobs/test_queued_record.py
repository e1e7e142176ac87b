"""What waits for a process has a record, and the process that does it goes on with the same one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine as mc
from engine.files import as_files
from engine.jobs.progress import Progress
from engine.jobs.record import JobRecord, read_record, read_records
from engine.jobs.recording import continuing, queue_job
from engine.studies import run_block


def queued(root: Path, process: int | None = None) -> JobRecord:
    return queue_job(
        as_files(root),
        kind="study",
        study="asked",
        fingerprint="f",
        world="w",
        cells=40,
        total=40,
        who="desk, a test",
        process=os.getpid() if process is None else process,
    )


def study(seeds: int = 20) -> mc.Study:
    grid = {"fast": [3, 5], "slow": 20}
    return mc.Study("asked", mc.GBM(), "sma_crossover", grid, seeds=seeds, steps=40)


def test_what_waits_is_queued_until_its_process_is_gone(tmp_path: Path) -> None:
    record = queued(tmp_path)
    assert (record.state, record.state_now) == ("queued", "queued")
    assert read_record(tmp_path, record.id) == record
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = queued(tmp_path, child.pid)
    assert other.state_now == "queued"
    child.communicate()
    assert other.state_now == "killed"


def test_a_run_inside_keeps_the_record_that_waited(tmp_path: Path) -> None:
    record = queued(tmp_path)
    with continuing(as_files(tmp_path), record):
        study().run(root=tmp_path, through="inside")
    (kept,), _ = read_records(tmp_path)
    assert (kept.id, kept.who, kept.state) == (record.id, "desk, a test", "finished")
    assert (kept.done, kept.total) == (40, 40)


def test_blocks_inside_add_up_to_one_job(tmp_path: Path) -> None:
    record = queued(tmp_path)
    seen: list[Progress] = []
    with continuing(as_files(tmp_path), record, seen.append):
        for block in range(16):
            run_block(study(), block, root=tmp_path)
    (kept,), _ = read_records(tmp_path)
    assert (kept.id, kept.done, kept.total) == (record.id, 40, 40)
    done = [now.done for now in seen]
    assert done == sorted(done)
    assert {now.total for now in seen} == {40}


@pytest.mark.parametrize(
    ("end", "state", "error"),
    [
        (KeyboardInterrupt("enough"), "stopped", "enough"),
        (ValueError("wrong"), "failed", "wrong"),
    ],
)
def test_how_it_ended_is_written_down(
    tmp_path: Path, end: BaseException, state: str, error: str
) -> None:
    record = queued(tmp_path)

    def work() -> None:
        with continuing(as_files(tmp_path), record) as told:
            told(Progress(done=7, total=40, reused=0, failed=1, seconds=0.1))
            raise end

    with pytest.raises(type(end)):
        work()
    kept = read_record(tmp_path, record.id)
    assert kept is not None
    assert (kept.state, kept.error, kept.done, kept.failed) == (state, error, 7, 1)


@pytest.mark.parametrize("name", ["", "..", "../jobs/x", "20261127T101500123456-0f1e2d3c"])
def test_a_record_is_looked_up_by_an_id_alone(tmp_path: Path, name: str) -> None:
    queued(tmp_path)
    assert read_record(tmp_path, name) is None
