"""Peak memory of whole commands on many rows: ``python -m benchmarks.memory [--quick]``.

Studies of 20 parameter sets and of one are run in a folder of their own; each command is a process
of its own, whose peak resident memory is what the kernel counts. ``--quick`` takes a tenth of the
rows, ``--statistics`` leaves the commands out.
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

SETS = {20: "{fast: [2, 3, 4, 5], slow: [6, 7, 8, 9, 10]}", 1: "{fast: 3, slow: 8}"}
ROWS = 1_000_000, 10_000_000

_STUDY = """
name: many
source: {{model: gbm, parameters: {{mu: 0.05, sigma: 0.2}}, steps: 20, warm_up: 0}}
strategy: {{name: sma_crossover, parameters: {parameters}}}
seeds: {{count: {seeds}}}
"""
_PEAK = """
# Not ru_maxrss: a child inherits its parent's peak there.
status = __import__("pathlib").Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024, file=__import__("sys").stderr)
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
begin = time.perf_counter()
results = engine.load_results(os.environ["MC_DATA"], "many")
results.statistics(), results.error_budget(), results.warnings()
print(time.perf_counter() - begin)
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
    given = parser.parse_args()
    print("| command | sets | rows | peak MB | s |\n|---|---|---|---|---|")
    for sets in SETS:
        for rows in ROWS:
            with tempfile.TemporaryDirectory() as folder:
                _measure(Path(folder), sets, rows // (10 if given.quick else 1), given.statistics)


def _measure(home: Path, sets: int, rows: int, tables_alone: bool) -> None:
    (home / "studies").mkdir()
    study = home / "studies" / "many.yaml"
    text = _STUDY.format(seeds=rows // sets, parameters=SETS[sets])
    study.write_text(text, encoding="utf-8")
    environment = os.environ | {"MC_DATA": str(home / "data"), "MC_STUDIES": str(study.parent)}
    run = f"load_study('{study}').run(root='{home / 'data'}')"
    code = f"from engine.studies import load_study; {run}"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    called = "`statistics()`, `error_budget()`, `warnings()`"
    _print(called, sets, rows, *_peak(_TABLES, (), environment))
    for command in () if tables_alone else _COMMANDS:
        _print(f"`mc {' '.join(command)}`", sets, rows, *_peak(_COMMAND, command, environment))


def _peak(code: str, arguments: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the peak memory of a process in MB, and its seconds, or those that it prints."""
    begin = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", code + _PEAK, *arguments],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    spent = float(ended.stdout) if code is _TABLES else time.perf_counter() - begin
    return float(ended.stderr.split()[-1]), spent


def _print(command: str, sets: int, rows: int, peak: float, spent: float) -> None:
    print(f"| {command} | {sets} | {rows:,} | {peak:,.0f} | {spent:.1f} |", flush=True)


if __name__ == "__main__":
    main()
