"""The mutation score of a room: how many small changes of its code the tests notice.

``python -m tests.mutation statistics`` (`make mutation`) changes one place at a time in a copy of
the checkout: an operator, a comparison, a number, a truth value. A change is *killed* if the room's
tests then fail, or take far longer; what becomes of each is printed, with its line, and the share
of the killed with its 95 % interval. Some survivors change nothing that can be seen. The sample is
drawn with a fixed seed, so that two commits can be compared, and run in the order of drawing: the
part of it that has run is a sample, too. ``--nearest 3`` asks only the three files of tests that
are named most like the changed one, which takes less time and gives a lower bound. A change of
`execution` compiles the order engine anew, a minute of processor time and more.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

PROJECT: Final = Path(__file__).resolve().parents[1]
COPIED: Final = ("engine", "mc_assets", "tests", "seeds", "studies", "sql", "data/sample")

# The tests that should notice a change in a room of the engine.
TESTS_OF: Final = {
    "statistics": ("tests/engine/statistics",),
    "jobs": ("tests/engine/jobs", "tests/engine/studies", "tests/engine/results"),
    "results": ("tests/engine/results", "tests/engine/studies"),
    "execution": ("tests/engine/execution", "tests/engine/strategies/test_metrics.py"),
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


class Mutant(NamedTuple):
    """One change: the text between two offsets of a file, and what stands there instead."""

    file: Path  # relative to the project
    line: int
    first: int
    last: int
    instead: str

    def applied(self, text: str) -> str:
        """Return the file's text with the change."""
        data = text.encode()
        return (data[: self.first] + self.instead.encode() + data[self.last :]).decode()

    def described(self, text: str) -> str:
        """Return the place and the change in one line."""
        before = " ".join(text.encode()[self.first : self.last].decode().split())
        return f"{self.file}:{self.line}: {before}  ->  {self.instead}"


def mutants_of(file: Path, text: str) -> Iterator[Mutant]:
    """Yield every change of a file; docstrings, annotations and messages are left alone."""
    tree = ast.parse(text)
    ignored = {id(inner) for node in ast.walk(tree) for inner in _ignored_parts(node)}
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.walk(tree):
        if id(node) in ignored or not isinstance(node, ast.expr):
            continue
        instead = _changed(node)
        if instead is not None:
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            first = starts[node.lineno - 1] + node.col_offset
            last = starts[node.end_lineno - 1] + node.end_col_offset
            yield Mutant(file, node.lineno, first, last, f"({instead})")


def _changed(node: ast.expr) -> str | None:
    """Return the text of a changed expression; None where it is not one that is changed."""
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            if isinstance(left, ast.Constant) and isinstance(left.value, str):
                return None
            return ast.unparse(ast.BinOp(left, _OPERATORS[type(operator)](), right))
        case ast.Compare(left, [first, *more], others) if type(first) in _COMPARISONS:
            return ast.unparse(ast.Compare(left, [_COMPARISONS[type(first)](), *more], others))
        case ast.BoolOp(word, values):
            other = ast.Or() if isinstance(word, ast.And) else ast.And()
            return ast.unparse(ast.BoolOp(other, values))
        case ast.UnaryOp(ast.USub() | ast.Not(), operand) if not isinstance(operand, ast.Constant):
            return ast.unparse(operand)
        case ast.Constant(bool() as value):
            return repr(not value)
        case ast.Constant(int() | float() as value):
            return repr(value + 1)
    return None


def _ignored_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield parts of a node that decide no number."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            roots: list[ast.AST | None] = [node.returns, *node.decorator_list]
            arguments = [part for part in ast.walk(node.args) if isinstance(part, ast.arg)]
            roots += [argument.annotation for argument in arguments]
        case ast.AnnAssign():
            roots = [node.annotation]
        case ast.Raise() | ast.JoinedStr() | ast.Assert():
            roots = [node]
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            roots = [node]
        case _:
            return
    for root in roots:
        if root is not None:
            yield from ast.walk(root)


