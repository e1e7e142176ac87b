"""Columns that a provider sends beside prices, from its table to the strategies of a study."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refusal
from engine.studies import load_study
from mc_assets.market_data import BarStore, due_years, ingest_raw, load_series, normalise_year
from mc_assets.market_data.config import MarketDataConfig
from mc_assets.project import Project
from mc_assets.providers import MarketDataError, get_provider, provider_names
from mc_assets.stored_market_data import StoredMarketData

DAYS = ["2019-12-30", "2019-12-31", "2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]
INTEREST = [10.0, 11.0, 12.5, 13.0, None, 15.0]
STUDY = """
name: on_interest
source:
  {model: bootstrap, symbol: X, columns: %s, steps: 20, warm_up: 0, options: {block_length: 2}}
strategy: {name: follows_interest, file: follows.py}
seeds: {count: 5}
"""
STRATEGY = """
from engine.strategies import SMA, Strategy


class FollowsInterest(Strategy):
    name = "follows_interest"
    smooth = SMA(2, field="oi")

    def on_bar(self, bar, order):
        order.target_percent(1.0 if bar.oi > 11.0 and self.smooth > 0.0 else 0.0)
"""


def table(interest: list[object]) -> str:
    lines = ["Date,Open,High,Low,Close,Volume,VWAP,Open Interest"]
    for number, (day, value) in enumerate(zip(DAYS, interest, strict=True)):
        price = 100 + number
        cell = "" if value is None else value
        lines.append(f"{day},{price},{price + 2},{price - 2},{price + 1},1000,{price}.5,{cell}")
    return "\n".join(lines) + "\n"


def stored(
    folder: Path, columns: str = "{oi: Open Interest}", interest: list[object] | None = None
) -> tuple[MarketDataConfig, Project]:
    """A project whose series keeps these columns of a provider's table."""
    folder.mkdir(exist_ok=True)
    (folder / "X.csv").write_text(table(list(INTEREST) if interest is None else interest))
    kept = f" columns: {columns}," if columns else ""
    (folder / "series.yaml").write_text(
        "series:\n  - {symbols: [X], provider: csv, start: 2019-12-30, end: 2020-01-07,"
        f"{kept} overlap: 0, options: {{path: '{{symbol}}.csv'}}}}\n"
    )
    config = load_series(folder / "series.yaml")
    for year in (2019, 2020):
        ingest_raw(config, "X@1d", year, folder / "data")
        normalise_year(config, "X@1d", year, folder / "data")
    project = dataclasses.replace(
        Project.from_environment(), data=folder / "data", series=folder / "series.yaml"
    )
    return config, project


def test_a_column_that_the_series_keeps_is_stored_and_carried(tmp_path: Path) -> None:
    _, project = stored(tmp_path)
    bars = StoredMarketData(project).bars("X", "1d", columns=["oi", "vwap"])
    assert bars.fields == ("open", "high", "low", "close", "volume", "oi", "vwap")
    expected = np.array([np.nan if value is None else value for value in INTEREST])
    assert np.array_equal(bars.columns["oi"], expected, equal_nan=True)
    assert bars.columns["vwap"].tolist() == [100.5 + number for number in range(6)]
    assert StoredMarketData(project).bars("X", "1d").columns == {}


def test_a_study_names_the_columns_that_its_bars_carry(tmp_path: Path) -> None:
    _, project = stored(tmp_path)
    (tmp_path / "follows.py").write_text(STRATEGY)
    (tmp_path / "mood.csv").write_text("date,mood\n2020-01-02,0.5\n")
    (tmp_path / "study.yaml").write_text(STUDY % "[oi, mood.csv]")
    job = load_study(tmp_path / "study.yaml").resolve(StoredMarketData(project))
    assert job.world.source.states == ("oi", "mood")
    results = load_study(tmp_path / "study.yaml").run(market_data=StoredMarketData(project))
    assert results.frame["status"].to_list() == ["ok"] * 5
    drawn = results.simulation(2).bars["oi"].to_list()
    assert set(drawn) <= {None, *INTEREST} or np.isnan([v for v in drawn if v is not None]).any()


