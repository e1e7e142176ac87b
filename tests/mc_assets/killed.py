"""Commands that are killed, or find no disk, at one of their own steps: a fault has a number.

A step is whatever changes the disk: a file opened to be written, renamed, linked, deleted, a folder
made, Dagster's database opened. `python -m tests.mc_assets.killed` is the process that commands are
forked from; it has loaded all that they need and computed nothing, so that one takes little time.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from engine.bars import BAR_FIELDS
from engine.files import read_json
from engine.jobs.ledger import read_trials

_CHECKOUT = Path(__file__).parents[2]
_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What SQLite says of a disk that is so.
_REFUSALS = {"ENOSPC": "database or disk is full", "EROFS": "unable to open database file"}
# What says when something was done, or remembers for the next process alone.
_TOLD = ("ledger/archives/", "dagster_home/", "jobs/", "receipts", ".verified", "empty_tables/")
# What is remembered to save time, and trials of searches, which are compared as they are counted: a
# search that goes on may write again what it had counted, in a file of another name.
_PASSING = (".verified", "part-batch-")
# Of a trial; its means are sums in the order of trying, and differ in the last bit.
_COUNTED = ["trial", "family", "data", "set_id", "status", "seeds", "paths", "failed"]
# Times of writing, and how long it took.
_TIMES = re.compile(
    rb'\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( ?UTC)?|"seconds": [\d.e-]+|<th>seconds</th><td>[\d.,]+'
)

BARS = 250
SERIES = """series:
  - {symbols: [X], provider: csv, start: 2016-01-04, end: 2016-12-30, models: [gbm],
     options: {path: "{symbol}.csv"}}
"""
STUDY = """name: quick
source: {model: gbm, symbol: X, timeframe: 1d, calibration: latest, steps: 40}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20, 30]}}
seeds: {count: 64}
record: {equity: 8, trades: true}
"""
WALKED = """name: walked
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 100}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20, 30]}}
seeds: {count: 8}
"""
EXPERIMENT = """experiment_name: tuned
data: {path: X.csv}
strategy: sma_crossover
optimization: {method: genetic, samples: 60, seed: 1, objective: net_pnl}
parameters:
  fast: {type: int, min: 2, max: 9}
  slow: {type: int, min: 10, max: 40}
