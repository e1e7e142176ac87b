"""Living in the Dagster UI: its start, its memory, its overhead, backfills, Dask on one machine."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import engine as mc
from engine.files import as_files
from engine.jobs.plan import make_plan
from engine.jobs.shared_parts import SharedParts
from mc_assets.dask_executor import DaskExecutor

PROJECT = Path(__file__).resolve().parents[1]
MC = str(Path(sys.executable).parent / "mc")
PORT = 3400
DATES = 504
SERIES = f"""series:
  - {{symbols: [SP500, WTI], timeframe: 1d, provider: csv, start: 2010-01-01, end: 2016-12-31,
     models: [gbm], options: {{path: "{PROJECT / "data" / "sample"}/{{symbol}}.csv"}}}}
"""
STUDY = """name: crossover
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, s0: 100, steps: 252}
strategy: {name: sma_crossover, parameters: {fast: [5, 10, 20], slow: [50, 100]}}
seeds: 4000
"""
CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=int(sys.argv[1]), threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
        sys.stdin.read()
"""
LAUNCH = """mutation($params: ExecutionParams!) {
    launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
RUN = """query($run: ID!) { runOrError(runId: $run) { ... on Run { status creationTime endTime
    assetMaterializations { metadataEntries { label ... on FloatMetadataEntry { floatValue } } }
    } } }"""


class Measured(NamedTuple):
    """A figure, what it may come to at most or at least, and the processor seconds it took."""

    name: str
    value: float
    target: float
    at_least: bool = False
    processor: float | None = None

    def line(self) -> str:
        """Return a row of the table."""
        met = self.value >= self.target if self.at_least else self.value <= self.target
        sign = "≥" if self.at_least else "≤"
        spent = "" if self.processor is None else f"{self.processor:,.1f}"
        return (
            f"| {self.name} | {self.value:,.1f} | {spent} | {sign} {self.target:g} | {_word(met)} |"
        )


def main() -> None:
    print(f"Load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    print("| figure | measured | processor s | target | met |\n|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "studies").mkdir()
        (home / "studies" / "crossover.yaml").write_text(STUDY)
        (home / "series.yaml").write_text(SERIES)
        environment = os.environ | {"MC_HOME": folder, "MC_DATA": str(home / "data")}
        environment |= {"MC_SERIES": str(home / "series.yaml"), "PYTHONUNBUFFERED": "1"}
        environment |= {"MC_STUDIES": str(home / "studies")}
        _timed(environment, "ingest")
        # Compiled kernels and byte code are there, as on any day but the first.
        _timed(environment, "calibrate")
        for one in chain(_backfills(environment), _ui(environment)):
            print(one.line(), flush=True)
    for one in _dask():
        print(one.line(), flush=True)
    print(f"\nWire bytes of a part: {_wire_bytes(1_000):,} with 1,000 seeds of the study, ", end="")
    print(f"{_wire_bytes(100_000):,} with 100,000. Load after: {os.getloadavg()[0]:.1f}.")


def _backfills(environment: dict[str, str]) -> Iterator[Measured]:
    first = date(2014, 1, 1)
    days = (first + timedelta(days=number) for number in range(2 * DATES))
    last = [day for day in days if day.weekday() < 5][DATES - 1]
    command = ("backfill", "calibrations", "--from", str(first), "--to", str(last))
    name = f"{DATES} dates × 2 series backfilled, s"
    seconds, processor = _timed(environment, *command)
    yield Measured(name, seconds, 75, processor=processor)
    seconds, processor = _timed(environment, *command)
    yield Measured(f"the same {2 * DATES:,} recognised, s", seconds, 20, processor=processor)


def _ui(environment: dict[str, str]) -> Iterator[Measured]:
    begin = time.monotonic()
    process = subprocess.Popen(
        [MC, "ui", "--port", str(PORT)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _is_there():
            time.sleep(0.1)
        seconds, processor = time.monotonic() - begin, _processor(environment)
        yield Measured("first page from `mc ui`, s", seconds, 12, processor=processor)
        time.sleep(30)
        yield Measured("idle UI, MB of its processes' own memory", _megabytes(environment), 700)
        overheads = [_overhead(number) for number in range(3)]
        yield Measured("overhead of materialising a study, s", sorted(overheads)[1], 3)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def _overhead(number: int) -> float:
    """Seconds from launching a study to its end beyond those that the engine took."""
    tags = {
        "dagster/asset_partition_range_start": "00|crossover",
        "dagster/asset_partition_range_end": "15|crossover",
        "number": str(number),
    }
    params = {
        "selector": {
            "repositoryName": "__repository__",
            "repositoryLocationName": "mc_assets",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["simulations"]}],
        },
        "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
    }
    run = _ask(LAUNCH, params=params)["launchPipelineExecution"]["run"]["runId"]
    while True:
        found = _ask(RUN, run=run)["runOrError"]
        if found["status"] in ("SUCCESS", "FAILURE"):
            break
        time.sleep(0.2)
    assert found["status"] == "SUCCESS", found
    engine = sum(
        entry["floatValue"]
        for made in found["assetMaterializations"]
        for entry in made["metadataEntries"]
        if entry["label"] == "seconds"
    )
    return float(found["endTime"] - found["creationTime"]) - engine


def _megabytes(environment: dict[str, str]) -> float:
    """Proportional share of memory of the processes of the UI."""
    texts = [(process / "smaps_rollup").read_text() for process in _processes(environment)]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) / 1e3


def _processor(environment: dict[str, str]) -> float:
    """Processor seconds that the processes of the UI have taken."""
    fields = [
        (process / "stat").read_text().rpartition(")")[2].split()
        for process in _processes(environment)
    ]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def _processes(environment: dict[str, str]) -> list[Path]:
    """Folders in ``/proc`` of the processes that have this project's environment."""
    mark = f"MC_DATA={environment['MC_DATA']}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(entry)
    return found


