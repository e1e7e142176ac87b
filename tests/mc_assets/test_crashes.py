"""Dagster is killed in the middle of a backfill: runs end, it finishes, with the same bytes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MC = str(Path(sys.executable).parent / "mc")
PROJECT = Path(__file__).resolve().parents[2]
SERIES = f"""series:
  - {{symbols: [SP500], timeframe: 1d, provider: csv, start: 2014-01-01, end: 2016-12-31,
     models: [gbm, merton], options: {{path: "{PROJECT / "data" / "sample"}/{{symbol}}.csv"}}}}
"""
PERIODS = ("2015", "2016")
LAUNCH = """mutation($names: [String!]!) { launchPartitionBackfill(backfillParams: {
    assetSelection: [{path: ["calibrations"]}], partitionNames: $names }) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"

pytestmark = pytest.mark.slow


class Home:
    """A project of its own, whose Dagster is started, asked and killed."""

    def __init__(self, folder: Path) -> None:
        (folder / "studies").mkdir(parents=True)
        (folder / "series.yaml").write_text(SERIES)
        self.folder = folder
        places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
        self.environment = {n: v for n, v in os.environ.items() if n != "DAGSTER_HOME"}
        self.environment |= {f"MC_{name}": str(folder / place) for name, place in places.items()}
        self.environment |= {"MC_HOME": str(folder), "PYTHONUNBUFFERED": "1"}
        self.opened: list[subprocess.Popen[str]] = []
        self.address = ""

    def mc(self, *arguments: str) -> None:
        done = subprocess.run(
            [MC, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def open_ui(self, port: int) -> str:
        """Start `mc ui`; return what it said until it answered."""
        log = (self.folder / f"ui{len(self.opened)}.log").open("w+")
        process = subprocess.Popen(
            [MC, "ui", "--port", str(port)],
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.opened.append(process)

        def says() -> str:
            return Path(log.name).read_text()

        _wait(lambda: "Reports:" in says(), 180, says)
        log.close()
        said = says()
        self.address = said.partition("Dagster UI: ")[2].split()[0]
        return said

    def ask(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"{self.address}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["data"]

    def launch(self) -> None:
        names = [f"{period}|SP500@1d" for period in PERIODS]
        made = self.ask(LAUNCH, names=names)["launchPartitionBackfill"]
        assert made["__typename"] == "LaunchBackfillSuccess", made
        _wait(lambda: "STARTED" in self.statuses(), 180, self.statuses)
        # In the middle: the first of its processes' work is under way.
        time.sleep(4.0)

    def statuses(self) -> list[str]:
        return [run["status"] for run in self.ask(RUNS)["runsOrError"]["results"]]

    def backfill(self) -> str:
        (found,) = self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
        return str(found["status"])

    def processes(self) -> dict[int, str]:
        """Return the processes of this project, all of them begun by this test, by their lines."""
        found = {}
        mark = f"MC_DATA={self.folder / 'data'}\0".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes():
                        line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                        found[int(entry.name)] = line
                except OSError:
                    continue
        return found

    def kill(self, *words: str) -> None:
        """Kill the processes whose lines hold all of some words."""
        chosen = [pid for pid, line in self.processes().items() if all(w in line for w in words)]
        assert chosen, self.processes()
        for pid in chosen:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def close(self) -> None:
        for process in self.opened:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.opened:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def calibrations(self) -> dict[str, bytes]:
        root = self.folder / "data" / "calibrations"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.parquet")}


def _wait(until: Callable[[], bool], seconds: float, shown: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    try:
        made.mc("ingest")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    other = Home(tmp_path_factory.mktemp("undisturbed") / "home")
    other.mc("ingest")
    other.mc("backfill", "calibrations", "--from", "2015-01-01", "--to", "2016-12-31")
    return other.calibrations()


def test_a_backfill_whose_worker_is_killed_finishes_with_the_same_bytes(
    home: Home, undisturbed: dict[str, bytes]
) -> None:
    home.open_ui(_free_port())
    home.launch()
    home.kill("execute_run")
    # The dead run ends failed, and the daemon begins it once again.
    _wait(lambda: "FAILURE" in home.statuses(), 120, home.statuses)
    _wait(lambda: "SUCCESS" in home.statuses(), 240, home.statuses)
    assert "STARTED" not in home.statuses()
    assert home.calibrations() == undisturbed


def test_a_backfill_goes_on_after_every_process_was_killed_at_once(
    home: Home, undisturbed: dict[str, bytes]
) -> None:
    home.open_ui(_free_port())
    home.launch()
    home.kill("")
    _wait(lambda: not home.processes(), 60, home.processes)
    home.open_ui(_free_port())
    # No run is STARTED for ever; what it held of pools is free for the next one.
    _wait(lambda: "FAILURE" in home.statuses(), 60, home.statuses)
    _wait(lambda: "SUCCESS" in home.statuses(), 240, home.statuses)
    _wait(lambda: "COMPLETED" in home.backfill(), 120, home.backfill)
    assert home.calibrations() == undisturbed


def test_two_uis_share_a_home_and_the_second_takes_another_port(home: Home) -> None:
    port = _free_port()
    first = home.open_ui(port)
    assert f"http://127.0.0.1:{port} " in first
    first_address = home.address
    second = home.open_ui(port)
    assert f"port {port} is not free" in second
    assert home.address != first_address
    assert home.statuses() == ["SUCCESS"] * len(home.statuses())
    # The first one lives on when the second one is closed.
    home.opened[-1].send_signal(signal.SIGINT)
    assert home.opened[-1].wait(60) == 0
    home.address = first_address
    assert home.statuses()
