"""Listing studies: each file is read, and not once for each of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mc_assets import study_files
from mc_assets.answers.studies import list_studies
from mc_assets.project import Project

STUDY = """
name: {name}
source: {{model: gbm, parameters: {{mu: 0.05, sigma: 0.2}}, steps: 60}}
strategy: {{name: buy_and_hold}}
seeds: 2
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    studies = tmp_path / "studies"
    studies.mkdir()
    for number in range(9):
        (studies / f"s{number}.yaml").write_text(STUDY.format(name=f"study-{number}"))
    return Project(tmp_path, tmp_path / "data", studies, tmp_path / "series.yaml")


def test_the_names_of_files_are_read_once_however_many_there_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, real = [], study_files.read_yaml_file

    def counting(path: Path) -> Any:
        read.append(path)
        return real(path)

    monkeypatch.setattr(study_files, "read_yaml_file", counting)
    listed = list_studies(project)
    assert [entry.name for entry in listed] == [f"study-{number}" for number in range(9)]
    assert {entry.state.word for entry in listed} == {"new"}
    assert len(read) == 9


def test_files_that_share_a_name_are_listed_by_their_own_and_say_so(project: Project) -> None:
    (project.studies / "copy.yaml").write_text(STUDY.format(name="study-3"))
    states = {entry.name: (entry.state.word, entry.description) for entry in list_studies(project)}
    assert len(states) == 10
    for name in ("copy.yaml", "s3.yaml"):
        word, said = states[name]
        assert word == "unreadable"
        assert "the name 'study-3' in copy.yaml and s3.yaml" in said
