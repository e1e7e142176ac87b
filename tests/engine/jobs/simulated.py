"""Runs of a study in a simulated world: its store, its clock, its crashes and who runs beside it.

Everything that happens follows from one integer, so that a failure is replayed from it.
"""

from __future__ import annotations

import datetime
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import polars as pl
import pytest

from engine.files import MemoryFiles
from engine.jobs import recording, trial_rows
from engine.jobs.executors import Count
from engine.jobs.job import Job
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part
from engine.jobs.pool import PartPool
from engine.jobs.store import ParquetStore, Store
from engine.studies.execute import execute

#: What may happen to a runner at an operation, and to the whole machine.
FAULTS = ("before", "after", "power")


class Crashed(BaseException):
    """The process is gone."""


@dataclass
class Disk:
    """What is stored, and what the last operations can be undone to by a loss of power."""

    files: dict[str, bytes] = field(default_factory=dict)
    recent: list[tuple[str, bytes | None]] = field(default_factory=list)
    operations: int = 0

    def change(self, key: str, content: bytes | None) -> None:
        self.recent = [*self.recent[-7:], (key, self.files.get(key))]
        if content is None:
            self.files.pop(key, None)
        else:
            self.files[key] = content

    def lose_power(self, rng: random.Random) -> None:
        """Undo some of the last operations, whatever their order, and tear one of the others."""
        kept = []
        for key, before in reversed(self.recent):
            if rng.random() < 0.4:
                self.files.pop(key, None)
                if before is not None:
                    self.files[key] = before
            elif key in self.files:
                kept.append(key)
        # An earlier change of the same file may have been undone after it.
        kept = [key for key in kept if key in self.files]
        if kept and rng.random() < 0.8:
            key = rng.choice(kept)
            content = self.files[key]
            length = rng.randrange(len(content))
            self.files[key] = content[:length] + rng.choice([b"", b"\0" * (len(content) - length)])
        self.recent = []


class Turns:
    """Lets several threads do one operation at a time, in an order that chance decides."""

    def __init__(self, rng: random.Random, names: Sequence[str]) -> None:
        self._rng, self._changed = rng, threading.Condition()
        self._live, self._waiting, self._next = set(names), set[str](), ""

    def wait(self, name: str) -> None:
        with self._changed:
            self._waiting.add(name)
            self._choose()
            while self._next != name:
                self._changed.wait(30)
            self._next = ""
            self._waiting.discard(name)

    def end(self, name: str) -> None:
        with self._changed:
            self._live.discard(name)
            self._choose()

    def _choose(self) -> None:
        # When all have come to their next operation: how fast they compute decides nothing.
        if self._live and self._waiting == self._live and not self._next:
            self._next = self._rng.choice(sorted(self._waiting))
            self._changed.notify_all()


class SimulatedFiles(MemoryFiles):
    """A runner's view of a disk, through which faults reach it.

    Parameters
    ----------
    disk : Disk
        Shared by the runners.
    fault : callable
        Told before each operation; what it returns happens to this runner: one of `FAULTS`, or
        nothing.
    """

    def __init__(self, disk: Disk, fault: Callable[[], str]) -> None:
        super().__init__()
        self._files, self._disk, self._fault, self._gone = disk.files, disk, fault, False

    def put_new(self, key: str, content: bytes) -> bool:
        def put() -> bool:
            if key in self._files:
                return False
            self._disk.change(key, bytes(content))
            return True

        return self._do(put)

    def delete(self, key: str) -> None:
        self._do(lambda: self._disk.change(key, None))

    def get(self, key: str) -> bytes:
        return self._do(partial(super().get, key))

    def list(self, prefix: str = "") -> list[str]:
        return self._do(partial(super().list, prefix))

    def _do(self, operation: Callable[[], object]) -> object:
        if self._gone:
            raise Crashed
        fault = self._fault()
        self._disk.operations += 1
        if fault == "after":
            # Also after one that failed, such as the look for a file that is not there.
            with suppress(Exception):
                operation()
        if fault:
            self._gone = True
            raise Crashed
        return operation()


class FolderLike(SimulatedFiles):
    """The same for a store that replaces a file in one step, as a folder does."""

    def replace(self, key: str, content: bytes) -> None:
        self._do(lambda: self._disk.change(key, bytes(content)))


