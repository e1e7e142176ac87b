"""Bars of a series with splits and dividends, as calibrations and studies see them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.calibration import calibrate
from mc_assets.market_data import ingest_raw, load_series, normalise_year
from mc_assets.project import Project
from mc_assets.stored_market_data import StoredMarketData

CHECKOUT = Path(__file__).parents[2]
# Last sessions before a share became two, a dividend of a tenth, and a share became three.
SPLIT, DIVIDEND, LATER = date(2014, 6, 6), date(2015, 3, 6), date(2015, 9, 4)
FACTORS = f"""date,price_factor,split_factor
{SPLIT},0.9,0.5
{DIVIDEND},0.9,1
"""
LATER_FACTORS = f"""date,price_factor,split_factor
{SPLIT},0.9,0.16666666666666666
{DIVIDEND},0.9,0.3333333333333333
{LATER},1,0.3333333333333333
"""


@pytest.fixture
def sessions() -> pl.Series:
    days = pl.read_csv(CHECKOUT / "data/sample/SP500.csv", try_parse_dates=True)["Date"]
    return days.filter(days.is_between(date(2014, 1, 2), date(2015, 12, 31)))


def stored(
    folder: Path, sessions: pl.Series, last: date, factors: str, patch: pytest.MonkeyPatch
) -> StoredMarketData:
    """A project whose only series is raw, up to a day."""
    folder.mkdir()
    worth = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(504)))
    days = sessions.to_numpy()
    shares = np.where(days > np.datetime64(SPLIT), 2.0, 1.0)
    shares *= np.where(days > np.datetime64(DIVIDEND), 1.0 / 0.9, 1.0)
    shares *= np.where(days > np.datetime64(LATER), 3.0, 1.0)
    close = worth / shares
    frame = pl.DataFrame({"date": sessions, "close": close, "volume": 1.0})
    frame = frame.with_columns(open=close, high=close, low=close).filter(pl.col("date") <= last)
    frame.write_csv(folder / "A.csv")
    (folder / "factors.csv").write_text(factors)
    (folder / "series.yaml").write_text(
        "series:\n  - {symbol: A, provider: csv, start: 2014-01-02, end: 2015-12-31, "
        "factors: factors.csv, options: {path: A.csv}}\n"
    )
    patch.setenv("MC_DATA", str(folder / "data"))
    patch.setenv("MC_SERIES", str(folder / "series.yaml"))
    config = load_series(folder / "series.yaml")
    for year in (2014, 2015):
        ingest_raw(config, "A@1d", year, folder / "data")
        normalise_year(config, "A@1d", year, folder / "data")
    return StoredMarketData(Project.from_environment())


def estimated(market_data: StoredMarketData, days: list[date]) -> dict[date, dict[str, float]]:
    found = {}
    for bars, together in market_data.bars_as_of("A", "1d", days):
        for day in together:
            gbm = calibrate("gbm", bars, as_of=day)
            reversion = calibrate("schwartz_1f", bars, as_of=day)
            found[day] = gbm.parameters | reversion.parameters | reversion.start_state
    return found


def test_splits_and_dividends_are_no_returns(
    tmp_path: Path, sessions: pl.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = stored(tmp_path / "a", sessions, date(2015, 12, 31), LATER_FACTORS, monkeypatch)
    bars = project.bars("A", "1d")
    returns = np.diff(np.log(bars.close))
    assert np.abs(returns).max() < 0.05
    raw = pl.read_csv(tmp_path / "a/A.csv")["close"]
    assert bars.close[-1] == pytest.approx(raw[-1])
    assert calibrate("gbm", bars).parameters["sigma"] == pytest.approx(0.16, abs=0.01)
    early = StoredMarketData(Project.from_environment(), as_of=date(2015, 1, 2)).bars("A", "1d")
    assert early.close[-1] == pytest.approx(raw[len(early) - 1])


def test_a_later_split_changes_no_estimate_as_of_a_day_before_it(
    tmp_path: Path, sessions: pl.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2014, 6, 6), date(2014, 6, 9), date(2015, 3, 6), date(2015, 5, 1), LATER]
    before = stored(tmp_path / "before", sessions, LATER, FACTORS, monkeypatch)
    known = estimated(before, days)
    after = stored(tmp_path / "after", sessions, date(2015, 12, 31), LATER_FACTORS, monkeypatch)
    again = estimated(after, [*days, date(2015, 12, 31)])
    raw = pl.read_csv(tmp_path / "after/A.csv", try_parse_dates=True)
    for day in days:
        assert again[day] == pytest.approx(known[day], rel=1e-9)
        # What a simulation starts from is the price that was traded on the day.
        assert known[day]["spot"] == pytest.approx(raw.filter(raw["date"] == day)["close"][0])


def test_prices_without_their_splits_say_what_is_paid(
    tmp_path: Path, sessions: pl.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = stored(tmp_path / "a", sessions, date(2015, 12, 31), LATER_FACTORS, monkeypatch)
    bars = project.paid_bars("A", "1d", "split")
    days = bars.timestamps.astype("datetime64[us]").astype("datetime64[D]")
    paid = bars.columns["dividend_yield"]
    place = np.flatnonzero(paid)
    assert [days[place - 1].item(0), paid[place[0]]] == [DIVIDEND, pytest.approx(0.1)]
    assert len(place) == 1
    returns = bars.close[1:] / bars.close[:-1] - 1.0
    assert returns[place[0] - 1] == pytest.approx(-0.1, abs=0.04)
    # What is paid makes up for the fall: the return of who holds is that of adjusted prices.
    adjusted = project.bars("A", "1d").close
    assert returns + paid[1:] == pytest.approx(adjusted[1:] / adjusted[:-1] - 1.0, abs=4e-3)


def test_raw_prices_are_refused_over_a_split_and_are_as_traded_without_one(
    tmp_path: Path, sessions: pl.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = stored(tmp_path / "a", sessions, date(2015, 12, 31), LATER_FACTORS, monkeypatch)
    with pytest.raises(ValueError, match="'raw' of A@1d, which was split on 2014-06-09"):
        project.paid_bars("A", "1d", "raw")
    alone = f"date,price_factor,split_factor\n{DIVIDEND},0.9,1\n"
    raw = stored(tmp_path / "b", sessions, date(2015, 12, 31), alone, monkeypatch)
    bars = raw.paid_bars("A", "1d", "raw")
    assert bars.close.tolist() == pl.read_csv(tmp_path / "b/A.csv")["close"].to_list()
    assert np.count_nonzero(bars.columns["dividend_yield"]) == 1


def test_a_series_without_factors_does_not_know_what_is_paid(
    tmp_path: Path, sessions: pl.Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = stored(tmp_path / "a", sessions, date(2015, 12, 31), FACTORS, monkeypatch)
    series = tmp_path / "a/series.yaml"
    series.write_text(series.read_text().replace("factors: factors.csv, ", ""))
    project = StoredMarketData(Project.from_environment())
    with pytest.raises(ValueError, match="'split' of A@1d, whose dividends are not known"):
        project.paid_bars("A", "1d", "split")