def sampled(project: Path, room: str, count: int, seed: int) -> list[Mutant]:
    """Draw changes of a room's files, without replacement."""
    files = sorted((project / "engine" / room).rglob("*.py"))
    every = [
        mutant
        for file in files
        for mutant in mutants_of(file.relative_to(project), file.read_text(encoding="utf-8"))
    ]
    chosen = random.Random(seed).sample(range(len(every)), min(count, len(every)))
    return [every[index] for index in chosen]


def nearest_first(folder: Path, tests: tuple[str, ...], changed: Path) -> list[str]:
    """Return the files of tests, those that are named for the changed file before all others.

    They are the likeliest to fail, and the first that fails ends the run.
    """
    roots = [folder / test for test in tests]
    files = {
        file for root in roots for file in (root.rglob("test_*.py") if root.is_dir() else (root,))
    }
    words = set(changed.stem.split("_"))
    own = f"test_{changed.stem}"

    def distance(file: Path) -> tuple[bool, int, str]:
        return file.stem != own, -len(words & set(file.stem.split("_"))), str(file)

    return [file.relative_to(folder).as_posix() for file in sorted(files, key=distance)]


def outcome(folder: Path, tests: Sequence[str], limit: float | None) -> str:
    """Run tests on the copy in `folder`: passed, failed or too long."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["-p", "no:randomly", "-o", "addopts=--import-mode=importlib", "-m", "not slow"]
    environment = {
        "MC_REFERENCE": str(PROJECT.parent / "shared" / "reference"),
        **os.environ,
        # Kernels of changed code belong into no cache that others read.
        "NUMBA_CACHE_DIR": str(folder / "kernels"),
    }
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return "too long"
    return "passed" if done.returncode == 0 else "failed"


def main() -> None:
    """Print the mutation score of the rooms named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="+", choices=sorted(TESTS_OF))
    parser.add_argument("--mutants", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--nearest", type=int, help="files of tests to ask, by default all")
    asked = parser.parse_args()
    for room in asked.rooms:
        with tempfile.TemporaryDirectory() as name:
            score(room, asked.mutants, asked.seed, asked.nearest, Path(name))


def score(room: str, count: int, seed: int, nearest: int | None, folder: Path) -> None:
    """Print what becomes of a sample of changes, and how many were killed."""
    without = shutil.ignore_patterns("__pycache__")
    for part in COPIED:
        shutil.copytree(PROJECT / part, folder / part, ignore=without)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    chosen = sampled(folder, room, count, seed)
    asked = [nearest_first(folder, TESTS_OF[room], mutant.file)[:nearest] for mutant in chosen]
    began = time.monotonic()
    every = sorted(set().union(*asked))
    assert outcome(folder, every, None) == "passed", f"{room}: tests fail without any change"
    limit = 60.0 + 10.0 * (time.monotonic() - began)
    killed = 0
    for done, (mutant, tests) in enumerate(zip(chosen, asked, strict=True), start=1):
        text = (folder / mutant.file).read_text(encoding="utf-8")
        (folder / mutant.file).write_text(mutant.applied(text), encoding="utf-8")
        found = outcome(folder, tests, limit)
        killed += found != "passed"
        print(f"{found:8}  {mutant.described(text)}", flush=True)
        print(f"engine/{room}: {told(killed, done)} (seed {seed})", flush=True)
        (folder / mutant.file).write_text(text, encoding="utf-8")


def told(killed: int, changes: int) -> str:
    """Return the share of the killed changes with Wilson's 95 % interval.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    z = 1.959963984540054
    share, shrink = killed / changes, 1.0 + z * z / changes
    middle = (share + z * z / (2.0 * changes)) / shrink
    half = z / shrink * math.sqrt(share * (1.0 - share) / changes + (z / (2.0 * changes)) ** 2)
    interval = f"{100.0 * (middle - half):.0f} to {100.0 * (middle + half):.0f} %"
    return f"{killed} of {changes} changes killed, {100.0 * share:.0f} % ({interval})"


if __name__ == "__main__":
    main()