"""
POLICY = """name: rising
source: {model: gbm, parameters: {mu: 0.1, sigma: 0.2}, steps: 40}
features: [return_10]
training: {trainings: 5, seeds: 2, generations: 2}
evaluation: {seeds: {count: 4, start: 100}}
"""
_JOB = "a job"
#: ``HOME`` stands for the folder of the project.
COMMANDS: dict[str, list[str]] = {
    "everything": ["run"],
    "ingest": ["ingest"],
    "calibrate": ["calibrate"],
    "run": ["run", "quick"],
    "panel": ["panel", "buy_and_hold", "--symbol", "X", "--paths", "20"],
    "judge": ["judge", "sma_crossover", "--symbol", "X", "--tries", "8", "--paths", "20"],
    "report": ["report", "quick"],
    "sql": ["sql", "SELECT count(*) FROM simulations"],
    "prune": ["prune", "quick", "--yes"],
    "backfill": ["backfill", "calibrations", "--from", "2016-12-12", "--to", "2016-12-13"],
    "resample": ["resample", "buy_and_hold", "--symbol", "X", "--draws", "200"],
    "judge page": [
        *("judge", "sma_crossover", "--symbol", "X", "--tries", "4", "--paths", "10"),
        *("--page", "HOME/verdict.html"),
    ],
    "plot": ["plot", "quick", "pnl"],
    "replay": ["replay", "quick", "3"],
    "optimise": ["optimise", "run", "HOME/tuned.yaml"],
    "walk-forward": ["walk-forward", "HOME/walked.yaml", "--windows", "2"],
    "portfolio": ["portfolio", "quick", "--rule", "equal"],
    "cross-validate": ["cross-validate", "HOME/walked.yaml", "--folds", "4"],
    "train": ["train", "HOME/studies/policies/rising.yaml", "--save", "HOME/rising.py"],
    "ticks import": ["ticks", "import", "HOME/quotes.csv", "--symbol", "T", "--exchange", "N"],
    "keys add": ["keys", "add", "desk"],
    "keys remove": ["keys", "remove", "desk"],
    "leaderboard": ["leaderboard", "--statistic", "net_pnl"],
    "archive": ["trials", "sma_crossover", "--archive", "--reason", "only a test"],
    "verify": ["verify"],
    "schema": ["schema", "--output", "HOME/study.schema.json"],
    "seeds": ["seeds", "mine", "50"],
    "init": ["init", "HOME/begun"],
    "new strategy": ["new", "strategy", "idea"],
    "new study": ["new", "study", "idea"],
    "new series": ["new", "series", "NEW"],
    # What a worker of `mc serve` starts for a request.
    "serve": [_JOB, "HOME/walked.yaml"],
    "mv": ["mv", "quick", "slow"],
    "rm": ["rm", "quick", "--yes"],
}
#: What one of them says that is run again where the kill came when all was done.
DONE = {
    "archive": "no trial counts",
    "prune": "no results of",
    "seeds": "which exists",
    "init": "which has series.yaml",
    "keys add": "which is taken",
    "keys remove": "there is no key",
    "new strategy": "which exists",
    "new study": "a study that exists",
    "new series": "a series that exists",
    "mv": "study: found 'quick'",
    "rm": "study: found 'quick'",
}
#: What has run before each of them.
BEFORE: dict[str, tuple[str, ...]] = {
    "everything": (),
    "ingest": (),
    "calibrate": ("ingest",),
    "run": ("ingest", "calibrate"),
    "panel": ("ingest",),
    "judge": ("ingest",),
    "report": ("ingest", "calibrate", "run"),
    "sql": ("ingest", "calibrate", "run"),
    "prune": ("ingest", "calibrate", "run", "report"),
    "backfill": ("ingest",),
    "resample": ("ingest",),
    "judge page": ("ingest",),
    "plot": ("ingest", "calibrate", "run"),
    "replay": ("ingest", "calibrate", "run"),
    "optimise": (),
    "walk-forward": (),
    "portfolio": ("ingest", "calibrate"),
    "cross-validate": (),
    "train": (),
    "ticks import": (),
    "keys add": (),
    "keys remove": ("keys add",),
    "leaderboard": ("optimise",),
    "archive": ("ingest", "calibrate", "run"),
    "verify": ("ingest", "calibrate", "run"),
    "schema": (),
    "seeds": (),
    "init": (),
    "new strategy": (),
    "new study": (),
    "new series": (),
    "serve": (),
    "mv": ("ingest", "calibrate", "run", "report"),
    "rm": ("ingest", "calibrate", "run", "report"),
}


@dataclass
class Ended:
    """How a command ended: exit code or minus the signal, the steps it took, what it said."""

    code: int
    steps: dict[str, int]
    said: str


@dataclass
class Nursery:
    """A small project, and a process that its commands are forked from."""

    folder: Path
    states: dict[tuple[str, ...], Path] = field(default_factory=dict)
    wholes: dict[str, dict[str, str]] = field(default_factory=dict)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)

    def __enter__(self) -> Nursery:
        write_project(self.folder / "begun")
        environment = {
            "MC_HOME": str(self.home),
            "MC_DATA": str(self.home / "data"),
            "PYTHONPATH": str(_CHECKOUT),
        }
        for name in ("MC_STUDIES", "MC_SERIES"):
            os.environ.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.mc_assets.killed", str(self.home)],
            cwd=self.folder,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        pipe(self.process.stdin).close()
        pipe(self.process.stdout).close()
        # It holds nothing, and takes its time to end.
        self.process.kill()
        self.process.wait()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def command(self, *arguments: str, fault: tuple[str, str, int] | None = None) -> Ended:
        """Run a command.

        `fault` is what happens, ``kill`` or the name of an error of the disk, the kind of step, and
        the number of the step before which it does; a disk that fails stays so.
        """
        return self.together(arguments, fault=fault)[0]

    def together(
        self, *commands: Sequence[str], fault: tuple[str, str, int] | None = None
    ) -> list[Ended]:
        """Run commands at once."""
        placed = [[a.replace("HOME", str(self.home)) for a in command] for command in commands]
        request = {"commands": placed, "fault": fault}
        pipe(self.process.stdin).write(json.dumps(request) + "\n")
        pipe(self.process.stdin).flush()
        answers = json.loads(pipe(self.process.stdout).readline())
        return [Ended(**answer) for answer in answers]

    def prepare(self, name: str) -> None:
        """Bring the project into the state that a command finds."""
        self._restore(BEFORE[name])

    def _restore(self, before: tuple[str, ...]) -> None:
        """Bring the project into the state after these commands, each of which runs once."""
        if before not in self.states:
            self._become(self.folder / "begun")
            if before:
                self._restore(before[:-1])
                done = self.command(*COMMANDS[before[-1]])
                assert done.code == 0, done.said
            (self.home / "data").mkdir(exist_ok=True)
            # Stored the day before: what is being written now is nobody's to remove.
            for path in (self.home / "data").rglob("*"):
                os.utime(path, (time.time() - 86_400,) * 2)
            self.states[before] = self.folder / f"state{len(self.states)}"
            shutil.copytree(self.home, self.states[before])
        self._become(self.states[before])

    def _become(self, state: Path) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(state, self.home)

    def whole(self, name: str) -> dict[str, str]:
        """Content of the project after the command ran undisturbed."""
        if name not in self.wholes:
            self.prepare(name)
            done = self.command(*COMMANDS[name])
            assert done.code == 0, done.said
            self.counted[name] = done.steps
            self.wholes[name] = content(self.home)
        return self.wholes[name]

    def points(self, name: str, kind: str, count: int) -> list[int]:
        """Return `count` steps of a command, spread over all of a kind."""
        self.whole(name)
        steps = self.counted[name].get(kind, 0)
        return sorted(
            {1 + (steps - 1) * i // max(count - 1, 1) for i in range(count)} if steps else ()
        )

    def survives(self, name: str, kind: str, step: int) -> str | None:
        """Kill a command before a step and run it again; None, or what was wrong then."""
        whole = self.whole(name)
        self.prepare(name)
        killed = self.command(*COMMANDS[name], fault=("kill", kind, step))
        if killed.code not in (-signal.SIGKILL, 0):
            return f"{name} {kind} {step}: ended with {killed.code}: {killed.said[-500:]}"
        again = self.command(*COMMANDS[name])
        # The kill may have come when all was done.
        done = name in DONE and DONE[name] in again.said
        if (again.code != 0 and not done) or "Traceback" in again.said:
            return f"{name} {kind} {step}: run again {again.code}: {again.said[-1500:]}"
        found = content(self.home)
        wrong = sorted({*found, *whole} - {k for k in found if found[k] == whole.get(k)})
        return f"{name} {kind} {step}: differs in {wrong[:6]}" if wrong else None


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def write_project(folder: Path) -> None:
    """Write bars, a series file, studies and an experiment."""
    (folder / "studies").mkdir(parents=True)
    (folder / "studies" / "quick.yaml").write_text(STUDY)
    (folder / "walked.yaml").write_text(WALKED)
    (folder / "tuned.yaml").write_text(EXPERIMENT)
    (folder / "studies" / "policies").mkdir()
    (folder / "studies" / "policies" / "rising.yaml").write_text(POLICY)
    instants = [1_704_205_800_138_000_000 + number * 43_200_000_000_000 for number in range(9)]
    quotes = "".join(
        f"{at},{100 + number},{101 + number},1,2\n" for number, at in enumerate(instants)
    )
    bad = f"{instants[-1]},x,1,1,1\n"
    (folder / "quotes.csv").write_text(f"ts,bid_px,ask_px,bid_sz,ask_sz\n{quotes}{bad}")
    (folder / "series.yaml").write_text(SERIES)
    rng = np.random.default_rng(7)
    days = pl.date_range(pl.date(2016, 1, 4), pl.date(2016, 12, 30), eager=True)
    days = days.filter(days.dt.weekday() < 6).head(BARS)
    close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(days))))
    columns = dict.fromkeys(("open", "high", "low", "close"), close)
    frame = pl.DataFrame({"date": days, **columns, "volume": 1000.0})
    frame.write_csv(folder / "X.csv")


def content(home: Path) -> dict[str, str]:
    """Every file that a result lies in, with the hash of what it says, but for times of writing."""
    import duckdb

    found = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix().removeprefix("data/")
        if not path.is_file() or name.startswith(_TOLD) or path.name.startswith(_PASSING):
            continue
        if ".tmp" in path.name or ".import/" in name:
            continue
        if name.startswith("ledger/"):
            rows = pl.read_parquet(path, hive_partitioning=False)
            made = rows.drop("tried_at", strict=False).write_json().encode()
        elif name == "service/keys.json":
            made = str([(key["name"], key["role"]) for key in read_json(path)["keys"]]).encode()
        elif path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                made = _tables(connection).encode()
        elif name.startswith("warehouse/"):
            continue
        elif path.suffix == ".html" or "reports/" in name:
            made = _TIMES.sub(b"", path.read_bytes())
        else:
            made = path.read_bytes()
        found[name] = hashlib.sha256(made).hexdigest()
    for archived in (False, True):
        trials = read_trials(home / "data", archived=archived).select(_COUNTED)
        rows = json.dumps(sorted(map(str, trials.rows()))).encode()
        found[f"trials, archived {archived}"] = hashlib.sha256(rows).hexdigest()
    return found


def _tables(connection: Any) -> str:
    import duckdb

    names = [row[0] for row in connection.sql("SHOW TABLES").fetchall()]
    rows = {}
    for name in sorted(names):
        try:
            table = connection.sql(f'SELECT * FROM "{name}"').pl()
        except duckdb.IOException:
            continue  # a view of rows that are removed: the next question publishes anew
        table = table.drop([c for c in table.columns if c.endswith("_at")])
        rows[name] = sorted(str(row) for row in table.rows())
    return json.dumps(rows)


def _serve(home: str) -> None:
    """Fork a command for each line of standard input, and say how it ended."""
    import mc_assets.answers
    import mc_assets.definitions
    from mc_assets.cli import main

    _load(Path(mc_assets.answers.__file__).parent)
    _compile()
    for line in sys.stdin:
        request = json.loads(line)
        children = []
        for number, arguments in enumerate(request["commands"]):
            counts, told = os.pipe()
            said = Path(home).parent / f"said{number}.txt"
            if (child := os.fork()) == 0:
                _become(main, arguments, request["fault"] or ("", "", 0), home, told, said)
            os.close(told)
            children.append((child, counts, said))
        answers = []
        for child, counts, said in children:
            with os.fdopen(counts) as reader:
                steps = reader.read()
            _, status = os.waitpid(child, 0)
            answers.append(
                {
                    "code": os.waitstatus_to_exitcode(status),
                    "steps": json.loads(steps) if steps else {},
                    "said": said.read_text(errors="replace"),
                }
            )
        print(json.dumps(answers), flush=True)


def _load(answers: Path) -> None:
    """Import what commands import."""
    import importlib

    for path in sorted(answers.glob("*.py")):
        importlib.import_module(f"mc_assets.answers.{path.stem}".removesuffix(".__init__"))
    for name in (
        "engine.calibration",
        "engine.judging",
        "engine.realism",
        "engine.results",
        "duckdb",
    ):
        importlib.import_module(name)


def _compile() -> None:
    """Load the machine code of the study that commands run."""
    from engine.sources import GBM
    from engine.strategies import prepare_strategy

    shape: dict[str, Any] = {"symbols": ("X",), "steps": 40, "bars_per_year": 252.0}
    prepare_strategy(
        "sma_crossover", fields=BAR_FIELDS, record_equity=8, record_trades=True, **shape
    )
    GBM().paths(seeds=[0], steps=1)


def _become(
    main: Any,
    arguments: Sequence[str],
    fault: Sequence[Any],
    home: str,
    told: int,
    said: Path,
) -> None:
    """Run a command in this child and end it."""
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.setpgid(0, 0)
    counts = {"file": 0, "history": 0}
    what, of_kind, at = fault

    def watch(event: str, values: tuple[Any, ...]) -> None:
        kind = _kind(event, values, home)
        if not kind:
            return
        counts[kind] += 1
        if kind != of_kind or counts[kind] < at:
            return
        if what == "kill" and counts[kind] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        if what in _REFUSALS and event not in ("os.remove", "os.rmdir"):
            if kind == "history":
                raise sqlite3.OperationalError(_REFUSALS[what])
            number = getattr(errno, what)
            raise OSError(number, os.strerror(number), values[0])

    sys.addaudithook(watch)
    sys.argv = ["mc", *arguments]
    code = 0
    try:
        if arguments[0] == _JOB:
            sys.exit(_work(Path(arguments[1])))
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    os.write(told, json.dumps(counts).encode())
    os._exit(code)


def _work(file: Path) -> int:
    """Do what the process of a job of the service does, asked for a walk-forward of a study."""
    from io import BytesIO
    from types import SimpleNamespace
    from unittest.mock import patch

    from engine.files import as_files
    from engine.jobs.recording import queue_job
    from engine.studies import load_definition
    from mc_assets.project import Project
    from mc_assets.service import work, work_process

    project = Project.from_environment()
    definition = load_definition(file).model_dump(mode="json")
    asked = work.Work(
        "walk-forward", "walked", definition=definition, file=str(file), options={"count": 2}
    )
    (project.data / "service").mkdir(parents=True, exist_ok=True)
    record = queue_job(
        as_files(project.data),
        kind=asked.kind,
        study=asked.study,
        who=work.who_asks("desk"),
        process=os.getpid(),
        **work._resolved(project, asked),
    )
    request = {"record": record.to_json(), "work": vars(asked), "slots": 1}
    given = SimpleNamespace(buffer=BytesIO(json.dumps(request).encode()))
    with patch.object(sys, "stdin", given):
        return work_process.main()


def _kind(event: str, arguments: tuple[Any, ...], home: str) -> str | None:
    if event == "sqlite3.connect":
        return "history"
    if event == "open":
        if not isinstance(arguments[2], int) or not arguments[2] & _WRITING:
            return None
    elif event not in _CHANGES:
        return None
    return (
        "file"
        if isinstance(arguments[0], str | bytes | os.PathLike)
        and os.fspath(arguments[0]).startswith(home)
        else None
    )


if __name__ == "__main__":
    _serve(sys.argv[1])
