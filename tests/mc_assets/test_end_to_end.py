"""From bars to reports through Dagster, as `mc run` does it, in a temporary home."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest

from tests.mc_assets.mc_here import Done, call_here, mc_here

STUDY = """\
name: {name}
source: {{model: {model}, symbol: SP500, steps: 40, {source}}}
strategy: {{name: sma_crossover, parameters: {{fast: [3, 5], slow: 10}}}}
seeds: {{count: 20, start: 7}}
record: {{equity: 20}}
"""
SERIES = """\
series:
  - symbol: SP500
    provider: csv
    start: 2015-01-01
    end: 2018-12-31
    models: [gbm, bootstrap]
    options: {{path: "{sample}/SP500.csv"}}
"""

pytestmark = pytest.mark.in_order


class Home:
    """A project of its own: data, studies and series file in a temporary folder."""

    def __init__(self, root: Path, checkout: Path) -> None:
        self.root = root
        self.data = root / "a folder with spaces"
        self.studies = root / "studies"
        self.series = root / "series.yaml"
        self.studies.mkdir(parents=True)
        sample = root / "sample"
        shutil.copytree(checkout / "data" / "sample", sample)
        self.series.write_text(SERIES.format(sample=sample))
        self.write_study("on_gbm", model="gbm", source="calibration: latest")
        self.write_study("on_bootstrap", model="bootstrap", source="options: {method: stationary}")

    @property
    def places(self) -> dict[str, str]:
        return {
            "MC_DATA": str(self.data),
            "MC_STUDIES": str(self.studies),
            "MC_SERIES": str(self.series),
        }

    def write_study(self, name: str, *, model: str, source: str) -> None:
        text = STUDY.format(name=name, model=model, source=source)
        (self.studies / f"{name}.yaml").write_text(text)

    def mc(self, *arguments: str) -> Done:
        return mc_here(*arguments, places=self.places, folder=self.root)

    def mc_in_a_process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        code = "from mc_assets.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=os.environ | self.places,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def dagster(self, code: Callable[[], object]) -> None:
        """Call a function with this project's definitions and its Dagster home."""
        places = self.places | {"DAGSTER_HOME": str(self.data / "dagster_home")}
        done = call_here(code, places=places, folder=self.root)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Home:
    made = Home(tmp_path_factory.mktemp("home") / "project", project)
    done = made.mc("run")
    assert done.returncode == 0, done.stdout + done.stderr
    (made.root / "output.txt").write_text(done.stdout)
    return made


def test_the_run_ends_with_a_table_the_places_and_the_next_step(home: Home) -> None:
    output = (home.root / "output.txt").read_text()
    for words in (
        "mean net P&L",
        "profit probability",
        "Sharpe",
        "95 % VaR",
        "max drawdown",
        "intervals",
        "idle",
    ):
        assert words in output
    (tables,) = re.findall(r"^tables +(.+)$", output, re.MULTILINE)
    reports = re.findall(r"^report +(.+)$", output, re.MULTILINE)
    assert home.root / tables == home.data / "warehouse" / "mc.duckdb"
    assert [home.root / report for report in reports] == [
        home.data / "reports" / f"{study}.html" for study in ("on_bootstrap", "on_gbm")
    ]
    assert all((home.root / place).is_file() for place in (tables, *reports))
    assert not any(Path(place).is_absolute() for place in (tables, *reports))
    assert "mc ui" in output


def test_a_second_run_finds_nothing_new_and_opens_no_dagster(home: Home) -> None:
    first = (home.root / "output.txt").read_text()
    history = sorted((home.data / "dagster_home").rglob("*"))
    times = [path.stat().st_mtime_ns for path in history]
    done = home.mc_in_a_process("run")
    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stdout.splitlines() if line.startswith("✓")]
    assert len(steps) == 7
    assert all("nothing new" in line for line in steps)
    assert [path.stat().st_mtime_ns for path in history] == times
    told = first[first.index("on_bootstrap  estimates") :]
    assert done.stdout.endswith(told)


