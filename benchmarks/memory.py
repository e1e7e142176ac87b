"""Peak memory of whole commands on many rows: ``python -m benchmarks.memory [--quick]``.

A study of 20 parameter sets is run in a folder of its own; each command is a process of its own,
whose peak resident memory is what the kernel counts. ``--quick`` takes a tenth of the rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["main"]

SETS, ROWS = 20, (1_000_000, 10_000_000)

_STUDY = """
name: many
source: {{model: gbm, parameters: {{mu: 0.05, sigma: 0.2}}, steps: 20, warm_up: 0}}
strategy: {{name: sma_crossover, parameters: {{fast: [2, 3, 4, 5], slow: [6, 7, 8, 9, 10]}}}}
seeds: {{count: {seeds}}}
"""
_PEAK = """
import sys
from pathlib import Path
sys.argv = ["mc", *sys.argv[1:]]
from mc_assets.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
status = Path("/proc/self/status").read_text()
# Not ru_maxrss: a child inherits its parent's peak there.
print(int(status.split("VmHWM:")[1].split()[0]) / 1024, file=sys.stderr)
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
    scale = 10 if parser.parse_args().quick else 1
    print("| command | rows | peak MB | s |\n|---|---|---|---|")
    for rows in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / "studies").mkdir()
            text = _STUDY.format(seeds=rows // scale // SETS)
            (home / "studies" / "many.yaml").write_text(text, encoding="utf-8")
            environment = os.environ | {
                "MC_DATA": str(home / "data"),
                "MC_STUDIES": str(home / "studies"),
            }
            run = "from engine.studies import load_study; load_study('{}').run(root='{}')"
            code = run.format(home / "studies" / "many.yaml", home / "data")
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)
            for command in _COMMANDS:
                begin = time.perf_counter()
                ended = subprocess.run(
                    [sys.executable, "-c", _PEAK, *command],
                    check=True,
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                spent, peak = time.perf_counter() - begin, float(ended.stderr.split()[-1])
                row = (
                    f"| `mc {' '.join(command)}` | {rows // scale:,} | {peak:,.0f} | {spent:.1f} |"
                )
                print(row, flush=True)


if __name__ == "__main__":
    main()
