"""Results over HTTP: the numbers of the command line, in pages, in three formats, with ETags."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from engine.results import Results
from mc_assets.answers.comparison import compare_studies
from mc_assets.answers.json_values import plain
from mc_assets.answers.results import headlines, simulations
from mc_assets.project import Project
from mc_assets.service.tables import ARROW, PARQUET
from tests.mc_assets.service.conftest import client_of

TABLES = [
    "/v1/analysis/statistics?study=quick",
    "/v1/analysis/overfitting?study=quick",
    "/v1/analysis/comparison?study=quick&baseline=dearer",
    "/v1/studies/quick/simulations",
    "/v1/studies/quick/trades",
    "/v1/studies/quick/equity",
    "/v1/studies/quick/warnings",
    "/v1/data/series",
    "/v1/data/calibrations",
    "/v1/ledger",
    "/v1/paper",
]


def test_studies_are_listed_with_their_state(client: TestClient) -> None:
    listed = {one["name"]: one for one in client.get("/v1/studies").json()["studies"]}
    assert (listed["quick"]["state"], listed["quick"]["done"]) == ("finished", 40)
    assert listed["quick"]["stored"] is True
    about = client.get("/v1/studies/quick").json()
    assert (about["source"], about["parameters"]) == ("gbm", ["fast", "slow"])


def test_statistics_are_those_of_the_command_line(client: TestClient, project: Project) -> None:
    answer = client.get("/v1/analysis/statistics", params={"study": "quick"}).json()
    assert answer["rows"] == plain(headlines(project, "quick").table)
    assert answer["about"]["missing"] == 0


def test_a_comparison_is_that_of_the_command_line(client: TestClient, project: Project) -> None:
    asked = {"study": "quick", "baseline": "dearer"}
    answer = client.get("/v1/analysis/comparison", params=asked).json()
    assert answer["rows"] == plain(compare_studies(project, "quick", "dearer").table)
    assert answer["about"]["paired"] is True


def test_pages_together_are_the_table(client: TestClient, project: Project) -> None:
    rows: list[dict[str, Any]] = []
    url: str | None = "/v1/studies/quick/simulations?limit=7"
    pages = 0
    while url is not None:
        answer = client.get(url)
        rows += answer.json()["rows"]
        pages += 1
        link = answer.headers.get("Link")
        url = None if link is None else link.partition(">")[0][1:]
        assert (answer.json()["next"] is None) == (url is None)
    assert pages == 6
    assert rows == plain(simulations(project, "quick").table)


@pytest.mark.parametrize("url", TABLES)
def test_the_same_table_comes_in_three_formats(client: TestClient, url: str) -> None:
    rows = client.get(url).json()["rows"]
    arrow = client.get(url, headers={"Accept": ARROW})
    assert arrow.headers["content-type"] == ARROW
    parquet = client.get(url, headers={"Accept": f"text/html;q=0.1, {PARQUET};q=0.9"})
    assert parquet.headers["content-type"] == PARQUET
    frame = pl.read_ipc_stream(io.BytesIO(arrow.content))
    assert frame.equals(pl.read_parquet(io.BytesIO(parquet.content)))
    assert plain(frame) == rows


def test_a_format_that_there_is_not_is_refused(client: TestClient) -> None:
    answer = client.get(TABLES[0], headers={"Accept": "text/csv"})
    assert answer.status_code == 406
    assert "Arrow" in answer.text or "arrow" in answer.text


@pytest.mark.parametrize("url", TABLES)
def test_what_a_client_has_is_not_sent_again(client: TestClient, url: str) -> None:
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = client.get(url, headers={"If-None-Match": first.headers["ETag"], "Accept": ARROW})
    assert other.status_code == 200


def test_results_that_change_have_another_etag_and_end_a_cursor(
    project: Project,
) -> None:
    from mc_assets.answers.runs import run_study

    client = client_of(project)
    url = "/v1/studies/dearer/simulations?limit=5"
    before = client.get(url)
    cursor = before.json()["next"]
    run_study(project, "dearer", seeds="24")
    after = client.get(url, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.headers["ETag"] != before.headers["ETag"]
    ended = client.get(f"{url}&cursor={cursor}")
    assert ended.status_code == 410
    run_study(project, "dearer")
    assert client.get(url).headers["ETag"] == before.headers["ETag"]


def test_overfitting_that_later_trials_change_has_another_etag(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "/v1/analysis/overfitting?study=quick"
    before = client.get(url)
    table = pl.DataFrame(before.json()["rows"]).with_columns(trials=pl.lit(1_000))
    monkeypatch.setattr(Results, "overfitting", lambda *_, **__: table)
    after = client.get(url, headers={"If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.json()["rows"][0]["trials"]) == (200, 1_000)


@pytest.mark.parametrize("cursor", ["", "x", "MA", "LTE6eA", "é", "%00", "9" * 300])
def test_a_cursor_of_ones_own_is_refused(client: TestClient, cursor: str) -> None:
    answer = client.get("/v1/studies/quick/simulations", params={"cursor": cursor})
    assert answer.status_code in (410, 422), answer.text
    assert "cursor" in answer.json()["detail"]


def test_a_question_in_sql_is_answered_and_only_a_question(client: TestClient) -> None:
    asked = {"query": "SELECT count(*) AS n FROM simulations WHERE study = 'quick'"}
    assert client.post("/v1/sql", json=asked).json() == {"rows": [{"n": 40}], "complete": True}
    for query in (
        "DROP VIEW simulations",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT 1; SELECT 2",
        "ATTACH '/tmp/x.duckdb'",
        "SET memory_limit = '1TB'",
    ):
        refused = client.post("/v1/sql", json={"query": query})
        assert refused.status_code == 422, query
        assert refused.json()["field"] == "query"


def test_damaged_files_are_named_in_the_answer_that_lacks_their_rows(
    project: Project, client: TestClient
) -> None:
    marker = project.data / "results" / "dearer" / "current.json"
    content = marker.read_bytes()
    marker.write_bytes(content[:-9])
    try:
        asked = {"query": "SELECT count(*) AS n FROM simulations WHERE study = 'dearer'"}
        answer = client.post("/v1/sql", json=asked).json()
    finally:
        marker.write_bytes(content)
    assert answer["rows"] == [{"n": 0}]
    (said,) = answer["left_out"]
    assert said.startswith("data/results/dearer/current.json is damaged")


def test_a_picture_is_a_figure_that_a_page_draws(client: TestClient) -> None:
    answer = client.get("/v1/studies/quick/pictures/pnl")
    assert answer.status_code == 200
    assert answer.json()["figure"]["data"]
    known = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/v1/studies/quick/pictures/pnl", headers=known).status_code == 304
    assert client.get("/v1/studies/quick/pictures/eval").status_code == 404


def test_a_study_without_results_is_not_found(client: TestClient) -> None:
    for url in ("/v1/studies/quik", "/v1/studies/quik/trades", "/v1/analysis/statistics?study=q"):
        answer = client.get(url)
        assert answer.status_code == 404, url
        assert "no results" in answer.json()["detail"]


@pytest.mark.slow
def test_a_simulation_is_run_again_in_a_process_of_its_own(
    client: TestClient, project: Project
) -> None:
    from mc_assets.answers.replays import replay_simulation

    answer = client.get("/v1/studies/quick/simulations/3")
    assert answer.status_code == 200, answer.text
    told, own = answer.json(), replay_simulation(project, "quick", 3)
    assert told["metrics"] == plain(own.to_json())["metrics"]
    assert told["equity"] == own.replay.equity.tolist()
    assert len(told["bars"]) == own.replay.bars.height
    missing = client.get("/v1/studies/quick/simulations/40")
    assert missing.status_code == 422
    assert "simulation" in missing.json()["detail"]