def test_a_column_that_is_not_stored_is_refused_with_the_way_to_get_it(tmp_path: Path) -> None:
    _, project = stored(tmp_path, columns="")
    with pytest.raises(Refusal) as refusal:
        StoredMarketData(project).bars("X", "1d", columns=["oi"])
    said = str(refusal.value)
    assert said.startswith(
        "columns: found oi, which X@1d does not store, allowed vwap, trade_count; "
    )
    assert "`columns: [...]` of the series in the series file keeps further ones" in said
    assert "`mc ingest X@1d` stores them" in said
    (tmp_path / "follows.py").write_text(STRATEGY)
    (tmp_path / "study.yaml").write_text(STUDY % "oi")
    with pytest.raises(
        Refusal, match=r"study\.yaml: source\.columns: found oi, which X@1d does not st"
    ):
        load_study(tmp_path / "study.yaml").resolve(StoredMarketData(project))


def test_a_column_kept_later_is_read_from_the_raw_copy_and_other_values_are_another_history(
    tmp_path: Path,
) -> None:
    _, before = stored(tmp_path, columns="")
    plain = StoredMarketData(before).bars("X", "1d")
    _, project = stored(tmp_path)
    again = StoredMarketData(project).bars("X", "1d", columns=["oi"])
    assert again.columns["oi"][0] == 10.0
    assert again.history_hash != plain.history_hash
    other = stored(tmp_path / "other", interest=[1.0, *INTEREST[1:]])[1]
    changed = StoredMarketData(other).bars("X", "1d", columns=["oi"])
    assert changed.history_hash != again.history_hash
    assert BarStore(project.data).read("X", "1d").columns[-1] == "oi"


def test_years_stored_before_a_column_was_kept_have_none_of_it(tmp_path: Path) -> None:
    stored(tmp_path, columns="")
    (tmp_path / "series.yaml").write_text(
        (tmp_path / "series.yaml")
        .read_text()
        .replace("provider: csv,", "provider: csv, columns: {oi: Open Interest},")
    )
    config = load_series(tmp_path / "series.yaml")
    normalise_year(config, "X@1d", 2020, tmp_path / "data")
    project = dataclasses.replace(
        Project.from_environment(), data=tmp_path / "data", series=tmp_path / "series.yaml"
    )
    found = StoredMarketData(project).bars("X", "1d", columns=["oi"]).columns["oi"]
    assert np.isnan(found[:2]).all()
    assert found[2] == 12.5


def test_text_in_such_a_column_is_quarantined_as_in_a_price(tmp_path: Path) -> None:
    _, project = stored(tmp_path, interest=["ten", *INTEREST[1:]])
    bars = StoredMarketData(project).bars("X", "1d", columns=["oi"])
    assert len(bars) == 5
    rows = BarStore(project.data).quarantine("X", "1d")
    assert rows["reason"].to_list() == ["text_cell"]


def test_a_column_that_the_provider_does_not_send_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError) as found:
        stored(tmp_path, columns="[sentiment]")
    said = str(found.value)
    assert said.startswith("csv X@1d: columns: found no 'sentiment', allowed Date, Open, High, Low")
    assert "Open Interest" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["close", "hour", "Open Interest", "symbol", "2nd"])
def test_a_name_that_is_taken_or_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        MarketDataError, match=r"columns.*found .*, allowed small letters, digits and _"
    ):
        stored(
            tmp_path,
            columns=f"{{{name}: Open Interest}}" if name != "2nd" else "{2nd: Open Interest}",
        )


def test_years_of_a_server_that_lack_a_column_are_due_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, columns="")
    text = (tmp_path / "series.yaml").read_text()
    for provider in provider_names():
        kind = get_provider(provider)
        networked = dataclasses.replace(kind.capabilities, network=True)
        monkeypatch.setattr(kind, "capabilities", networked)
    now = datetime(2021, 6, 1, tzinfo=UTC)
    config = load_series(tmp_path / "series.yaml")
    assert due_years(config, "X@1d", tmp_path / "data", now) == [2020]
    kept = text.replace("provider: csv,", "provider: csv, columns: {oi: Open Interest},")
    (tmp_path / "series.yaml").write_text(kept)
    config = load_series(tmp_path / "series.yaml")
    assert due_years(config, "X@1d", tmp_path / "data", now) == [2019, 2020]