def test_the_warehouse_holds_every_table_and_every_number_has_an_error(home: Home) -> None:
    with duckdb.connect(str(home.data / "warehouse" / "mc.duckdb"), read_only=True) as connection:
        tables = {name for (name,) in connection.sql("SHOW TABLES").fetchall()}
        statistics = connection.sql("SELECT * FROM statistics").pl()
        simulations = connection.sql("SELECT * FROM simulations").pl()
        bars = connection.sql("SELECT * FROM bars ORDER BY timestamp").pl()
    assert {"bars", "calibrations", "simulations", "statistics", "studies", "equity"} <= tables
    assert set(statistics["study"]) == {"on_gbm", "on_bootstrap"}
    means = statistics.filter(pl.col("statistic") == "mean_net_pnl")
    assert means.height == 4
    assert (means["std_error"] > 0).all()
    assert (means["n"] == 20).all()
    assert simulations.height == 2 * 2 * 20
    assert (simulations["status"] == "ok").all()
    assert bars["timeframe"].unique().to_list() == ["1d"]
    assert bars["timestamp"].is_sorted()


def test_statistics_agree_with_the_rows_they_are_made_of(home: Home) -> None:
    with duckdb.connect(str(home.data / "warehouse" / "mc.duckdb"), read_only=True) as connection:
        rows = connection.sql(
            """SELECT s.estimate, s.std_error, avg(r.net_pnl), stddev_samp(r.net_pnl) / sqrt(20)
               FROM statistics AS s JOIN simulations AS r USING (study, parameter_set)
               WHERE s.statistic = 'mean_net_pnl' GROUP BY ALL"""
        ).fetchall()
    assert len(rows) == 4
    for estimate, error, mean, mean_error in rows:
        assert estimate == pytest.approx(mean, rel=1e-12)
        assert error == pytest.approx(mean_error, rel=1e-12)


def test_calibrations_are_gbm_maximum_likelihood_on_the_bars(home: Home) -> None:
    answer = home.mc(
        "sql", "--json", "SELECT parameter, estimate FROM calibrations WHERE model = 'gbm'"
    )
    found = {row["parameter"]: row["estimate"] for row in json.loads(answer.stdout)}
    with duckdb.connect(str(home.data / "warehouse" / "mc.duckdb"), read_only=True) as connection:
        ((sigma,),) = connection.sql(
            """SELECT sqrt(252 * var_pop(r)) FROM (
                 SELECT ln(close / lag(close) OVER (ORDER BY timestamp)) AS r FROM bars)"""
        ).fetchall()
    assert found["sigma"] == pytest.approx(sigma, rel=1e-10)


def test_history_and_partitions_are_kept_in_the_project(home: Home) -> None:
    partitions: dict[str, int] = {}
    runs: set[str] = set()

    def look() -> None:
        with dg.DagsterInstance.get() as instance:
            for name in ("raw_bars", "bars", "calibrations", "simulations", "statistics"):
                found = instance.get_materialized_partitions(dg.AssetKey(name))
                partitions[name] = len(found)
            runs.update(run.status.value for run in instance.get_runs())

    home.dagster(look)
    assert partitions == {
        "raw_bars": 4,
        "bars": 4,
        "calibrations": 1,
        "simulations": 32,
        "statistics": 2,
    }
    assert runs == {"SUCCESS"}


def test_a_study_names_the_hash_that_dagster_shows_of_its_bars(home: Home) -> None:
    hashes: list[str] = []

    def look() -> None:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("bars"), asset_partitions=["SP500@1d|2018"])
        with dg.DagsterInstance.get() as instance:
            (record, *_) = instance.fetch_materializations(wanted, limit=1).records
        made = record.asset_materialization
        assert made is not None
        hashes.extend(str(made.metadata[name].value) for name in ("data_hash", "history_hash"))

    home.dagster(look)
    year, history = hashes
    query = "SELECT data_hash, history_hash FROM bars_history WHERE year = 2018"
    assert json.loads(home.mc("sql", "--json", query).stdout) == [
        {"data_hash": year, "history_hash": history}
    ]
    for study in ("on_gbm", "on_bootstrap"):
        lineage = json.loads(home.mc("show", study, "--lineage", "--json").stdout)
        assert [used["made_of"]["history_hash"] for used in lineage["bars"]] == [history]
        assert [used["stored_through"] for used in lineage["bars"]] == [2018]
    lineage = json.loads(home.mc("show", "on_gbm", "--lineage", "--json").stdout)
    assert lineage["calibration"]["made_of"]["history_hash"] == history
    assert lineage["calibration"]["stored"] is True


