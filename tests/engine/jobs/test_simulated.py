"""Crashes, torn and reordered writes, clocks that jump, two runners: nothing is lost or wrong."""

from __future__ import annotations

import os

import polars as pl
import pytest

from engine.files import MemoryFiles
from engine.jobs.job import Job
from engine.sources import GBM
from engine.studies import Study
from tests.engine.jobs.simulated import (
    Crashed,
    Disk,
    FolderLike,
    SimulatedFiles,
    content,
    rows_of,
    run,
    simulate,
)


@pytest.fixture(scope="module")
def job() -> Job:
    study = Study(
        "small",
        GBM(mu=0.05, sigma=0.2),
        "sma_crossover",
        {"fast": [3, 5], "slow": [10, 20]},
        seeds=3,
        steps=40,
        record={"equity": 2},
    )
    return study.resolve()


@pytest.fixture(scope="module")
def whole(job: Job) -> Disk:
    disk = Disk()
    run(job, SimulatedFiles(disk, lambda: ""))
    return disk


def _operations(job: Job, kind: type[SimulatedFiles]) -> int:
    disk = Disk()
    run(job, kind(disk, lambda: ""))
    return disk.operations


def _files(disk: Disk) -> MemoryFiles:
    return SimulatedFiles(disk, lambda: "")


def _check(job: Job, disk: Disk, whole: Disk, told: str) -> None:
    """No reader is served a wrong row; the next run leaves what an undisturbed one leaves."""
    right = rows_of(job, _files(whole))
    found = rows_of(job, _files(disk))
    if found.height:
        assert found.join(right, on=found.columns, how="anti", nulls_equal=True).is_empty(), told
    run(job, _files(disk))
    assert content(disk) == content(whole), told
    assert rows_of(job, _files(disk)).sort(pl.all()).equals(right.sort(pl.all())), told


@pytest.mark.parametrize("kind", [SimulatedFiles, pytest.param(FolderLike, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", ["before", pytest.param("after", marks=pytest.mark.slow)])
def test_a_crash_at_any_operation_loses_nothing(
    job: Job, whole: Disk, kind: type[SimulatedFiles], fault: str
) -> None:
    operations = _operations(job, kind)
    assert operations > 30
    for k in range(1, operations + 2):
        disk, done = Disk(), [0]

        def plan(done: list[int] = done, k: int = k) -> str:
            done[0] += 1
            return fault if done[0] == k else ""

        crashed = False
        try:
            run(job, kind(disk, plan))
        except Crashed:
            crashed = True
        # An operation of the record of the run is one too: what it ends is already told.
        assert crashed or k >= operations - 5
        _check(job, disk, whole, f"{kind.__name__}, {fault} operation {k}")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_to_runners_the_next_run_leaves_the_same_bytes(
    job: Job, whole: Disk, seed: int
) -> None:
    disk, told = simulate(seed, job)
    assert "failed" not in told, f"seed {seed}: {told}"
    _check(job, disk, whole, f"seed {seed}: {told}")


@pytest.mark.slow
def test_a_thousand_simulated_histories_leave_the_same_bytes(job: Job, whole: Disk) -> None:
    first = int(os.environ.get("MC_SIMULATION", "1000"))
    crashed, wrong = 0, list[str]()
    for seed in range(first, first + 1_000):
        disk, told = simulate(seed, job)
        crashed += told.count("crashed")
        try:
            assert "failed" not in told, f"seed {seed}: {told}"
            _check(job, disk, whole, f"seed {seed}: {told}")
        except Exception as error:  # whatever it was, the other histories are run as well
            wrong.append(f"seed {seed}: {error!r}"[:500])
    print(f"1,000 histories, {crashed} crashes; {len(wrong)} left other bytes: {wrong}")
    assert not wrong


def test_a_history_is_replayed_from_its_integer(job: Job) -> None:
    for seed in (3, 4):
        (one, told), (other, again) = simulate(seed, job), simulate(seed, job)
        assert told == again
        assert content(one) == content(other) if "power" not in told else one.files.keys()
