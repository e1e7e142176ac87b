"""A run that Dagster began is a job record like any other: CLI and UI see the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import dagster as dg

from mc_assets.answers.records import list_runs
from mc_assets.answers.runs import run_study
from mc_assets.defs.simulations import simulations
from mc_assets.offered_studies import offer_studies
from mc_assets.project import Project
from mc_assets.resources import Laboratory

STUDY = """
name: buy_and_hold_bootstrap
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3], slow: [10]}}
seeds: {count: 32}
"""


def test_a_run_of_dagster_is_listed_beside_one_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    # A name that the project has as a partition.
    (tmp_path / "studies" / "buy_and_hold_bootstrap.yaml").write_text(STUDY)
    project = dataclasses.replace(
        Project.from_environment(), data=tmp_path / "data", studies=tmp_path / "studies"
    )
    key = dg.MultiPartitionKey({"study": "buy_and_hold_bootstrap", "seed_block": "05"})
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, project)
        result = dg.materialize(
            [simulations],
            partition_key=key,
            resources={"laboratory": Laboratory.from_project(project)},
            instance=instance,
        )
    assert result.success
    run_study(project, "buy_and_hold_bootstrap")
    command, dagster = list_runs(project).iter_rows(named=True)
    assert (dagster["kind"], dagster["state"], dagster["done"]) == ("block 05", "finished", 2)
    assert dagster["who"].endswith(f", Dagster run {result.run_id[:8]}")
    assert (command["kind"], command["done"], command["of"]) == ("study", 32, 32)
    assert command["who"].endswith(", mc run")
    assert command["world"] == dagster["world"]
