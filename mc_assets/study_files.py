"""The study files of a folder, by the names of the studies in them."""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

from engine.errors import Refusal
from engine.studies.study_name import check_study_name
from engine.yaml_text import YamlError, read_yaml_file

__all__ = [
    "check_no_file_name",
    "find_study_file",
    "is_marked_nightly",
    "name_of",
    "partition_names",
    "searched_studies",
    "study_files",
    "traded_series",
    "walked_studies",
]

log = logging.getLogger(__name__)

# As `WalkForwardDefinition` has it, which would load the engine.
_WINDOWS = 5


def study_files(folder: Path) -> dict[str, Path]:
    """Return the study files of a folder by the name inside them, in the order of the names.

    A file that says no name goes by its own, without the ending. Files that share a name are
    listed by their whole file names, so that none of them hides another.
    """
    found: dict[str, Path] = {}
    for name, paths in _by_name(folder).items():
        found |= {name: paths[0]} if len(paths) == 1 else {path.name: path for path in paths}
    return dict(sorted(found.items()))


def partition_names(folder: Path) -> list[str]:
    """Return the names of the studies of a folder that can be partitions, in their order.

    A warning names each other one, once in a process: Dagster would load nothing beside it.
    """
    found = []
    for name, path in study_files(folder).items():
        try:
            check_study_name(name)
        except Refusal as refusal:
            _warn_once(f"{refusal.within('name').in_file(path)}; `mc ui` leaves it out")
        else:
            found.append(name)
    return found


def traded_series(path: Path) -> list[str]:
    """Return the series that a study file names, such as ``SP500@1d``; none of a broken one."""
    source = _content(path).get("source")
    if not isinstance(source, dict):
        return []
    symbols = source.get("symbol")
    names = symbols if isinstance(symbols, list) else [symbols]
    timeframe = source.get("timeframe", "1d")
    return [f"{name}@{timeframe}" for name in names if isinstance(name, str)]


def searched_studies(folder: Path) -> list[str]:
    """Return the names of the studies with an objective, which `mc optimise run` searches."""
    found: list[str] = []
    for name, path in study_files(folder).items():
        search = _content(path).get("search")
        if isinstance(search, dict) and search.get("objective") is not None:
            found.append(name)
    return found


def is_marked_nightly(path: Path | None) -> bool:
    """Whether a study file says ``nightly: true``, or cannot be read so far as to tell.

    Of a file that was removed since its name was listed: no.
    """
    if path is None:
        return False
    try:
        content = read_yaml_file(path)
    except (YamlError, OSError, ValueError):
        return True
    return not isinstance(content, dict) or bool(content.get("nightly", False))


def walked_studies(folder: Path) -> dict[str, int]:
    """Return how many windows each study has that says how it is walked forward."""
    found: dict[str, int] = {}
    for name, path in study_files(folder).items():
        asked = _content(path).get("walk_forward")
        if isinstance(asked, dict):
            dates = asked.get("dates")
            # Of lengths of time the bars decide how many; the file says how many to offer.
            count = len(dates) if isinstance(dates, list) else asked.get("windows", _WINDOWS)
            # What cannot be used is said when the study is read.
            found[name] = count if isinstance(count, int) and 0 < count <= 1_000 else 1
    return found


def find_study_file(folder: Path, study: str) -> Path:
    """Find a study given its name or its file.

    Raises
    ------
    Refusal
        If there is no such study, or several files say that they are it.
    """
    path = Path(study).expanduser()
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path.resolve()
    by_name = _by_name(folder)
    for name, paths in by_name.items():
        files = [path.name for path in paths]
        if len(paths) > 1 and study in (name, *files):
            raise Refusal(
                "study", f"the name {name!r} in {' and '.join(files)}", "one file for each name"
            )
    if study in by_name:
        return by_name[study][0]
    check_no_file_name(folder, study)
    allowed = ", ".join(sorted(by_name)) or f"none: {folder} holds no study file"
    hint = None if by_name else "`mc init` begins a project"
    raise Refusal("study", repr(study), f"a YAML file or one of {allowed}", hint=hint)


def check_no_file_name(folder: Path, study: str) -> None:
    """Refuse what names a file of the folder instead of the study in it.

    Raises
    ------
    Refusal
        It says the study's name.
    """
    by_name = _by_name(folder)
    for name, (path, *_) in by_name.items():
        if study not in by_name and study in (path.stem, path.name):
            raise Refusal("study", repr(study), f"{name!r}, the name inside {path.name}")


def name_of(path: Path) -> str:
    """Return the name that a study file says; where it says none, its own without the ending."""
    return _name_in(path) or path.stem


@cache
def _warn_once(text: str) -> None:
    log.warning(text)


def _by_name(folder: Path) -> dict[str, list[Path]]:
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        found[name_of(path)].append(path)
    return found


def _name_in(path: Path) -> str | None:
    name = _content(path).get("name")
    return name if isinstance(name, str) and name else None


def _content(path: Path) -> dict[str, Any]:
    """Return what a file says; nothing of one that cannot be read."""
    try:
        content = read_yaml_file(path)
    except (YamlError, OSError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}
