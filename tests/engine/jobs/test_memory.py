"""Memory does not grow with the number of simulations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads peak memory from /proc"
)

SCRIPT = """
import sys
from pathlib import Path
from engine.sources import GBM
from engine.studies import Study

sets = {"fast": [3, 5, 8, 10, 12], "slow": [20, 30, 50, 100]}
Study(
    "memory", GBM(mu=0.05, sigma=0.2), "sma_crossover", sets,
    seeds=int(sys.argv[2]) // 20, steps=int(sys.argv[3]), record={"equity": 100},
).run(root=sys.argv[1], workers=2)
# Not ru_maxrss: a child inherits its parent's peak there.
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024)
"""


def peak_megabytes(root: Path, simulations: int, steps: int) -> float:
    command = [sys.executable, "-c", SCRIPT, str(root), str(simulations), str(steps)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout)


@pytest.mark.slow
def test_four_times_the_simulations_need_no_more_memory(tmp_path: Path) -> None:
    small = peak_megabytes(tmp_path / "small", 50_000, 60)
    large = peak_megabytes(tmp_path / "large", 200_000, 60)
    # A part is at most 41,943 rows with 100 samples: two parts more may be in flight, no more.
    assert large < small + 150


@pytest.mark.slow
def test_a_million_simulations_with_equity_stay_within_a_gigabyte(tmp_path: Path) -> None:
    some = peak_megabytes(tmp_path / "some", 100_000, 2520)
    many = peak_megabytes(tmp_path / "many", 1_000_000, 2520)
    assert many < 1000
    assert many < some + 150
