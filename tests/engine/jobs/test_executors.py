"""Executors: whoever runs the parts of a job leaves the same bytes."""

from __future__ import annotations

import hashlib
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.files import MEMORY, MemoryFiles
from engine.jobs import StudyFailed, StudyInterrupted
from engine.jobs.errors import WorkerLost
from engine.jobs.executors import Count, Executor, Processes, Threads, executor_of
from engine.jobs.ledger import read_trials
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.plan import make_plan
from engine.jobs.progress import Progress
from engine.jobs.shared_parts import SharedParts, run_part
from engine.jobs.store import ParquetStore, Store
from engine.sources import GBM, Historical, load_user_sources, make_source
from engine.studies import Study, load_results

Make = Callable[..., Study]


def content(root: Path) -> dict[str, str]:
    """Every file under a root with its hash; the ledger's without the time."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name != MEMORY and path.parent.name != "jobs":
            name = str(path.relative_to(root))
            if name.startswith("ledger/"):
                rows = pl.read_parquet(path, hive_partitioning=False).drop("tried_at")
                found[name] = rows.write_json()
            else:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_processes_leave_the_bytes_of_threads(make_study: Make, tmp_path: Path) -> None:
    study = make_study(record={"equity": 5, "trades": True}, seeds=100)
    told: dict[str, list[Progress]] = {"threads": [], "processes": []}
    for name, progress in told.items():
        study.run(root=tmp_path / name, executor=name, workers=2, progress=progress.append)
    assert content(tmp_path / "threads") == content(tmp_path / "processes")
    assert [told[name][-1].done for name in told] == [400, 400]
    assert_frame_equal(load_results(tmp_path / "processes", "small").frame, study.run().frame)


@pytest.mark.slow
def test_until_and_what_is_finished_go_through_processes_as_through_threads(
    make_study: Make, tmp_path: Path
) -> None:
    until = {"statistic": "mean_net_pnl", "half_width": 2500.0, "max_seeds": 600}
    found = [
        make_study(seeds=50, until=until).run(root=tmp_path / name, executor=name, workers=1)
        for name in ("threads", "processes")
    ]
    assert found[0].stopped == found[1].stopped
    assert content(tmp_path / "threads") == content(tmp_path / "processes")
    seen: list[Progress] = []
    study = make_study(seeds=50, until=until)
    study.run(root=tmp_path / "processes", executor="processes", progress=seen.append)
    assert seen[-1].reused == seen[-1].total


@pytest.mark.parametrize("bars", [300, 500])
@pytest.mark.parametrize("seeds", [100, 10_000])
def test_the_bytes_of_a_part_do_not_depend_on_seeds_or_bars(
    bars: int, seeds: int, market: Any
) -> None:
    history = market.bars("SP500", "1d")[:bars]
    rng = np.random.Generator(np.random.Philox(1))
    numbers = np.unique(rng.integers(0, 2**63, seeds)).tolist()
    sizes = set()
    for source, wanted in ((GBM(), range(seeds)), (GBM(), numbers), (Historical(history), 1)):
        study = Study("s", source, "sma_crossover", {"fast": [3, 5], "slow": [20]}, seeds=wanted)
        parts = make_plan(
            study.resolve()
            if isinstance(source, Historical)
            else Study(
                "s", source, "sma_crossover", {"fast": [3, 5], "slow": [20]}, seeds=wanted, steps=50
            ).resolve(),
            (),
        ).parts
        shared = SharedParts.of(parts)
        sizes |= {len(pickle.dumps(shared.place(part))) for part in parts}
    # One size for all of them, up to a few bytes of a block's number.
    assert max(sizes) < 600
    assert max(sizes) - min(sizes) <= 4


@given(st.data())
def test_a_part_comes_back_from_its_place(data: st.DataObject) -> None:
    fast = data.draw(st.lists(st.integers(2, 20), min_size=1, max_size=5, unique=True))
    seeds = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60, unique=True))
    study = Study("s", GBM(), "sma_crossover", {"fast": fast, "slow": [30]}, seeds=seeds, steps=9)
    parts = make_plan(study.resolve(), ()).parts
    parts = data.draw(st.lists(st.sampled_from(parts), min_size=1, unique=True))
    shared = SharedParts.of(parts)
    for part in parts:
        again = shared.part(pickle.loads(pickle.dumps(shared.place(part))))
        assert again.name == part.name
        assert again.block == part.block


def test_a_part_that_ran_elsewhere_is_read_as_any_other(make_study: Make, tmp_path: Path) -> None:
    study = make_study()
    job = study.resolve()
    parts = make_plan(job, ()).parts
    shared = SharedParts.of(parts)
    code = textwrap.dedent(
        """
        import pickle, sys
        from engine.jobs.shared_parts import run_part
        shared, places = pickle.load(sys.stdin.buffer)
        pickle.dump([run_part(shared, p, sys.argv[1]) for p in places], sys.stdout.buffer)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        input=pickle.dumps((shared, [shared.place(part) for part in parts])),
        capture_output=True,
        check=True,
    )
    manifests = [r.of(p) for r, p in zip(pickle.loads(done.stdout), parts, strict=True)]
    stored = ParquetStore(tmp_path).manifests(job.world.id)
    assert sorted(str(m.to_json()) for m in manifests) == sorted(str(m.to_json()) for m in stored)
    seen: list[Progress] = []
    results = study.run(root=tmp_path, progress=seen.append)
    assert seen[-1].reused == 160
    assert_frame_equal(load_results(tmp_path, "small").frame, results.frame)
    assert len(read_trials(tmp_path)) == 4


