"""The mutation score of a room: how many small changes of its code the tests notice.

``python -m tests.mutation statistics`` (`make mutation`) changes one place at a time in a copy of
the checkout: an operator, a comparison, a number, a truth value. A change is *killed* if tests near
it then fail, or take far longer; what becomes of each is printed, with its line, and the share of
the killed with its 95 % interval. Some survivors change nothing that can be seen. The sample is
drawn with a fixed seed, so that two commits can be compared, and run in the order of drawing: the
part of it that has run is a sample, too.

The files of tests that are asked are those named like the changed file or naming most of what it
defines, ``--nearest`` of them, and one that looks at the whole room: a lower bound of what every
test would kill. Tests run in a fork of a process that has loaded the libraries, and compiled code
that the change leaves as it was is found in a cache of the run, so that a change costs seconds.
Kernels of `execution` are interpreted (`tests/plain_kernels.py`).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import math
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
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
# What looks at a room as a whole, asked of every change.
WHOLE: Final = {
    "statistics": "tests/engine/statistics/test_golden_statistics.py",
    "jobs": "tests/engine/jobs/test_resume.py",
    "results": "tests/engine/results/test_results.py",
    "execution": "tests/engine/execution/test_event_loop_twin.py",
}
# Rooms of kernels, which are interpreted: compiled, each change would take a minute.
PLAIN: Final = ("execution",)
# Most seconds of processor time that a file of tests takes without any change.
LONGEST: Final = 600.0
# What the tests of the last change printed, in the copy.
SAID: Final = "said.txt"
# Loaded once, before a process is forked for each change.
_LIBRARIES: Final = ("numba", "pandas", "polars", "pydantic", "scipy.stats", "yaml")
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
    """Return the files of tests, those likeliest to notice a change of a file before all others.

    The file's own comes first, then those that name the most of what it defines: the first test
    that fails ends the run.
    """
    roots = [folder / test for test in tests]
    files = {
        file for root in roots for file in (root.rglob("test_*.py") if root.is_dir() else (root,))
    }
    words = set(changed.stem.split("_"))
    defined = _defined((folder / changed).read_text(encoding="utf-8"))

    def distance(file: Path) -> tuple[bool, int, int, str]:
        named = set(re.findall(r"\w+", file.read_text(encoding="utf-8")))
        alike = words & set(file.stem.split("_"))
        return file.stem != f"test_{changed.stem}", -len(defined & named), -len(alike), str(file)

    return [file.relative_to(folder).as_posix() for file in sorted(files, key=distance)]


def _defined(text: str) -> set[str]:
    """Return the names of functions and classes; short ones stand for many things."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)}
    return {name for name in names if len(name) > 4}


def asked_of(folder: Path, room: str, changed: Path, nearest: int) -> list[str]:
    """Return the files of tests that a change is shown to, the nearest first."""
    near = nearest_first(folder, TESTS_OF[room], changed)[:nearest]
    return [*dict.fromkeys([*near, WHOLE[room]])]


def outcome(folder: Path, tests: Sequence[str], limit: float, *, plain: bool) -> str:
    """Run tests on the copy in `folder`, `plain` without compiling: passed, failed or too long.

    The limit is in seconds of processor time, which other programs on the machine do not take; who
    waits for what never comes is ended after thirty times as long.
    """
    process = multiprocessing.get_context("fork").Process
    child = process(target=_run, args=(folder, tests, math.ceil(limit), plain))
    child.start()
    child.join(30.0 * limit)
    if child.exitcode is None:
        child.kill()
        child.join()
        return "too long"
    if child.exitcode == -signal.SIGXCPU:
        return "too long"
    return "passed" if child.exitcode == 0 else "failed"


def _run(folder: Path, tests: Sequence[str], limit: int, plain: bool) -> None:
    """Run tests in this process, which ends with their exit code."""
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    said = os.open(folder / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] in COPIED]:
        del sys.modules[name]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-m", "not slow"]
    if plain:
        # What NumPy says of a division by zero is said by no kernel.
        options += ["-p", "tests.plain_kernels", "-W", "ignore::RuntimeWarning"]
    sys.exit(pytest.main([*options, "-o", "addopts=--import-mode=importlib", *tests]))


def main() -> None:
    """Print the mutation score of the rooms named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="+", choices=sorted(TESTS_OF))
    parser.add_argument("--mutants", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--nearest", type=int, default=3, help="files of tests to ask")
    parser.add_argument("--minutes", type=float, default=30.0, help="processor time of a room")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        kernels = Path(name, "kernels")
        known = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "mc-lab/compiled").expanduser()
        if known.is_dir():
            shutil.copytree(known, kernels)
        # Kernels of changed code belong into no cache that others read.
        os.environ["NUMBA_CACHE_DIR"] = str(kernels)
        os.environ.setdefault("MC_REFERENCE", str(PROJECT.parent / "shared" / "reference"))
        for library in _LIBRARIES:
            importlib.import_module(library)
        for room in asked.rooms:
            folder = Path(name, room)
            score(room, asked.mutants, asked.seed, asked.nearest, asked.minutes, folder)


def score(room: str, count: int, seed: int, nearest: int, minutes: float, folder: Path) -> None:
    """Print what becomes of a sample of changes, and how many were killed."""
    without = shutil.ignore_patterns("__pycache__")
    for part in COPIED:
        shutil.copytree(PROJECT / part, folder / part, ignore=without)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    chosen = sampled(folder, room, count, seed)
    spent, killed, plain = os.times().children_user, 0, room in PLAIN
    seconds: dict[str, float] = {}
    left_out: set[str] = set()
    for done, mutant in enumerate(chosen, start=1):
        asked = asked_of(folder, room, mutant.file, nearest)
        for file in [file for file in asked if file not in seconds and file not in left_out]:
            began = os.times().children_user
            if outcome(folder, [file], LONGEST, plain=plain) == "passed":
                seconds[file] = os.times().children_user - began
            elif plain:
                left_out.add(file)
                print(f"{file} is left out: it asks for machine code", flush=True)
            else:
                sys.exit(f"{file} fails without any change:\n{(folder / SAID).read_text()}")
        tests = [file for file in asked if file not in left_out]
        text = (folder / mutant.file).read_text(encoding="utf-8")
        (folder / mutant.file).write_text(mutant.applied(text), encoding="utf-8")
        limit = 20.0 + 5.0 * sum(map(seconds.__getitem__, tests))
        found = outcome(folder, tests, limit, plain=plain)
        killed += found != "passed"
        print(f"{found:8}  {mutant.described(text)}", flush=True)
        print(f"engine/{room}: {told(killed, done)} (seed {seed})", flush=True)
        (folder / mutant.file).write_text(text, encoding="utf-8")
        if os.times().children_user - spent > 60.0 * minutes:
            return


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
