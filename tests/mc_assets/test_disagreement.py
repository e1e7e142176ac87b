"""Two sources of one instrument, compared every night, through Dagster to SQL."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.project import Project
from mc_assets.warehouse import publish_warehouse
from tests.mc_assets.mc_here import Done, call_here, mc_here

SERIES = """\
series:
  - symbol: SPX
    provider: csv
    start: 2015-01-01
    end: 2016-12-31
    compare_with: SPX.other
    quality: {{severities: {{provider_disagreement: {severity}}}}}
    options: {{path: "one/{{symbol}}.csv"}}
  - symbol: SPX.other
    provider_symbol: SPX
    provider: parquet
    start: 2015-01-01
    end: 2016-12-31
    options: {{path: "two/{{symbol}}.parquet"}}
"""
pytestmark = pytest.mark.in_order


class Home:
    """A project whose two providers are local files."""

    def __init__(self, root: Path, project: Path) -> None:
        import polars as pl

        self.root = root
        sample = pl.read_csv(project / "data/sample/SP500.csv", try_parse_dates=True)
        sample = sample.rename({name: name.lower() for name in sample.columns})
        for folder in ("one", "two", "studies"):
            (root / folder).mkdir()
        self.sample = sample
        self.write("warn")
        sample.write_csv(root / "one/SPX.csv")
        wrong = pl.col("date").cast(pl.String).is_in(["2015-03-10", "2016-06-24"])
        close = pl.when(wrong).then(pl.col("close") * 1.001).otherwise("close")
        other = sample.with_columns(close=close, high=pl.max_horizontal("high", close))
        other.filter(pl.col("date").cast(pl.String) != "2015-07-07").write_parquet(
            root / "two/SPX.parquet"
        )

    def write(self, severity: str) -> None:
        (self.root / "series.yaml").write_text(SERIES.format(severity=severity))

    @property
    def places(self) -> dict[str, str]:
        places = {"MC_DATA": "data", "MC_STUDIES": "studies", "MC_SERIES": "series.yaml"}
        return {name: str(self.root / place) for name, place in places.items()}

    def run(self, *arguments: str) -> Done:
        return mc_here(*arguments, places=self.places, folder=self.root)

    def newest_check(self) -> dg.AssetCheckEvaluation:
        """What the check said last, after the tables were published."""
        found: list[Any] = []

        def look() -> None:
            project = Project.from_environment()
            publish_warehouse(project)
            key = dg.AssetCheckKey(dg.AssetKey("bars"), "provider_disagreement")
            with using_dagster_home(project), open_instance(project) as instance:
                log = instance.event_log_storage
                (newest, *_) = log.get_asset_check_execution_history(key, limit=20)
            assert newest.event is not None
            assert newest.event.dagster_event is not None
            found.append(newest.event.dagster_event.event_specific_data)

        done = call_here(look, places=self.places, folder=self.root)
        assert done.returncode == 0, done.stderr
        return found[0]  # type: ignore[no-any-return]

    def bytes_of_tables(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("bars", "bars_quality", "bars_quarantine", "raw_bars")
            for path in (self.root / "data" / folder).rglob("*.parquet")
        }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Home:
    made = Home(tmp_path_factory.mktemp("sources"), project)
    done = made.run("ingest")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_a_nightly_disagreement_is_a_check_and_rows_in_sql(home: Home) -> None:
    newest = home.newest_check()
    assert (newest.passed, newest.severity.value) == (False, "WARN")
    assert newest.blocking is False
    assert newest.description is not None
    assert "SPX@1d 2015 provider_disagreement: 2015-03-10" in newest.description
    assert "SPX@1d 2016 provider_disagreement: 2016-06-24" in newest.description
    answer = home.run(
        "sql", "--json", "SELECT symbol, year, severity, timestamp::DATE AS day, value, message "
        "FROM bars_quality WHERE \"check\" = 'provider_disagreement' ORDER BY timestamp",
    )  # fmt: skip
    rows = json.loads(answer.stdout)
    assert [(row["symbol"], row["day"][:10]) for row in rows] == [
        ("SPX", "2015-03-10"), ("SPX", "2015-07-07"), ("SPX", "2016-06-24")
    ]  # fmt: skip
    assert rows[0]["value"] == pytest.approx(0.001 / 1.001, rel=1e-6)
    assert rows[1]["message"].endswith("SPX.other@1d has no bar")
    assert rows[0]["message"].startswith("2015-03-10 13:30Z: found close 2044")


@pytest.mark.slow
def test_a_second_night_changes_no_byte(home: Home) -> None:
    before = home.bytes_of_tables()
    assert home.run("ingest").returncode == 0
    assert home.bytes_of_tables() == before


def test_the_report_compares_without_being_told(home: Home) -> None:
    report = json.loads(home.run("quality", "SPX", "--json").stdout)[0]
    found = {check["check"]: check["found"] for check in report["checks"]}
    assert found["provider_disagreement"] == 3


def test_a_disagreement_that_is_an_error_stops_what_follows(home: Home) -> None:
    home.write("error")
    done = home.run("ingest", "SPX@1d")
    assert done.returncode == 2
    assert "SPX@1d 2015 provider_disagreement: 2015-03-10" in done.stdout + done.stderr
    home.write("warn")


def test_sources_that_agree_again_leave_no_rows(home: Home) -> None:
    # Only the other source is ingested: the series that names it is compared again.
    home.sample.write_parquet(home.root / "two/SPX.parquet")
    assert home.run("ingest", "SPX.other@1d").returncode == 0
    assert home.newest_check().passed is True
    answer = home.run(
        "sql", "--json",
        "SELECT count(*) AS n FROM bars_quality WHERE \"check\" = 'provider_disagreement'",
    )  # fmt: skip
    assert json.loads(answer.stdout) == [{"n": 0}]
