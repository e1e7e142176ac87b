"""Runs of `mc run` and its kin are runs of the code location that the UI shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.home import shipped
from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.project import Project
from tests.mc_assets.mc_here import mc_here

SERIES = (
    "series: [{symbol: X, provider: csv, start: 2020-01-02, end: 2020-01-07, "
    "options: {path: x.csv}, models: [gbm]}]\n"
)
BARS = """Date,Open,High,Low,Close,Volume
2020-01-02,100,101,99,100.5,1000
2020-01-03,100.5,102,100,101.5,1100
2020-01-06,101.5,103,101,102.5,1200
2020-01-07,102.5,103,101,102.5,1200
"""
RUNS = """{ runsOrError { ... on Runs { results {
    runId status hasReExecutePermission assetSelection { path } tags { key value }
    repositoryOrigin { repositoryName repositoryLocationName } } } } }"""
AGAIN = """mutation($parent: String!) {
    launchRunReexecution(reexecutionParams: {parentRunId: $parent, strategy: ALL_STEPS}) {
        __typename
        ... on LaunchRunSuccess { run { runId status assetSelection { path }
                                        tags { key value } } }
        ... on PythonError { message } } }"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The workspace as `mc ui` loads it, after `mc ingest`."""
    from dagster._core.workspace.load import load_workspace_process_context_from_yaml_paths

    root = tmp_path_factory.mktemp("own_runs")
    (root / "studies").mkdir()
    (root / "series.yaml").write_text(SERIES)
    (root / "x.csv").write_text(BARS)
    places = {
        "MC_DATA": str(root / "data"),
        "MC_STUDIES": str(root / "studies"),
        "MC_SERIES": str(root / "series.yaml"),
    }
    done = mc_here("ingest", places=places, folder=root)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name, place in places.items():
            patch.setenv(name, place)
        project = Project.from_environment()
        with (
            using_dagster_home(project),
            open_instance(project) as instance,
            load_workspace_process_context_from_yaml_paths(
                instance, [str(shipped("mc_assets", "workspace.yaml"))]
            ) as process,
        ):
            yield process.create_request_context()


def ask(workspace: Any, query: str, **variables: str) -> Any:
    # It takes two seconds to import, which one of the processes that run tests spares.
    from dagster_graphql.test.utils import execute_dagster_graphql

    answer = execute_dagster_graphql(workspace, query, variables=variables)
    assert answer.errors is None, answer.errors
    return json.loads(json.dumps(answer.data))


def test_a_run_of_a_command_is_in_the_timeline_and_can_be_executed_again(workspace: Any) -> None:
    (run,) = ask(workspace, RUNS)["runsOrError"]["results"]
    assert run["status"] == "SUCCESS"
    assert run["hasReExecutePermission"]
    # The timeline and the button "Re-execute" go by the repository.
    (repository,) = [
        (repository.name, location.name)
        for location in workspace.code_locations
        for repository in location.get_repositories().values()
    ]
    origin = run["repositoryOrigin"]
    assert (origin["repositoryName"], origin["repositoryLocationName"]) == repository

    launched = ask(workspace, AGAIN, parent=run["runId"])["launchRunReexecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    again = launched["run"]
    assert again["assetSelection"] == run["assetSelection"]
    partitions = {"dagster/asset_partition_range_start", "dagster/asset_partition_range_end"}
    assert {tag["key"]: tag["value"] for tag in again["tags"] if tag["key"] in partitions} == {
        tag["key"]: tag["value"] for tag in run["tags"] if tag["key"] in partitions
    }


def test_the_daemon_does_not_begin_again_what_was_begun_in_a_terminal(workspace: Any) -> None:
    runs = ask(workspace, RUNS)["runsOrError"]["results"]
    first = next(run for run in runs if run["status"] == "SUCCESS")
    assert {"key": "dagster/max_retries", "value": "0"} in first["tags"]
