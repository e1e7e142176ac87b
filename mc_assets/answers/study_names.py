"""Renaming and removing studies: what has their name, and nothing that any study may share."""

from __future__ import annotations

import glob
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import Refusal
from mc_assets.project import Project
from mc_assets.study_files import name_of

__all__ = [
    "RemovedStudy",
    "RenamedStudy",
    "files_of_study",
    "remove_file",
    "remove_study",
    "rename_study",
]

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

    Parameters
    ----------
    project : Project
        Where studies and results lie: nothing outside its folders is removed.
    study : str
        Its name, or its file in the folder of studies.
    remove : bool
        Whether to delete; otherwise nothing changes.

    Raises
    ------
    Refusal
        If there is neither a file nor a result of that name, or the file is another folder's.
    """
    try:
        file = project.study_file(study)
    except Refusal:
        found = files_of_study(project, study)
        if not found:
            raise
        # A study made in Python has no file.
        return _removed(project, study, found, remove=remove)
    if file.parent != project.studies:
        raise Refusal("study", f"the file {file}", f"a study of {project.studies}")
    name = name_of(file)
    return _removed(project, name, (file, *files_of_study(project, name)), remove=remove)


def rename_study(project: Project, study: str, name: str) -> RenamedStudy:
    """Give a study and its file another name; its remarks and order stay.

    What has its old name goes first and the file last, so that whatever ends it between, the same
    call completes it.

    Raises
    ------
    Refusal
        If there is no such study, the name is taken or cannot be one, the name in the file does
        not stand on a line of its own, or the file is another folder's.
    """
    import yaml

    from engine.files import write_whole
    from engine.studies.loader import load_definition, parse_definition

    file = project.study_file(study)
    if file.parent != project.studies:
        raise Refusal("study", f"the file {file}", f"a study of {project.studies}")
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
    parse_definition(changed)
    target = file.with_name(f"{name}{file.suffix}")
    if target.exists() and target != file:
        raise taken
    for path in files_of_study(project, before):
        remove_file(path)
    if target != file:
        with suppress(FileNotFoundError):  # another process is at the same, and has come further
            file.rename(target)
    write_whole(target, changed.encode())
    return RenamedStudy(before, name, target)


def _removed(
    project: Project, study: str, found: tuple[Path, ...], *, remove: bool
) -> RemovedStudy:
    if remove:
        # The file last: what ends this between leaves a study to remove.
        for path in reversed(found):
            remove_file(path)
    return RemovedStudy(study, remove, found)


def remove_file(path: Path) -> None:
    """Delete a file or a folder that another process may be deleting, too."""
    while path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
    path.unlink(missing_ok=True)


def files_of_study(project: Project, study: str) -> tuple[Path, ...]:
    """Files and folders of the data folder that have a study's name.

    Nothing is called after what is no name, such as `..`: a path made of that leads elsewhere.
    """
    from engine.files import kind_of
    from engine.studies.study_name import check_study_name

    try:
        check_study_name(study)
    except Refusal:
        return ()
    data = project.data
    places = [
        data / "results" / study,
        # Tables with a file for each study, and those with one for each of its dates or windows.
        *sorted(path for path in data.glob(f"*/{glob.escape(study)}.parquet") if kind_of(path)),
        data / "nightly_statistics" / study,
        data / "walk_forward" / study,
        project.reports / f"{study}.html",
    ]
    return tuple(path for path in places if path.exists())
