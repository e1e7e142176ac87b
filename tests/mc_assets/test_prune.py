"""`mc prune`: what no study names goes, what one names stays, and the ledger stays."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import engine
from engine.errors import Refusal
from engine.jobs.ledger import read_trials
from engine.results import find_unused
from mc_assets.cli import app
from mc_assets.market_data.raw_store import RawStore
from mc_assets.market_data.revisions import live_rows
from mc_assets.providers import RawTable

STUDY = """
name: {name}
source: {{model: gbm, parameters: {{mu: 0.05, sigma: 0.2}}, steps: 40}}
strategy: {{name: sma_crossover, parameters: {{fast: {fast}, slow: 20}}}}
seeds: {{count: 30}}
"""

Run = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies").mkdir()
    for name, fast in (("one", "[3, 5]"), ("two", "[5, 7]")):
        text = STUDY.format(name=name, fast=fast)
        (tmp_path / "studies" / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path / "studies"))
    return tmp_path


@pytest.fixture
def mc(folder: Path) -> Run:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout

    return run


def rows(folder: Path, study: str) -> pl.DataFrame:
    return engine.load_results(folder / "data", study).frame


def test_what_a_study_names_stays(mc: Run, folder: Path) -> None:
    mc("run", "one")
    mc("run", "two")
    before = rows(folder, "one"), rows(folder, "two")
    text = mc("prune", "--yes")
    assert text == "0 simulations in 0 parts and 0 earlier requests, 0.0 MB, removed\n"
    assert rows(folder, "one").equals(before[0])
    assert rows(folder, "two").equals(before[1])


def test_a_study_goes_with_its_statistics_and_with_what_is_damaged(mc: Run, folder: Path) -> None:
    mc("run", "one")
    mc("sql", "SELECT 1")  # publishes, and writes the statistics that were missing
    part = next((folder / "data" / "simulations").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    (folder / "studies" / "one.yaml").unlink()
    mc("prune", "one", "--yes")
    assert not [*(folder / "data").glob("*/one.parquet")]
    assert not part.exists()
    assert json.loads(mc("verify", "--json"))["damaged"] == []
    count = mc("sql", "SELECT count(*) AS n FROM statistics", "--json")
    assert json.loads(count) == [{"n": 0}]


def test_a_dry_run_is_what_happens_unless_it_is_confirmed(mc: Run, folder: Path) -> None:
    mc("run", "one")
    before = {path for path in (folder / "data" / "simulations").rglob("*") if path.is_file()}
    for asked in ((), ("--dry-run",)):
        text = mc("prune", "one", *asked, "--older-than", "0")
        assert text.startswith("results of one would be removed\n")
        assert "0 runs of more than 0 days ago made nothing that is shown now" in text
        assert text.endswith("`mc prune one --older-than 0 --yes` removes them\n")
    after = {path for path in (folder / "data" / "simulations").rglob("*") if path.is_file()}
    assert after == before


def test_a_removed_study_leaves_the_cells_that_another_names(mc: Run, folder: Path) -> None:
    mc("run", "one")
    mc("run", "two")
    two = rows(folder, "two")
    parts = list((folder / "data" / "manifests").rglob("part-*.json"))
    text = mc("prune", "two")
    assert text.startswith("results of two would be removed\n30 simulations in 16 parts")
    assert "`mc prune two --yes` removes them" in text
    assert rows(folder, "two").equals(two)
    found = json.loads(mc("prune", "one", "--yes", "--json"))
    # Parts of the first study hold a set that the second names, so they stay whole.
    assert (found["removed"], found["study"], found["parts"]) == (True, "one", 0)
    assert rows(folder, "two").equals(two)
    found = json.loads(mc("prune", "two", "--yes", "--json"))
    assert found["parts"] == len(parts)
    assert found["bytes"] > 0
    for table in ("manifests", "simulations"):
        assert not list((folder / "data" / table).rglob("part-*"))
    assert len(read_trials(folder / "data")) == 3
    assert "results of one" not in mc("run", "one")
    assert len(rows(folder, "one")) == 60


def test_earlier_requests_and_their_cells_go(mc: Run, folder: Path) -> None:
    mc("run", "one")
    mc("run", "one", "--set", "source.steps=41")
    assert len([p for p in (folder / "data/results/one").iterdir() if p.is_dir()]) == 2
    now = rows(folder, "one")
    found = json.loads(mc("prune", "--yes", "--json"))
    assert (found["simulations"], found["requests"]) == (60, 1)
    assert rows(folder, "one").equals(now)


def test_tables_without_a_manifest_go_once_nobody_can_be_writing_them(
    mc: Run, folder: Path
) -> None:
    mc("run", "one")
    manifests = sorted((folder / "data" / "manifests").rglob("part-*.json"))
    manifests[0].unlink()
    table = next((folder / "data" / "simulations").rglob(f"{manifests[0].stem}.parquet"))
    mc("prune", "--yes")
    assert table.exists()
    hours_ago = time.time() - 7200
    os.utime(table, (hours_ago, hours_ago))
    mc("prune", "--yes")
    assert not table.exists()


def test_a_study_that_cannot_be_read_stops_everything(mc: Run, folder: Path) -> None:
    mc("run", "one")
    mc("run", "two")
    for path in (folder / "data/results/two").rglob("sets.parquet"):
        path.unlink()
    before = sorted((folder / "data").rglob("part-*"))
    with pytest.raises(Refusal, match="two has lost what it asks for") as found:
        find_unused(folder / "data")
    assert "`mc prune two` removes it" in str(found.value)
    assert CliRunner().invoke(app, ["prune", "--yes"]).exception is not None
    assert sorted((folder / "data").rglob("part-*")) == before
    mc("prune", "two", "--yes")
    assert len(rows(folder, "one")) == 60


def test_an_unknown_study_is_one_sentence(mc: Run) -> None:
    mc("run", "one")
    result = CliRunner().invoke(app, ["prune", "three"])
    assert "study: found no results of 'three', allowed one" in str(result.exception)


def test_replaced_raw_rows_of_long_ago_go_and_those_that_bars_are_made_of_stay(
    mc: Run, folder: Path
) -> None:
    store = RawStore(folder / "data")
    for year in (2019, 2020):
        for closes in ([1.0, 2.0, 3.0], [1.0, 2.5, 3.0]):
            rows = pl.DataFrame({"t": [10, 20, 30], "c": closes})
            raw = RawTable("BTC/USD", "1d", rows, "desk")
            keys = rows["t"].cast(pl.String)
            store.append(raw, year, keys, (0, 40), complete=True)
    old = store.path("BTC/USD", "1d", 2019)
    damaged = old.with_name("2018.parquet.damaged")
    damaged.write_bytes(b"half a year")
    for path in (old, damaged):
        os.utime(path, (time.time() - 40 * 86_400,) * 2)
    before = live(store, 2019), live(store, 2020)
    assert "1 replaced raw rows and 1 damaged years are what" in mc(
        "prune", "--raw-older-than", "30"
    )
    assert damaged.exists()
    text = mc("prune", "--raw-older-than", "30", "--yes")
    assert "1 replaced raw rows and 1 damaged years forgotten" in text
    assert not damaged.exists()
    assert (live(store, 2019), live(store, 2020)) == before
    assert [store.replaced("BTC/USD", "1d", year) for year in (2019, 2020)] == [0, 1]
    assert not store.damages("BTC/USD", "1d")
    assert "0 replaced raw rows" in mc("prune", "--raw-older-than", "30", "--yes")


def live(store: RawStore, year: int) -> list[dict[str, object]]:
    tables = store.read("BTC/USD", "1d", year)
    return [row for table in tables for row in live_rows(table).frame.select("t", "c").to_dicts()]
