"""Haircuts of Sharpe ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.statistics.haircuts import sharpe_haircuts


def test_bonferronis_haircut_written_out() -> None:
    sharpe = np.array([1.2, 0.4, -0.3, 0.8])
    found = sharpe_haircuts(sharpe, years=10.0, n=120, method="bonferroni")
    single = 2 * stats.t.sf(np.abs(sharpe) * math.sqrt(10), 119)
    np.testing.assert_allclose(found.p_value, single, rtol=1e-9)
    left = stats.t.isf(np.minimum(4 * single, 1) / 2, 119) / math.sqrt(10)
    np.testing.assert_allclose(found.sharpe, np.sign(sharpe) * left, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.haircut, 1 - left / np.abs(sharpe), rtol=1e-7)


def test_a_single_trial_has_no_haircut() -> None:
    found = sharpe_haircuts([0.9], years=5.0, n=60)
    assert found.haircut[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("method", ["holm", "benjamini_hochberg", "benjamini_yekutieli"])
def test_haircuts_grow_with_the_number_of_trials(method: str) -> None:
    rest = np.random.Generator(np.random.Philox(1)).normal(0.0, 0.3, 200)
    few = sharpe_haircuts([1.3, *rest[:5]], years=10.0, n=120, method=method).haircut[0]
    many = sharpe_haircuts([1.3, *rest], years=10.0, n=120, method=method).haircut[0]
    assert 0.0 <= few < many <= 1.0


def test_trials_without_a_ratio_are_not_counted() -> None:
    found = sharpe_haircuts([1.0, math.nan, 0.2], years=4.0, n=50)
    alone = sharpe_haircuts([1.0, 0.2], years=4.0, n=50)
    assert found.sharpe[[0, 2]].tolist() == alone.sharpe.tolist()
    assert math.isnan(found.haircut[1])


def test_what_is_not_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match="method: found 'sidak', allowed bonferroni, holm"):
        sharpe_haircuts([1.0], years=1.0, n=10, method="sidak")
    with pytest.raises(ValueError, match="too short a history"):
        sharpe_haircuts([1.0], years=1.0, n=2)
