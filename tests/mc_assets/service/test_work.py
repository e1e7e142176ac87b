"""Every kind of long work, from its body to what it came to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.files import write_json
from engine.strategies import get_strategy
from mc_assets.project import Project
from mc_assets.service import work
from mc_assets.stored_market_data import StoredMarketData
from tests.mc_assets.service.test_jobs import DEFINITION, waited

ENDED = ("finished", "failed", "stopped", "killed")


def result(client: TestClient, url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Begin a job, wait for its end, return its result."""
    begun = client.post(url, json=body)
    assert begun.status_code == 202, begun.text
    ended = waited(client, begun.json()["id"], *ENDED)
    assert ended["state"] == "finished", ended
    again = client.post(url, json=body)
    assert (again.status_code, again.json()["id"]) == (200, ended["id"])
    found: dict[str, Any] = client.get(ended["links"]["result"]).json()
    return found | {"job_id": ended["id"]}


def test_a_backtest_is_created_listed_read_and_deleted(client: TestClient) -> None:
    body = {"strategy": "sma_crossover", "symbol": "X", "parameters": {"fast": 2, "slow": 3}}
    found = result(client, "/v1/backtests", body)
    (row,) = found["sets"]
    assert (row["fast"], row["slow"], row["status"]) == (2, 3, "ok")
    listed = client.get("/v1/backtests").json()["jobs"]
    assert [job["id"] for job in listed] == [found["job_id"]]
    trades = client.get(found["links"]["trades"])
    assert trades.status_code == 200
    assert len(client.get(found["links"]["equity"]).json()["rows"]) == 1
    bars = client.get("/v1/data/series/X@1d/bars").json()["rows"]
    assert [bar["close"] for bar in bars] == [100, 100, 100.5, 101.5, 102.5, 102.5]
    own = f"/v1/backtests/{found['job_id']}"
    assert client.delete(own).status_code == 204
    assert client.get(own).status_code == 404
    assert client.get("/v1/backtests").json()["jobs"] == []
    assert client.get(found["links"]["trades"]).status_code == 404


@pytest.mark.slow
def test_a_search_a_walk_forward_and_a_panel_leave_what_they_came_to(client: TestClient) -> None:
    space = {"fast": {"integer": [2, 8]}, "slow": {"integer": [9, 30]}}
    searched = DEFINITION | {
        "name": "searched",
        "strategy": {"name": "sma_crossover", "parameters": space},
    }
    asked = {"definition": searched, "method": "random", "samples": 10, "objective": "sharpe"}
    found = result(client, "/v1/optimise/search", asked)
    assert found["tried"] == 10
    assert "10 parameter sets tried by random" in found["sentence"]
    walked = DEFINITION | {"name": "walked"}
    walked["source"] = walked["source"] | {"steps": 200}
    found = result(client, "/v1/optimise/walk-forward", {"definition": walked, "windows": 2})
    assert len(found["windows"]) == 2
    assert found["sentence"].startswith("2 windows, 2 parameter sets")


def test_a_panel_of_changed_code_or_bars_is_another_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"strategy": "sma_crossover", "symbol": "X", "timeframe": "1d"}

    def fingerprint() -> str:
        asked = work.Work("panel", "sma_crossover on X@1d", options=options)
        return str(work._resolved(project, asked)["fingerprint"])

    found = [fingerprint(), fingerprint()]
    bars = StoredMarketData(project).bars("X", "1d")
    with monkeypatch.context() as changed:
        changed.setattr(StoredMarketData, "bars", lambda *_: bars[:4])
        found.append(fingerprint())
    strategy = get_strategy("sma_crossover")
    monkeypatch.setattr(strategy, "code_hash", classmethod(lambda _: "changed"))
    found.append(fingerprint())
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_a_search_of_changed_code_is_another_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = DEFINITION | {"search": {"method": "random", "budget": {"sets": 3}, "seed": 1}}
    searched["search"] = searched["search"] | {"objective": "sharpe"}
    asked = work.Work("search", "stated", searched)
    before = work._resolved(project, asked)
    assert before == work._resolved(project, asked)
    strategy = get_strategy("sma_crossover")
    monkeypatch.setattr(strategy, "code_hash", classmethod(lambda _: "changed"))
    after = work._resolved(project, asked)
    assert before["fingerprint"] != after["fingerprint"]
    assert before["world"] != after["world"]


def test_a_job_whose_answer_is_damaged_or_gone_is_run_anew_when_it_is_asked_again(
    project: Project,
) -> None:
    finished: Any = SimpleNamespace(kind="panel", study="s", fingerprint="f", state_now="finished")
    asked = work.Work("panel", "s")
    file = work.answer_file(project, finished)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"rows": []})
    assert work._same(project, asked, "f", [finished]) is finished
    file.write_bytes(file.read_bytes()[:-1])
    assert work._same(project, asked, "f", [finished]) is None
    file.unlink()
    assert work._same(project, asked, "f", [finished]) is None


@pytest.mark.slow
def test_a_job_that_fails_says_why(client: TestClient) -> None:
    begun = client.post(
        "/v1/analysis/panel",
        json={"strategy": "buy_and_hold", "symbol": "X", "tries": 2, "paths": 10},
    )
    assert begun.status_code == 202
    ended = waited(client, begun.json()["id"], *ENDED)
    # Six bars are no history to calibrate on.
    assert ended["state"] == "failed"
    assert ended["error"]
    missing = client.get(f"/v1/jobs/{ended['id']}/result")
    assert missing.status_code == 404
