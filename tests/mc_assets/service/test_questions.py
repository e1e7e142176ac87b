"""A question that the service cannot answer as it stands is refused, never answered in part."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize(
    ("url", "status", "field", "sentence"),
    [
        (
            "/v1/studies/quick/simulations?parameter_sets=1",
            422,
            "parameter_sets",
            "unknown parameter (did you mean 'parameter_set'?), allowed parameter_set, limit, cur",
        ),
        ("/v1/studies/quick/simulations?parameter_set=99", 422, "parameter_set", "allowed 0 to "),
        (
            "/v1/analysis/comparison?study=quick&baseline=dearer&baseline_set=99",
            *(422, "baseline_set", "baseline_set: found 99, allowed 0 to 1"),
        ),
        ("/v1/studies/quick?x=1", 422, "x", "allowed no parameters"),
        ("/v1/jobs?state=done", 422, "state", "found 'done', allowed 'queued', 'running'"),
        ("/v1/jobs?before=yesterday", 422, "before", "found 'yesterday', allowed "),
        ("/v1/jobs?limit=0", 422, "limit", "found '0', allowed greater than or equal to 1"),
        ("/v1/jobs?limit=x", 422, "limit", "limit: found 'x', allowed a valid integer"),
        ("/v1/analysis/statistics", 422, "study", "study: is missing"),
        ("/v1/jobs/nosuch/events", 404, None, "job: there is no 'nosuch'"),
        (
            "/v1/data/series/A@1d/bars?start=2020-01-02&end=2020-01-02",
            422,
            "end",
            "end: found 2020-01-02, allowed a day after 2020-01-02",
        ),
    ],
)
def test_what_is_asked_wrongly_is_named_with_what_is_allowed(
    client: TestClient, url: str, status: int, field: str | None, sentence: str
) -> None:
    answer = client.get(url)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("field") == field
    assert sentence in answer.json()["detail"]


@pytest.mark.parametrize(("field", "few", "allowed"), [("tries", 1, 2), ("paths", 8, 10)])
def test_a_panel_of_too_little_is_refused_before_it_begins(
    client: TestClient, field: str, few: int, allowed: int
) -> None:
    asked = {"strategy": "buy_and_hold", "symbol": "X", field: few}
    answer = client.post("/v1/analysis/panel", json=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert f"greater than or equal to {allowed}" in answer.json()["detail"]


def test_who_may_not_ask_is_told_so_before_what_is_wrong(client: TestClient) -> None:
    assert client.get("/v1/studies?x=1", headers={"X-API-Key": "none"}).status_code == 401
