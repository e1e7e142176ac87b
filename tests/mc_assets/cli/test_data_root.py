"""Where the data root of a project may lie, as commands say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mc_assets.mc_here import mc_here


@pytest.mark.parametrize("command", ["status", "studies", "run"])
def test_an_object_store_as_the_data_root_of_a_project_is_one_sentence(
    command: str, tmp_path: Path
) -> None:
    done = mc_here(command, places={"MC_DATA": "s3://lab/data"}, folder=tmp_path)
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr == (
        "mc: MC_DATA: found 's3://lab/data', allowed a folder, since bars, calibrations and the "
        "warehouse are files of a disk; in Python `Study.run(root=...)` keeps the results of a "
        "study in an object store\n"
    )
    assert not list(tmp_path.iterdir()), "no folder of that name"
