"""A data folder of an earlier version goes on working, once it has been marked."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from engine.errors import Refusal
from engine.files import read_json, read_parquet
from mc_assets.answers.data_layout import MARKER, bring_up_to_date
from mc_assets.project import Project

MANIFEST = {"files": {}, "world": "w", "part": "part-00"}


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """A data folder whose files have no checksum."""
    data = tmp_path / "data"
    for folder in ("bars/1d/X", "manifests/w"):
        (data / folder).mkdir(parents=True)
    pl.DataFrame({"close": [1.0, 2.0]}).write_parquet(data / "bars/1d/X/2020.parquet")
    (data / "manifests/w/part-00.json").write_text(json.dumps(MANIFEST))
    return Project(tmp_path, data, tmp_path / "studies", tmp_path / "series.yaml")


def test_files_of_an_earlier_version_are_read_once_they_were_given_checksums(old: Project) -> None:
    bars = old.data / "bars/1d/X/2020.parquet"
    with pytest.raises(Refusal, match="no checksum"):
        read_parquet(old.data, bars)
    assert bring_up_to_date(old) == 2
    assert read_parquet(old.data, bars)["close"].to_list() == [1.0, 2.0]
    assert read_json(old.data / "manifests/w/part-00.json") == MANIFEST


def test_a_folder_is_looked_over_once(old: Project) -> None:
    assert bring_up_to_date(old) == 2
    pl.DataFrame({"close": [3.0]}).write_parquet(old.data / "bars/1d/X/2021.parquet")
    assert bring_up_to_date(old) == 0
    with pytest.raises(Refusal, match="no checksum"):
        read_parquet(old.data, old.data / "bars/1d/X/2021.parquet")


def test_a_new_folder_is_marked_before_anything_lies_in_it(tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path / "data", tmp_path, tmp_path)
    assert bring_up_to_date(project) == 0
    assert not project.data.exists()
    project.data.mkdir()
    assert bring_up_to_date(project) == 0
    assert (project.data / MARKER).exists()
