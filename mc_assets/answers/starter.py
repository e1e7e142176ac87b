"""A project to begin with: one series, one study, one strategy, and what runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    "strategies/buy_the_dip.py": "strategies/buy_the_dip.py",
    "Makefile": "Makefile",
    ".github/workflows/ci.yml": "ci.yml",
    ".gitignore": "gitignore",
    "studies/dip.yaml": "studies/dip.yaml",
    # Last: a folder with it is a project, and not begun again.
    "series.yaml": "series.yaml",
}
# Files of the repository that the wheel carries.
_SHIPPED: Final = {
    "bars/SP500.csv": "data/sample/SP500.csv",
    "studies/README.md": "studies/README.md",
    ".env.example": ".env.example",
}
_ELSEWHERE: Final = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


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
    from engine.files import write_new

    folder = folder.expanduser().resolve()
    contents = {
        place: _without_links_to_elsewhere(shipped("mc_assets", name).read_text(encoding="utf-8"))
        for place, name in _SHIPPED.items()
    }
    contents |= {place: _starter(name) for place, name in _OWN.items()}
    for name in _of_another(folder, contents):
        raise Refusal("folder", f"{folder}, which has {name}", "a folder without a project")
    written: list[str] = []
    for place, content in contents.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if write_new(path, content.encode()):
            written.append(place)
    return Starter(folder, tuple(written), tuple(p for p in contents if p not in written))


def _of_another(folder: Path, contents: Mapping[str, str]) -> Iterator[str]:
    """Yield what says that a folder is a project, but for what a killed start left in it."""
    if (folder / "series.yaml").exists():
        yield "series.yaml"
    for path in sorted((folder / "studies").glob("*")):
        content = contents.get(f"studies/{path.name}")
        if not path.name.startswith(".") and (
            content is None or not path.is_file() or path.read_bytes() != content.encode()
        ):
            yield "studies"


def _without_links_to_elsewhere(text: str) -> str:
    """Keep the words of links to pages of the repository, which the project does not have."""
    return _ELSEWHERE.sub(r"`\1` of mc-lab's repository", text)


def _starter(name: str) -> str:
    text = files("mc_assets").joinpath("starter", name).read_text(encoding="utf-8")
    return text.replace("mc-lab=={version}", f"mc-lab=={version('mc-lab')}")
