"""The check of the asset `statistics` warns of what the table `study_warnings` holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import dagster as dg
import pytest

from mc_assets.answers.runs import run_study
from mc_assets.defs.statistics import statistics
from mc_assets.offered_studies import offer_studies
from mc_assets.project import Project
from mc_assets.resources import Laboratory
from mc_assets.study_tables import read_warnings

STUDY = """
name: {name}
source: {{model: gbm, parameters: {{mu: 0.05, sigma: 0.2}}, steps: 60, warm_up: 0}}
strategy: {{name: sma_crossover, parameters: {{fast: [3], slow: [{slow}]}}}}
seeds: {{count: 30}}
"""

# Names that the project has as partitions.
IDLE, BUSY = "sma_crossover_gbm", "buy_and_hold_bootstrap"


@pytest.fixture
def home(tmp_path: Path) -> Project:
    (tmp_path / "studies").mkdir()
    for name, slow in ((IDLE, 90), (BUSY, 10)):
        (tmp_path / "studies" / f"{name}.yaml").write_text(STUDY.format(name=name, slow=slow))
    project = dataclasses.replace(
        Project.from_environment(), data=tmp_path / "data", studies=tmp_path / "studies"
    )
    for name in (IDLE, BUSY):
        run_study(project, name)
    return project


@pytest.mark.parametrize(("study", "passed"), [(IDLE, False), (BUSY, True)])
def test_the_check_says_what_the_table_says(home: Project, study: str, passed: bool) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, home)
        result = dg.materialize(
            [statistics],
            partition_key=study,
            resources={"laboratory": Laboratory.from_project(home)},
            instance=instance,
        )
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("nothing_to_warn_of", passed)
    assert check.severity == dg.AssetCheckSeverity.WARN
    sentences = read_warnings(home.data, study)["sentence"].to_list()
    assert check.metadata["count"].value == len(sentences) == (0 if passed else 1)
    if sentences:
        assert check.metadata["found"].value == f"{study}: {sentences[0]}"
