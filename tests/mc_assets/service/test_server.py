"""`mc serve` itself: a process that others reach, slow clients that it does not wait for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from mc_assets.project import Project
from mc_assets.service import patient_http
from mc_assets.service.app import make_app
from mc_assets.service.patient_http import PatientHttp
from tests.mc_assets.mc_here import mc_here
from tests.mc_assets.service.conftest import keyring


@pytest.fixture(scope="module")
def address(project: Project) -> Iterator[str]:
    """A server on loopback."""
    config = uvicorn.Config(
        make_app(project, None, keyring(project)),
        **{"host": "127.0.0.1", "port": 0, "http": PatientHttp, "ws": "none", "lifespan": "off"},
        **{"log_level": "warning", "access_log": False, "backlog": 2048},
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server wait half a second for the head of a request."""
    monkeypatch.setattr(patient_http, "_HEAD_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
def test_a_client_that_never_ends_its_request_is_not_waited_for(address: str) -> None:
    url = httpx.URL(address)
    for begun in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\n"):
        with socket.create_connection((url.host, int(url.port or 0)), timeout=10) as slow:
            slow.sendall(begun)
            begin = time.monotonic()
            assert slow.recv(100) == b""
            assert 0.3 < time.monotonic() - begin < 5.0


@pytest.mark.usefixtures("impatient")
def test_a_client_that_asks_again_later_on_its_connection_is_answered(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        assert client.get("/health").status_code == 200
        time.sleep(0.8)
        assert client.get("/health").status_code == 200


def test_two_hundred_clients_at_once_are_all_answered(address: str) -> None:
    urls = ("/v1/jobs?limit=5", "/v1/studies/quick", "/v1/analysis/statistics?study=quick&limit=2")

    async def one(client: httpx.AsyncClient, number: int) -> list[int]:
        return [(await client.get(urls[number % len(urls)])).status_code]

    async def everybody() -> list[list[int]]:
        limits = httpx.Limits(max_connections=200)
        headers = {"X-API-Key": "read"}
        async with httpx.AsyncClient(
            base_url=address, headers=headers, limits=limits, timeout=60
        ) as client:
            return await asyncio.gather(*(one(client, number) for number in range(200)))

    statuses = [status for client in asyncio.run(everybody()) for status in client]
    assert statuses == [200] * 200


def test_the_command_serves_prints_a_link_with_a_key_and_logs_json(project: Project) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from mc_assets.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(rf"http://127\.0\.0\.1:{port}/#key=(mc_\S+)", line)
        assert found is not None, line
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = httpx.get(
                    f"http://127.0.0.1:{port}/v1/jobs", headers={"X-API-Key": found[1]}
                )
                break
            except httpx.ConnectError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert answer.status_code == 200
        assert "server" not in answer.headers
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    entry = json.loads(errors.splitlines()[0])
    assert (entry["path"], entry["status"], entry["key"]) == ("/v1/jobs", 200, "terminal")
    assert found[1] not in errors


def test_others_are_not_served_without_a_key(project: Project) -> None:
    done = mc_here("serve", "--host", "0.0.0.0", places={}, folder=project.root)
    assert done.returncode == 2
    assert done.stderr == (
        "mc: --host: 0.0.0.0, which other machines reach, and no key; "
        "`mc keys add NAME --role read` makes one\n"
    )


def test_without_the_extra_a_sentence_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['fastapi'] = None\nfrom mc_assets.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "mc: serve: found no package `fastapi`, allowed the extra of it; "
        "pip install 'mc-lab[api]'\n"
    )
