"""A project of its own, whose `mc ui` is started, asked and killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

MC = str(Path(sys.executable).parent / "mc")
PROJECT = Path(__file__).resolve().parents[2]
SERIES = f"""series:
  - {{symbols: [SP500], timeframe: 1d, provider: csv, start: 2014-01-01, end: 2016-12-31,
     models: [gbm, merton], options: {{path: "{PROJECT / "data" / "sample"}/{{symbol}}.csv"}}}}
"""
STUDY = """name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}
seeds: {count: 32}
"""
PERIODS = ("2016",)
LAUNCH = """mutation($names: [String!]!) { launchPartitionBackfill(backfillParams: {
    assetSelection: [{path: ["calibrations"]}], partitionNames: $names }) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
LOGS = """query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection {
    events { ... on MessageEvent { message } } } } }"""
BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"
SLOTS = "{ instance { concurrencyLimits { concurrencyKey activeSlotCount } } }"


class UiHome:
    """A project in a folder, with one series of bars and one study.

    Parameters
    ----------
    folder : Path
        Made here.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "studies").mkdir(parents=True)
        (folder / "studies" / "quick.yaml").write_text(STUDY)
        (folder / "series.yaml").write_text(SERIES)
        self.folder = folder
        places = {"DATA": "data", "SERIES": "series.yaml", "STUDIES": "studies"}
        self.environment = {n: v for n, v in os.environ.items() if n != "DAGSTER_HOME"}
        self.environment |= {f"MC_{name}": str(folder / place) for name, place in places.items()}
        self.environment |= {"MC_HOME": str(folder), "PYTHONUNBUFFERED": "1"}
        self.opened: list[subprocess.Popen[str]] = []
        self.address = ""

    def mc(self, *arguments: str) -> str:
        """Run a command to its end; return what it printed."""
        done = subprocess.run(
            [MC, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

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
        log.close()
        self.opened.append(process)
        wait_until(lambda: "Reports:" in self.said(), 400, self.said)
        self.address = self.said().partition("Dagster UI: ")[2].split()[0]
        return self.said()

    def said(self) -> str:
        """Return what the `mc ui` that was opened last has printed."""
        return (self.folder / f"ui{len(self.opened) - 1}.log").read_text()

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask the UI over GraphQL."""
        request = urllib.request.Request(
            f"{self.address}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["data"]

    def launch(self) -> None:
        """Launch a backfill of a year of calibrations; return in the middle of its run."""
        names = [f"{period}|SP500@1d" for period in PERIODS]
        made = self.ask(LAUNCH, names=names)["launchPartitionBackfill"]
        assert made["__typename"] == "LaunchBackfillSuccess", made
        wait_until(lambda: "STARTED" in self.statuses(), 400, self.statuses)
        wait_until(lambda: "Started execution of step" in self.log_of_run(), 200, self.log_of_run)
        assert "STARTED" in self.statuses()

    def statuses(self) -> list[str]:
        """Return the states of all runs, newest first."""
        return [run["status"] for run in self.ask(RUNS)["runsOrError"]["results"]]

    def backfill(self) -> str:
        """Return the state of the only backfill."""
        (found,) = self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
        return str(found["status"])

    def taken_slots(self) -> int:
        """Return how many slots of pools are held."""
        limits = self.ask(SLOTS)["instance"]["concurrencyLimits"]
        return sum(int(limit["activeSlotCount"]) for limit in limits)

    def log_of_run(self) -> str:
        """Return the messages of the run that is under way."""
        runs = self.ask(RUNS)["runsOrError"]["results"]
        (run,) = (run["runId"] for run in runs if run["status"] == "STARTED")
        events = self.ask(LOGS, run=run)["logsForRun"]["events"]
        return "\n".join(event.get("message", "") for event in events)

    def processes(self) -> dict[int, str]:
        """Return the command lines of the project's processes, all of them begun by the test."""
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

    def process_of(self, words: str) -> int:
        """Return the only process whose command line has these words."""
        found = {pid: line for pid, line in self.processes().items() if words in line}
        assert len(found) == 1, self.processes()
        return next(iter(found))

    def worker(self) -> int:
        """Return the process of the run that is under way, as its log says."""
        text = self.log_of_run()
        found = re.search(r"\(pid: (\d+)\)", text)
        assert found, text
        return int(found[1])

    def kill(self, *chosen: int) -> None:
        """Kill processes of this project."""
        assert set(chosen) <= set(self.processes())
        for pid in chosen:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def calibrations(self) -> dict[str, bytes]:
        """Return every stored calibration file by its place."""
        root = self.folder / "data" / "calibrations"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.parquet")}

    def close(self) -> None:
        """End whatever is left."""
        for process in self.opened:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.opened:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def wait_until(done: Callable[[], bool], seconds: float, shown: Callable[[], object]) -> None:
    """Wait until something holds; fail with what is shown after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.5)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