def _dask() -> Iterator[Measured]:
    """How much faster two worker processes are than one, on a study of half a minute."""
    seconds = {}
    for workers in (1, 2):
        with _cluster(workers) as address, tempfile.TemporaryDirectory() as folder:
            executor = DaskExecutor(f"dask://{address}")
            _study(400).run(root=Path(folder) / "warm", executor=executor)
            begin = time.monotonic()
            _study(500_000).run(root=Path(folder) / "run", executor=executor)
            seconds[workers] = time.monotonic() - begin
    name = f"two Dask processes, times as fast as one ({seconds[1]:.0f} s)"
    yield Measured(name, seconds[1] / seconds[2], 1.8, at_least=True)


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(CLUSTER)
        script.flush()
        process = subprocess.Popen(
            [sys.executable, script.name, str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=60)


def _study(seeds: int) -> mc.Study:
    grid = {"fast": [5, 10, 20, 40], "slow": [50, 100, 150, 200]}
    return mc.Study("far", mc.GBM(), "sma_crossover", grid, seeds=seeds, steps=252)


def _wire_bytes(seeds: int) -> int:
    """Bytes of what travels for each part, beside what all of them share."""
    parts = make_plan(_study(seeds).resolve(None), ()).parts
    return len(pickle.dumps((SharedParts.of(parts).place(parts[0]), as_files("/data"))))


def _timed(environment: dict[str, str], *arguments: str) -> tuple[float, float]:
    """Seconds that a command took, and those of processors."""
    begin, before = time.monotonic(), os.times()
    subprocess.run([MC, *arguments], env=environment, check=True, capture_output=True)
    after = os.times()
    spent = after.children_user + after.children_system
    return time.monotonic() - begin, spent - before.children_user - before.children_system


def _is_there() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=10) as page:
            return bool(page.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _ask(query: str, **variables: Any) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())["data"]


def _word(met: bool) -> str:
    return "yes" if met else "no"


if __name__ == "__main__":
    main()
