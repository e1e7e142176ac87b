"""The five verbs of a store of files: one contract for every implementation."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from polars.testing import assert_frame_equal

import engine.files.writing as writing
from engine.errors import Refusal
from engine.files import FileStore, LocalFiles, MemoryFiles, ObjectFiles
from engine.files.documents import (
    damages_of,
    read_document,
    read_json_document,
    remove,
    replace,
    scan_tables,
    settle,
)
from engine.files.writing import json_bytes, table_bytes
from engine.jobs.ledger import archive_trials, read_archives, read_trials
from engine.jobs.plan import make_plan
from engine.jobs.runner import run_parts
from engine.jobs.store import ParquetStore
from engine.jobs.summary import JobSummary
from engine.results import (
    find_unused,
    remove_study,
    remove_unused,
    stored_studies,
)
from engine.results.load import open_results
from engine.studies import Study, load_results

Make = Callable[..., Study]


def test_a_durable_file_and_the_names_on_its_way_are_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    true = os.fsync

    def recorded(handle: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{handle}"))
        there = (tmp_path / "paper" / "a" / "0").exists()
        flushed.append(f"{name.relative_to(tmp_path)} {there}".partition("0.")[2] or name.name)
        true(handle)

    monkeypatch.setattr(os, "fsync", recorded)
    assert LocalFiles(tmp_path).put_new("paper/a/1", b"x")
    assert flushed == []
    files = LocalFiles(tmp_path, durable=True)
    assert files.put_new("paper/a/0", b"x")
    # The content before the file has its name, then the folder of the name and those above it.
    assert flushed[0].endswith(".tmp False")
    assert flushed[1:] == ["a", "paper", tmp_path.name]
    assert not files.put_new("paper/a/0", b"y")


@pytest.fixture(params=["folder", "memory", "objects"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    kinds: dict[str, Callable[[], FileStore]] = {
        "folder": lambda: LocalFiles(tmp_path / "root"),
        "memory": MemoryFiles,
        "objects": lambda: ObjectFiles(store=MemoryStore()),
    }
    return kinds[request.param]()


def test_a_file_that_was_put_is_got_listed_read_and_deleted(files: FileStore) -> None:
    assert files.put_new("a/b.bin", b"0123456789")
    assert files.get("a/b.bin") == b"0123456789"
    assert files.list() == ["a/b.bin"]
    assert files.read_range("a/b.bin", 2, 3) == b"234"
    assert files.read_range("a/b.bin", 8, 9) == b"89"
    files.delete("a/b.bin")
    files.delete("a/b.bin")
    assert files.list() == []
    with pytest.raises(FileNotFoundError):
        files.get("a/b.bin")
    with pytest.raises(FileNotFoundError):
        files.read_range("a/b.bin", 0, 1)


def test_put_new_never_overwrites(files: FileStore) -> None:
    assert files.put_new("x", b"first")
    assert not files.put_new("x", b"second")
    assert files.get("x") == b"first"


def test_of_many_writers_of_one_key_one_is_told_that_it_wrote(files: FileStore) -> None:
    barrier = threading.Barrier(8)

    def put(number: int) -> tuple[int, bool]:
        barrier.wait()
        return number, files.put_new("race/x", bytes([number]) * 10_000)

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(put, range(8)))
    (winner,) = [number for number, written in told if written]
    assert files.get("race/x") == bytes([winner]) * 10_000
    assert files.list("race/") == ["race/x"]


def test_a_prefix_is_of_keys_and_not_of_folders(files: FileStore) -> None:
    for key in ("m/part-1.json", "m/part-2.json", "m/other.json", "mm/part-1.json", "n"):
        files.put_new(key, b"")
    assert files.list("m/part-") == ["m/part-1.json", "m/part-2.json"]
    assert files.list("m") == ["m/other.json", "m/part-1.json", "m/part-2.json", "mm/part-1.json"]
    assert files.list("nowhere/") == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../x", "a//b", "a\\b", ".x.1.tmp"])
def test_a_key_that_leads_out_of_the_root_is_refused(files: FileStore, key: str) -> None:
    with pytest.raises(Refusal, match="key: found .*, allowed a relative path"):  # noqa: RUF043
        files.put_new(key, b"")
    with pytest.raises(Refusal):
        files.get(key)


KEYS = st.sampled_from(["a", "b/a", "b/c", "b/c2"])
VERBS = st.lists(
    st.one_of(
        st.tuples(st.just("put_new"), KEYS, st.binary(max_size=4)),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("list"), st.sampled_from(["", "b", "b/", "b/c"])),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("read_range"), KEYS, st.integers(0, 4), st.integers(0, 4)),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(calls=VERBS)
def test_every_store_answers_as_every_other(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[Any, ...]]
) -> None:
    def answer(files: FileStore, verb: str, *arguments: Any) -> Any:
        # `b` is a folder in some stores and nothing in others; no key is called so.
        try:
            return getattr(files, verb)(*arguments)
        except FileNotFoundError:
            return "missing"

    stores = (
        LocalFiles(tmp_path_factory.mktemp("store")),
        MemoryFiles(),
        ObjectFiles(store=MemoryStore()),
    )
    for verb, *arguments in calls:
        one, *others = (answer(files, verb, *arguments) for files in stores)
        assert others == [one, one], (verb, arguments)


# --- documents: files that are replaced -----------------------------------------------------------


def test_a_document_is_replaced_and_no_other_key_is_left(files: FileStore) -> None:
    for content in (b"one", b"two", b"two", b"three"):
        replace(files, "d/current", content)
        assert read_document(files, "d/current") == content
    assert files.list() == ["d/current"]


def test_a_file_that_has_its_content_already_is_not_written(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    settle(files, "x", b"same")
    before = (tmp_path / "x").stat()
    settle(files, "x", b"same")
    assert (tmp_path / "x").stat().st_ino == before.st_ino
    settle(files, "x", b"other")
    assert files.get("x") == b"other"


class Stopped(Exception):
    pass


class Stopping(MemoryFiles):
    """Stops after a number of verbs, as a killed process does."""

    def __init__(self, kept: MemoryFiles, verbs: int) -> None:
        super().__init__()
        self._files, self.left = kept._files, verbs

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Stopped

    def put_new(self, key: str, content: bytes) -> bool:
        self._count()
        return super().put_new(key, content)

    def delete(self, key: str) -> None:
        self._count()
        super().delete(key)


@pytest.mark.parametrize("verbs", range(5))
def test_a_kill_between_two_verbs_leaves_the_old_document_or_the_new_one(verbs: int) -> None:
    files = MemoryFiles()
    replace(files, "d", b"old")
    try:
        replace(Stopping(files, verbs), "d", b"new")
    except Stopped:
        assert verbs < 4
    assert read_document(files, "d") in (b"old", b"new")
    # The next writer is not hindered by what was left.
    replace(files, "d", b"newest")
    assert read_document(files, "d") == b"newest"
    assert files.list() == ["d"]


@pytest.mark.parametrize("verbs", range(5))
def test_a_removed_document_does_not_come_back_from_what_a_kill_left(verbs: int) -> None:
    files = MemoryFiles()
    replace(files, "d", b"old")
    with contextlib.suppress(Stopped):
        replace(Stopping(files, verbs), "d", b"new")
    remove(files, "d")
    with pytest.raises(FileNotFoundError):
        read_document(files, "d")
    assert files.list() == []


def test_a_document_that_is_replaced_all_the_time_is_always_there(files: FileStore) -> None:
    replace(files, "d", b"0")
    stop, seen = threading.Event(), {read_document(files, "d")}

    def write() -> None:
        for number in range(400):
            replace(files, "d", b"%d" % number)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not stop.is_set():
        seen.add(read_document(files, "d"))
    writer.join()
    assert read_document(files, "d") == b"399"


def test_what_is_wrong_with_a_file_is_said_in_words(files: FileStore) -> None:
    files.put_new("whole", json_bytes({"x": 1}))
    files.put_new("cut", json_bytes({"x": 1}).replace(b'"x": 1', b'"x": 2'))
    files.put_new("bare", b"no checksum")
    wanted = [("whole", None), ("cut", None), ("bare", None), ("none", None), ("bare", "0" * 64)]
    assert damages_of(files, wanted) == [
        None,
        "is damaged: it does not match its checksum",
        "is damaged: it has no checksum",
        "is missing",
        "is damaged: it does not match its checksum",
    ]
    assert read_json_document(files, "whole") == {"x": 1}
    with pytest.raises(Refusal, match="cut is damaged: it does not match"):
        read_json_document(files, "cut")


def test_tables_of_any_store_are_scanned(files: FileStore) -> None:
    for number in range(3):
        files.put_new(f"t/{number}.parquet", table_bytes(pl.DataFrame({"x": [number]})))
    assert scan_tables(files, files.list("t/")).collect()["x"].to_list() == [0, 1, 2]


# --- parts, manifests and ledger on any store -----------------------------------------------------


def test_parts_manifests_and_ledger_are_the_same_on_every_store(
    make_study: Make, tmp_path: Path
) -> None:
    job = make_study(record={"equity": 4, "trades": True}).resolve()
    kinds = (LocalFiles(tmp_path), MemoryFiles(), ObjectFiles(store=MemoryStore()))
    stores = [ParquetStore(files) for files in kinds]
    for store in stores:
        store.begin(job, JobSummary.of(job))
        for _ in range(2):  # the second time everything is found finished
            plan = make_plan(job, store.manifests(job.world.id, trials=True))
            run_parts(plan, store, study=job.study, failure_allowance=0.0)
        assert not plan.parts
        assert not store.damages
    contents = [
        {k: s.files.get(k) for k in s.files.list() if not k.startswith((".", "ledger/"))}
        for s in stores
    ]
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 4 * 16 + 4
    folder, *others = (read_trials(s.files).drop("tried_at").sort("trial") for s in stores)
    for trials in others:
        assert_frame_equal(folder, trials)
    frames = [open_results(s, JobSummary.of(job), job.sets.ids, job.seeds).frame for s in stores]
    for frame in frames[1:]:
        assert_frame_equal(frames[0], frame)


def test_a_damaged_part_is_left_out_and_written_again_on_every_store(
    make_study: Make, files: FileStore
) -> None:
    job, store = make_study().resolve(), ParquetStore(files)
    store.begin(job, JobSummary.of(job))

    def run() -> int:
        plan = make_plan(job, store.manifests(job.world.id, trials=True))
        run_parts(plan, store, study=job.study, failure_allowance=0.0)
        return len(plan.parts)

    assert run() == 16
    before = {key: files.get(key) for key in files.list("simulations/")}
    for folder in ("simulations/", "manifests/", "ledger/"):
        key = files.list(folder)[3]
        content = files.get(key)
        files.delete(key)
        files.put_new(key, content[:-9] + b"x" + content[-8:])
        assert run() == 1
    assert {key: files.get(key) for key in files.list("simulations/")} == before
    assert [key for key in files.list() if key.endswith(".damaged")]
    assert run() == 0
    assert len(read_trials(files)) == 4


def test_results_are_opened_and_pruned_on_every_store(make_study: Make, files: FileStore) -> None:
    study, other = make_study(), make_study(name="other", parameters={"fast": [4], "slow": [30]})
    with pytest.raises(Refusal, match="has no results; none under"):
        load_results(files, "small")
    for each in (study, other):
        job, store = each.resolve(), ParquetStore(files)
        store.begin(job, JobSummary.of(job))
        plan = make_plan(job, store.manifests(job.world.id, trials=True))
        run_parts(plan, store, study=job.study, failure_allowance=0.0)
    assert_frame_equal(load_results(files, "small").frame, study.run().frame)
    assert stored_studies(files) == ["other", "small"]
    assert find_unused(files).parts == ()
    with pytest.raises(Refusal, match="no results of 'none', allowed other, small"):
        remove_study(files, "none")
    unused = find_unused(files, without="other")
    assert unused.bytes == sum(len(files.get(key)) for key in unused.files)
    remove_study(files, "other")
    remove_unused(files, unused)
    assert stored_studies(files) == ["small"]
    assert len(files.list("simulations/")) == len(files.list("manifests/")) == 16
    assert_frame_equal(load_results(files, "small").frame, study.run().frame)
    # Sealed tables and the list of sets are verified on every store.
    (sets,) = (key for key in files.list("results/small/") if key.endswith("sets.parquet"))
    content = files.get(sets)
    files.delete(sets)
    files.put_new(sets, content[:-9] + b"x" + content[-8:])
    with pytest.raises(Refusal, match=r"has lost the list of its parameter sets.*is damaged"):
        load_results(files, "small")
    with pytest.raises(Refusal, match="small has lost what it asks for"):
        find_unused(files)


def test_trials_are_archived_on_every_store(make_study: Make, files: FileStore) -> None:
    make_study().run(ledger=files)
    assert archive_trials(files, "sma_crossover", "wrong costs") == 4
    assert [archive.reason for archive in read_archives(files)] == ["wrong costs"]
    assert len(read_trials(files)) == 0


# --- folders --------------------------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from engine.files import LocalFiles
files = LocalFiles(Path(sys.argv[1]))
for number in range(100_000):
    files.put_new(f"k/{number}", bytes([number % 251]) * 20_000)
"""


def test_a_killed_writer_leaves_whole_files_alone(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)])
    files = LocalFiles(tmp_path)
    while not files.list("k/") and child.poll() is None:
        time.sleep(0.005)
    time.sleep(random.Random(os.getpid()).uniform(0, 0.2))
    child.send_signal(signal.SIGKILL)
    child.wait()
    keys = files.list("k/")
    assert keys
    for key in keys:
        assert files.get(key) == bytes([int(key[2:]) % 251]) * 20_000


def test_on_a_disk_without_links_files_are_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(writing.os, "link", none)
    files = LocalFiles(tmp_path)
    assert files.put_new("x", b"first")
    assert not files.put_new("x", b"second")
    assert files.list() == ["x"]
    assert files.get("x") == b"first"
