"""The Dagster UI's webserver answers for the project's assets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Ten seconds to start; `test_own_runs.py` and `test_launchpad.py` ask the same in one process.
pytestmark = pytest.mark.slow

ASSETS = {
    *("raw_bars", "bars", "calibrations", "simulations"),
    *("statistics", "reports", "warehouse"),
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def webserver(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text((project / "dagster.yaml").read_text())
    port = _free_port()
    command = [
        sys.executable,
        *("-m", "dagster_webserver", "-w", str(project / "workspace.yaml")),
        *("-h", "127.0.0.1", "-p", str(port)),
    ]
    environment = os.environ | {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    log = (home / "webserver.log").open("wb")
    process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, (home / "webserver.log").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=5).read()
                break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, "the webserver did not answer in 120 s"
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _ask(address: str, query: str, **variables: Any) -> dict:
    request = urllib.request.Request(
        f"{address}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["data"]
    except urllib.error.HTTPError as refused:
        with refused:
            return {"refused": refused.read().decode()}


def test_the_webserver_lists_the_assets_with_their_groups_kinds_and_owners(webserver: str) -> None:
    found = _ask(
        webserver,
        """{ assetNodes { assetKey { path } groupName kinds description isPartitioned
             owners { __typename } } }""",
    )["assetNodes"]
    nodes = {node["assetKey"]["path"][-1]: node for node in found}
    assert set(nodes) >= ASSETS
    for name in ASSETS:
        node = nodes[name]
        assert node["description"], name
        assert node["groupName"] != "default", name
        assert node["kinds"], name
        assert node["owners"], name
        assert node["isPartitioned"] == (name != "warehouse"), name


def test_the_webserver_lists_the_jobs_and_the_nightly_chain(webserver: str) -> None:
    found = _ask(
        webserver,
        """{ repositoriesOrError { ... on RepositoryConnection { nodes {
             jobs { name } schedules { name } sensors { name sensorState { status } } } } } }""",
    )["repositoriesOrError"]["nodes"]
    assert len(found) == 1
    assert {"ingest", "recalibrate", "publish"} <= {job["name"] for job in found[0]["jobs"]}
    sensors = {one["name"]: one["sensorState"]["status"] for one in found[0]["sensors"]}
    # Nothing runs by itself until a person switches it on.
    assert sensors["nightly_chain"] == "STOPPED"
    assert found[0]["schedules"] == []


LAUNCH = """mutation($params: ExecutionParams!) {
    launchPipelineExecution(executionParams: $params) { __typename
    ... on RunConfigValidationInvalid { errors { message } } ... on PythonError { message } } }"""


def test_the_launchpad_refuses_a_bad_value_and_begins_no_run(webserver: str) -> None:
    launched = _ask(
        webserver,
        LAUNCH,
        params={
            "selector": {
                "repositoryName": "__repository__",
                "repositoryLocationName": "mc_assets",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": ["simulations"]}],
            },
            "runConfigData": {"ops": {"simulations": {"config": {"workers": 5000}}}},
        },
    )
    assert "found 5000: Input should be less than or equal to 4096" in json.dumps(launched)
    found = _ask(webserver, "{ runsOrError { ... on Runs { results { runId } } } }")
    assert found["runsOrError"]["results"] == []


@pytest.mark.browser
def test_a_person_sees_the_asset_groups_in_the_lineage(webserver: str, page: Any) -> None:
    page.goto(f"{webserver}/asset-groups", wait_until="domcontentloaded")
    for group in ("market_data", "calibrate", "simulate", "analyse", "publish"):
        page.get_by_text(group).first.wait_for(timeout=60_000)
    assert page.get_by_text("Join the Dagster community").count() == 0


@pytest.mark.browser
def test_a_person_sees_what_bars_are_and_their_typed_columns(webserver: str, page: Any) -> None:
    page.goto(f"{webserver}/assets/bars", wait_until="domcontentloaded")
    page.get_by_text("Canonical bars of a series and year").first.wait_for(timeout=60_000)
    page.get_by_text("Highest price of the bar").first.wait_for(timeout=30_000)