@pytest.mark.slow
def test_parts_that_keep_more_than_is_asked_do_so_in_processes_too(tmp_path: Path) -> None:
    def run(root: Path, executor: str) -> None:
        for metric, seeds in (("sharpe", 20), ("net_pnl", 40)):
            grid = {"fast": [3, 5], "slow": [20]}
            record = {"metrics": [metric]}
            study = Study("s", GBM(), "sma_crossover", grid, seeds=seeds, steps=30, record=record)
            study.run(root=root, executor=executor, workers=1)

    run(tmp_path / "threads", "threads")
    run(tmp_path / "processes", "processes")
    assert content(tmp_path / "processes") == content(tmp_path / "threads")


class Elsewhere:
    """An executor of one's own: runs parts in this thread, by what would travel."""

    def __init__(self, root: Path) -> None:
        self.root, self.stopped = root, False

    def map_parts(
        self, parts: Sequence[Part], store: Store, count: Count
    ) -> Iterator[Manifest | None]:
        shared = pickle.loads(pickle.dumps(SharedParts.of(parts)))
        for part in parts:
            place = pickle.loads(pickle.dumps(shared.place(part)))
            result = run_part(shared, place, str(self.root))
            assert result is not None
            count(part.rows, result.failed, lambda: "")
            yield result.of(part)
            yield None

    def stop(self) -> None:
        self.stopped = True


def test_an_executor_of_ones_own_leaves_the_same_bytes_and_is_told_to_stop(
    make_study: Make, tmp_path: Path
) -> None:
    make_study().run(root=tmp_path / "threads")
    own: Executor = Elsewhere(tmp_path / "own")
    make_study().run(root=tmp_path / "own", executor=own)
    assert content(tmp_path / "own") == content(tmp_path / "threads")

    def press(_: Progress) -> None:
        raise KeyboardInterrupt

    stopped = Elsewhere(tmp_path / "stopped")
    with pytest.raises(StudyInterrupted):
        make_study().run(root=tmp_path / "stopped", executor=stopped, progress=press)
    assert stopped.stopped
    assert 0 < len(load_results(tmp_path / "stopped", "small")) < 160


USERS_FILE = """
import os, time
from pathlib import Path
from engine.sources import GBM
from engine.sources import Generator, Source, option

class Slow(Source):
    name = "slow_and_failing"
    pause: float = option(0.0, "Seconds of a fill.")
    raising: tuple = option((), "Seeds that raise.")
    dying: str = option("", "A file; while it stands, a process that fills a path dies.")

    def _generator(self, request):
        return SlowGenerator(self, request)

class SlowGenerator(Generator):
    def __init__(self, source, request):
        self.source, self.symbols = source, ("X",)
        self.steps, self.dt = request.steps, request.dt

    def fill(self, seeds, path_ids, out, scratch):
        time.sleep(self.source.pause)
        if self.source.dying and Path(self.source.dying).exists():
            os._exit(9)
        out[:] = 100.0
        for seed in seeds.tolist():
            if seed in self.source.raising:
                raise ArithmeticError(f"seed {seed} has no path")
"""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Study]:
    """A study of a user's source, which other processes have to import."""
    file = tmp_path_factory.mktemp("own") / "own_source.py"
    file.write_text(USERS_FILE)
    load_user_sources(file)

    def make(**options: Any) -> Study:
        source = make_source("slow_and_failing", options=options)
        weights = {"weight": [0.5, 1.0]}
        return Study("small", source, "buy_and_hold", weights, seeds=48, steps=10)

    return make


