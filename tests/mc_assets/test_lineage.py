"""A result, its calibration and its bars carry the same hashes."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from engine.bars import Bars
from engine.calibration import Calibration, calibrate, try_calibrate
from engine.jobs.lineage import Lineage
from engine.sources import Bootstrap
from engine.studies import Study
from mc_assets.answers.json_values import plain
from mc_assets.answers.lineage import study_lineage
from mc_assets.answers.runs import run_study
from mc_assets.answers.tables import ask_tables
from mc_assets.calibration_store import CalibrationStore
from mc_assets.cli import app
from mc_assets.market_data import BarStore, ingest_raw, load_series, normalise_year
from mc_assets.market_data.history import history_hashes
from mc_assets.project import Project
from mc_assets.stored_market_data import StoredMarketData

YEARS = (2019, 2020, 2021)
STUDIES = {
    "calibrated": "{model: gbm, symbol: X, calibration: 2020-06-30, steps: 20}",
    "resampled": "{model: bootstrap, symbol: X, options: {block_length: 5}, steps: 20}",
    "given": "{model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 20}",
}


def prices(last: float = 0.0) -> str:
    """Daily bars of three years, the last close moved by `last`."""
    day, lines = datetime.date(2019, 1, 2), ["Date,Open,High,Low,Close,Volume"]
    while day <= datetime.date(2021, 3, 31):
        if day.weekday() < 5:
            close = 100 + (len(lines) * 37 % 11) / 4
            lines.append(f"{day},{close},{close + 5},{close - 5},{close},1000")
        day += datetime.timedelta(days=1)
    fields = lines[-1].split(",")
    fields[4] = str(float(fields[4]) + last)
    return "\n".join([*lines[:-1], ",".join(fields)]) + "\n"


def ingest(project: Project, text: str) -> None:
    (project.series.parent / "X.csv").write_text(text)
    config = load_series(project.series)
    for year in YEARS:
        ingest_raw(config, "X@1d", year, project.data, refetch=True)
        normalise_year(config, "X@1d", year, project.data)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with bars of three years, a calibration and three studies that have run."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "series.yaml").write_text(
        "series:\n  - {symbols: [X], provider: csv, start: 2019-01-02,"
        " end: 2021-03-31, options: {path: X.csv}}\n"
    )
    (folder / "studies").mkdir()
    for name, source in STUDIES.items():
        (folder / "studies" / f"{name}.yaml").write_text(
            f"name: {name}\nsource: {source}\nstrategy: {{name: buy_and_hold}}\nseeds: 3\n"
        )
    with pytest.MonkeyPatch.context() as patch:
        project = _in(folder, patch)
        ingest(project, prices())
        bars = StoredMarketData(project).bars("X", "1d")
        found = calibrate("gbm", bars, as_of=datetime.date(2020, 6, 30))
        CalibrationStore(project.data).write([found])
        for name in STUDIES:
            run_study(project, name)
    return folder


def _in(folder: Path, patch: pytest.MonkeyPatch) -> Project:
    for variable, place in (("DATA", "data"), ("STUDIES", "studies"), ("SERIES", "series.yaml")):
        patch.setenv(f"MC_{variable}", str(folder / place))
    return Project.from_environment()


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same project at another place, which a test may change."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return _in(tmp_path, monkeypatch)


def test_the_hash_through_a_year_depends_on_no_later_bar(home: Project) -> None:
    store = BarStore(home.data)
    before = history_hashes(store, "X", "1d")
    assert list(before) == list(YEARS)
    assert len(set(before.values())) == 3
    ingest(home, prices(last=1.0))
    after = history_hashes(store, "X", "1d")
    assert [before[year] == after[year] for year in YEARS] == [True, True, False]


def test_a_row_leads_to_its_calibration_and_its_bars_in_sql(home: Project) -> None:
    query = """
        SELECT DISTINCT s.study, l.model, c.parameter, b.year, b.rows
        FROM simulations s
        JOIN lineage l USING (study, world)
        JOIN calibrations c ON c.calibration_hash = l.calibration_hash
        JOIN bars_history b ON b.history_hash = c.history_hash AND b.history_hash = l.history_hash
        ORDER BY c.parameter
    """
    rows = ask_tables(home, query).rows()
    assert rows == [("calibrated", "gbm", name, 2020, 262) for name in ("mu", "sigma")]
    table = ask_tables(home, "SELECT * FROM lineage")
    assert table["study"].to_list() == ["calibrated", "given", "resampled"]
    assert table["symbol"].to_list() == ["X", None, "X"]
    assert table["model"].to_list() == ["gbm", None, None]


def test_the_tables_have_the_hashes_that_the_store_has(home: Project) -> None:
    stored = BarStore(home.data).manifest().sort("year")
    table = ask_tables(home, "SELECT * FROM bars_history ORDER BY year")
    assert table["data_hash"].to_list() == stored["hash"].to_list()
    hashes = history_hashes(BarStore(home.data), "X", "1d")
    assert dict(zip(table["year"], table["history_hash"], strict=True)) == hashes


def test_a_study_says_what_it_was_made_of_and_what_has_changed_since(home: Project) -> None:
    hashes = history_hashes(BarStore(home.data), "X", "1d")
    calibrated = study_lineage(home, "calibrated")
    rows = ask_tables(home, "SELECT DISTINCT world FROM simulations WHERE study = 'calibrated'")
    assert rows["world"].to_list() == [calibrated.world]
    (bars,) = calibrated.bars
    assert (bars.made_of.history_hash, bars.stored_through) == (hashes[2020], 2020)
    assert bars.made_of.last_bar == "2020-06-30T13:30:00Z"
    assert calibrated.calibration is not None
    assert calibrated.calibration.stored
    assert calibrated.calibration.made_of.history_hash == hashes[2020]
    (resampled,) = study_lineage(home, "resampled").bars
    assert (resampled.made_of.history_hash, resampled.stored_through) == (hashes[2021], 2021)
    source = StoredMarketData(home).bars("X", "1d")
    assert resampled.made_of.data_hash == source.data_hash
    assert study_lineage(home, "given").bars == ()
    ingest(home, prices(last=1.0))
    assert study_lineage(home, "calibrated").bars[0].stored_through == 2020
    assert study_lineage(home, "resampled").bars[0].stored_through is None
    found = CalibrationStore(home.data).find("X", "1d", "gbm", "latest")
    other = {**vars(found), "parameters": {**found.parameters, "mu": 0.5}}
    CalibrationStore(home.data).write([Calibration(**other)])
    again = study_lineage(home, "calibrated").calibration
    assert again is not None
    assert not again.stored


def test_the_command_prints_the_lineage(home: Project) -> None:
    def ask(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["show", *arguments, "--lineage"])
        assert result.exit_code == 0, result.exception
        return result.stdout

    text = ask("calibrated")
    hashes = history_hashes(BarStore(home.data), "X", "1d")
    assert f"X@1d to 2020-06-30T13:30:00Z, history {hashes[2020]} (stored through 2020)" in text
    assert "gbm of X@1d as of 2020-06-30, " in text
    assert "every parameter stands in the study" in ask("given")
    assert json.loads(ask("calibrated", "--json")) == plain(study_lineage(home, "calibrated"))


def bars_of(count: int, **hashes: Any) -> Bars:
    frame = pl.read_csv(prices().encode()).head(count)
    stamps = pl.col("Date").str.to_datetime(time_zone="UTC", time_unit="us").alias("timestamp")
    named = {name.title(): name for name in ("open", "high", "low", "close", "volume")}
    return Bars.from_frame(frame.with_columns(stamps).rename(named), symbol="X", **hashes)


def test_bars_from_elsewhere_are_known_by_their_own_hash() -> None:
    bars = bars_of(300)
    assert bars.history_hash == bars.data_hash
    found = calibrate("gbm", bars, as_of=datetime.date(2019, 12, 31))
    assert found.history_hash == bars.up_to(1_577_836_799_999_999).data_hash
    study = Study("own", Bootstrap(bars, block_length=5), "buy_and_hold", seeds=2, steps=10)
    (entry,) = study.run().summary.lineage.bars
    assert (entry.symbol, entry.history_hash) == ("X", bars.data_hash)


@pytest.mark.parametrize(("count", "expected"), [(10, "a"), (300, "b"), (500, "b")])
def test_a_part_of_stored_bars_has_the_hash_through_its_last_year(
    count: int, expected: str
) -> None:
    bars = bars_of(550, history_hashes={2019: "a", 2020: "b"})
    assert bars[:count].history_hash == expected
    assert bars_of(10, history_hashes={2021: "c"}).history_hash == bars_of(10).data_hash


def test_a_calibration_keeps_its_hash_through_the_store_and_changes_it_with_any_number(
    tmp_path: Path,
) -> None:
    bars = bars_of(300, history_hashes={2019: "a", 2020: "b"})
    store = CalibrationStore(tmp_path)
    for made in (calibrate("gbm", bars), try_calibrate("gbm", bars[:2])):
        store.write([made])
        (found,) = store.on("X", "1d", made.as_of)
        assert found.calibration_hash == made.calibration_hash
        assert found.history_hash == made.history_hash
    longer = Calibration(**{**vars(made), "history_hash": "other"})
    assert longer.calibration_hash == made.calibration_hash
    moved = Calibration(**{**vars(made), "n": made.n + 1})
    assert moved.calibration_hash != made.calibration_hash


def test_lineage_is_read_back_as_it_was_written(home: Project) -> None:
    for name in STUDIES:
        (file,) = (home.data / "results" / name).glob("*/study.json")
        content = json.loads(file.read_text())["lineage"]
        lineage = Lineage.from_json(content)
        assert plain(lineage) == content
