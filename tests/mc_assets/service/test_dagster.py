"""A stored study that HTTP begins is a run of Dagster, which the UI shows; and the reverse."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from engine.jobs.record import read_record
from mc_assets.instance import open_instance
from mc_assets.project import Project
from tests.mc_assets.service.conftest import SERIES, STUDY, client_of
from tests.mc_assets.service.test_jobs import waited

pytestmark = pytest.mark.slow


def test_a_run_over_http_stands_among_the_runs_of_the_ui_and_one_of_the_ui_among_the_jobs(
    new_home: Callable[[str], Project],
) -> None:
    project = new_home(STUDY)
    project.series.write_text(SERIES)
    client = client_of(project)
    begun = client.post("/v1/monte-carlo", json={"study": "quick"})
    assert begun.status_code == 202, begun.text
    ended = waited(client, begun.json()["id"], "finished", "failed", "killed", "stopped")
    assert (ended["state"], ended["done"], ended["of"]) == ("finished", 40, 40), ended
    with open_instance(project) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert {key.to_user_string() for key in run.asset_selection or ()} == {"simulations"}
        made = instance.get_materialized_partitions(dg.AssetKey("simulations"))
        assert len(made) == 16
    # One job, not one for each of the sixteen blocks.
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == [ended["id"]]
    record = read_record(project.data, ended["id"])
    assert record is not None
    assert record.who.endswith("mc serve, key run")
    again = client.post("/v1/monte-carlo", json={"study": "quick"})
    assert (again.status_code, again.json()["id"]) == (200, ended["id"])


def test_a_run_by_dagster_is_stopped_over_http(new_home: Callable[[str], Project]) -> None:
    project = new_home(STUDY.replace("count: 20", "count: 2000000"))
    project.series.write_text(SERIES)
    client = client_of(project)
    job = client.post("/v1/monte-carlo", json={"study": "quick"}).json()["id"]
    while not waited(client, job, "running", "failed")["done"]:
        pass
    assert client.post(f"/v1/jobs/{job}/cancel").status_code == 202
    ended = waited(client, job, "stopped", "failed", "killed", "finished")
    assert (ended["state"], ended["error"]) == ("stopped", "stopped by key run"), ended
    with open_instance(project) as instance:
        (run,) = instance.get_runs()
        assert run.is_finished
