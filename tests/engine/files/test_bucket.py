"""A study in a bucket of S3, over HTTP: the bytes of a folder, whatever happens on the way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.files import FileStore, ObjectFiles, as_files
from engine.jobs import StorageError
from engine.jobs.ledger import archive_trials, count_trials
from engine.results import find_unused, remove_study, remove_unused, stored_studies
from engine.sources import GBM
from engine.studies import Study, load_results
from tests.bucket_server import new_bucket, serving_buckets

pytestmark = pytest.mark.slow

Start = Callable[[str, int], "subprocess.Popen[bytes]"]

SCRIPT = """
import sys
from engine.sources import GBM
from engine.studies import Study

if __name__ == "__main__":
    Study(
        "bucket", GBM(mu=0.05, sigma=0.2), "sma_crossover",
        {"fast": [3, 5, 8, 13], "slow": [20, 40, 60, 80]}, seeds=int(sys.argv[2]), steps=252,
        record={"equity": 20, "trades": True},
    ).run(root=sys.argv[1], workers=1)
"""


def study(seeds: int, **more: Any) -> Study:
    return Study(
        "bucket",
        GBM(mu=0.05, sigma=0.2),
        "sma_crossover",
        {"fast": [3, 5, 8, 13], "slow": [20, 40, 60, 80]},
        seeds=seeds,
        steps=252,
        record={"equity": 20, "trades": True},
        **more,
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of S3 on loopback."""
    with serving_buckets() as url:
        yield url


@pytest.fixture
def bucket(server: str, request: pytest.FixtureRequest) -> str:
    """A data root in a bucket of its own."""
    return new_bucket(server, f"lab-{abs(hash(request.node.name)):x}")


def content(root: str | Path) -> dict[str, object]:
    """Every file but the records of runs; of the ledger its rows, without the time of a trial."""
    files: FileStore = as_files(root)
    found: dict[str, object] = {}
    for key in files.list():
        if key.startswith("ledger/"):
            found[key] = pl.read_parquet(files.get(key)).drop("tried_at").write_json()
        elif not key.startswith(("jobs/", ".")):
            found[key] = files.get(key)
    return found


def test_a_bucket_has_the_bytes_of_a_folder_and_opens_like_one(bucket: str, tmp_path: Path) -> None:
    there, here = study(400).run(root=bucket), study(400).run(root=tmp_path)
    assert content(bucket) == content(tmp_path)
    assert_frame_equal(there.frame, here.frame)
    opened = load_results(bucket, "bucket")
    assert_frame_equal(opened.frame, here.frame)
    assert_frame_equal(opened.trades(), here.trades())
    assert_frame_equal(opened.statistics(), here.statistics())
    assert_frame_equal(opened.overfitting(bucket), here.overfitting(tmp_path))
    assert count_trials(bucket) == count_trials(tmp_path)
    assert archive_trials(bucket, "sma_crossover", "a rehearsal") == 16
    assert not count_trials(bucket)


