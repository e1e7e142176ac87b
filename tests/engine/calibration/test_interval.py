"""Intervals, and the laws that they stand for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calibration.interval import Interval

END = 1.959963984540054


def test_a_normal_interval_is_196_standard_errors_wide_on_both_sides():
    assert Interval.normal(2.0, 0.5) == Interval(2.0 - 0.5 * END, 2.0 + 0.5 * END, "normal")
    assert not Interval.normal(2.0, math.nan).known
    assert Interval.normal(2.0, math.nan).method == "none"


def test_the_interval_of_a_probability_stays_between_zero_and_one():
    found = Interval.logit(0.98, 0.02)
    assert 0.0 < found.low < 0.98 < found.high < 1.0
    # Log odds 3.8918, of standard error 0.02 / (0.98 * 0.02).
    assert math.log(found.low / (1 - found.low)) == pytest.approx(3.8918203 - END * 1.0204082)
    assert not Interval.logit(1.0, 0.1).known


@settings(database=None, deadline=None)
@given(
    estimate=st.floats(0.05, 0.95),
    below=st.floats(0.01, 0.9),
    above=st.floats(0.01, 0.9),
    method=st.sampled_from(["profile", "bootstrap", "logit", "normal"]),
    z=st.floats(-6.0, 6.0),
)
def test_a_law_has_its_interval_as_quantiles_and_its_estimate_as_median(
    estimate, below, above, method, z
):
    low, high = estimate * (1.0 - below), estimate + (1.0 - estimate) * above
    found = Interval(low, high, method)
    assert found.at(estimate, -END) == pytest.approx(low, rel=1e-9)
    assert found.at(estimate, END) == pytest.approx(high, rel=1e-9)
    assert found.at(estimate, 0.0) == pytest.approx(estimate, rel=1e-12)
    assert found.at(estimate, z) <= found.at(estimate, z + 0.01)
    if method != "normal":
        assert found.at(estimate, z) > 0.0


def test_a_one_sided_law_starts_from_the_bound_and_holds_95_percent_within_the_interval():
    found = Interval(0.001, 0.4, "one_sided")
    assert found.at(0.001, END) == pytest.approx(0.4)
    assert found.at(0.001, -END) == pytest.approx(0.4)
    assert found.at(0.001, 0.0) == 0.001
    from_above = Interval(0.6, 1.0, "one_sided")
    assert from_above.at(1.0, END) == pytest.approx(0.6)
