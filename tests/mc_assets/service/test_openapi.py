"""The service describes itself: completely, with examples, and as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from engine.files import as_files
from engine.jobs.recording import queue_job
from mc_assets.project import Project
from mc_assets.service.settings import ServiceSettings
from mc_assets.service.work import who_asks
from tests.mc_assets.service.conftest import client_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# No job begins: the key has as many as it may.
_SHUT = ServiceSettings(jobs_of_key=1, requests_per_second=1e9)


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_everything_that_the_issue_names_is_there(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    have = {name for name, _ in operations(document)}
    assert have >= {
        *("POST /v1/backtests", "GET /v1/backtests", "GET /v1/backtests/{backtest}"),
        *("DELETE /v1/backtests/{backtest}", "POST /v1/optimise/search"),
        *("POST /v1/optimise/walk-forward", "POST /v1/monte-carlo", "GET /v1/monte-carlo"),
        *("GET /v1/analysis/statistics", "GET /v1/analysis/comparison"),
        *("GET /v1/analysis/panel", "GET /v1/analysis/overfitting", "GET /v1/data/series"),
        *("GET /v1/data/series/{series}/bars", "GET /v1/data/calibrations", "GET /health"),
        *("GET /ready", "GET /metrics", "POST /v1/sql", "GET /v1/jobs/{job}/events"),
        *("POST /v1/jobs/{job}/cancel",),
    }


def test_every_operation_says_what_it_takes_and_answers_with_examples(
    document: dict[str, Any],
) -> None:
    seen: set[str] = set()
    for name, operation in operations(document):
        assert operation["description"], name
        assert operation["operationId"] not in seen, name
        seen.add(operation["operationId"])
        assert operation["tags"], name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])
        for media in operation.get("requestBody", {}).get("content", {}).values():
            ref = media["schema"].get("$ref", "").rpartition("/")[2]
            schema = document["components"]["schemas"].get(ref, media["schema"])
            assert "example" in media or schema.get("examples"), name
        assert any(status.startswith("2") for status in operation["responses"]), name
        for status, answer in operation["responses"].items():
            for kind, media in answer.get("content", {}).items():
                assert media.get("schema") is not None, (name, status, kind)
                if kind.endswith("json"):
                    assert "example" in media, (name, status, kind)


def test_what_takes_a_key_says_so(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if "/v1/" in name:
            assert operation["security"] == [{"key": []}, {"bearer": []}], name
            assert {"401", "403", "422", "429"} <= operation["responses"].keys(), name


def fuzz(project: Project, examples: int) -> None:
    """Ask what the description allows, and what it does not; the answers are as it says."""
    waiting = queue_job(
        as_files(project.data),
        **{"kind": "study", "study": "other", "fingerprint": "f", "world": "w", "cells": 1},
        **{"total": 1, "who": who_asks("run"), "process": os.getpid()},
    )
    client = client_of(project, "run", _SHUT)
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith(("/events", "/{simulation}")):
            continue  # an answer that goes on; a process each

        @_each(operation, examples)
        def ask(case: Any) -> None:
            answer = case.call(headers={"X-API-Key": "run"})
            case.validate_response(answer, checks=CHECKS)

        ask()
    as_files(project.data).delete(f"jobs/{waiting.id}.json")


def _each(operation: Any, examples: int) -> Any:
    from hypothesis import given

    limits = hypothesis_settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: limits(given(case=operation.as_strategy())(test))


def test_the_description_and_the_answers_agree(project: Project) -> None:
    fuzz(project, 2)


@pytest.mark.slow
def test_the_description_and_many_answers_agree(project: Project) -> None:
    fuzz(project, 150)
