"""Long work over HTTP is a job: begun once, followed, stopped, seen from everywhere."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from mc_assets.answers.json_values import plain
from mc_assets.answers.records import list_runs
from mc_assets.answers.results import statistics
from mc_assets.answers.runs import run_study
from mc_assets.project import Project
from mc_assets.service.settings import ServiceSettings
from mc_assets.service.tables import ARROW
from tests.mc_assets.service.conftest import client_of

DEFINITION: dict[str, Any] = {
    "name": "stated",
    "source": {"model": "gbm", "parameters": {"mu": 0.05, "sigma": 0.2}, "steps": 60},
    "strategy": {"name": "sma_crossover", "parameters": {"fast": [3, 5], "slow": [20]}},
    "seeds": 30,
}
LONG = DEFINITION | {"name": "long", "seeds": 3_000_000}

# Jobs are processes of their own, which know nothing of fewer parts.
pytestmark = pytest.mark.every_part


def events(client: TestClient, job: str, last: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the events of a job with their kinds and ids."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                event["data"] = json.loads(value)
            elif name in ("event", "id"):
                event[name] = value
            elif not line and event:
                yield event
                event = {}


def waited(client: TestClient, job: str, *states: str) -> dict[str, Any]:
    """Wait until a job is in one of some states."""
    deadline = time.monotonic() + 120
    while True:
        found = client.get(f"/v1/jobs/{job}").json()
        if found["state"] in states:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.fixture(scope="module")
def other(project: Project) -> TestClient:
    """A client of a second service of the same project, as behind a balancer."""
    return client_of(project)


@pytest.fixture(scope="module")
def finished(client: TestClient, other: TestClient) -> dict[str, Any]:
    """A stated study, asked of two services at once, and what the second told of it."""

    def begin(asked: TestClient) -> httpx.Response:
        return asked.post("/v1/monte-carlo", json={"definition": DEFINITION})

    with ThreadPoolExecutor(2) as pool:
        answer, elsewhere = pool.map(begin, (client, other))
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert elsewhere.json()["id"] == job["id"]
    return {"job": job, "events": list(events(other, job["id"]))}


def test_a_study_over_http_is_the_study_of_the_command_line(
    client: TestClient, project: Project, finished: dict[str, Any]
) -> None:
    last = finished["events"][-1]
    assert last["event"] == "end"
    assert (last["data"]["state"], last["data"]["done"], last["data"]["of"]) == ("finished", 60, 60)
    rows = client.get(
        "/v1/analysis/statistics", params={"study": "stated", "name": ["sharpe", "trades"]}
    ).json()["rows"]
    own = plain(statistics(project, "stated", names=["sharpe", "trades"]))
    assert [row["estimate"] for row in rows] == [row["estimate"] for row in own]


def test_the_process_of_a_job_is_no_web_worker(project: Project, finished: dict[str, Any]) -> None:
    from engine.jobs.record import read_record

    record = read_record(project.data, finished["job"]["id"])
    assert record is not None
    assert record.process != os.getpid()
    assert record.fingerprint == finished["job"]["fingerprint"]


def test_the_same_asked_again_is_the_same_job(client: TestClient, finished: dict[str, Any]) -> None:
    renamed = DEFINITION | {"description": "Words decide nothing."}
    again = client.post("/v1/monte-carlo", json={"definition": renamed})
    assert again.status_code == 200
    assert again.json()["id"] == finished["job"]["id"]
    assert again.headers["Idempotency-Key"] == finished["job"]["fingerprint"]


def test_who_has_some_events_is_told_the_others(
    client: TestClient, finished: dict[str, Any]
) -> None:
    # Of a service that did not tell the first of them.
    job, told = finished["job"]["id"], finished["events"]
    assert [event["id"] for event in events(client, job, told[0]["id"])] == [told[-1]["id"]]


def test_who_has_the_end_of_a_job_is_told_that_nothing_comes(
    client: TestClient, finished: dict[str, Any]
) -> None:
    """A browser connects again after every end but this one."""
    headers = {"Last-Event-ID": finished["events"][-1]["id"]}
    answer = client.get(f"/v1/jobs/{finished['job']['id']}/events", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("kind", ["application/json", ARROW])
def test_two_services_of_a_project_tell_the_same_of_a_job(
    client: TestClient, other: TestClient, finished: dict[str, Any], kind: str
) -> None:
    job = f"/v1/jobs/{finished['job']['id']}"
    assert other.get(job).json() == client.get(job).json()
    assert other.get("/v1/jobs").json() == client.get("/v1/jobs").json()
    rows = "/v1/studies/stated/simulations?limit=40"
    here, there = (asked.get(rows, headers={"Accept": kind}) for asked in (client, other))
    assert here.status_code == there.status_code == 200
    assert here.headers["ETag"] == there.headers["ETag"]
    assert here.content == there.content
    known = {"Accept": kind, "If-None-Match": here.headers["ETag"]}
    assert other.get(rows, headers=known).status_code == 304
    if kind != ARROW:
        cursor = here.json()["next"]
        pages = [asked.get(f"{rows}&cursor={cursor}").json() for asked in (client, other)]
        assert pages[0] == pages[1]
        assert len(pages[0]["rows"]) == 20


def test_a_key_has_one_limit_at_two_services(project: Project) -> None:
    here, there = (client_of(project, settings=ServiceSettings(0.001)) for _ in range(2))
    assert here.get("/v1/tables").status_code == 200
    refused = there.get("/v1/tables")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 1_000


def test_a_run_that_others_began_is_seen_and_a_run_over_http_is_seen_by_others(
    client: TestClient, project: Project, finished: dict[str, Any]
) -> None:
    run_study(project, "quick")
    listed = client.get("/v1/jobs").json()["jobs"]
    assert {job["who"].split(", ")[1] for job in listed} >= {"mc run", "mc serve"}
    assert finished["job"]["id"] in list_runs(project, "stated")["id"].to_list()
    ours = client.get("/v1/jobs", params={"study": "stated"}).json()["jobs"]
    told = [(job["id"], job["fingerprint"]) for job in ours]
    assert told == [(finished["job"]["id"], finished["job"]["fingerprint"])]


def test_jobs_come_in_pages(client: TestClient, finished: dict[str, Any]) -> None:
    everything = [job["id"] for job in client.get("/v1/jobs").json()["jobs"]]
    paged: list[str] = []
    before = None
    while True:
        asked = {"limit": 1} | ({} if before is None else {"before": before})
        page = client.get("/v1/jobs", params=asked).json()
        paged += [job["id"] for job in page["jobs"]]
        before = page["next"]
        if before is None:
            break
    assert paged == everything
    assert len(paged) >= 3


def test_a_job_is_stopped_while_it_runs_and_while_it_waits(project: Project) -> None:
    # Each request goes to the service that the one before did not go to.
    services = [client_of(project, settings=ServiceSettings(slots=1)) for _ in range(2)]
    client, other = services
    first = client.post("/v1/monte-carlo", json={"definition": LONG}).json()
    waited(other, first["id"], "running")
    second = client.post(
        "/v1/monte-carlo", json={"definition": LONG | {"name": "later", "seeds": 2_999_999}}
    ).json()
    assert waited(client, second["id"], "queued")["done"] == 0
    for job in (second, first):
        assert other.post(f"/v1/jobs/{job['id']}/cancel").status_code == 202
        ended = waited(client, job["id"], "stopped", "killed", "failed", "finished")
        assert ended["state"] == "stopped", ended
        assert ended["error"] == "stopped by key run"
    # A job that has ended is not stopped again.
    assert client.post(f"/v1/jobs/{first['id']}/cancel").json()["state"] == "stopped"


def test_a_job_of_another_machine_is_asked_to_stop_by_a_file_that_it_looks_for(
    project: Project,
) -> None:
    from engine.files import as_files
    from engine.files.documents import replace as replace_file
    from engine.files.writing import json_bytes
    from engine.jobs.recording import queue_job
    from engine.jobs.stopping import who_stopped

    files = as_files(project.data)
    here = queue_job(
        files,
        **{"kind": "study", "study": "far", "fingerprint": "f", "world": "w", "cells": 1},
        **{"total": 1, "who": "a terminal", "process": os.getpid()},
    )
    there = replace(here, host="elsewhere", state="running")
    replace_file(files, f"jobs/{here.id}.json", json_bytes(there.to_json()))
    assert client_of(project).post(f"/v1/jobs/{here.id}/cancel").status_code == 202
    assert who_stopped(files, here.id) == "key run"
    files.delete(f"jobs/{here.id}.json")


def test_a_key_has_no_more_jobs_than_it_may(project: Project) -> None:
    from engine.files import as_files
    from engine.jobs.recording import queue_job
    from mc_assets.service.work import who_asks

    client = client_of(project, "admin", ServiceSettings(jobs_of_key=1))
    record = queue_job(
        as_files(project.data),
        **{"kind": "study", "study": "other", "fingerprint": "f", "world": "w", "cells": 1},
        **{"total": 1, "who": who_asks("admin"), "process": os.getpid()},
    )
    try:
        answer = client.post("/v1/monte-carlo", json={"definition": DEFINITION | {"seeds": 3}})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        as_files(project.data).delete(f"jobs/{record.id}.json")


def test_a_job_larger_than_allowed_is_refused_before_it_begins(project: Project) -> None:
    client = client_of(project, settings=ServiceSettings(simulations=50))
    answer = client.post("/v1/monte-carlo", json={"definition": DEFINITION | {"seeds": 31}})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "simulations: found 62, allowed up to 50 in one job"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"study": "quick", "surprise": 1}, "surprise"),
        ({}, "study"),
        ({"study": "quick", "definition": DEFINITION}, "study"),
        ({"definition": DEFINITION | {"seads": 3}}, "seads"),
        ({"definition": DEFINITION | {"name": "quick"}}, "name"),
        ({"definition": DEFINITION | {"name": "x.yaml"}}, "name"),
        ({"definition": DEFINITION, "changes": {"name": "quick"}}, "name"),
        ({"study": "quick", "changes": {"name": "dearer"}}, "name"),
        ({"study": "quick", "changes": {"name": "x.yml"}}, "name"),
        ({"study": "quick", "changes": {"strategy.fats": 3}}, "strategy.parameters.fats"),
        ({"study": "quick", "seeds": 0}, "seeds"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(
    client: TestClient, body: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/monte-carlo", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field


def test_a_job_that_is_not_there_is_not_found(client: TestClient) -> None:
    for job in ("20261127T101500123456-0f1e2d3c", "x", "..%2f..%2fquick", "%00"):
        assert client.get(f"/v1/jobs/{job}").status_code == 404
        assert client.post(f"/v1/jobs/{job}/cancel").status_code == 404
