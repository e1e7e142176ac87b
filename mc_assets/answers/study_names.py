"""Renaming and removing studies: what has their name, and nothing that any study may share."""

from __future__ import annotations

import glob
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import Refusal
from mc_assets.project import Project

__all__ = ["RemovedStudy", "RenamedStudy", "remove_study", "rename_study"]

_NAME_LINE: Final = re.compile(r"^name[ \t]*:.*$", re.MULTILINE)


@dataclass(frozen=True)
class RemovedStudy:
    """What was removed with a study, or would be.

    Parameters
    ----------
    study : str
        Its name.
    removed : bool
        Whether it was.
    files : tuple of Path
        The study file, and files and folders of the data folder that have its name.
    """

    study: str
    removed: bool
    files: tuple[Path, ...]


@dataclass(frozen=True)
class RenamedStudy:
    """A study with another name.

    Parameters
    ----------
    before, name : str
        Its names.
    path : Path
        Its file now.
    """

    before: str
    name: str
    path: Path


def remove_study(project: Project, study: str, *, remove: bool = False) -> RemovedStudy:
    """Find what has a study's name, and remove it if asked.

    Simulations are stored by what decides them, for any study that asks: they stay.

    Raises
    ------
    Refusal
        If there is neither a file nor a result of that name.
    """
    named = _of_name(project, study)
    try:
        found = (project.study_file(study), *named)
    except Refusal:
        if not named:
            raise
        found = named  # a study made in Python has no file
    if remove:
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return RemovedStudy(study, remove, found)


def rename_study(project: Project, study: str, name: str) -> RenamedStudy:
    """Give a study and its file another name; its remarks and order stay.

    Raises
    ------
    Refusal
        If there is no such study, the name is taken or cannot be one, or the name in the file
        does not stand on a line of its own.
    """
    import yaml

    from engine.studies import load_definition

    file = project.study_file(study)
    taken = Refusal("name", f"{name!r}, which is taken", "a new name")
    if name in project.study_files:
        raise taken
    before, text = load_definition(file).name, file.read_text(encoding="utf-8")
    line = yaml.safe_dump({"name": name}, allow_unicode=True).strip()
    changed, count = _NAME_LINE.subn(lambda _: line, text)
    if count != 1:
        raise Refusal(
            "name", f"{count} lines `name: ...`", "one", hint="rename it in the file", file=file
        )
    temporary = file.with_name(f".rename.tmp{file.suffix}")
    try:
        temporary.write_text(changed, encoding="utf-8")
        try:
            load_definition(temporary)
        except Refusal as error:
            raise Refusal(error.field, error.found, error.allowed, hint=error.hint) from None
        target = file.with_name(f"{name}{file.suffix}")
        if target.exists() and target != file:
            raise taken
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    if target != file:
        file.unlink()
    for path in _of_name(project, before):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return RenamedStudy(before, name, target)


def _of_name(project: Project, study: str) -> tuple[Path, ...]:
    """Files and folders of the data folder that have a study's name."""
    data = project.data
    places = [
        data / "results" / study,
        *sorted(data.glob(f"*/{glob.escape(study)}.parquet")),
        project.reports / f"{study}.html",
    ]
    return tuple(path for path in places if path.exists())
