"""Who may ask what, how often, how much; and what of it stands in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.files import DamagedFile, write_json
from mc_assets.answers.api_keys import add_key, list_keys, remove_key
from mc_assets.project import Project
from mc_assets.service.app import make_app
from mc_assets.service.callers import Keyring
from mc_assets.service.guard import LOG
from mc_assets.service.limits import Limiter, TooMany
from mc_assets.service.server import serve
from mc_assets.service.settings import ServiceSettings
from tests.mc_assets.service.conftest import client_of

# What each role may, beside what the roles before it may.
ASKED = {
    "read": [("GET", "/v1/jobs"), ("GET", "/v1/studies"), ("GET", "/v1/ledger")],
    "run": [
        ("POST", "/v1/monte-carlo"),
        ("POST", "/v1/backtests"),
        ("POST", "/v1/optimise/search"),
        ("POST", "/v1/optimise/walk-forward"),
        ("POST", "/v1/analysis/panel"),
        ("POST", "/v1/jobs/x/cancel"),
        ("DELETE", "/v1/backtests/x"),
    ],
    "admin": [("PUT", "/v1/studies/x/file"), ("PUT", "/v1/strategies/x")],
}


@pytest.mark.parametrize("key", ["", "wrong", "read", "run", "admin"])
def test_a_key_allows_what_its_role_does_and_no_more(project: Project, key: str) -> None:
    client = client_of(project, key)
    roles = list(ASKED)
    for role, requests in ASKED.items():
        for method, url in requests:
            status = client.request(method, url).status_code
            if key not in roles:
                assert status == 401, (key, method, url)
            elif roles.index(key) < roles.index(role):
                assert status == 403, (key, method, url)
            else:
                assert status not in (401, 403) or role == "admin", (key, method, url)


def test_health_readiness_and_metrics_take_no_key(project: Project) -> None:
    client = TestClient(make_app(project))
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready").json()
    assert ready["ready"]
    assert ready["storage"]["ok"]
    assert ready["worker"]["alive"]
    text = client.get("/metrics").text
    for name in ("mc_request_seconds_bucket", "mc_job_seconds_count", "mc_simulations_total"):
        assert name in text
    assert "mc_simulation_failures_total 0" in text
    assert 'mc_jobs{kind="study",state="finished"}' in text


def test_labels_of_metrics_are_not_what_clients_make_up(project: Project) -> None:
    client = client_of(project)
    client.get("/made/up/path")
    client.request("BREW", "/health")
    client.get("/v1/studies/made-up-name")
    text = client.get("/metrics").text
    assert "made" not in text
    assert "BREW" not in text


def test_the_service_is_not_ready_without_a_folder_to_write(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    answer = TestClient(make_app(project)).get("/ready")
    assert answer.status_code == 503
    assert answer.json()["storage"]["ok"] is False


def test_keys_are_made_shown_once_and_forgotten(project: Project) -> None:
    made = add_key(project, "desk", "read")
    text = (project.data / "service" / "keys.json").read_text()
    assert made.key not in text
    assert (project.data / "service" / "keys.json").stat().st_mode & 0o077 == 0
    client = TestClient(make_app(project))
    for headers in ({"X-API-Key": made.key}, {"Authorization": f"Bearer {made.key}"}):
        assert client.get("/v1/jobs", headers=headers).status_code == 200
    with pytest.raises(ValueError, match="name: found 'desk', which is taken"):
        add_key(project, "desk", "run")
    with pytest.raises(ValueError, match="role: found 'root', allowed read, run, admin"):
        add_key(project, "other", "root")
    remove_key(project, "desk")
    assert list_keys(project) == []
    assert client.get("/v1/jobs", headers={"X-API-Key": made.key}).status_code == 401


def test_damaged_keys_let_nobody_in_and_the_answer_says_what_mends_them(
    new_home: Callable[[str], Project],
) -> None:
    project = new_home("name: own")
    made = add_key(project, "desk", "read")
    client = TestClient(make_app(project), headers={"X-API-Key": made.key})
    assert client.get("/v1/jobs").status_code == 200
    file = project.data / "service" / "keys.json"
    whole = file.read_bytes()
    for damaged in (whole.replace(b"desk", b"disk"), whole[:20], b""):
        file.write_bytes(damaged)
        answer = client.get("/v1/jobs")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "keys.json is damaged" in answer.json()["detail"]
        assert "move it away and `mc keys add` each anew" in answer.json()["detail"]
    write_json(file, {"keys": [{"called": "desk"}]})
    assert "was written by another version" in client.get("/v1/jobs").json()["detail"]
    file.write_bytes(whole)
    assert client.get("/v1/jobs").status_code == 200


def test_a_service_does_not_start_on_damaged_keys(project: Project) -> None:
    made, file = add_key(project, "torn", "read"), project.data / "service" / "keys.json"
    client = TestClient(make_app(project))
    file.write_bytes(file.read_bytes()[:-1])
    try:
        answer = client.get("/v1/jobs", headers={"X-API-Key": made.key})
        with pytest.raises(DamagedFile, match=r"keys\.json is damaged"):
            serve(project, ServiceSettings(), host="127.0.0.1", port=1, told=print)
    finally:
        file.unlink()
    assert answer.status_code == 503
    assert "service/keys.json is damaged" in answer.json()["detail"]


def test_every_key_is_compared_in_constant_time(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hmac

    compared: list[tuple[str, str]] = []
    true = hmac.compare_digest

    def counted(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return true(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    for key in ("read", "admin", "nobody"):
        compared.clear()
        client_of(project, key).get("/v1/jobs")
        assert len(compared) == 4  # three keys, and one more so that no key takes as long


def test_a_key_that_asks_too_often_is_told_when_to_ask_again(project: Project) -> None:
    client = client_of(project, "read", ServiceSettings(requests_per_second=0.5))
    assert client.get("/v1/jobs").status_code == 200
    late = client.get("/v1/jobs")
    assert late.status_code == 429
    assert late.headers["Retry-After"] == "2"
    # Another key has a limit of its own.
    assert client.get("/v1/jobs", headers={"X-API-Key": "run"}).status_code == 200


def test_a_key_has_no_more_requests_at_once_than_it_may(tmp_path: Path) -> None:
    limiter = Limiter(tmp_path, per_second=100.0, concurrent=2, clock=lambda: 0.0)
    limiter.enter("desk")
    slot = limiter.enter("desk")
    with pytest.raises(TooMany, match="more than 2 requests at once"):
        limiter.enter("desk")
    limiter.leave("desk", slot)
    assert limiter.enter("desk") == slot
    # What was refused for being too much at once cost no token, and another key has its own.
    assert limiter.enter("other") == 0


def test_several_web_workers_allow_no_more_than_one(tmp_path: Path) -> None:
    workers = [Limiter(tmp_path, 2.0, 3, clock=lambda: 0.0) for _ in range(4)]
    slots = [worker.enter("desk") for worker in workers[:3]]
    assert sorted(slots) == [0, 1, 2]
    with pytest.raises(TooMany, match="more than 3 requests at once"):
        workers[3].enter("desk")
    workers[0].leave("desk", slots[0])
    last = workers[3].enter("desk")
    workers[3].leave("desk", last)
    # Four tokens came in the two seconds that a bucket holds, and all are spent.
    with pytest.raises(TooMany, match="more than 2 requests a second"):
        workers[1].enter("desk")


def test_a_web_worker_that_is_killed_leaves_no_request_running(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from mc_assets.service.limits import Limiter\n"
        "limiter = Limiter(pathlib.Path(sys.argv[1]), 1_000.0, 1)\n"
        "print(limiter.enter('desk'), flush=True)\n"
        "sys.stdin.read()\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"0\n"
    here = Limiter(tmp_path, 1_000.0, 1)
    with pytest.raises(TooMany, match="more than 1 requests at once"):
        here.enter("desk")
    worker.kill()
    worker.communicate(timeout=30)
    assert here.enter("desk") == 0


def test_a_clock_that_is_set_back_empties_a_bucket_at_most(tmp_path: Path) -> None:
    now = [1_000_000.0]
    limiter = Limiter(tmp_path, per_second=2.0, concurrent=9, clock=lambda: now[0])
    limiter.leave("desk", limiter.enter("desk"))
    now[0] = 0.0
    with pytest.raises(TooMany) as refused:
        limiter.enter("desk")
    assert refused.value.seconds == 1
    now[0] = 0.5
    limiter.enter("desk")


def test_tokens_come_back_with_time(tmp_path: Path) -> None:
    now = [0.0]
    limiter = Limiter(tmp_path, per_second=2.0, concurrent=9, clock=lambda: now[0])
    for _ in range(4):
        limiter.leave("desk", limiter.enter("desk"))
    with pytest.raises(TooMany) as refused:
        limiter.enter("desk")
    assert refused.value.seconds == 1
    now[0] = 0.5
    limiter.enter("desk")


def test_a_body_that_is_too_long_is_refused_declared_or_not(project: Project) -> None:
    client = client_of(project, settings=ServiceSettings(body_bytes=1_000))
    declared = client.post("/v1/sql", content=b"x" * 1_001)
    assert declared.status_code == 413
    chunks = client.post("/v1/sql", content=(b"x" * 600 for _ in range(3)))
    assert chunks.status_code == 413
    assert "1,000 bytes" in chunks.json()["detail"]


def test_a_body_that_drips_and_an_answer_that_does_not_come_end(project: Project) -> None:
    app = make_app(project, ServiceSettings(seconds=0.2), Keyring(project))

    @app.get("/never")
    async def never() -> None:
        await asyncio.sleep(30)

    async def ask(method: str, path: str, *, body: bool) -> int:
        sent: list[Any] = []
        first = [{"type": "http.request", "body": b"{", "more_body": True}] if body else []

        async def receive() -> Any:
            if not first:
                await asyncio.sleep(30)
            return first.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            **{"type": "http", "method": method, "path": path, "raw_path": path.encode()},
            **{"query_string": b"", "headers": [(b"content-type", b"application/json")]},
            **{"client": ("test", 1), "server": ("test", 80), "scheme": "http"},
            **{"http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"}},
        }
        await app(scope, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(ask("GET", "/never", body=False)) == 504
    assert asyncio.run(ask("POST", "/v1/sql", body=True)) == 408


def test_every_request_has_a_line_of_json_without_what_is_secret(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(project)
    LOG.propagate = True
    with caplog.at_level(logging.INFO, logger=LOG.name):
        answer = client.get("/v1/jobs?study=hush", headers={"X-Request-ID": "mine-7"})
        client.get("/v1/jobs", headers={"Authorization": "Bearer sk-secret", "X-API-Key": ""})
        client.get("/v1/jobs", headers={"X-Request-ID": "two\tlines"})
        client.post("/v1/sql", json={"query": "SELECT 'hush'"})
    assert answer.headers["X-Request-ID"] == "mine-7"
    lines = [json.loads(record.message) for record in caplog.records if record.name == LOG.name]
    assert [line["status"] for line in lines[:2]] == [200, 401]
    assert lines[0] | {"at": 0, "ms": 0} == {
        **{"at": 0, "request": "mine-7", "method": "GET", "path": "/v1/jobs", "status": 200},
        **{"route": "/v1/jobs", "ms": 0, "key": "run", "client": "testclient"},
    }
    assert len(lines[2]["request"]) == 16
    for secret in ("hush", "sk-secret", "two"):
        assert secret not in caplog.text


def test_a_fault_is_told_by_its_request_id_alone(project: Project) -> None:
    client = client_of(project)

    @client.app.get("/broken")  # type: ignore[attr-defined]
    def broken() -> None:
        raise RuntimeError("the password is swordfish")

    answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert "swordfish" not in answer.text


def test_other_origins_may_not_ask_unless_they_were_named(project: Project) -> None:
    asking = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    shut = client_of(project).options("/v1/jobs", headers=asking)
    assert "access-control-allow-origin" not in shut.headers
    named = ServiceSettings(origins=("https://elsewhere.example",))
    answer = client_of(project, settings=named).options("/v1/jobs", headers=asking)
    assert answer.headers["access-control-allow-origin"] == "https://elsewhere.example"


def test_answers_say_how_browsers_may_use_them(project: Project) -> None:
    headers = client_of(project).get("/v1/jobs").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self';" in headers["Content-Security-Policy"]
