"""Models of one series in one table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.calibration import Calibration, calibrate, try_calibrate
from engine.errors import Refusal
from engine.realism import compare_models, compare_with_history

MODELS = ("gbm", "merton", "regime_switching", "schwartz_1f", "bootstrap", "heston")


@pytest.fixture(scope="module")
def estimates(wild) -> list[Calibration]:
    return [try_calibrate(model, wild) for model in MODELS]


def test_the_model_that_made_a_history_comes_first(estimates, wild):
    table = compare_models(estimates, wild, seeds=range(30))
    assert set(table["model"]) == set(MODELS)
    assert table["model"][0] == "regime_switching"
    assert table["bic_behind"][0] == 0.0
    behind = table["bic_behind"].drop_nulls().to_numpy()
    assert (np.diff(behind) >= 0.0).all()


def test_a_history_without_more_to_it_is_left_to_the_simplest_model(calm):
    table = compare_models([calibrate(model, calm) for model in MODELS[:4]], seeds=range(20))
    assert table["model"][0] == "gbm"
    assert table["realism"].null_count() == 4


def test_criteria_and_ratios_are_those_of_the_calibrations(estimates, wild):
    rows = {row["model"]: row for row in compare_models(estimates).iter_rows(named=True)}
    gbm, merton = estimates[0], estimates[1]
    assert rows["gbm"]["parameters"] == 2
    assert rows["merton"]["parameters"] == 5
    assert rows["merton"]["bic"] == merton.bic
    assert rows["merton"]["nested"] == "gbm"
    ratio = 2.0 * (merton.log_likelihood - gbm.log_likelihood)
    assert rows["merton"]["likelihood_ratio"] == pytest.approx(ratio)
    assert rows["gbm"]["likelihood_ratio"] is None


def test_realism_is_that_of_the_comparison_with_history(estimates, wild):
    table = compare_models(estimates, wild, seeds=range(30))
    for estimate in estimates:
        own = table.filter(table["model"] == estimate.model)
        assert own["realism"][0] == compare_with_history(estimate, wild, seeds=range(30)).score


def test_what_has_no_comparable_likelihood_comes_after_and_says_so(estimates, wild):
    shorter = replace(calibrate("merton", wild[200:]), as_of=estimates[0].as_of)
    given = [estimates[0], estimates[2], shorter, estimates[4]]
    rows = compare_models(given).to_dicts()
    assert [row["model"] for row in rows[:2]] == ["regime_switching", "gbm"]
    found = {row["model"]: row for row in rows}
    assert found["merton"]["bic_behind"] is None
    assert found["merton"]["note"] == "of 1299 observations in window full"
    assert found["bootstrap"]["note"] == "no likelihood"


def test_a_failed_calibration_has_a_row_with_its_reason(estimates, wild):
    failed = try_calibrate("merton", wild[:20])
    failed = replace(failed, as_of=estimates[0].as_of)
    rows = compare_models([estimates[0], failed], wild, seeds=range(20)).to_dicts()
    assert rows[1]["status"] == "failed"
    assert rows[1]["note"] == failed.reason != ""
    assert rows[1]["realism"] is None


def test_bars_too_short_to_compare_leave_a_note_instead_of_a_score(estimates, wild):
    early = replace(estimates[0], as_of=date(1970, 2, 1))
    row = compare_models([early], wild).to_dicts()[0]
    assert row["realism"] is None
    assert row["note"].startswith("not simulated: ")


def test_calibrations_that_do_not_belong_together_are_refused(estimates):
    with pytest.raises(Refusal, match="found none, allowed at least one"):
        compare_models([])
    with pytest.raises(Refusal, match="found gbm twice, allowed different models"):
        compare_models([estimates[0], estimates[0]])
    with pytest.raises(Refusal, match="found 2 series or dates"):
        compare_models([estimates[0], replace(estimates[1], symbol="OTHER")])
