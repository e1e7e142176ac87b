"""Time this checkout against a commit, row by row and in turns: `make bench-check`.

``python -m benchmarks.check [--against COMMIT] [--row TEXT ...] [--rounds N] [--allowed RATIO]``
checks the commit out beside this one, starts a process on each side, and lets them run the same
rows in turns on one interpreter and the same packages, so that what the machine does else hits both
alike. The *ratio* is the median over rounds of this checkout's processor seconds to the commit's;
``least`` compares the least of all rounds. The exit code is 1 where both say that a row became
slower than allowed: the one is moved by noise that lasts, the other by a single lucky round.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.check.rows import ROWS

__all__ = ["Row", "Side", "checkout", "compare", "main"]

PROJECT: Final = Path(__file__).resolve().parents[2]
ALLOWED: Final = 1.25
ROUNDS: Final = 15


class Row(NamedTuple):
    """What was timed, and how long it took now and before, in processor seconds."""

    name: str
    now: float
    before: float
    ratio: float

    @property
    def least(self) -> float:
        """Ratio of the least times."""
        return self.now / self.before

    def slower_than(self, allowed: float) -> bool:
        """Return whether both ratios say so."""
        return min(self.ratio, self.least) >= allowed


class Side:
    """A process that runs rows of one checkout when it is asked to.

    Parameters
    ----------
    tree : Path
        The checkout.
    names : sequence of str
        Rows to be made ready.

    Raises
    ------
    RuntimeError
        If the process runs another checkout, or ends.
    """

    def __init__(self, tree: Path, names: Sequence[str]) -> None:
        rows = PROJECT / "benchmarks" / "check" / "rows.py"
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(rows), *names],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = self._line()
        if Path(found) != tree.resolve() / "benchmarks":
            raise RuntimeError(f"benchmarks: found {found}, allowed those of {tree}")

    def run(self, name: str) -> float:
        """Return the processor seconds of one run of a row."""
        assert self.process.stdin is not None
        print(name, file=self.process.stdin, flush=True)
        return float(self._line())

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"benchmarks: the rows ended with code {self.process.wait()}")
        return line.rstrip("\n")


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Yield a checkout of a commit in a folder of its own, which goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        git = ["git", "-C", str(PROJECT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def compare(now: Side, before: Side, names: Sequence[str], rounds: int) -> Iterator[Row]:
    """Yield each row of two sides that take turns, first the one, then the other."""
    for name in names:
        times = np.empty((rounds, 2))
        for number in range(rounds):
            for column in (0, 1) if number % 2 else (1, 0):
                times[number, column] = (now, before)[column].run(name)
        least = times.min(axis=0)
        ratio = float(np.median(times[:, 0] / times[:, 1]))
        yield Row(name, float(least[0]), float(least[1]), ratio)


def main() -> int:
    """Print the table; return 1 where a row became slower than allowed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check")
    parser.add_argument("--against", default="HEAD", metavar="COMMIT", help="default: %(default)s")
    parser.add_argument("--row", action="append", metavar="TEXT", help="rows with this text only")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    parser.add_argument("--allowed", type=float, default=ALLOWED, help="default: %(default)s")
    asked = parser.parse_args()
    names = [name for name in ROWS if any(text in name for text in asked.row or [""])]
    if not names:
        parser.error(f"--row: found {asked.row}, allowed a text of: {'; '.join(ROWS)}")
    with ExitStack() as stack:
        tree = stack.enter_context(checkout(asked.against))
        sides = []
        for place in (PROJECT, tree):
            sides.append(Side(place, names))
            stack.callback(sides[-1].stop)
        print(f"| row: sets x paths x bars | now, ms | {asked.against}, ms | least | ratio |")
        print("|---|---:|---:|---:|---:|")
        slower = []
        for row in compare(sides[0], sides[1], names, asked.rounds):
            cells = f"{row.now * 1e3:,.1f} | {row.before * 1e3:,.1f}"
            print(f"| {row.name} | {cells} | {row.least:.3f} | {row.ratio:.3f} |", flush=True)
            slower += [row.name] if row.slower_than(asked.allowed) else []
    print(f"\n{asked.allowed} times slower or more: {'; '.join(slower) or 'none'}")
    return bool(slower)


if __name__ == "__main__":
    sys.exit(main())
