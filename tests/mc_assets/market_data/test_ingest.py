"""From a file to stored bars: what lands, what is quarantined, what a second run changes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.files import MEMORY
from mc_assets.market_data import (
    BarStore,
    MarketDataConfig,
    MarketDataError,
    ingest_raw,
    load_series,
    normalise_year,
    series_years,
)
from mc_assets.providers import FetchError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HEADER = "Date,Open,High,Low,Close,Volume\n"
GOOD = (
    "2020-01-02,100,101,99,100.5,1000\n"
    "2020-01-03,100.5,102,100,101.5,1100\n"
    "2020-01-06,101.5,103,101,102.5,1200\n"
)


def write_series(folder: Path, text: str, **fields: str) -> MarketDataConfig:
    """One CSV series named X, starting in 2020, as a loaded configuration."""
    (folder / "X.csv").write_text(HEADER + text)
    entry = {"symbol": "X", "provider": "csv", "start": "2020-01-02", "end": "2020-01-07"}
    entry |= {"options": "{path: X.csv}", **fields}
    lines = "\n    ".join(f"{key}: {value}" for key, value in entry.items())
    (folder / "series.yaml").write_text(f"series:\n  - {lines}\n")
    return load_series(folder / "series.yaml")


def file_hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != MEMORY
    }


def test_the_sample_series_become_bars(tmp_path: Path) -> None:
    config = load_series()
    assert config.keys[:3] == ["SP500@1d", "NASDAQ@1d", "WTI@1d"]
    years = series_years(config, "SP500@1d")
    assert (years[0], years[-1]) == (1999, 2018)
    raw = ingest_raw(config, "SP500@1d", 1999, tmp_path, NOW)
    result = normalise_year(config, "SP500@1d", 1999, tmp_path, NOW)
    assert raw.rows == result.rows == 252
    assert result.quarantined == 0
    assert all(check.passed for check in result.checks)
    assert result.first == "1999-01-04T14:30:00Z"
    bars = BarStore(tmp_path).read("SP500", "1d")
    assert bars["close"][0] == 1228.099976
    assert bars["volume"][0] == 877000000.0


def test_a_spot_price_becomes_bars_without_range(tmp_path: Path) -> None:
    config = load_series()
    ingest_raw(config, "WTI@1d", 2018, tmp_path, NOW)
    result = normalise_year(config, "WTI@1d", 2018, tmp_path, NOW)
    bars = BarStore(tmp_path).read("WTI", "1d")
    assert (bars["open"] == bars["close"]).all()
    assert (bars["volume"] == 0.0).all()
    assert result.quarantined == 12  # US holidays of 2018 without a price
    assert result.errors == []


def test_a_text_cell_is_quarantined_and_named(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD.replace("102,100,101.5", "102,1OO,101.5"))
    ingest_raw(config, "X@1d", 2020, tmp_path / "data", NOW)
    result = normalise_year(config, "X@1d", 2020, tmp_path / "data", NOW)
    assert (result.rows, result.quarantined) == (2, 1)
    assert [error.check for error in result.errors] == ["text_cell"]
    message = "X.csv line 3, column Low: found '1OO', allowed a number"
    assert result.errors[0].message == message
    row = BarStore(tmp_path / "data").quarantine("X", "1d").row(0, named=True)
    assert row["reason"] == "text_cell"
    assert row["line"] == 3
    assert '"Low": "1OO"' in row["raw"]


def test_an_unreadable_date_stays_with_its_neighbours_year(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD.replace("2020-01-03", "soon"))
    ingest_raw(config, "X@1d", 2020, tmp_path / "data", NOW)
    result = normalise_year(config, "X@1d", 2020, tmp_path / "data", NOW)
    assert (result.rows, result.quarantined) == (2, 1)
    assert result.errors[0].message.endswith("found 'soon', allowed a date or time")


def test_twice_is_once_byte_for_byte(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD)
    root = tmp_path / "data"
    ingest_raw(config, "X@1d", 2020, root, NOW)
    normalise_year(config, "X@1d", 2020, root, NOW)
    before = file_hashes(root)
    assert not ingest_raw(config, "X@1d", 2020, root, NOW).changed
    assert not normalise_year(config, "X@1d", 2020, root, NOW).changed
    assert file_hashes(root) == before


def test_a_restated_close_wins_and_is_reported(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD)
    root = tmp_path / "data"
    ingest_raw(config, "X@1d", 2020, root, NOW)
    write_series(tmp_path, GOOD.replace("101.5,1100", "101.75,1100"))
    raw = ingest_raw(config, "X@1d", 2020, root, NOW)
    assert (raw.new, raw.restated, raw.rows) == (0, 1, 3)
    result = normalise_year(config, "X@1d", 2020, root, NOW)
    assert BarStore(root).read("X", "1d")["close"].to_list() == [100.5, 101.75, 102.5]
    restated = next(check for check in result.checks if check.check == "restated")
    assert restated.count == 1
    assert "found close 101.75 in place of 101.5" in restated.message


def test_a_row_taken_out_of_a_file_is_withdrawn_and_reported(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD)
    root = tmp_path / "data"
    ingest_raw(config, "X@1d", 2020, root, NOW)
    write_series(tmp_path, "".join(GOOD.splitlines(keepends=True)[:2]))
    ingest_raw(config, "X@1d", 2020, root, NOW)
    result = normalise_year(config, "X@1d", 2020, root, NOW)
    assert result.rows == 2
    assert next(check for check in result.checks if check.check == "withdrawn").count == 1


@pytest.mark.parametrize("end", ["2020-01-07", "null", "2999-12-31"])
def test_a_date_in_the_future_is_quarantined_until_the_file_is_mended(
    tmp_path: Path, end: str
) -> None:
    config = write_series(tmp_path, GOOD.replace("2020-01-06", "2999-01-07"), end=end)
    root, store = tmp_path / "data", BarStore(tmp_path / "data")

    def run() -> None:
        for year in [year for year in series_years(config, "X@1d", NOW) if year <= NOW.year]:
            ingest_raw(config, "X@1d", year, root, NOW)
            normalise_year(config, "X@1d", year, root, NOW)

    run()
    assert store.read("X", "1d").height == 2
    assert store.quarantine("X", "1d").select("reason", "line").rows() == [("future", 4)]
    (tmp_path / "X.csv").write_text(HEADER + GOOD)
    run()
    assert store.read("X", "1d").height == 3
    assert store.quarantine("X", "1d").is_empty()


def test_years_outside_the_configured_range_are_not_fetched(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD, end="2020-01-03")
    assert series_years(config, "X@1d") == [2020]
    assert ingest_raw(config, "X@1d", 2020, tmp_path / "data", NOW).rows == 2


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD)
    (tmp_path / "X.csv").unlink()
    with pytest.raises(FetchError, match=r"csv X: path: found .*X\.csv, which is no file"):
        ingest_raw(config, "X@1d", 2020, tmp_path / "data", NOW)


def test_normalising_what_was_never_fetched_is_one_sentence(tmp_path: Path) -> None:
    config = write_series(tmp_path, GOOD)
    with pytest.raises(MarketDataError, match="raw_bars: found nothing of X@1d in 2020"):
        normalise_year(config, "X@1d", 2020, tmp_path / "data", NOW)
