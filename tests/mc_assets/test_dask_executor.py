"""Parts on the workers of a Dask cluster: the bytes of threads, whatever dies on the way."""

from __future__ import annotations

import builtins
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.errors import Refusal
from engine.files import MEMORY
from engine.jobs.errors import StudyInterrupted
from engine.jobs.progress import Progress
from engine.sources import GBM
from engine.studies import Study
from mc_assets.dask_executor import DaskExecutor

# The second worker compiles for a processor without vectors.
CLUSTER = """
import sys
from distributed import Nanny, Scheduler, SpecCluster

GENERIC = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_LOOP_VECTORIZE": "0"}

def worker(env):
    options = {"nthreads": 1, "host": "127.0.0.1", "dashboard": False, "env": env}
    return {"cls": Nanny, "options": options}

if __name__ == "__main__":
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard": False}}
    cluster = SpecCluster(scheduler=scheduler, workers={0: worker({}), 1: worker(GENERIC)})
    print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
    sys.stdin.read()
    cluster.close()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, in processes of their own."""
    pytest.importorskip("distributed")
    script = tmp_path_factory.mktemp("cluster") / "cluster.py"
    script.write_text(CLUSTER)
    run = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    yield run.stdout.readline().strip()
    run.communicate(timeout=60)


def study(seeds: int = 200, **more: Any) -> Study:
    grid = {"fast": [3, 5], "slow": [10, 20]}
    return Study("far", GBM(), "sma_crossover", grid, seeds=seeds, steps=60, **more)


def content(root: Path) -> dict[str, str]:
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_workers_leave_the_bytes_of_threads(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    seen: list[Progress] = []
    executor = DaskExecutor(f"dask://{cluster}")
    study().run(root=tmp_path / "dask", executor=executor, progress=seen.append)
    study().run(root=tmp_path / "threads")
    assert content(tmp_path / "dask") == content(tmp_path / "threads")
    assert seen[-1].done == seen[-1].total == 800
    with Client(f"tcp://{cluster}", set_as_default=False) as client:
        assert sorted(client.run(os.getenv, "NUMBA_CPU_NAME", "own").values()) == ["generic", "own"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_study_on_a_cluster_is_stopped_goes_on_and_ends_where_its_errors_are_small(
    cluster: str, tmp_path: Path
) -> None:
    def stop(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    executor = DaskExecutor(f"dask://{cluster}")
    with pytest.raises(StudyInterrupted, match="finished parts are kept"):
        study(20_000).run(root=tmp_path / "dask", executor=executor, progress=stop)
    enough = {"until": {"statistic": "mean_net_pnl", "half_width": 200, "max_seeds": 20_000}}
    there = study(**enough).run(root=tmp_path / "dask", executor=executor)
    here = study(**enough).run(root=tmp_path / "threads")
    assert there.summary.seeds == here.summary.seeds < 20_000
    assert there.statistics().equals(here.statistics())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_is_killed_in_mid_part_changes_no_byte(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    with Client(f"tcp://{cluster}", set_as_default=False) as client:
        processes = client.run(os.getpid)
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.done and not killed:
            killed.append(next(iter(processes.values())))
            os.kill(killed[0], signal.SIGKILL)

    executor = DaskExecutor(f"dask://{cluster}")
    study(20_000).run(root=tmp_path / "dask", executor=executor, progress=kill)
    study(20_000).run(root=tmp_path / "threads")
    assert killed
    assert content(tmp_path / "dask") == content(tmp_path / "threads")
    time.sleep(0.1)


def test_dask_without_its_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("distributed"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refusal, match=r"executor: dask://h:1 without .*'mc-lab\[cluster\]'"):
        DaskExecutor("dask://h:1")


@pytest.mark.filterwarnings("ignore")
def test_an_address_that_nobody_answers_at_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("mc_assets.dask_executor._CONNECT_SECONDS", 0.5)
    with pytest.raises(Refusal, match=r"executor: found 'dask://here', allowed dask://host:port"):
        DaskExecutor("dask://here")
    with pytest.raises(Refusal, match=r"executor: no scheduler answers at dask://127\.0\.0\.1:1 "):
        study().run(root=tmp_path, executor=DaskExecutor("dask://127.0.0.1:1"))
