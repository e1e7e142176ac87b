"""Value at risk and conditional value at risk against empyrical, quantstats and plain formulas."""

from __future__ import annotations

import math

import pytest

from engine.statistics.risk import conditional_value_at_risk, value_at_risk

# 20 invented daily returns and what independent programs make of them: reference data
# oracles/short_returns.csv and oracles/metrics.json (empyrical 0.7.1, quantstats 0.0.86).


@pytest.fixture(scope="module")
def returns(reference):  # type: ignore[no-untyped-def]
    lines = (reference / "oracles" / "short_returns.csv").read_text().splitlines()[1:]
    return [float(line.split(",")[1]) for line in lines]


@pytest.fixture(scope="module")
def oracle(reference):  # type: ignore[no-untyped-def]
    import json

    content = json.loads((reference / "oracles" / "metrics.json").read_text())
    return content["results"]["short"]


def test_historical_value_at_risk_agrees_with_empyrical(returns, oracle) -> None:  # type: ignore[no-untyped-def]
    other = oracle["empyrical"]
    assert value_at_risk(returns) == pytest.approx(other["value_at_risk"], rel=1e-12)
    assert value_at_risk(returns, 0.01) == pytest.approx(
        other["value_at_risk_cutoff_0.01"], rel=1e-12
    )
    for cutoff, key in (
        (0.05, "conditional_value_at_risk"),
        (0.01, "conditional_value_at_risk_0.01"),
    ):
        for method in ("historical", "worst"):
            found = conditional_value_at_risk(returns, cutoff, method=method)
            assert found == pytest.approx(other[key], rel=1e-12)


@pytest.mark.parametrize("cutoff", [0.01, 0.05])
def test_parametric_values_agree_with_the_plain_formulas(returns, oracle, cutoff) -> None:  # type: ignore[no-untyped-def]
    plain = oracle["plain_formulas"]
    for method, ddof, key in (
        ("normal", 1, f"normal_quantile_{cutoff}_ddof1"),
        ("cornish_fisher", 0, f"cornish_fisher_quantile_{cutoff}_ddof0"),
        ("cornish_fisher", 1, f"cornish_fisher_quantile_{cutoff}_ddof1"),
    ):
        found = value_at_risk(returns, cutoff, method=method, ddof=ddof)
        assert found == pytest.approx(plain[key], rel=1e-10)
    found = conditional_value_at_risk(returns, cutoff, method="normal")
    assert found == pytest.approx(plain[f"normal_cvar_{cutoff}_ddof1"], rel=1e-10)
    if cutoff == 0.05:
        quantstats = oracle["quantstats"]
        assert value_at_risk(returns, method="normal") == pytest.approx(quantstats["var"])
        assert found == pytest.approx(quantstats["cvar"])


def test_the_worst_twentieth_of_twenty_is_one_return() -> None:
    sample = [-0.05, *([0.01] * 19)]
    assert conditional_value_at_risk(sample, 0.05, method="worst") == -0.05


def test_no_returns_give_no_number_and_bad_settings_an_error() -> None:
    assert math.isnan(value_at_risk([]))
    assert math.isnan(conditional_value_at_risk([math.nan]))
    with pytest.raises(ValueError, match=r"cutoff: found 1\.5, allowed above 0 and below 1"):
        value_at_risk([0.1], 1.5)
    with pytest.raises(ValueError, match="method: found 'x'"):
        value_at_risk([0.1], method="x")  # type: ignore[arg-type]