@pytest.mark.slow
def test_failures_in_processes_are_rows_and_fail_the_study_as_in_threads(
    slow: Make, tmp_path: Path
) -> None:
    study = slow(raising=tuple(range(10)))
    with pytest.raises(
        StudyFailed, match=r"20 of 96 simulations failed, allowed 5\.0%.*seed 0 has"
    ):
        study.run(root=tmp_path / "data", executor="processes", workers=1)
    assert len(load_results(tmp_path / "data", "small").filter("status = 'ok'")) == 76


def test_a_worker_that_dies_is_one_sentence_and_the_rest_is_computed_by_the_next_run(
    slow: Make, tmp_path: Path
) -> None:
    dying = tmp_path / "dying"
    study = slow(dying=str(dying))
    dying.touch()
    with pytest.raises(WorkerLost, match=r"a worker process died.*run the study again") as caught:
        study.run(root=tmp_path / "data", executor="processes", workers=2)
    assert isinstance(caught.value, StudyFailed)
    dying.unlink()
    again = study.run(root=tmp_path / "data", workers=2)
    assert again.missing == 0
    assert content(tmp_path / "data") == _whole(study, tmp_path / "whole")


def _whole(study: Study, root: Path) -> dict[str, str]:
    study.run(root=root)
    return content(root)


SCRIPT = """
import sys
from pathlib import Path
from engine.sources import load_user_sources, make_source
from engine.studies import Study

if __name__ == "__main__":
    load_user_sources(Path(sys.argv[2]))
    Study(
        "small", make_source("slow_and_failing", options={"pause": 0.2}), "buy_and_hold",
        {"weight": [0.5, 1.0]}, seeds=48, steps=10,
    ).run(root=Path(sys.argv[1]) / "data", executor="processes", workers=2)
"""


def _children(pid: int) -> list[int]:
    """Processes that a process started, as Linux tells it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(path.parent.name))
        except (OSError, IndexError):
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for processes")
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_or_a_kill_of_the_run_ends_its_processes_and_leaves_finished_parts(
    number: signal.Signals, slow: Make, tmp_path: Path
) -> None:
    study = slow(pause=0.2)
    assert study.live.source is not None
    kind = type(study.live.source)
    (tmp_path / "script.py").write_text(SCRIPT)
    run = subprocess.Popen(
        [
            sys.executable,
            str(tmp_path / "script.py"),
            str(tmp_path),
            sys.modules[kind.__module__].__file__,
        ],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("data/manifests/*/part-*.json")):
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.02)
    workers = _children(run.pid)
    assert len(workers) >= 2
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode != 0
    if number is signal.SIGINT:
        assert b"finished parts are kept, run the study again" in said
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert 0 < len(load_results(tmp_path / "data", "small")) < 96
    study.run(root=tmp_path / "data", workers=2)
    assert content(tmp_path / "data") == _whole(study, tmp_path / "whole")


def test_what_no_executor_can_do_is_one_sentence(make_study: Make, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="executor: found 'fibres', allowed threads, processes, or"):
        make_study().run(root=tmp_path, executor="fibres")
    with pytest.raises(Refusal, match="executor: found processes for results in memory, allowed"):
        make_study().run(executor="processes")
    parts = make_plan(make_study().resolve(), ()).parts
    with pytest.raises(Refusal, match="executor: found processes for results in memory"):
        list(Processes(1).map_parts(parts, ParquetStore(MemoryFiles()), lambda *_: None))
    for count in (1_025, 10**12):  # each thread takes memory before the first of them runs
        with pytest.raises(Refusal, match=f"workers: found {count}, allowed 'auto' or a whole"):
            make_study().run(workers=count)
    with pytest.raises(Refusal, match="workers: found 0, allowed 'auto' or"):
        executor_of("processes", 0)


def test_an_executor_that_was_never_asked_can_be_stopped() -> None:
    for executor in (Threads(1), Processes(1)):
        executor.stop()


def test_threads_are_the_default(slow: Make, tmp_path: Path) -> None:
    names: set[str] = set()

    def look(_: Progress) -> None:
        names.update(thread.name for thread in threading.enumerate())

    study = slow(pause=0.02)
    study.run(root=tmp_path / "data", workers=2, progress=look)
    assert {name for name in names if name.startswith("study-")} == {"study-0", "study-1"}
