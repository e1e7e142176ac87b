"""Keys in the environment, and nothing that a run writes holds one."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote

import polars as pl

from tests.mc_assets.mc_here import mc_here
from tests.mc_assets.providers.conftest import LocalServer, Reply, Request

KEYS = {
    "APCA_API_KEY_ID": "PKPLANTED0123456789",
    "APCA_API_SECRET_KEY": "planted/al'paca\"+se\\cret&=",
    "POLYGON_API_KEY": "planted\"Polygon'Key",
}
SERIES = """series:
  - {{symbols: [GOOD, BAD], provider: alpaca, start: 2020-01-02, end: 2020-01-31, options: {options}}}
  - {{symbol: PBAD, provider: polygon, start: 2020-01-02, end: 2020-01-31, options: {options}}}
"""  # noqa: E501


def spellings(key: str) -> set[str]:
    """Ways in which a server, or a program that writes it down, may put a key."""
    texts = {key, quote(key), quote(key, safe=""), quote(quote(key, safe="")), html.escape(key)}
    texts |= {json.dumps(key)[1:-1], repr(key)[1:-1], base64.b64encode(key.encode()).decode()}
    return texts | {text.replace("/", "\\/") for text in texts}


def answer(request: Request) -> Reply:
    """One good symbol; the other answers echo the provider's keys in several spellings."""
    polygon = request.path.startswith("/v2/aggs")
    own = [key for name, key in KEYS.items() if name.startswith("POLYGON") == polygon]
    echo = " ".join(text for key in own for text in sorted(spellings(key)))
    if polygon:
        return Reply({"status": "ERROR", "error": f"Unknown API Key {echo}"}, status=401)
    asked = request.query["symbols"]
    if asked == "GOOD":
        bar = {"t": "2020-01-02T05:00:00Z", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
        return Reply({"bars": {"GOOD": [bar]}, "message": echo, "next_page_token": None})
    escaped = json.dumps({"message": f"invalid {echo}"}).replace("/", "\\/")
    return Reply(escaped, status=400 if "," in asked else 403)


def written(folder: Path) -> dict[str, bytes]:
    """Content of every file; of Parquet, which is compressed, the cells and the footer too."""
    content = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data += pl.read_parquet(path).write_ndjson().encode()
            data += repr(pl.read_parquet_metadata(path)).encode()
        content[str(path.relative_to(folder))] = data
    return content


def test_no_key_is_written_anywhere(server: LocalServer, tmp_path: Path) -> None:
    server.answer = answer
    options = f"{{base_url: '{server.url}', backoff: 0, attempts: 2, requests_per_minute: 1000000}}"
    (tmp_path / "series.yaml").write_text(SERIES.format(options=options))
    places = {"MC_DATA": str(tmp_path / "data"), "MC_SERIES": str(tmp_path / "series.yaml")}
    done = mc_here("ingest", places=KEYS | places, folder=tmp_path)
    assert done.returncode != 0
    printed = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    content = written(tmp_path) | printed
    # The run came as far as it should: the good symbol landed, the others are in the log.
    assert "data/raw_bars/1d/GOOD/2020.parquet" in content
    assert any(b"status 401, 'Unknown API Key ***" in data for data in content.values())
    assert any(b"status 403, 'invalid ***" in data for data in content.values())
    assert any(b"dagster_home" in name.encode() for name in content)
    for name, key in KEYS.items():
        # Also half of it, as where a message is cut.
        for spelled in spellings(key) | spellings(key[:12]) | spellings(key[-12:]):
            found = [place for place, data in content.items() if spelled.encode() in data]
            assert found == [], f"{name} in {found}"
