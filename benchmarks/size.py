"""What 500 series and 1,000 studies cost Dagster: loading, partitions, memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

SERIES: Final = 500
STUDIES: Final = 1_000
MOST_KEYS: Final = 100_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = write_project(Path(folder), series=SERIES, studies=STUDIES)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.size", "--load"],
            # Where this is set, every process compiles the source of every package anew.
            env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
            | environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    print(f"{SERIES:,} series since 1990 and {STUDIES:,} studies.\n")
    print("| what | value | target |")
    print("|---|---:|---|")
    print(done.stdout, end="")


def write_project(folder: Path, *, series: int, studies: int) -> dict[str, str]:
    """Write a series file and study files; return the environment that points to them."""
    (folder / "studies").mkdir()
    symbols = ", ".join(f"S{number:04d}" for number in range(series))
    (folder / "series.yaml").write_text(
        "series:\n"
        f"  - symbols: [{symbols}]\n"
        "    timeframe: 1d\n"
        "    provider: csv\n"
        "    exchange: XNYS\n"
        "    start: 1990-01-01\n"
        '    options: {path: "{symbol}.csv"}\n',
        encoding="utf-8",
    )
    for number in range(studies):
        (folder / "studies" / f"study_{number:04d}.yaml").write_text(
            f"name: study_{number:04d}\n"
            "source: {model: gbm, steps: 252, parameters: {mu: 0.05, sigma: 0.2}}\n"
            "strategy: {name: buy_and_hold}\n"
            "seeds: 10\n",
            encoding="utf-8",
        )
    return {
        "MC_DATA": str(folder / "data"),
        "MC_SERIES": str(folder / "series.yaml"),
        "MC_STUDIES": str(folder / "studies"),
    }


def load() -> None:
    """Load the definitions of the environment's project and list every key, a row each."""
    begin, worked = time.perf_counter(), time.process_time()
    from mc_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    loaded, worked = time.perf_counter() - begin, time.process_time() - worked

    from mc_assets.instance import open_instance, using_dagster_home
    from mc_assets.project import Project

    project = Project.from_environment()
    counts: dict[str, int] = {}
    with using_dagster_home(project), open_instance(project) as instance:
        begin = time.perf_counter()
        for key in graph.get_all_asset_keys():
            partitions = graph.get(key).partitions_def
            if partitions is not None:
                keys = partitions.get_partition_keys(dynamic_partitions_store=instance)
                counts[key.to_user_string()] = len(keys)
        listed = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    # Beside it what other programs take nothing from: their load is not this project's.
    print(f"| loading the definitions, s | {loaded:.1f} | ≤ 5 |")
    print(f"| the same, processor seconds | {worked:.1f} | ≤ 5 |")
    print(f"| listing every key of every asset, s | {listed:.1f} | |")
    print(f"| most memory of the process, GB | {peak:.2f} | ≤ 1 |")
    for name, count in sorted(counts.items()):
        print(f"| keys of {name} | {count:,} | ≤ {MOST_KEYS:,} |")


if __name__ == "__main__":
    load() if "--load" in sys.argv else main()
