"""Rules of the house that hold for every file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MOST_LINES = 400
#: Longer files that are to be split.
TO_SPLIT = {"engine/execution/settings.py"}


def sources(project: Path) -> Iterator[tuple[str, str]]:
    """Yield every file of the library and of the Dagster project: its place and its text."""
    for room in ("engine", "mc_assets"):
        for path in sorted((project / room).rglob("*.py")):
            yield path.relative_to(project).as_posix(), path.read_text(encoding="utf-8")


def test_a_file_has_at_most_four_hundred_lines(project: Path) -> None:
    long = {place for place, text in sources(project) if len(text.splitlines()) > MOST_LINES}
    assert long - TO_SPLIT == set(), "one concept per file: split it"
    assert long >= TO_SPLIT, "no longer an exception"
