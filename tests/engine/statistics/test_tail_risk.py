"""Value at risk and expected shortfall by method."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.risk import conditional_value_at_risk, value_at_risk
from engine.statistics.tail_risk import expected_shortfall_of, value_at_risk_of


def sample(seed: int, *shape: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).gamma(4.0, 1.0, size=shape) - 4.0


def test_values_agree_with_the_oracle(reference: Path) -> None:
    folder = reference / "oracles"
    lines = (folder / "short_returns.csv").read_text().splitlines()[1:]
    losses = -np.array([float(line.split(",")[1]) for line in lines])
    oracle = json.loads((folder / "metrics.json").read_text())["results"]["short"]
    plain = oracle["plain_formulas"]
    expected = {
        ("normal", 0.99): plain["normal_quantile_0.01_ddof1"],
        ("normal", 0.95): plain["normal_quantile_0.05_ddof1"],
        ("cornish_fisher", 0.99): plain["cornish_fisher_quantile_0.01_ddof1"],
        ("cornish_fisher", 0.95): plain["cornish_fisher_quantile_0.05_ddof1"],
        ("historical", 0.95): plain["hist_quantile_0.05_linear"],
        ("historical", 0.99): plain["hist_quantile_0.01_linear"],
    }
    for (method, level), value in expected.items():
        found = value_at_risk_of(losses, level, method).value[0]  # type: ignore[arg-type]
        assert -found == pytest.approx(value, rel=1e-9), (method, level)
    for level in (0.95, 0.99):
        found = expected_shortfall_of(losses, level, "normal").value[0]
        assert -found == pytest.approx(plain[f"normal_cvar_{1 - level:.2f}_ddof1"], rel=1e-9)
    # The historical mean takes 5 % of the outcomes, one here; so does the oracle's.
    found = expected_shortfall_of(losses, 0.95).value[0]
    assert -found == pytest.approx(plain["cvar_worst_floor_na_0.01"])


def test_every_set_has_the_value_it_has_alone() -> None:
    losses = sample(1, 5, 300)
    for method in ("normal", "cornish_fisher"):
        found = value_at_risk_of(losses, 0.95, method).value  # type: ignore[arg-type]
        for value, row in zip(found, losses, strict=True):
            assert value == pytest.approx(-value_at_risk(-row, 0.05, method=method))  # type: ignore[arg-type]
    found = expected_shortfall_of(losses, 0.95, "normal").value
    for value, row in zip(found, losses, strict=True):
        assert value == pytest.approx(-conditional_value_at_risk(-row, 0.05, method="normal"))


def test_the_adjusted_shortfall_is_the_mean_of_the_adjusted_quantiles() -> None:
    losses = sample(2, 4000)
    levels = 0.95 + 0.05 * (np.arange(2000) + 0.5) / 2000
    quantile = [value_at_risk_of(losses, p, "cornish_fisher").value[0] for p in levels]
    found = expected_shortfall_of(losses, 0.95, "cornish_fisher").value[0]
    assert found == pytest.approx(np.mean(quantile), rel=2e-4)


def test_the_historical_methods_are_the_quantile_and_the_tail_mean() -> None:
    losses = sample(3, 2, 200)
    assert (value_at_risk_of(losses, 0.9).value == quantiles(losses, 0.9).value).all()
    assert (
        expected_shortfall_of(losses, 0.9).value == expected_shortfalls(losses, 0.9).value
    ).all()


def test_what_rests_on_the_fourth_moment_has_no_interval() -> None:
    found = value_at_risk_of(sample(4, 100), 0.99, "cornish_fisher").estimates()[0]
    assert found.method == Method.NO_INTERVAL
    assert math.isnan(found.low)


@pytest.mark.parametrize("statistic", [value_at_risk_of, expected_shortfall_of])
def test_a_normal_tail_has_an_interval_of_outcomes_that_pass_for_normal_alone(
    statistic: Callable[..., Linearised],
) -> None:
    """Of Student's law of four degrees such an interval covers 50 to 77 % where few paths pass."""
    generator = np.random.Generator(np.random.Philox(8))
    normal, heavy = generator.normal(size=(400, 500)), generator.standard_t(4, size=(400, 500))
    times = {value_at_risk_of: 1.644854, expected_shortfall_of: 2.062713}[statistic]
    made = statistic(normal, 0.95, "normal").estimates()
    told = made.method == Method.LOGARITHM.value
    assert told.mean() > 0.93
    covered = (made.low[told] <= times) & (times <= made.high[told])
    assert abs(covered.mean() - 0.95) < 3.0 * math.sqrt(0.95 * 0.05 / 400)
    refused = statistic(heavy, 0.95, "normal").estimates()
    assert (refused.method == Method.NO_INTERVAL.value).mean() > 0.99
    assert np.isnan(refused.high[refused.method == Method.NO_INTERVAL.value]).all()
    assert (statistic(normal[:, :400], 0.95, "normal").estimates().method == "too few").all()


def test_the_order_of_rows_does_not_matter() -> None:
    losses, order = sample(5, 90), np.random.Generator(np.random.Philox(6)).permutation(90)
    sets, units = np.repeat([0, 1, 2], 30), np.tile(np.repeat(np.arange(15), 2), 3)
    for statistic in (value_at_risk_of, expected_shortfall_of):
        for method in ("historical", "normal", "cornish_fisher"):
            one = statistic(losses, 0.8, method, Layout.of(sets, units)).estimates()
            shuffled = Layout.of(sets[order], units[order])
            other = statistic(losses[order], 0.8, method, shuffled).estimates()
            for part in ("value", "std_error", "low", "high"):
                np.testing.assert_allclose(getattr(one, part), getattr(other, part), rtol=1e-9)


def test_levels_and_methods_that_are_not_allowed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"level: found 0\.05"):
        value_at_risk_of([1.0, 2.0], 0.05)
    with pytest.raises(ValueError, match="method: found 'gaussian'"):
        expected_shortfall_of([1.0, 2.0], 0.95, "gaussian")  # type: ignore[arg-type]
