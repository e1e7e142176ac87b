from __future__ import annotations

import inspect
import math
from datetime import date

import numpy as np
import pytest

from engine.calibration import (
    CALIBRATION_COLUMNS,
    Calibration,
    calibrate,
    data_of,
    model_names,
    try_calibrate,
)
from engine.calibration.registry import estimator
from engine.calibration.versions import ESTIMATOR_VERSIONS
from engine.models import BUILT_IN, estimated_models


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
    with pytest.raises(
        ValueError, match="model: found 'gmb', allowed bates, bootstrap, egarch, garch, gbm, heston"
    ):
        calibrate("gmb", bars)
    with pytest.raises(ValueError, match="option of gbm: found 'windw', allowed as_of, window"):
        calibrate("gbm", bars, windw="full")


def test_data_of_the_wrong_kind_are_named(bars):
    found = try_calibrate("schwartz_2f", bars)
    assert found.status == "failed"
    assert found.reason == "data of schwartz_2f: found Bars, allowed FuturesPanel"


@pytest.mark.parametrize("model", estimated_models())
def test_the_table_of_models_says_what_each_estimator_takes(model):
    first = next(iter(inspect.signature(estimator(model)).parameters.values()))
    assert tuple(first.annotation.split(" | ")) == BUILT_IN[model].calibrated_on == data_of(model)


def test_the_estimators_are_those_that_the_folder_holds(project):
    files = {path.stem for path in (project / "engine/calibration").glob("*.py")}
    assert files & BUILT_IN.keys() == set(estimated_models())
    assert set(model_names()) & BUILT_IN.keys() == set(estimated_models())


def test_rows_of_two_calibrations_are_refused(bars):
    rows = calibrate("gbm", bars).to_rows()
    other = calibrate("gbm", bars, as_of=date(2000, 6, 30)).to_rows()
    with pytest.raises(ValueError, match="found 2 calibrations, allowed one"):
        Calibration.from_rows(rows + other)
    with pytest.raises(ValueError, match="found none"):
        Calibration.from_rows([])
