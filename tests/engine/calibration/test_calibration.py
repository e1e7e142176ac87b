from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from engine.calibration import (
    CALIBRATION_COLUMNS,
    Calibration,
    calibrate,
    model_names,
    register_estimator,
    registry,
    try_calibrate,
)
from engine.calibration.versions import ESTIMATOR_VERSIONS


@pytest.fixture
def bars(make_bars):
    rng = np.random.default_rng(3)
    return make_bars(100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(300))))


def test_rows_read_back_as_the_same_calibration(bars):
    found = calibrate("gbm", bars)
    rows = found.to_rows()
    assert [tuple(row) for row in rows] == [CALIBRATION_COLUMNS] * 2
    again = Calibration.from_rows(rows)
    assert again.parameters == found.parameters
    assert again.std_errors == found.std_errors
    np.testing.assert_array_equal(again.covariance, found.covariance)
    assert again.as_of == found.as_of
    assert again.log_likelihood == found.log_likelihood
    assert again.diagnostics == found.diagnostics
    assert again.estimator_version == found.estimator_version == ESTIMATOR_VERSIONS["gbm"]


def test_undefined_numbers_become_null_and_come_back_as_nan(bars):
    found = calibrate("bootstrap", bars)
    (row,) = found.to_rows()
    assert row["std_error"] is None
    again = Calibration.from_rows([row])
    assert math.isnan(again.std_errors["block_length"])
    assert math.isnan(again.covariance[0, 0])


def test_a_failed_estimate_is_one_row_with_its_reason(bars):
    found = try_calibrate("gbm", bars[:10])
    assert found.status == "failed"
    (row,) = found.to_rows()
    assert row["parameter"] is None
    assert row["reason"] == "TEST bars: found 9 returns up to 2000-01-14, allowed >= 30"
    again = Calibration.from_rows([row])
    assert again.parameters == {}
    assert not again.ok
    assert again.estimator_version == ESTIMATOR_VERSIONS["gbm"]


def test_an_unknown_model_and_an_unknown_option_are_named(bars):
    with pytest.raises(ValueError, match="model: found 'gmb', allowed bootstrap, gbm, heston"):
        calibrate("gmb", bars)
    with pytest.raises(ValueError, match="option of gbm: found 'windw', allowed as_of, window"):
        calibrate("gbm", bars, windw="full")


def test_data_of_the_wrong_kind_are_named(bars):
    found = try_calibrate("schwartz_2f", bars)
    assert found.status == "failed"
    assert found.reason == "data of schwartz_2f: found Bars, allowed FuturesPanel"


def test_a_users_estimator_is_found_by_its_name(bars, monkeypatch):
    monkeypatch.setattr(registry, "_ADDED", {})
    monkeypatch.setattr(registry, "ESTIMATOR_VERSIONS", versions := {})

    def estimate_last(data, *, as_of=None):
        return Calibration.of(
            "last",
            symbol=data.symbol,
            timeframe="1d",
            as_of=as_of,
            parameters={"level": float(data.close[-1])},
            covariance=np.zeros((1, 1)),
            n=len(data),
            window="full",
        )

    register_estimator("last_test", estimate_last)
    found = calibrate("last_test", bars, as_of=date(2001, 1, 1))
    assert found.parameters["level"] == bars.close[-1]
    assert "last_test" in model_names()
    assert len(versions["last_test"]) == 16
    register_estimator("other_test", estimate_last, version="2026-11")
    assert versions["other_test"] == "2026-11"
    with pytest.raises(ValueError, match="model: found 'gbm', allowed a name that is not taken"):
        register_estimator("gbm", estimate_last)


def test_rows_of_two_calibrations_are_refused(bars):
    rows = calibrate("gbm", bars).to_rows()
    other = calibrate("gbm", bars, as_of=date(2000, 6, 30)).to_rows()
    with pytest.raises(ValueError, match="found 2 calibrations, allowed one"):
        Calibration.from_rows(rows + other)
    with pytest.raises(ValueError, match="found none"):
        Calibration.from_rows([])
