"""Job records: one file per run, which says who runs what, how far, and how it ended."""

from __future__ import annotations

import datetime
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.files import MemoryFiles, as_files, write_json
from engine.jobs import StudyFailed, StudyInterrupted, processes, recording
from engine.jobs.progress import Progress
from engine.jobs.record import JobRecord, read_records
from engine.jobs.stopping import ask_to_stop
from engine.studies import Study, run_block

Make = Callable[..., Study]


def only(root: Path) -> JobRecord:
    (found,), damages = read_records(root)
    assert not damages
    return found


def test_a_run_that_finished_is_recorded(make_study: Make, tmp_path: Path) -> None:
    before = datetime.datetime.now(datetime.UTC)
    results = make_study().run(root=tmp_path, through="a test")
    found = only(tmp_path)
    assert (found.kind, found.study, found.state, found.state_now) == (
        "study", "small", "finished", "finished",
    )  # fmt: skip
    assert (found.cells, found.done, found.total, found.failed) == (160, 160, 160, 0)
    assert (found.world, found.fingerprint) == (results.summary.world, results.fingerprint)
    assert found.who.endswith(", a test")
    assert found.error is None
    assert found.ended is not None
    assert before <= found.started <= found.ended <= datetime.datetime.now(datetime.UTC)
    assert found.seconds == (found.ended - found.started).total_seconds()
    assert (found.host, found.process) == (platform.node(), os.getpid())


def test_a_run_stops_where_somebody_asks_for_it_by_a_file_from_wherever(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.recording._WRITE_SECONDS", 0.0)
    files = as_files(tmp_path)

    def ask(now: Progress) -> None:
        ask_to_stop(files, only(tmp_path).id, "key desk")

    with pytest.raises(StudyInterrupted):
        make_study(seeds=40_000).run(root=tmp_path, progress=ask)
    found = only(tmp_path)
    assert (found.state, found.error) == ("stopped", "stopped by key desk")
    assert 0 < found.done < found.total


def test_a_run_that_failed_or_was_stopped_says_why(make_study: Make, tmp_path: Path) -> None:
    def press(now: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(StudyInterrupted):
        make_study(seeds=4000).run(root=tmp_path / "stopped", progress=press)
    assert only(tmp_path / "stopped").state == "stopped"
    assert "finished parts are kept" in str(only(tmp_path / "stopped").error)
    study = make_study(
        source=make_study().live.source, metrics={"broken": lambda bars, equity: equity[10**9]}
    )
    with pytest.raises((StudyFailed, ValueError, RuntimeError)):
        study.run(root=tmp_path / "failed")
    assert only(tmp_path / "failed").state == "failed"
    assert only(tmp_path / "failed").error
    assert only(tmp_path / "failed").ended is not None


def test_a_run_that_is_stopped_in_its_last_moment_says_why(
    make_study: Make, tmp_path: Path
) -> None:
    def press(now: Progress) -> None:
        if now.done == now.total:
            raise KeyboardInterrupt

    with pytest.raises(StudyInterrupted):
        make_study(seeds=4).run(root=tmp_path, progress=press)
    assert only(tmp_path).state == "stopped"


def test_blocks_are_recorded_as_what_they_are(make_study: Make, tmp_path: Path) -> None:
    run_block(make_study(), 3, root=tmp_path, through="Dagster run 1a2b")
    found = only(tmp_path)
    assert found.kind == "block 03"
    assert (found.done, found.total) == (12, 12)
    assert "Dagster run 1a2b" in found.who


def test_a_run_in_memory_leaves_no_record(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_study().run()
    assert not list(tmp_path.iterdir())


SCRIPT = """
import sys
from engine.sources import GBM
from engine.studies import Study
Study("long", GBM(), "sma_crossover", {"fast": [3, 5], "slow": list(range(20, 60))},
      seeds=200_000, steps=252).run(root=sys.argv[1], workers=1)
"""


def test_a_killed_run_is_told_from_a_running_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)])
    deadline = time.monotonic() + 120
    while not read_records(tmp_path)[0] or not only(tmp_path).done:
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)
    running = only(tmp_path)
    assert (running.state, running.state_now) == ("running", "running")
    assert running.process == child.pid
    assert 0 < running.done < running.total
    child.send_signal(signal.SIGKILL)
    child.wait()
    killed = only(tmp_path)
    # Nobody wrote it; asked, its process is gone.
    assert (killed.state, killed.state_now) == ("running", "killed")
    assert killed.ended is None
    # A number of a process that came again is another process.
    assert replace(killed, process=os.getpid()).state_now == "killed"
    own = replace(killed, process=os.getpid(), born=processes.born(os.getpid()))
    assert own.state_now == "running"
    # Where a machine does not say when a process began, its number has to do.
    assert replace(killed, born="", process=os.getpid()).state_now == "running"
    assert replace(killed, born="", process=child.pid).state_now == "killed"


def test_a_run_on_another_machine_is_lost_when_it_is_not_heard(
    make_study: Make, tmp_path: Path
) -> None:
    make_study().run(root=tmp_path)
    far = replace(only(tmp_path), host="elsewhere", state="running", ended=None)
    assert far.state_now == "running"
    early = far.seen - datetime.timedelta(minutes=3)
    assert replace(far, seen=early).state_now == "lost"
    assert replace(far, seen=early, state="finished").state_now == "finished"


def test_the_newest_comes_first_and_old_ones_go(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_MOST_RECORDS", 3)
    for number in range(5):
        make_study(name=f"run_{number}").run(root=tmp_path)
    assert [found.study for found in read_records(tmp_path)[0]] == ["run_4", "run_3", "run_2"]


def test_a_damaged_record_is_named_and_the_others_are_read(
    make_study: Make, tmp_path: Path
) -> None:
    make_study().run(root=tmp_path)
    make_study().run(root=tmp_path)
    old, new = sorted((tmp_path / "jobs").glob("*.json"))
    old.write_bytes(old.read_bytes().replace(b"finished", b"finnished"))
    records, (damage,) = read_records(tmp_path)
    assert [found.id for found in records] == [new.stem]
    assert f"{old.name} is damaged: it does not match its checksum" in damage
    write_json(old, {"id": "of long ago"})
    assert "written by another version" in read_records(tmp_path)[1][0]


def test_a_record_comes_back_from_its_json(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path)
    found = only(tmp_path)
    assert JobRecord.from_json(found.to_json()) == found


def test_a_record_is_kept_on_any_store(make_study: Make) -> None:
    files = MemoryFiles()
    job, seen = make_study().resolve(), []
    with recording.recorded(files, job, "study", "a test", seen.append) as told:
        assert told is not None
        told(Progress(5, 160, 0, 1, 0.5))
        assert read_records(files)[0][0].state_now == "running"
    (found,) = read_records(files)[0]
    assert (found.state, found.done, found.failed) == ("finished", 5, 1)
    assert len(seen) == 1


def test_a_record_that_cannot_be_written_ends_no_run(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording, "replace_file", full)
    assert len(make_study().run(root=tmp_path)) == 160
    assert read_records(tmp_path) == ([], [])
