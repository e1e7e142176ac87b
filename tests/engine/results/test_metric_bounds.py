"""No interval holds what its metric can never be."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.results.metric_bounds import metric_bounds
from engine.results.outcomes import Outcomes
from engine.results.statistic_kinds import mean_of, quantile_of, value_at_risk
from engine.sources import GBM
from engine.statistics.layout import Layout
from engine.studies import Study


def outcomes(metric: str, values: np.ndarray) -> Outcomes:
    layout = Layout.matrix(1, len(values))
    return Outcomes(pl.DataFrame({"parameter_set": [0]}), {metric: values}, layout, 20, 1.0)


def interval(entry: object, found: Outcomes) -> tuple[float, float]:
    made = entry.estimates(entry.of(found), 0.95)[0]  # type: ignore[attr-defined]
    return made.low, made.high


@given(st.lists(st.floats(0.0, 1.0), min_size=5, max_size=40, unique=True), st.floats(1.0, 6.0))
@settings(deadline=None)
def test_means_and_quantiles_of_bounded_metrics_end_at_their_bounds(
    falls: list[float], power: float
) -> None:
    depth = -(np.array(falls) ** power)
    for metric, values in (("max_drawdown", depth), ("exposure", -depth), ("ulcer_index", -depth)):
        least, most = metric_bounds(metric)
        for entry in (mean_of(metric), quantile_of(metric, 0.05), quantile_of(metric, 0.95)):
            low, high = interval(entry, outcomes(metric, values))
            assert np.isnan(low) or least <= low <= high <= most


def test_a_mean_drawdown_of_rare_deep_falls_is_not_said_to_be_a_gain() -> None:
    depth = -np.concatenate([np.full(12, 1e-6) * np.arange(1, 13), [0.4, 0.5, 0.3]])
    low, high = interval(mean_of("max_drawdown"), outcomes("max_drawdown", depth))
    assert low < -0.1
    assert high <= 0.0


def test_statistics_and_the_error_budget_of_a_study_keep_the_bounds() -> None:
    study = Study(
        "few", GBM(sigma=0.1), "sma_crossover", {"fast": 3, "slow": 30}, seeds=9, steps=80
    )
    results = study.run()
    names = ["max_drawdown", "max_drawdown_q95", "max_drawdown_q05", "exposure", "volatility"]
    for table in (results.statistics(names=names), results.error_budget(names=names)):
        for row in table.iter_rows(named=True):
            low, high = metric_bounds(row["statistic"].partition("_q")[0])
            if row["ci_low"] is not None:
                assert low <= row["ci_low"] <= row["ci_high"] <= high, row


@pytest.mark.parametrize(("paths", "stated"), [(499, False), (500, True)])
def test_a_normal_tail_of_too_few_paths_has_a_value_and_no_interval(
    paths: int, stated: bool
) -> None:
    values = np.random.Generator(np.random.Philox(key=3)).normal(size=paths)
    entry = value_at_risk("net_pnl", 0.95, "normal")
    found = outcomes("net_pnl", values)
    made = entry.estimates(entry.of(found), 0.95)[0]
    assert np.isfinite(made.value)
    assert np.isfinite([made.low, made.high, made.std_error]).all() == stated
    assert (made.method == "too few") != stated
