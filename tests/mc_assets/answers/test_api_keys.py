"""Keys of the service, made and removed by several processes at once."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mc_assets.answers.api_keys import add_key, list_keys, remove_key
from mc_assets.project import Project

_NAMES = [f"desk{number}" for number in range(24)]


def test_keys_that_are_made_and_removed_at_once_undo_none_of_each_other(tmp_path: Path) -> None:
    project = dataclasses.replace(Project.from_environment(), data=tmp_path / "data")
    for name in _NAMES[:8]:
        add_key(project, name, "read")
    with ThreadPoolExecutor(8) as pool:
        added = [pool.submit(add_key, project, name, "run") for name in _NAMES[8:]]
        removed = [pool.submit(remove_key, project, name) for name in _NAMES[:8]]
        for made in added:
            assert made.result().role == "run"
        for gone in removed:
            assert gone.result().role == "read"
    # None that was made is lost, and none that was removed is back.
    assert sorted(key.name for key in list_keys(project)) == sorted(_NAMES[8:])
