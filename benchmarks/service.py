"""What `mc serve` answers under load: 200 clients at once on loopback, times, errors and cost."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

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
            served = Server(port, places["MC_SERVE_KEY"], server.pid)
            print(asyncio.run(_measured(served)))
        finally:
            server.terminate()
            server.wait(30)


@dataclass(frozen=True)
class Server:
    """A service on loopback.

    Parameters
    ----------
    port : int
        Where it listens.
    key : str
        What it asks for.
    process : int
        Its number, by which its processor time is read.
    """

    port: int
    key: str
    process: int

    @property
    def processor_seconds(self) -> float:
        """Processor time that it has taken so far, in all its threads."""
        entries = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(entries[11]) + int(entries[12])) / os.sysconf("SC_CLK_TCK")


class Connection:
    """One connection that is kept; a client library would take longer than the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, server: Server) -> Connection:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def get(self, url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer."""
        lines = [f"GET {url} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        first, *rest = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        told = dict(line.lower().split(": ", 1) for line in rest if line)
        body = await self._reader.readexactly(int(told.get("content-length", 0)))
        return int(first.split()[1]), told, body

    def close(self) -> None:
        """End it."""
        self._writer.close()


async def _measured(server: Server) -> str:
    lines = [
        f"{CLIENTS} clients at once, {REQUESTS} requests each; they share the server's cores.",
        "",
        "| request | answers | errors | requests/s | p50 ms | p99 ms | server's processor ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    first = await _there(server)
    key = {"X-API-Key": server.key}
    job = json.loads((await first.get("/v1/jobs", key))[2])["jobs"][0]["id"]
    for name, url in URLS.items():
        place = url.replace("JOB", job)
        tag = (await first.get(place, key))[1].get("etag", "")
        known = {"If-None-Match": tag} if name == "what a client has" else {}
        lines.append(await _line(server, name, place, key | known))
    first.close()
    return "\n".join(lines)


async def _there(server: Server) -> Connection:
    for _ in range(600):
        try:
            return await Connection.to(server)
        except ConnectionError:
            await asyncio.sleep(0.1)
    raise TimeoutError("the service did not begin within a minute")


async def _line(server: Server, name: str, url: str, headers: dict[str, str]) -> str:
    times: list[float] = []
    statuses: Counter[int] = Counter()

    async def one() -> None:
        connection = await Connection.to(server)
        for _ in range(REQUESTS):
            begin = time.perf_counter()
            try:
                statuses[(await connection.get(url, headers))[0]] += 1
            except (ConnectionError, asyncio.IncompleteReadError):
                statuses[0] += 1
                connection = await Connection.to(server)
            times.append(time.perf_counter() - begin)
        connection.close()

    processor, begin = server.processor_seconds, time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CLIENTS)))
    took = time.perf_counter() - begin
    each = (server.processor_seconds - processor) / len(times) * 1e3
    good = statuses[200] + statuses[304]
    median, late = np.quantile(times, [0.5, 0.99]) * 1e3
    return (
        f"| {name} | {good:,} | {len(times) - good:,} | {len(times) / took:,.0f} | "
        f"{median:,.0f} | {late:,.0f} | {each:.1f} |"
    )


if __name__ == "__main__":
    main()
