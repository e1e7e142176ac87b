"""Resuming: a kill loses nothing finished, damage is found, processes do not disturb each other."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import engine.files.writing as files_module
import engine.studies.execute as execute_module
from engine.errors import Refusal
from engine.files import MEMORY, write_json
from engine.jobs import Job, StorageError
from engine.jobs.plan import make_plan
from engine.jobs.shared_parts import SharedParts, run_part
from engine.sources import Correlated, load_user_sources, make_source
from engine.strategies import load_user_strategies
from engine.studies import Study, load_results

Make = Callable[..., Study]

SCRIPT = """
import sys
from engine.sources import GBM
from engine.studies import Study

Study(
    "killed", GBM(mu=0.05, sigma=0.2), "sma_crossover",
    {"fast": [3, 5, 8, 13], "slow": [20, 40, 60, 80]}, seeds=int(sys.argv[2]), steps=252,
    record={"equity": 20},
).run(root=sys.argv[1], workers=1)
"""


def start(root: Path, seeds: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(root), str(seeds)])


def content(root: Path) -> dict[str, str]:
    """Every file under a root that is not temporary, a memory or a run's record, with its hash.

    Of the ledger the rows: they say when a trial was first run.
    """
    found = {}
    for path in sorted(root.rglob("*")):
        told = path.name == MEMORY or path.parent.name == "jobs"
        if path.is_file() and not path.name.endswith(".tmp") and not told:
            name = str(path.relative_to(root))
            if name.startswith("ledger/"):
                rows = pl.read_parquet(path, hive_partitioning=False).drop("tried_at")
                found[name] = rows.write_json()
            else:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def parts(root: Path) -> list[Path]:
    return sorted(root.glob("simulations/*/part-*.parquet"))


def _manifest(part: Path) -> Path:
    folder = part.parents[2] / "manifests" / part.parent.name
    return folder / part.with_suffix(".json").name


def manifests(root: Path) -> list[Path]:
    return sorted(root.glob("manifests/*/part-*.json"))


@pytest.mark.slow
def test_a_killed_study_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    seeds = 1600
    assert start(tmp_path / "whole", seeds).wait() == 0
    child = start(tmp_path / "killed", seeds)
    while not manifests(tmp_path / "killed") and child.poll() is None:
        time.sleep(0.005)
    time.sleep(random.Random(os.getpid()).uniform(0, 0.3))
    child.send_signal(signal.SIGKILL)
    child.wait()
    finished = {path: path.stat().st_mtime_ns for path in manifests(tmp_path / "killed")}
    assert finished
    assert start(tmp_path / "killed", seeds).wait() == 0
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    # Finished parts were not written again.
    assert all(path.stat().st_mtime_ns == written for path, written in finished.items())


@pytest.mark.slow
def test_two_processes_on_one_study_leave_it_whole(tmp_path: Path) -> None:
    children = [start(tmp_path / "both", 320) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert start(tmp_path / "alone", 320).wait() == 0
    assert content(tmp_path / "both") == content(tmp_path / "alone")
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.slow
def test_a_part_runs_in_another_process_to_the_same_bytes(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path / "here")
    parts = make_plan(make_study().resolve(), ()).parts
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        shared, root = SharedParts.of(parts), str(tmp_path / "there")
        list(pool.map(partial(run_part, shared, root=root), map(shared.place, parts)))
    here, there = content(tmp_path / "here"), content(tmp_path / "there")
    assert {k: v for k, v in here.items() if "part-" in k} == {
        k: v for k, v in there.items() if "part-" in k
    }


USERS_FILE = """
from engine.sources import GBM
from engine.strategies import Int, Strategy

class Wobbly(GBM):
    name = "wobbly"

class EveryOther(Strategy):
    name = "every_other"
    period = Int(3, low=2, high=9)

    def on_bar(self, bar, order):
        order.target(1.0 if bar.index % self.period else 0.0)
