"""Questions about time have one answer, whatever zone the machine or the session is in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from mc_assets.market_data import ingest_many, load_series, normalise_year
from mc_assets.project import Project
from mc_assets.warehouse import publish_warehouse
from mc_assets.warehouse_queries import query_warehouse

ZONES = ("UTC", "America/New_York", "Pacific/Auckland", "Pacific/Honolulu", "Asia/Kolkata")
DAYS = [f"2020-{month}-{day:02d}" for month, first in (("08", 24), ("09", 1)) for day in
        range(first, first + 8)]  # fmt: skip
QUESTIONS = {
    "comparison with a text": "SELECT count(*) FROM bars WHERE timestamp >= '2020-09-01'",
    "date": "SELECT min(timestamp::DATE), max(timestamp::DATE) FROM bars WHERE symbol = 'COIN'",
    "year": "SELECT year(timestamp), month(timestamp), count(*) FROM bars GROUP BY ALL ORDER BY 2",
    "date_trunc": "SELECT date_trunc('month', timestamp), count(*) FROM bars GROUP BY 1 ORDER BY 1",
    "text": "SELECT timestamp::VARCHAR FROM bars ORDER BY timestamp LIMIT 1",
    "adjusted": "SELECT close FROM bars_adjusted WHERE symbol = 'SPLT' ORDER BY timestamp",
    "quality": "SELECT timestamp::DATE FROM bars_quality ORDER BY 1",
    "quarantine": "SELECT timestamp::DATE, reason FROM bars_quarantine ORDER BY 1",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Project:
    """Days around the clock and days of a share that was split, published."""
    folder = tmp_path_factory.mktemp("home")
    header = "date,open,high,low,close,volume\n"
    rows = [f"{day},100,100,100,100,5" for day in DAYS]
    (folder / "COIN.csv").write_text(header + "\n".join([*rows, f"{DAYS[3]},1,1,1,1,1"]))
    split = [row if row >= "2020-08-31" else row.replace("100", "400") for row in rows]
    (folder / "SPLT.csv").write_text(header + "\n".join(split))
    (folder / "factors.csv").write_text(
        "date,price_factor,split_factor\n2020-08-30,1,0.25\n2050-12-31,1,1\n"
    )
    common = {"provider": "csv", "start": DAYS[0], "end": DAYS[-1]}
    entries = [
        {**common, "symbol": "COIN", "exchange": "24/7", "options": {"path": "COIN.csv"}},
        {**common, "symbol": "SPLT", "factors": "factors.csv", "options": {"path": "SPLT.csv"}},
    ]
    (folder / "series.yaml").write_text(json.dumps({"series": entries}))
    config = load_series(folder / "series.yaml")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ingest_many(config, [(key, 2020) for key in config.keys], folder / "data", now)
    for key in config.keys:
        normalise_year(config, key, 2020, folder / "data", now)
    found = Project(project, folder / "data", folder / "studies", folder / "series.yaml")
    publish_warehouse(found)
    return found


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def answer(connection: duckdb.DuckDBPyConnection, question: str) -> list[tuple[object, ...]]:
    return connection.sql(question).fetchall()


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_another_program_that_opens_the_file_gets_the_same_answer(
    home: Project, zone: str, question: str
) -> None:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        expected = answer(connection, question)
        connection.execute(f"SET TimeZone = '{zone}'")
        assert answer(connection, question) == expected
    assert expected


def test_no_close_before_a_split_stays_as_it_was(home: Project, zone: str) -> None:
    closes = query_warehouse(home, QUESTIONS["adjusted"])["close"]
    assert closes.to_list() == [100.0] * len(DAYS)


def test_the_session_of_a_question_is_in_utc(home: Project, zone: str) -> None:
    asked = "SELECT current_setting('TimeZone') AS zone, '2020-01-05'::TIMESTAMPTZ AS instant"
    found = query_warehouse(home, asked).row(0, named=True)
    assert found["zone"] == "UTC"
    assert found["instant"] == datetime(2020, 1, 5, tzinfo=UTC)
