"""Adjusted p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.statistics.multiplicity import (
    ADJUSTMENTS,
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    holm,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(deadline=None)
@given(P_VALUES)
def test_false_discovery_rates_agree_with_scipy(p_values: list[float]) -> None:
    np.testing.assert_allclose(
        benjamini_hochberg(p_values), stats.false_discovery_control(p_values), atol=1e-12
    )
    np.testing.assert_allclose(
        benjamini_yekutieli(p_values),
        stats.false_discovery_control(p_values, method="by"),
        atol=1e-12,
    )


@settings(deadline=None)
@given(P_VALUES)
def test_holm_rejects_what_its_steps_reject(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for step, index in enumerate(order):
            if p_values[index] * (len(p_values) - step) > level:
                break
            rejected.add(int(index))
        assert rejected == set(np.flatnonzero(adjusted <= level).tolist())


@settings(deadline=None)
@given(P_VALUES)
def test_adjustments_only_raise_and_keep_the_order(p_values: list[float]) -> None:
    p = np.array(p_values)
    for adjust in ADJUSTMENTS.values():
        adjusted = adjust(p)
        assert (adjusted >= p - 1e-15).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-15).all()
    assert (holm(p) <= bonferroni(p) + 1e-15).all()


def test_tests_that_were_not_made_are_not_counted() -> None:
    found = holm([0.01, np.nan, 0.04])
    assert found[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert np.isnan(found[1])


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(ValueError, match="p_values"):
        bonferroni([0.5, 1.5])


def test_holm_holds_the_chance_of_any_false_rejection() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    z = rng.normal(size=(2000, 20)) + rng.normal(size=(2000, 1))
    p = 2 * stats.norm.sf(np.abs(z) / np.sqrt(2))
    wrong = np.mean([(holm(row) <= 0.05).any() for row in p])
    assert wrong <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 2000)
