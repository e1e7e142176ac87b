"""Rules of the house that hold for every file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import LONGEST

MOST_LINES = 400
LARGEST_BYTES = 1_000_000
TOP_LEVEL = {
    *("CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md"),
    *("benchmarks", "data", "deploy", "docs", "engine", "examples", "mc_assets", "seeds", "sql"),
    *("studies", "tests", "dagster.yaml", "mkdocs.yml", "pyproject.toml", "uv.lock"),
    "workspace.yaml",
}
#: Longer files that are to be split.
TO_SPLIT: set[str] = set()


def sources(project: Path) -> Iterator[tuple[str, str]]:
    """Yield every file of the library and of the Dagster project: its place and its text."""
    for room in ("engine", "mc_assets"):
        for path in sorted((project / room).rglob("*.py")):
            yield path.relative_to(project).as_posix(), path.read_text(encoding="utf-8")


def test_a_file_has_at_most_four_hundred_lines(project: Path) -> None:
    long = {place for place, text in sources(project) if len(text.splitlines()) > MOST_LINES}
    assert long - TO_SPLIT == set(), "one concept per file: split it"
    assert long >= TO_SPLIT, "no longer an exception"


def test_only_what_the_project_is_made_of_lies_in_its_folder(project: Path) -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=project, capture_output=True, text=True).stdout
    tops = {place.partition("/")[0] for place in kept.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL
    sizes = {place: (project / place).stat().st_size for place in kept.splitlines()}
    assert {place for place, size in sizes.items() if size > LARGEST_BYTES} == set()


def _message(node: ast.expr) -> str:
    """Return the text of a string or f-string, {} for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_message(part) or "{}" for part in node.values)
    return ""


def written_refusals(text: str) -> list[int]:
    """Return lines on which an exception is given what a `Refusal` says of itself as one text.

    Errors of a strategy's text (`StrategyError`) show the line of code instead of a field, and the
    reason of a `Failure` is a part of another error's sentence.
    """
    found: list[int] = []
    # Most files have none of it, and a tree is dear.
    if not ("found " in text and "allowed" in text and re.search(r"(Error|Refusal)\s*\(", text)):
        return found
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name = node.func.id
        if not re.search(r"(Error|Refusal)$", name) or name == "StrategyError":
            continue
        if any(re.search(r"found .*allowed", _message(part)) for part in node.args):
            found.append(node.lineno)
    return found


def test_what_was_found_and_what_is_allowed_are_parts_of_a_refusal(project: Path) -> None:
    found = {place: written_refusals(text) for place, text in sources(project)}
    assert {place: lines for place, lines in found.items() if lines} == {}


def test_a_refusal_that_is_written_out_is_found() -> None:
    assert written_refusals('raise ValueError(f"{name}: found {x}, allowed 1 or more")\n') == [1]
    assert written_refusals('raise Refusal(name, str(x), "1 or more")\n') == []


def test_the_files_that_begin_first_are_there(project: Path) -> None:
    assert [place for place in LONGEST if not (project / place).is_file()] == []
    assert len({*LONGEST}) == len(LONGEST)