"""


def test_a_part_of_a_users_own_strategy_and_source_runs_in_another_process(
    make_study: Make, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(USERS_FILE)
    load_user_strategies(file)
    load_user_sources(file)
    job = make_study(
        source=make_source("wobbly", {"sigma": 0.3}), strategy="every_other", parameters={}
    ).resolve()
    part = make_plan(job, ()).parts[0]
    shared = SharedParts.of([part])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        there = pool.submit(run_part, shared, shared.place(part), str(tmp_path / "there")).result()
        assert there == run_part(shared, shared.place(part), str(tmp_path / "here"))
    sent = pickle.dumps(shared)
    file.write_text(USERS_FILE.replace("1.0 if", "2.0 if"))
    with pytest.raises(ValueError, match=r"own\.py: found other code than the study was resolved"):
        pickle.loads(sent)


LEG = """
from engine.sources import GBM

class Leaning(GBM):
    name = "leaning"

    @property
    def values(self):
        return {"mu": self.mu + 0.01, "sigma": self.sigma}
"""


@pytest.mark.slow
def test_a_part_of_correlated_legs_takes_the_files_of_the_users_among_them_along(
    make_study: Make, tmp_path: Path
) -> None:
    def job_of(text: str) -> Job:
        file.write_text(text)
        load_user_sources(file)
        return make_study(source=Correlated({"A": make_source("leaning")})).resolve()

    file = tmp_path / "leg.py"
    job = job_of(LEG)
    assert job.world.foreign
    part = make_plan(job, ()).parts[0]
    shared = SharedParts.of([part])
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        there = pool.submit(run_part, shared, shared.place(part), str(tmp_path / "there")).result()
    assert there == run_part(shared, shared.place(part), str(tmp_path / "here"))
    # The code of a leg decides the numbers, wherever it stands.
    assert job_of(LEG + "\n# a remark\n").world.id == job.world.id
    assert job_of(LEG.replace("0.01", "0.02")).world.id != job.world.id


def test_what_a_killed_process_left_is_swept_away(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path)
    folder = parts(tmp_path)[0].parent
    old, young = folder / ".part-1.parquet.1.1.tmp", folder / ".part-2.parquet.2.2.tmp"
    for path in (old, young):
        path.write_text("half a part")
    os.utime(old, (0, 0))
    make_study().run(root=tmp_path)
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-10]), "does not match its check"),
        (lambda file: file.write_bytes(b"x" + file.read_bytes()[1:]), "does not match its check"),
        (lambda file: file.unlink(), "is missing"),
        (lambda file: _manifest(file).write_text("{"), "is damaged"),
        (lambda file: _manifest(file).write_text("{}"), "is damaged"),
    ],
)
def test_a_damaged_part_is_found_and_computed_again(
    damage: Callable[[Path], object],
    expected: str,
    make_study: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_study().run(root=tmp_path)
    before = content(tmp_path)
    damage(parts(tmp_path)[5])
    with caplog.at_level(logging.WARNING):
        assert load_results(tmp_path, "small").missing == 12
        assert "left out" in caplog.text
        make_study().run(root=tmp_path)
    assert expected in caplog.text
    assert "until the study runs again" in caplog.text
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [
        {"files": {}},
        {"files": "equity"},
        {"failed": "none"},
        {"failed": 10**6},
        {"block": 9},
        {"rows": 1},
        "another",
    ],
)
def test_a_manifest_that_does_not_describe_its_part_is_not_believed(
    make_study: Make, tmp_path: Path, change: Any
) -> None:
    study = make_study(record={"equity": 5})
    whole = study.run(root=tmp_path)
    before = content(tmp_path)
    first, second, *_ = sorted(tmp_path.rglob("part-*.json"))
    manifest = json.loads(first.read_text())
    if change == "another":
        manifest = json.loads(second.read_text())
    elif change == {"files": "equity"}:
        manifest["files"] = {"equity": manifest["files"]["equity"]}
    else:
        manifest |= change
    manifest.pop("checksum")
    write_json(first, manifest)
    assert_frame_equal(study.run(root=tmp_path).frame, whole.frame)
    assert content(tmp_path) == before


def test_a_finished_study_is_not_computed_again_unless_fresh(
    make_study: Make, tmp_path: Path
) -> None:
    seen: list[int] = []
    make_study().run(root=tmp_path)
    make_study().run(root=tmp_path, progress=lambda p: seen.append(p.reused))
    assert seen == [160]
    make_study().run(root=tmp_path, progress=lambda p: seen.append(p.reused), fresh=True)
    assert seen[-1] == 0


def test_a_changed_study_is_computed_beside_the_old_one(make_study: Make, tmp_path: Path) -> None:
    first = make_study().run(root=tmp_path)
    second = make_study(steps=61).run(root=tmp_path)
    assert first.fingerprint != second.fingerprint
    assert load_results(tmp_path, "small").fingerprint == second.fingerprint
    older = load_results(tmp_path, "small", fingerprint=first.fingerprint)
    assert_frame_equal(older.frame, first.frame)


def test_parts_are_zstd_without_a_dictionary_on_floats(make_study: Make, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    make_study().run(root=tmp_path)
    group = pq.ParquetFile(parts(tmp_path)[0]).metadata.row_group(0)
    for index in range(group.num_columns):
        column = group.column(index)
        assert column.compression == "ZSTD"
        if column.physical_type == "DOUBLE":
            assert not column.has_dictionary_page, column.path_in_schema


def test_a_manifest_names_its_files_and_their_checksums(make_study: Make, tmp_path: Path) -> None:
    make_study(record={"equity": 5}).run(root=tmp_path)
    manifest = json.loads(manifests(tmp_path)[0].read_text())
    assert manifest["rows"] == 12
    for entry in manifest["files"].values():
        file = tmp_path / entry["path"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
        assert file.stat().st_size == entry["bytes"]


def test_a_full_disk_is_a_clear_error_and_finished_parts_stay(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    real = files_module.write_new

    def full(path: Path, data: bytes, **how: bool) -> bool:
        nonlocal written
        if path.suffix == ".parquet":
            written += 1
            if written > 2 + 3 * 2:  # sets and seeds; three parts and their trials
                raise OSError(28, "No space left on device")
        return real(path, data, **how)

    monkeypatch.setattr(files_module, "write_new", full)
    with pytest.raises(StorageError, match="the disk is full; parts finished before are intact"):
        make_study().run(root=tmp_path, workers=1)
    monkeypatch.undo()
    seen: list[int] = []
    make_study().run(root=tmp_path, progress=lambda p: seen.append(p.reused))
    assert seen[-1] == 3 * 12


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_folder_that_cannot_be_written_is_a_clear_error(
    code: int,
    expected: str,
    make_study: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path, data: bytes, **_: bool) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files_module, "write_new", refuse)
    with pytest.raises(StorageError, match=expected) as caught:
        make_study().run(root=tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_file_in_the_way_is_a_clear_error(make_study: Make, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        make_study().run(root=tmp_path)


@pytest.mark.parametrize("file", ["current.json", "*/study.json"])
def test_a_damaged_summary_is_named_and_written_again(
    make_study: Make, tmp_path: Path, file: str
) -> None:
    study = make_study()
    before = study.run(root=tmp_path).frame
    (path,) = (tmp_path / "results" / "small").glob(file)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(Refusal, match=f"{path.name} is damaged"):
        load_results(tmp_path, "small")
    assert study.run(root=tmp_path).frame.equals(before)
    assert load_results(tmp_path, "small").frame.equals(before)


def test_computing_everything_again_takes_nothing_from_who_reads_it(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study()
    reader = study.run(root=tmp_path)
    before = reader.frame
    met = []

    def looking(*arguments: Any, **settings: Any) -> Any:
        # Between forgetting the old parts and finishing the new ones.
        met.append(reader.frame.equals(before))
        return run_parts(*arguments, **settings)

    run_parts = execute_module.run_parts
    monkeypatch.setattr(execute_module, "run_parts", looking)
    again = study.run(root=tmp_path, fresh=True)
    assert met == [True]
    assert again.frame.equals(before)
    assert [p.manifest.files for p in again.pieces] == [p.manifest.files for p in reader.pieces]
