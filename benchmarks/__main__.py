"""Run every benchmark in a process of its own and write ``benchmarks/RESULTS.md``.

``python -m benchmarks [NAME ...]`` runs those named only and keeps the other sections, and what the
heading says of the machine that they ran on. A section that ran names its own.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"
PACKAGES = ("numpy", "numba", "llvmlite", "polars", "duckdb", "pyarrow", "dagster", "arch")


def main() -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    chosen = sys.argv[1:] or names
    unknown = set(chosen) - set(names)
    if unknown:
        sys.exit(f"benchmark: found {sorted(unknown)}, allowed {', '.join(names)}")
    sections = _sections()
    for name in chosen:
        print(f"== {name}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=FOLDER.parent,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(done.stdout, flush=True)
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        run = f"Run {stamp} on {_machine()}: `python -m benchmarks {name}`"
        sections[name] = f"{run}\n\n{done.stdout.strip()}"
    # Also of benchmarks that are packages and run by themselves.
    heading = _heading() if set(sections) <= set(chosen) else _kept_heading()
    text = [heading, *(f"## {name}\n\n{body}" for name, body in sorted(sections.items()))]
    RESULTS.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    print(f"written: {RESULTS}")


def _sections() -> dict[str, str]:
    """Sections of the existing file, so that one benchmark can be run again alone."""
    if not RESULTS.exists():
        return {}
    parts = re.split(r"^## (\w+)\n", RESULTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _kept_heading() -> str:
    """Return what stands above the sections."""
    if not RESULTS.exists():
        return _heading()
    return RESULTS.read_text(encoding="utf-8").partition("\n## ")[0].strip()


def _heading() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`. Machines are noisy: compare ratios inside one table rather than "
        "single figures.\n\n"
        "Where a section names no machine of its own:\n\n"
        f"- Machine: {_machine()}, {platform.system()}\n"
        f"- Python {platform.python_version()}; {versions}"
    )


def _machine() -> str:
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
