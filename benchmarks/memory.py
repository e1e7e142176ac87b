"""Peak memory of whole commands on many rows: ``python -m benchmarks.memory [--quick]``.

Studies of 20 parameter sets and of one are run in a folder of their own, and one of 50,148 sets of
20 seeds; each command is a process of its own, whose peak resident memory is what the kernel
counts. ``--quick`` takes a tenth of the rows, ``--statistics`` leaves the commands out, and
``--sets N`` the studies of other numbers of sets.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

SETS = {
    20: ("{fast: [2, 3, 4, 5], slow: [6, 7, 8, 9, 10]}", 20),
    1: ("{fast: 3, slow: 8}", 20),
    50_148: ("{fast: {step_range: [2, 200, 1]}, slow: {step_range: [149, 400, 1]}}", 504),
}
ROWS = {20: (1_000_000, 10_000_000), 1: (1_000_000, 10_000_000), 50_148: (1_002_960,)}

_STUDY = """
name: many
source: {{model: gbm, parameters: {{mu: 0.05, sigma: 0.2}}, steps: {steps}, warm_up: 0}}
strategy: {{name: sma_crossover, parameters: {parameters}}}
seeds: {{count: {seeds}}}
"""
_PEAK = """
# Not ru_maxrss: a child inherits its parent's peak there.
status = __import__("pathlib").Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(sum(__import__("os").times()[:2]), peak, file=__import__("sys").stderr)
"""
_COMMAND = """
import sys
sys.argv = ["mc", *sys.argv[1:]]
from mc_assets.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""
_TABLES = """
import os, time
import engine
engine.load_results, engine.Results
begin, worked = time.perf_counter(), time.process_time()
results = engine.load_results(os.environ["MC_DATA"], "many")
results.statistics()
if not os.environ.get("STATISTICS_ALONE"):
    results.error_budget(), results.warnings()
print(time.perf_counter() - begin, time.process_time() - worked)
"""
_COMMANDS = (
    ("run", "many"),
    ("show", "many"),
    ("show", "many", "--best", "sharpe"),
    ("show", "many", "--json"),
    ("report", "many"),
)


def main() -> None:
    """Print a table of commands, rows, peak memory and time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--statistics", action="store_true")
    parser.add_argument("--sets", type=int, choices=SETS)
    given = parser.parse_args()
    print("| command | sets | rows | peak MB | s | processor s |\n|---|---|---|---|---|---|")
    for sets in [given.sets] if given.sets else SETS:
        for rows in ROWS[sets]:
            with tempfile.TemporaryDirectory() as folder:
                _measure(Path(folder), sets, rows // (10 if given.quick else 1), given.statistics)


def _measure(home: Path, sets: int, rows: int, tables_alone: bool) -> None:
    (home / "studies").mkdir()
    study = home / "studies" / "many.yaml"
    parameters, steps = SETS[sets]
    text = _STUDY.format(seeds=rows // sets, parameters=parameters, steps=steps)
    study.write_text(text, encoding="utf-8")
    environment = os.environ | {"MC_DATA": str(home / "data"), "MC_STUDIES": str(study.parent)}
    run = f"load_study('{study}').run(root='{home / 'data'}')"
    code = f"from engine.studies import load_study; {run}"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    alone = environment | {"STATISTICS_ALONE": "1"}
    _print("`statistics()`", sets, rows, *_peak(_TABLES, (), alone))
    called = "`statistics()`, `error_budget()`, `warnings()`"
    _print(called, sets, rows, *_peak(_TABLES, (), environment))
    for command in () if tables_alone else _COMMANDS:
        _print(f"`mc {' '.join(command)}`", sets, rows, *_peak(_COMMAND, command, environment))


def _peak(
    code: str, arguments: Sequence[str], environment: dict[str, str]
) -> tuple[float, float, float]:
    """Return the peak memory of a process in MB, and its seconds and processor seconds."""
    begin = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", code + _PEAK, *arguments],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    worked, peak = map(float, ended.stderr.split()[-2:])
    if code is not _TABLES:
        return peak, time.perf_counter() - begin, worked
    spent, worked = map(float, ended.stdout.split())
    return peak, spent, worked


def _print(command: str, sets: int, rows: int, peak: float, spent: float, worked: float) -> None:
    print(
        f"| {command} | {sets} | {rows:,} | {peak:,.0f} | {spent:.1f} | {worked:.1f} |", flush=True
    )


if __name__ == "__main__":
    main()
