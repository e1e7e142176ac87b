"""From a clone to a picture of own bars and an own strategy: the commands of `docs/tutorial.md`.

Packages come from uv's cache where they were downloaded before; nothing is compiled before. Machine
time is what the processes themselves computed: it is the same on a busy machine. Notebooks stand
below: their cells, in a process of their own, with kernels compiled.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "tutorial.md"
# What begins the table's rows, up to the picture.
LAST = "mc plot"


def commands() -> list[str]:
    """Lines of the shell blocks of the tutorial, up to the picture."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line]
    last = next(number for number, line in enumerate(lines) if line.startswith(LAST))
    return lines[: last + 1]


def study() -> tuple[str, str]:
    """Name and text of the study file of the tutorial."""
    found = re.search(r"```yaml\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1], found[2]


def cells(notebook: Path) -> str:
    """Return the code of a notebook."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in found if cell["cell_type"] == "code")


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return seconds on the clock, and of machine time."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    machine = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, machine


def main() -> None:
    print("| what | seconds | machine time, s | target |")
    print("|---|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        clone, own = Path(folder, "clone"), Path(folder, "own")
        own.mkdir()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MC_")}
        environment |= {"NUMBA_CACHE_DIR": f"{folder}/kernels"}
        environment["PATH"] = f"{clone / '.venv' / 'bin'}:{environment['PATH']}"
        steps = [(["git", "clone", "--quiet", str(PROJECT), str(clone)], Path(folder))]
        steps.append((["make", "--silent", "setup"], clone))
        steps += [(shlex.split(line, comments=True), own) for line in commands()]
        total = [0.0, 0.0]
        for command, place in steps:
            if command[:2] == ["mc", "run"]:
                name, text = study()
                (own / name).write_text(text, encoding="utf-8")
            wall, machine = timed(command, place, environment)
            total = [total[0] + wall, total[1] + machine]
            words = shlex.join(command).replace(str(PROJECT), ".").replace(f"{folder}/", "")
            print(f"| `{words}` | {wall:.1f} | {machine:.1f} | |", flush=True)
        for notebook in ("first_backtest", "monte_carlo"):
            script = clone / "examples" / f"{notebook}_cells.py"  # a strategy's text is read
            script.write_text(cells(script.with_name(f"{notebook}.ipynb")), encoding="utf-8")
            command = [str(clone / ".venv" / "bin" / "python"), script.name]
            timed(command, clone / "examples", environment)  # compiles
            wall, machine = timed(command, clone / "examples", environment)
            what = f"notebook `{notebook}`, warm, with process start"
            print(f"| {what} | {wall:.1f} | {machine:.1f} | ≤ 5 |")
        print(f"| clone to picture | {total[0]:.1f} | {total[1]:.1f} | ≤ 90 |")


if __name__ == "__main__":
    main()
