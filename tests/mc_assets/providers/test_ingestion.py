"""A network series from the series file to stored bars, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mc_assets.market_data import BarStore, due_years, ingest_many, load_series, normalise_year
from tests.mc_assets.providers.conftest import LocalServer, Reply, Request

NOW = datetime(2020, 1, 8, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", "PKSECRET")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "SECRET")


def bar(day: int, close: float) -> dict[str, object]:
    stamp = f"2020-01-{day:02d}T05:00:00Z"
    return {"t": stamp, "o": 100, "h": 200, "l": 50, "c": close, "v": 9, "n": 2, "vw": 100}


def test_an_outage_of_one_symbol_leaves_the_others_and_the_next_night_catches_up(
    server: LocalServer, tmp_path: Path
) -> None:
    (tmp_path / "series.yaml").write_text(
        "series:\n  - symbols: [A, B, BAD]\n    provider: alpaca\n    start: 2020-01-02\n"
        f"    options: {{base_url: '{server.url}', backoff: 0, attempts: 2, delay: 0}}\n"
    )
    config, root = load_series(tmp_path / "series.yaml"), tmp_path / "data"

    def answer(request: Request) -> Reply:
        asked = request.query["symbols"].split(",")
        if "BAD" in asked:
            return Reply({"message": "invalid symbol: BAD"}, status=400)
        first = int(request.query["start"][8:10])
        bars = {s: [bar(day, 100.0 + day) for day in (2, 3, 6, 7) if day >= first] for s in asked}
        return Reply({"bars": bars, "next_page_token": None})

    server.answer = answer
    done = ingest_many(config, [(key, 2020) for key in config.keys], root, NOW)
    assert sorted(done.stored_years) == [("A@1d", 2020), ("B@1d", 2020)]
    assert sorted(done.failures) == [("BAD@1d", 2020)]
    assert "SECRET" not in str(done.failures["BAD@1d", 2020])
    result = normalise_year(config, "A@1d", 2020, root, NOW)
    assert (result.rows, result.errors) == (4, [])
    assert BarStore(root).read("A", "1d")["close"].to_list() == [102.0, 103.0, 106.0, 107.0]

    # The next night everything is down: nothing stored is lost, and the sentence says so.
    server.answer = lambda _: Reply("<html>down</html>", status=503)
    night = datetime(2020, 1, 9, 2, tzinfo=UTC)
    assert due_years(config, "A@1d", root, night) == [2020]
    failed = ingest_many(config, [("A@1d", 2020)], root, night)
    assert str(failed.failures["A@1d", 2020]).startswith("alpaca A 1d, 2020-01-02 to 2020-01-09: ")
    assert "status 503 (an HTML page) after 2 attempts" in str(failed.failures["A@1d", 2020])
    assert BarStore(root).read("A", "1d").height == 4