def test_the_report_is_one_page_that_needs_no_network(home: Home) -> None:
    page = (home.data / "reports" / "on_gbm.html").read_text()
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert len(page.encode()) < 2_000_000
    charts = (
        "equity_fan",
        "pnl_histogram",
        "drawdown_distribution",
        "parameter_sensitivity",
        "convergence",
    )
    for chart in charts:
        assert f'id="{chart}"' in page


@pytest.mark.browser
def test_the_report_draws_every_chart_in_a_browser(home: Home, page: Any) -> None:
    faults: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((home.data / "reports" / "on_gbm.html").as_uri())
    page.locator("html[data-drawn='5']").wait_for(timeout=30_000, state="attached")
    assert page.locator(".js-plotly-plot").count() == 5
    assert not faults
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.slow
def test_a_fresh_run_of_all_steps_reuses_every_part_and_changes_no_result(home: Home) -> None:
    parts = sorted((home.data / "simulations").rglob("*.parquet"))
    assert parts
    before = {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts}
    done = home.mc("run", "--fresh", "--json")
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    assert numbers["study on_gbm"]["reused"] == numbers["study on_gbm"]["row_count"] == 40
    assert {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts} == before


BROKEN_STUDIES = {
    "a misspelt key": ("strategy:", "stratgy:", ["stratgy"]),
    "an unknown model": ("model: gbm", "model: gmb", ["source.model", "gmb", "gbm"]),
    "an empty parameter list": ("fast: [3, 5]", "fast: []", ["strategy.parameters.fast", "empty"]),
    "a missing seed file": ("seeds: {count: 20, start: 7}", "seeds: stage_9", ["stage_9"]),
    "an unknown strategy": ("name: sma_crossover", "name: sma", ["strategy.name", "sma_crossover"]),
}


@pytest.mark.parametrize(
    "fault",
    [
        "a misspelt key",
        *(
            pytest.param(fault, marks=pytest.mark.slow)
            for fault in sorted(BROKEN_STUDIES)
            if fault != "a misspelt key"
        ),
    ],
)
def test_a_broken_study_is_one_clear_message_and_exit_code_2(home: Home, fault: str) -> None:
    good = (home.studies / "on_gbm.yaml").read_text()
    old, new, words = BROKEN_STUDIES[fault]
    assert old in good
    path = home.root / "broken.yaml"
    path.write_text(good.replace(old, new))
    before = sorted((home.data / "results").rglob("*"))
    done = home.mc("run", str(path))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in [*words, "broken.yaml", "found", "allowed"]:
        assert word in done.stderr, done.stderr
    assert sorted((home.data / "results").rglob("*")) == before


def test_a_broken_study_in_the_folder_stops_the_pipeline_with_the_same_message(home: Home) -> None:
    path = home.studies / "broken.yaml"
    good = (home.studies / "on_gbm.yaml").read_text()
    path.write_text(good.replace("name: on_gbm", "name: broken").replace("strategy:", "stratgy:"))
    try:
        done = home.mc("run")
    finally:
        path.unlink()
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in ("broken.yaml", "stratgy", "found", "allowed"):
        assert word in done.stderr, done.stderr


