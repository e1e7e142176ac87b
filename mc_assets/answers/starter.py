"""A project to begin with: one series, one study, one strategy, and what runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from engine.errors import Refusal
from engine.home import shipped

__all__ = ["Starter", "start_project"]

# Files of `mc_assets/starter` by their place in the project.
_OWN: Final = {
    "series.yaml": "series.yaml",
    "studies/dip.yaml": "studies/dip.yaml",
    "strategies/buy_the_dip.py": "strategies/buy_the_dip.py",
    "Makefile": "Makefile",
    ".github/workflows/ci.yml": "ci.yml",
    ".gitignore": "gitignore",
}
# Files of the repository that the wheel carries.
_SHIPPED: Final = {
    "bars/SP500.csv": "data/sample/SP500.csv",
    "studies/README.md": "studies/README.md",
    ".env.example": ".env.example",
}
_ELSEWHERE: Final = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")
# A folder that has one of these is a project already.
_A_PROJECT: Final = ("series.yaml", "studies")


@dataclass(frozen=True)
class Starter:
    """A project that was begun.

    Parameters
    ----------
    folder : Path
        Where it lies.
    written : tuple of str
        Files that were written, relative to it.
    kept : tuple of str
        Files that stood there and were left as they are.
    """

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]


def start_project(folder: Path) -> Starter:
    """Write a project to begin with into a folder; a file that stands there is left as it is.

    Raises
    ------
    Refusal
        If the folder is a project already.
    """
    folder = folder.expanduser().resolve()
    for name in _A_PROJECT:
        if (folder / name).exists():
            raise Refusal("folder", f"{folder}, which has {name}", "a folder without a project")
    contents = {place: _starter(name) for place, name in _OWN.items()}
    contents |= {
        place: _without_links_to_elsewhere(shipped("mc_assets", name).read_text(encoding="utf-8"))
        for place, name in _SHIPPED.items()
    }
    kept = tuple(place for place in contents if (folder / place).exists())
    written = tuple(place for place in contents if place not in kept)
    for place in written:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents[place], encoding="utf-8")
    return Starter(folder, written, kept)


def _without_links_to_elsewhere(text: str) -> str:
    """Keep the words of links to pages of the repository, which the project does not have."""
    return _ELSEWHERE.sub(r"`\1` of mc-lab's repository", text)


def _starter(name: str) -> str:
    text = files("mc_assets").joinpath("starter", name).read_text(encoding="utf-8")
    return text.replace("mc-lab=={version}", f"mc-lab=={version('mc-lab')}")
