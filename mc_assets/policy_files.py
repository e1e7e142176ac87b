"""The policy files of a project, by the names of the policies in them."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Final

from engine.errors import Refusal
from engine.studies.study_name import check_study_name
from engine.yaml_text import YamlError, read_yaml_file
from mc_assets.study_files import is_marked_nightly

__all__ = ["MOST_TRAININGS", "find_policy_file", "nightly_policies", "policy_files", "policy_names"]

log = logging.getLogger(__name__)

#: Trainings that a policy may have: partitions that Dagster offers.
MOST_TRAININGS: Final = 16


def policy_files(folder: Path) -> dict[str, Path]:
    """Return the policy files of a folder by the name inside them, in the order of the names.

    A file that says no name, or cannot be read, goes by its own without the ending; so do files
    that share a name, with the ending.
    """
    by_name: dict[str, list[Path]] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        by_name.setdefault(_name_in(path) or path.stem, []).append(path)
    found: dict[str, Path] = {}
    for name, paths in by_name.items():
        found |= {name: paths[0]} if len(paths) == 1 else {path.name: path for path in paths}
    return dict(sorted(found.items()))


def policy_names(folder: Path) -> list[str]:
    """Return the names of policies that can be partitions; a warning names each other one."""
    found = []
    for name, path in policy_files(folder).items():
        try:
            check_study_name(name)
        except Refusal as refusal:
            _warn_once(f"{refusal.within('name').in_file(path)}; `mc ui` leaves it out")
        else:
            found.append(name)
    return found


def nightly_policies(folder: Path) -> list[str]:
    """Return the names of the policies that are marked ``nightly: true``, in their order.

    One whose file cannot be read is among them: its run fails and names it, and the others run.
    """
    files = policy_files(folder)
    return [name for name in policy_names(folder) if is_marked_nightly(files.get(name))]


def find_policy_file(folder: Path, policy: str) -> Path:
    """Find a policy given its name or its file.

    Raises
    ------
    Refusal
        If there is no such policy.
    """
    path = Path(policy).expanduser()
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path.resolve()
    known = policy_files(folder)
    if policy not in known:
        allowed = ", ".join(known) or f"none: {folder} holds no policy file"
        hint = None if known else "`mc new policy NAME` begins one"
        raise Refusal("policy", repr(policy), f"a YAML file or one of {allowed}", hint=hint)
    return known[policy]


def _name_in(path: Path) -> str | None:
    try:
        content = read_yaml_file(path)
    except (YamlError, OSError, UnicodeDecodeError):
        return None
    name = content.get("name") if isinstance(content, dict) else None
    return name if isinstance(name, str) and name else None


@cache
def _warn_once(text: str) -> None:
    log.warning(text)
