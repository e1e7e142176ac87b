"""Skewness and kurtosis of many parameter sets, against SciPy and the jackknife."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from engine.statistics.estimates import Method
from engine.statistics.linearised import Linearised
from engine.statistics.shape import kurtoses, skewnesses
from engine.statistics.tail_risk import expected_shortfall_of, value_at_risk_of

OF_SHAPE: dict[str, Callable[[np.ndarray], Linearised]] = {
    "skewness": skewnesses,
    "kurtosis": kurtoses,
    "value at risk": lambda x: value_at_risk_of(x, 0.99, "cornish_fisher"),
    "expected shortfall": lambda x: expected_shortfall_of(x, 0.9, "cornish_fisher"),
}


def sample(seed: int, *shape: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).gamma(4.0, size=shape)


def test_skewness_and_kurtosis_are_scipys_and_have_no_interval() -> None:
    x = sample(4, 3, 50)
    assert skewnesses(x).value == pytest.approx(stats.skew(x, axis=1, bias=False))
    assert kurtoses(x).value == pytest.approx(stats.kurtosis(x, axis=1, fisher=False))
    for found in (skewnesses(x).estimates(), kurtoses(x).estimates()):
        assert set(found.method) == {Method.NO_INTERVAL.value}
        assert np.isnan(found.std_error).all()


@pytest.mark.parametrize("name", OF_SHAPE)
def test_influences_are_those_of_leaving_one_outcome_out(name: str) -> None:
    statistic, x = OF_SHAPE[name], sample(5, 400)
    found = statistic(x)
    without = np.array([statistic(np.delete(x, i)).value[0] for i in range(len(x))])
    jackknife = (len(x) - 1) * (without.mean() - without)
    spread = jackknife.std()
    assert np.corrcoef(found.influence, jackknife)[0, 1] > 0.995
    assert found.influence.std() == pytest.approx(spread, rel=0.05)
    assert found.influence.mean() == pytest.approx(0.0, abs=1e-9 * spread)


@pytest.mark.parametrize("name", OF_SHAPE)
def test_missing_outcomes_change_nothing(name: str) -> None:
    statistic, x = OF_SHAPE[name], sample(6, 2, 60)
    holed = np.full((2, 70), np.nan)
    holed[:, 5:65] = x
    assert statistic(holed).value == pytest.approx(statistic(x).value)
    assert np.allclose(statistic(holed).influence.reshape(2, 70)[:, :5], 0.0)


def test_equal_outcomes_have_no_shape_and_their_value_at_risk() -> None:
    assert np.isnan(skewnesses([3.0] * 20).value).all()
    assert np.isnan(kurtoses([3.0] * 20).value).all()
    assert value_at_risk_of([3.0] * 20, 0.95, "cornish_fisher").value[0] == 3.0
