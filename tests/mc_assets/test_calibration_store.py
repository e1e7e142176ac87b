"""Calibrations on disk: replaced by key, found by date."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.calibration import Calibration, versions
from engine.files import write_whole
from engine.files.writing import parquet_bytes
from mc_assets.calibration_store import CalibrationStore


def _gbm(as_of: str, mu: float = 0.05, symbol: str = "BRK/B") -> Calibration:
    return Calibration.of(
        "gbm",
        symbol=symbol,
        timeframe="1d",
        as_of=datetime.date.fromisoformat(as_of),
        parameters={"mu": mu, "sigma": 0.2},
        covariance=np.diag([0.01, 0.0001]),
        log_likelihood=10.0,
        n=100,
        window="full",
    )


def _failed(as_of: str) -> Calibration:
    return Calibration.failed(
        "gbm",
        symbol="BRK/B",
        timeframe="1d",
        as_of=datetime.date.fromisoformat(as_of),
        window="full",
        reason="too little data",
    )


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path)


def test_what_is_written_is_found_again(store: CalibrationStore) -> None:
    store.write([_gbm("2020-01-02")])
    found = store.find("BRK/B", "1d", "gbm", "latest")
    assert found.parameters == {"mu": 0.05, "sigma": 0.2}
    assert found.std_errors == pytest.approx({"mu": 0.1, "sigma": 0.01})
    np.testing.assert_array_equal(found.covariance, np.diag([0.01, 0.0001]))


def test_writing_twice_replaces_and_any_order_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = CalibrationStore(tmp_path / "one"), CalibrationStore(tmp_path / "other")
    one.write([_gbm("2020-01-02"), _gbm("2020-01-03")])
    other.write([_gbm("2020-01-03", mu=9.0)])
    other.write([_gbm("2020-01-03")])
    other.write([_gbm("2020-01-02")])
    files = [sorted(s.table.root.rglob("*.parquet")) for s in (one, other)]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]


def test_latest_is_the_newest_that_succeeded(store: CalibrationStore) -> None:
    store.write([_gbm("2019-12-31"), _gbm("2020-01-02", mu=0.07), _failed("2020-01-03")])
    assert store.find("BRK/B", "1d", "gbm", "latest").parameters["mu"] == 0.07


def test_a_failed_calibration_is_not_handed_out(store: CalibrationStore) -> None:
    store.write([_failed("2020-01-03")])
    with pytest.raises(ValueError, match="too little data"):
        store.find("BRK/B", "1d", "gbm", datetime.date(2020, 1, 3))


def test_an_absent_date_names_those_that_exist(store: CalibrationStore) -> None:
    store.write([_gbm("2019-12-31"), _gbm("2020-01-02")])
    with pytest.raises(ValueError, match=r"found none as of 2021-05-05.*2019-12-31 … 2020-01-02"):
        store.find("BRK/B", "1d", "gbm", datetime.date(2021, 5, 5))


def test_an_absent_series_says_what_to_type(store: CalibrationStore) -> None:
    with pytest.raises(ValueError, match="mc calibrate"):
        store.find("SPY", "1d", "gbm", "latest")


@pytest.fixture
def moved_on(store: CalibrationStore, monkeypatch: pytest.MonkeyPatch) -> CalibrationStore:
    """A store with two dates of an estimator that has another version since."""
    store.write([_gbm("2020-01-02"), _gbm("2020-01-03")])
    monkeypatch.setitem(versions.ESTIMATOR_VERSIONS, "gbm", "next")
    return store


@pytest.mark.parametrize("as_of", ["latest", datetime.date(2020, 1, 3)])
def test_an_estimate_of_an_earlier_version_is_not_handed_out(
    moved_on: CalibrationStore, as_of: Any
) -> None:
    with pytest.raises(
        ValueError, match=r"as of 2020-01-03: found estimator version 1, allowed"
    ) as e:
        moved_on.find("BRK/B", "1d", "gbm", as_of)
    assert "next; `mc calibrate BRK/B@1d --as-of 2020-01-03` makes it anew" in str(e.value)
    moved_on.write([_gbm("2020-01-03", mu=0.3)])
    assert moved_on.find("BRK/B", "1d", "gbm", as_of).parameters["mu"] == 0.3


def test_the_newest_estimate_is_not_passed_over_for_an_older_one_of_this_version(
    moved_on: CalibrationStore,
) -> None:
    moved_on.write([_gbm("2020-01-02")])
    with pytest.raises(ValueError, match="as of 2020-01-03: found estimator version 1"):
        moved_on.find("BRK/B", "1d", "gbm", "latest")


def test_estimates_of_an_earlier_version_count_as_missing(moved_on: CalibrationStore) -> None:
    days = [datetime.date(2020, 1, 2), datetime.date(2020, 1, 3)]
    assert moved_on.outdated("BRK/B", "1d", ["gbm"]) == days
    assert moved_on.outdated("BRK/B", "1d", ["merton"]) == []
    assert moved_on.read("BRK/B", "1d").is_empty()
    assert moved_on.on("BRK/B", "1d", days[0]) == []
    moved_on.write([_gbm("2020-01-03", mu=90.0)])
    assert moved_on.outdated("BRK/B", "1d", ["gbm"]) == days[:1]
    assert [c.as_of for c in moved_on.on("BRK/B", "1d", days[1])] == days[1:]
    # Another version is no jump of the parameters.
    assert moved_on.jumps("BRK/B", "1d", days) == []


def test_a_file_written_before_estimators_had_versions_is_outdated(store: CalibrationStore) -> None:
    store.write([_gbm("2020-01-02")])
    (file,) = store.table.root.rglob("*.parquet")
    write_whole(file, parquet_bytes(pl.read_parquet(file).drop("estimator_version")))
    with pytest.raises(ValueError, match="found no estimator version, allowed 1; `mc calibrate"):
        store.find("BRK/B", "1d", "gbm", "latest")
    store.write([_gbm("2020-01-03")])
    assert store.outdated("BRK/B", "1d", ["gbm"]) == [datetime.date(2020, 1, 2)]
    assert store.read("BRK/B", "1d")["as_of"].unique().to_list() == [datetime.date(2020, 1, 3)]


def test_estimates_of_a_model_without_an_estimator_here_are_kept(store: CalibrationStore) -> None:
    theirs = replace(_gbm("2020-01-02"), model="theirs", estimator_version="abc")
    store.write([theirs])
    assert store.find("BRK/B", "1d", "theirs", "latest").estimator_version == "abc"