class Inline:
    """Runs parts one after the other in the thread that asks."""

    def map_parts(
        self, parts: Sequence[Part], store: Store, count: Count
    ) -> Iterator[Manifest | None]:
        for part in parts:
            made: list[Manifest] = []
            pool = PartPool([part], store, on_chunk=count, on_part=made.append)
            pool.work()
            pool.raise_first()
            yield from made

    def stop(self) -> None:
        """Nothing runs when it is called."""


def run(job: Job, files: MemoryFiles) -> None:
    """Run a job into a store."""
    execute(
        job,
        remake=lambda: job,
        root=files,
        ledger=None,
        executor=Inline(),
        through="a simulation",
        progress=None,
        partial=None,
        fresh=False,
    )


def rows_of(job: Job, files: MemoryFiles) -> pl.DataFrame:
    """Rows of the finished parts, as a reader finds them."""
    store = ParquetStore(files)
    found = store.manifests(job.world.id)
    if not found:
        return pl.DataFrame()
    return store.scan("simulations", found).collect()


def content(disk: Disk) -> dict[str, str]:
    """What is stored but for records of runs, and of the ledger all but the time of trying.

    Without what is set aside, and what a crash in the middle of `replace` left: while the file
    stands, nobody reads that.
    """
    found = {}
    for key, value in disk.files.items():
        left = key.endswith(".next") and key.removesuffix(".next") in disk.files
        if key.startswith("jobs/") or key.endswith(".damaged") or left:
            continue
        if key.startswith("ledger/"):
            value = pl.read_parquet(value).drop("tried_at").write_json().encode()
        found[key] = value.hex()
    return found


@contextmanager
def clock(rng: random.Random) -> Iterator[None]:
    """Let every question for the time have another answer, now and then years away."""
    at = [datetime.datetime(2026, 3, 29, 0, 59, tzinfo=datetime.UTC)]

    def now(_: object = None) -> datetime.datetime:
        step = rng.choice([1, 1, 1, 1, -3600, 7200, -86_400 * 400, 86_400 * 400])
        at[0] += datetime.timedelta(seconds=step)
        return at[0]

    fake = SimpleNamespace(datetime=SimpleNamespace(now=now), UTC=datetime.UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "_now", now)
        patch.setattr(trial_rows, "datetime", fake)
        yield


def simulate(seed: int, job: Job) -> tuple[Disk, str]:
    """Run one or two runners of a job through the faults that an integer stands for.

    Returns
    -------
    disk : Disk
        As they left it.
    str
        What happened, for who looks at a failure.
    """
    rng = random.Random(seed)
    disk, told = Disk(), list[str]()
    kind = rng.choice([SimulatedFiles, FolderLike])
    with clock(rng):
        for _ in range(rng.randint(1, 3)):
            names = ["one", "two"][: rng.randint(1, 2)]
            turns = Turns(rng, names)
            plans = {name: (rng.randint(1, 60), rng.choice(FAULTS)) for name in names}
            told.append(f"{kind.__name__} {json.dumps(plans)}")
            _together(names, turns, plans, disk, kind, rng, job, told)
    return disk, "; ".join(told)


def _together(
    names: Sequence[str],
    turns: Turns,
    plans: dict[str, tuple[int, str]],
    disk: Disk,
    kind: type[SimulatedFiles],
    rng: random.Random,
    job: Job,
    told: list[str],
) -> None:
    """Let runners run until each has ended or crashed; a loss of power ends all of them."""
    power = threading.Event()

    def fault(name: str, done: list[int]) -> str:
        turns.wait(name)
        done[0] += 1
        at, what = plans[name]
        if power.is_set():
            return "before"
        if done[0] != at:
            return ""
        if what == "power":
            power.set()
            disk.lose_power(rng)
        return what

    def runner(name: str) -> None:
        try:
            run(job, kind(disk, partial(fault, name, [0])))
            told.append(f"{name} finished")
        except Crashed:
            told.append(f"{name} crashed")
        except BaseException as error:
            told.append(f"{name} failed: {error!r}")
        finally:
            turns.end(name)

    threads = [threading.Thread(target=runner, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