def test_polars_and_duckdb_read_the_rows_of_a_bucket(bucket: str) -> None:
    import duckdb
    from obstore.fsspec import FsspecStore

    rows = study(100).run(root=bucket).frame
    polars = pl.scan_parquet(f"{bucket}/simulations/*/*.parquet", hive_partitioning=False)
    assert polars.select(pl.len(), pl.col("net_pnl").sum()).collect().rows() == [
        (1600, pytest.approx(rows["net_pnl"].sum(), rel=1e-12))
    ]
    # Without its extension `httpfs`, which is downloaded, DuckDB is given the files by their names.
    parts = [f"{bucket}/{key}" for key in as_files(bucket).list("simulations/")]
    with duckdb.connect() as connection:
        connection.register_filesystem(FsspecStore("s3", client_options={"allow_http": True}))
        count, total = connection.sql(
            f"SELECT count(*), sum(net_pnl) FROM read_parquet({parts})"
        ).fetchall()[0]
    assert (count, total) == (1600, pytest.approx(rows["net_pnl"].sum(), rel=1e-12))


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a run in a process of its own; none outlives its test."""
    with ExitStack() as runs:

        def begin(root: str, seeds: int) -> subprocess.Popen[bytes]:
            run = subprocess.Popen([sys.executable, "-c", SCRIPT, root, str(seeds)])
            runs.enter_context(run)
            runs.callback(run.kill)
            return run

        yield begin


def test_a_run_that_was_killed_between_parts_goes_on_to_the_same_bytes(
    bucket: str, tmp_path: Path, start: Start
) -> None:
    files = as_files(bucket)
    child = start(bucket, 4000)
    while len(files.list("manifests/")) < 3 and child.poll() is None:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    before = {key: files.get(key) for key in files.list("manifests/")}
    whole = study(4000).run(root=tmp_path)
    assert 3 <= len(before) < len(whole.pieces), "killed in the middle"
    kept = {json.loads(entry)["part"] for entry in before.values()}
    reused: list[int] = []
    study(4000).run(root=bucket, progress=lambda now: reused.append(now.reused))
    rows = sum(piece.cells for piece in whole.pieces if piece.manifest.part in kept)
    assert max(reused) == rows > 0
    assert content(bucket) == content(tmp_path)


def test_two_runs_at_once_leave_the_bytes_of_one(bucket: str, tmp_path: Path, start: Start) -> None:
    runs = [start(bucket, 1000) for _ in range(2)]
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    study(1000).run(root=tmp_path)
    assert content(bucket) == content(tmp_path)


def test_of_many_writers_of_one_key_one_is_told_that_it_wrote(bucket: str) -> None:
    def put(number: int) -> bool:
        return ObjectFiles(bucket).put_new("race/x", bytes([number]) * 100_000)

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(put, range(8)))
    assert sum(told) == 1
    assert as_files(bucket).get("race/x") == bytes([told.index(True)]) * 100_000


def test_processes_share_a_bucket(bucket: str, tmp_path: Path) -> None:
    study(200).run(root=bucket, executor="processes", workers=2)
    study(200).run(root=tmp_path)
    assert content(bucket) == content(tmp_path)


CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
    sys.stdin.read()
    cluster.close()
"""


@pytest.mark.filterwarnings("ignore")
def test_the_workers_of_a_cluster_share_nothing_but_a_bucket(bucket: str, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    from mc_assets.dask_executor import DaskExecutor

    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdout is not None
        scheduler = cluster.stdout.readline().strip()
        study(200).run(root=bucket, executor=DaskExecutor(f"dask://{scheduler}"))
        cluster.communicate(timeout=60)
    study(200).run(root=tmp_path / "data")
    assert content(bucket) == content(tmp_path / "data")


def test_a_damaged_part_is_found_and_computed_again(bucket: str) -> None:
    study(100).run(root=bucket)
    before, files = content(bucket), as_files(bucket)
    assert isinstance(files, ObjectFiles)
    key = files.list("simulations/")[3]
    files.replace(key, files.get(key)[:-9] + b"x" + files.get(key)[-8:])
    opened = load_results(bucket, "bucket")
    assert opened.missing > 0
    assert opened.damages == (
        f"{bucket}/{key} is damaged: it does not match its checksum; its part is left out "
        "until the study runs again",
    )
    study(100).run(root=bucket)
    assert content(bucket) == before


def test_what_no_study_names_is_pruned(bucket: str) -> None:
    study(100).run(root=bucket)
    unused = find_unused(bucket, without="bucket")
    assert unused.bytes > 0
    remove_study(bucket, "bucket")
    remove_unused(bucket, unused)
    assert not stored_studies(as_files(bucket))
    left = {key.split("/")[0] for key in as_files(bucket).list()}
    assert left == {"jobs", "ledger"}


def test_a_bucket_that_is_not_there_is_one_sentence(server: str) -> None:
    with pytest.raises(StorageError) as refused:
        study(100).run(root="s3://no-such-bucket/data")
    assert str(refused.value).startswith("cannot write s3://no-such-bucket/data/results/bucket/")
    assert "The specified bucket does not exist; parts finished before" in str(refused.value)
    with pytest.raises(ConnectionError, match=r"^s3://no-such-bucket/data cannot be reached: The"):
        load_results("s3://no-such-bucket/data", "bucket")


def test_no_results_in_a_bucket_are_no_outage(bucket: str) -> None:
    with pytest.raises(Refusal, match=f"study: 'bucket' has no results; none under {bucket}; `mc"):
        load_results(bucket, "bucket")
