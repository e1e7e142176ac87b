"""What `mc serve` answers under load: 200 clients at once on loopback, times and errors."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

CLIENTS = 200
REQUESTS = 10
STUDY = """name: served
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 252}
strategy: {name: sma_crossover, parameters: {fast: [5, 10, 20], slow: [50, 100]}}
seeds: {count: 500}
record: {trades: true}
"""
URLS = {
    "a job": "/v1/jobs/JOB",
    "statistics of 6 sets": "/v1/analysis/statistics?study=served",
    "a page of 100 simulations": "/v1/studies/served/simulations?limit=100",
    "what a client has": "/v1/studies/served/simulations?limit=100",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "studies").mkdir()
        (home / "studies" / "served.yaml").write_text(STUDY)
        places = {"MC_HOME": folder, "MC_SERVE_KEY": "benchmark-" + os.urandom(16).hex()}
        environment = os.environ | places
        code = "from mc_assets.cli import main; main()"
        command = [sys.executable, "-c", code]
        subprocess.run(
            [*command, "run", "served"], env=environment, check=True, capture_output=True
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [*command, "serve", "--port", str(port), "--rate", "100000"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            print(asyncio.run(_measured(f"http://127.0.0.1:{port}", places["MC_SERVE_KEY"])))
        finally:
            server.terminate()
            server.wait(30)


async def _measured(address: str, key: str) -> str:
    limits = httpx.Limits(max_connections=CLIENTS)
    lines = [
        f"{CLIENTS} clients at once, {REQUESTS} requests each; they share the server's cores.",
        "",
        "| request | answers | errors | requests/s | p50 ms | p99 ms |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    async with httpx.AsyncClient(
        base_url=address, headers={"X-API-Key": key}, limits=limits, timeout=120
    ) as client:
        await _there(client)
        job = (await client.get("/v1/jobs")).json()["jobs"][0]["id"]
        for name, url in URLS.items():
            place = url.replace("JOB", job)
            tag = (await client.get(place)).headers.get("ETag", "")
            known = {"If-None-Match": tag} if name == "what a client has" else {}
            lines.append(await _line(client, name, place, known))
    return "\n".join(lines)


async def _there(client: httpx.AsyncClient) -> None:
    for _ in range(600):
        try:
            await client.get("/health")
        except httpx.ConnectError:
            await asyncio.sleep(0.1)
        else:
            return


async def _line(client: httpx.AsyncClient, name: str, url: str, headers: dict[str, str]) -> str:
    times: list[float] = []
    statuses: Counter[int] = Counter()

    async def one() -> None:
        for _ in range(REQUESTS):
            begin = time.perf_counter()
            try:
                statuses[(await client.get(url, headers=headers)).status_code] += 1
            except httpx.HTTPError:
                statuses[0] += 1
            times.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CLIENTS)))
    took = time.perf_counter() - begin
    good = statuses[200] + statuses[304]
    median, late = np.quantile(times, [0.5, 0.99]) * 1e3
    return (
        f"| {name} | {good:,} | {len(times) - good:,} | {len(times) / took:,.0f} | "
        f"{median:,.0f} | {late:,.0f} |"
    )


if __name__ == "__main__":
    main()