@pytest.mark.slow
def test_a_text_cell_in_a_price_column_is_one_clear_message_and_loses_nothing(home: Home) -> None:
    sample = home.root / "sample" / "SP500.csv"
    good = sample.read_text()
    lines = good.splitlines(keepends=True)
    row = next(i for i, line in enumerate(lines) if line.startswith("2017-06-"))
    cells = lines[row].split(",")
    sample.write_text(
        "".join([*lines[:row], ",".join([cells[0], "n.a. today", *cells[2:]]), *lines[row + 1 :]])
    )
    before = {p: p.read_bytes() for p in (home.data / "results").rglob("*.parquet")}
    try:
        done = home.mc("run")
    finally:
        sample.write_text(good)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in ("SP500.csv", "Open", "n.a. today", "found", "allowed", f"line {row + 1}"):
        assert word in done.stderr, done.stderr
    assert {p: p.read_bytes() for p in (home.data / "results").rglob("*.parquet")} == before
    # The mended file brings the bar back.
    assert home.mc("ingest").returncode == 0


def test_a_question_that_sql_cannot_answer_is_exit_code_2(home: Home) -> None:
    done = home.mc("sql", "SELECT nothing FROM statistics")
    assert done.returncode == 2
    assert "nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_report_command_names_the_page_it_wrote(home: Home) -> None:
    done = home.mc("report", "on_gbm", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["report"]).is_file()


def test_a_report_of_an_unknown_study_names_those_that_have_results(home: Home) -> None:
    done = home.mc("report", "nothing_here")
    assert done.returncode == 2
    assert "nothing_here" in done.stderr
    assert "on_gbm" in done.stderr


def test_calibrate_prints_estimates_with_errors_as_of_a_date(home: Home) -> None:
    done = home.mc("calibrate", "SP500@1d", "--as-of", "2017-06-30", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    sigma = next(r for r in rows if r["model"] == "gbm" and r["parameter"] == "sigma")
    assert sigma["as_of"] == "2017-06-30"
    assert sigma["std_error"] > 0
    assert '"last_bar": "2017-06-30"' in sigma["diagnostics"]


@pytest.mark.slow
def test_a_nightly_study_sees_no_bar_after_its_date(home: Home, tmp_path: Path) -> None:
    sample = home.root / "sample" / "SP500.csv"
    # Tomorrow's crash: every later bar is a tenth of what it was.
    crash = tmp_path / "crash.csv"
    crash.write_text(
        "".join(
            ",".join([line.split(",")[0], *(["100.0"] * 5), "1\n"])
            if "2017-07" <= line[:7] < "2019"
            else line
            for line in sample.read_text().splitlines(keepends=True)
        )
    )
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    good = sample.read_text()
    home.dagster(lambda: _night(home.data, before))
    try:
        sample.write_text(crash.read_text())
        assert home.mc("ingest").returncode == 0
        home.dagster(lambda: _night(home.data, after))
    finally:
        sample.write_text(good)
        assert home.mc("ingest").returncode == 0
    estimates = ["statistic", "parameter_set", "estimate", "std_error"]
    for study in ("on_gbm", "on_bootstrap"):
        one, other = (pl.read_parquet(folder / f"{study}.parquet") for folder in (before, after))
        assert one.select(estimates).equals(other.select(estimates))


def _night(data: Path, kept: Path) -> None:
    """Calibrate and run the nightly studies as of a date; move what they stored to a folder."""
    from mc_assets.definitions import defs
    from mc_assets.offered_periods import offer_periods
    from mc_assets.offered_studies import offer_studies
    from mc_assets.project import Project

    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        offer_periods(instance, Project.from_environment())
        offer_studies(instance, Project.from_environment())
        for asset, key in (
            ("calibrations", "2017|SP500@1d"),
            ("nightly_simulations", "2017|on_gbm"),
            ("nightly_simulations", "2017|on_bootstrap"),
        ):
            job.execute_in_process(
                instance=instance,
                partition_key=key,
                asset_selection=[dg.AssetKey(asset)],
                run_config={"ops": {asset: {"config": {"dates": ["2017-06-30"]}}}},
            )
    files = sorted((data / "nightly_statistics").rglob("2017-06-30.parquet"))
    assert len(files) == 2
    for file in files:
        file.rename(kept / f"{file.parent.name}.parquet")
