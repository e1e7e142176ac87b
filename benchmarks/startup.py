"""What a person waits for before anything is computed: imports, help, definitions, `mc run`."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

_HELP = "import sys; sys.argv = ['mc', '--help']; from mc_assets.cli import main; main()"
_STUDY = "sma_crossover_gbm"
_WORDS = "import sys; sys.argv = ['mc', *{}]; from mc_assets.command import main; main()"
_RUN = "import sys; sys.argv = ['mc', 'run', '--json']; from mc_assets.cli import main; main()"


def seconds(code: str, environment: dict[str, str] | None = None) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | (environment or {}),
    )
    return time.perf_counter() - begin


def processor_seconds(words: list[str], environment: dict[str, str]) -> float:
    """Least of three runs of a command that changes nothing, children included."""
    code, spent = _WORDS.format(words), []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds(code, environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def median(code: str) -> float:
    return statistics.median(seconds(code) for _ in range(5))


def main() -> None:
    print("| what | seconds | target |")
    print("|---|---:|---|")
    print(f"| import engine, new process | {median('import engine'):.2f} | ≤ 1.5 |")
    first = median("import engine as mc; mc.GBM; mc.Study; mc.Strategy")
    print(f"| the same with its main classes | {first:.2f} | ≤ 1.5 |")
    print(f"| mc --help | {median(_HELP):.2f} | ≤ 0.7 |")
    print(f"| load the Dagster definitions | {median('import mc_assets.definitions'):.2f} | |")
    with tempfile.TemporaryDirectory() as folder:
        home = {"MC_DATA": f"{folder}/data", "NUMBA_CACHE_DIR": f"{folder}/kernels"}
        print(f"| mc run, nothing compiled before | {seconds(_RUN, home):.1f} | ≤ 90 |")
        home["MC_DATA"] = f"{folder}/again"
        print(f"| mc run, kernels on disk | {seconds(_RUN, home):.1f} | ≤ 90 |")
        for words in (["run", _STUDY], ["show", _STUDY], ["sql", "SELECT * FROM parameter_sets"]):
            limit = 0.4 if words[0] == "sql" else 0.7
            name = f"mc {' '.join(words)}, nothing new, processor s"
            # The first times write what the next find, a second later.
            for _ in range(2):
                time.sleep(1.1)
                seconds(_WORDS.format(words), home)
            print(f"| {name} | {processor_seconds(words, home):.2f} | ≤ {limit} |")


if __name__ == "__main__":
    main()
