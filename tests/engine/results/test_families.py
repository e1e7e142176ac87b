"""Statistics by name: families of a metric, a level or a bar, and those that a study chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from engine.errors import Refusal
from engine.results import Results
from engine.results.definitions import COMPLETE, STATISTICS, named_statistic
from engine.results.families import FAMILIES
from engine.sources import GBM
from engine.studies import Study

SETS = {"fast": [3, 5], "slow": 20}
BARS = 100


def study(**settings: Any) -> Study:
    return Study("named", GBM(), "sma_crossover", SETS, seeds=60, steps=BARS, **settings)


@pytest.fixture(scope="module")
def results() -> Results:
    return study(record={"equity": 4, "trades": True}).run()


def of_set(results: Results, column: str, number: int = 1) -> np.ndarray:
    rows = results.frame.filter(pl.col("parameter_set") == number)
    return rows[column].to_numpy().astype(float)


def estimate(results: Results, name: str, number: int = 1) -> float:
    table = results.statistics(names=[name]).filter(pl.col("parameter_set") == number)
    return float(table["estimate"].item())


@pytest.mark.parametrize("metric", ["net_pnl", "final_equity", "max_drawdown_duration"])
def test_moments_of_a_metric_are_numpys_and_scipys(results: Results, metric: str) -> None:
    x = of_set(results, metric)
    expected = {
        f"mean_{metric}": x.mean(),
        f"std_{metric}": x.std(ddof=1),
        f"skewness_{metric}": stats.skew(x, bias=False),
        f"kurtosis_{metric}": stats.kurtosis(x, fisher=False),
        f"{metric}_q01": np.quantile(x, 0.01),
        f"{metric}_q99": np.quantile(x, 0.99),
    }
    for name, value in expected.items():
        assert estimate(results, name) == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("level", [0.90, 0.95, 0.99])
def test_value_at_risk_is_told_by_the_method_that_is_named(results: Results, level: float) -> None:
    losses = -of_set(results, "net_pnl")
    z, n = stats.norm.ppf(level), round(100 * level)
    s, k = stats.skew(losses), stats.kurtosis(losses)
    bent = z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    expected = {
        f"value_at_risk_{n}": np.quantile(losses, level),
        f"value_at_risk_{n}_historical": np.quantile(losses, level),
        f"value_at_risk_{n}_normal": losses.mean() + z * losses.std(ddof=1),
        f"value_at_risk_{n}_cornish_fisher": losses.mean() + bent * losses.std(ddof=1),
        f"expected_shortfall_{n}_normal": losses.mean()
        + stats.norm.pdf(z) / (1 - level) * losses.std(ddof=1),
    }
    for name, value in expected.items():
        assert estimate(results, name) == pytest.approx(value, rel=1e-9), name
    worst = np.sort(losses)[-6:].mean()
    assert estimate(results, "expected_shortfall_90") == pytest.approx(worst, rel=1e-12)


def test_probabilities_are_shares_of_paths(results: Results) -> None:
    pnl, depth = of_set(results, "net_pnl"), of_set(results, "max_drawdown")
    expected = {
        "loss_probability": (pnl < 0.0).mean(),
        "half_loss_probability": (pnl <= -50_000.0).mean(),
        "ruin_probability": (depth <= -1.0).mean(),
        "probability_total_return_at_least_0.1": (pnl >= 10_000.0).mean(),
        "probability_max_drawdown_at_most_-0.08": (depth <= -0.08).mean(),
    }
    for name, value in expected.items():
        assert estimate(results, name) == pytest.approx(value), name
    row = results.statistics(names=["ruin_probability"]).row(0, named=True)
    assert (row["estimate"], row["ci_low"], row["method"]) == (0.0, 0.0, "rule of three")
    assert row["ci_high"] == pytest.approx(1.0 - 0.025 ** (1 / 60))


def test_a_horizon_inside_the_path_is_read_from_recorded_equity(results: Results) -> None:
    curves = results.equity().filter(pl.col("parameter_set") == 1)["equity"].to_numpy()
    pnl = curves[:, 1].astype(float) - 100_000.0
    assert estimate(results, "mean_net_pnl_at_bar_50") == pytest.approx(pnl.mean(), rel=1e-12)
    expected = np.quantile(-pnl, 0.99)
    assert estimate(results, "value_at_risk_99_at_bar_50") == pytest.approx(expected, rel=1e-9)
    assert estimate(results, "loss_probability_at_bar_50") == (pnl < 0.0).mean()
    # At the last bar it is the P&L itself, but for single precision.
    end = estimate(results, "value_at_risk_95_normal_at_bar_100")
    assert end == pytest.approx(estimate(results, "value_at_risk_95_normal"), abs=0.01)


def test_a_horizon_that_is_not_recorded_names_those_that_are(results: Results) -> None:
    with pytest.raises(Refusal, match="at bar 51, allowed bars 25, 50, 75, 100"):
        results.statistics(names=["mean_net_pnl_at_bar_51"])
    with pytest.raises(Refusal, match="no equity of named at bar 50; `record"):
        study().run().statistics(names=["mean_net_pnl_at_bar_50"])


def test_the_system_quality_number_is_pooled_over_all_recorded_trades(results: Results) -> None:
    trades = results.trades().filter(pl.col("parameter_set") == 1)["pnl"].to_numpy()
    per_path = len(trades) / 60
    # The variance has one degree of freedom less over all trades of all paths.
    expected = np.sqrt(per_path) * trades.mean() / trades.std(ddof=1)
    assert estimate(results, "sqn") == pytest.approx(expected, rel=1e-9)
    assert estimate(results, "expectancy") == pytest.approx(trades.mean(), rel=1e-9)


def test_a_path_without_a_trade_adds_nothing_to_the_system_quality_number() -> None:
    never = {"fast": 3, "slow": 90}
    study = Study(
        "few", GBM(), "sma_crossover", never, seeds=40, steps=100, warm_up=0, record={"trades": 1}
    )
    results = study.run()
    row = results.statistics(names=["sqn"]).row(0, named=True)
    assert row["n"] == 40
    assert row["idle_share"] > 0.0


def test_a_study_has_the_short_list_and_what_it_chooses() -> None:
    short = study().run().statistics()["statistic"].unique(maintain_order=True).to_list()
    assert short == list(STATISTICS)
    chosen = study(statistics=["value_at_risk_99_normal", "std_total_return"]).run().statistics()
    names = chosen["statistic"].unique(maintain_order=True).to_list()
    assert names == [*STATISTICS, "value_at_risk_99_normal", "std_total_return"]


def test_complete_is_every_statistic_whose_columns_are_kept() -> None:
    found = study(statistics="complete", record={"trades": True}).run()
    names = set(found.statistics()["statistic"])
    stored = {*found.columns, "trade_squares"}
    for name in COMPLETE:
        statistic = named_statistic(name)
        assert statistic is not None
        assert (name in names) == stored.issuperset(statistic.needs), name
    assert {"sqn", "skewness_net_pnl", "max_drawdown_duration_q99"} <= names


def test_metrics_of_curve_and_benchmark_complete_the_list() -> None:
    groups = ["bar_trading", "equity_curve", "benchmark"]
    found = study(statistics="complete", record={"trades": True, "metrics": groups}).run()
    assert set(found.statistics()["statistic"]) == set(COMPLETE)


def test_excess_alpha_beta_and_information_ratio_are_those_of_all_bars_together() -> None:
    groups = ["bar_trading", "equity_curve", "benchmark"]
    found = study(record={"metrics": groups}).run()
    own, market = [], []
    for simulation in range(0, len(found), 2):
        replay = found.simulation(simulation)
        prices = replay.bars.filter(pl.col("bar") >= 0)
        held = prices["close"].to_numpy() / prices["open"][0]
        own.append(np.diff(replay.equity, prepend=1e5) / np.append(1e5, replay.equity[:-1]))
        market.append(np.diff(held, prepend=1.0) / np.append(1.0, held[:-1]))
    r, b = np.concatenate(own), np.concatenate(market)
    q = found.summary.bars_per_year
    beta = np.cov(r, b, ddof=0)[0, 1] / b.var()
    expected = {
        "beta": beta,
        "alpha": (r.mean() - beta * b.mean()) * q,
        "information_ratio": (r - b).mean() / (r - b).std(ddof=1) * np.sqrt(q),
        "excess_return": of_set(found, "total_return", 0).mean()
        - np.mean([np.prod(1.0 + x) - 1.0 for x in market]),
    }
    for name, value in expected.items():
        assert estimate(found, name, 0) == pytest.approx(value, rel=1e-9), name


def test_holding_the_benchmark_itself_has_no_information_ratio() -> None:
    groups = ["bar_trading", "benchmark"]
    flat = Study(
        "flat",
        GBM(mu=0.0, sigma=0.0),
        "buy_and_hold",
        seeds=30,
        steps=50,
        record={"metrics": groups},
    )
    row = flat.run().statistics(names=["information_ratio"]).row(0, named=True)
    assert (row["estimate"], row["method"]) == (None, "undefined")


def test_a_choice_of_statistics_runs_no_simulation_again(tmp_path: Path) -> None:
    told: list[Any] = []
    study().run(root=tmp_path)
    again = study(statistics="value_at_risk_99").run(root=tmp_path, progress=told.append)
    assert told[-1].total == told[-1].reused
    assert "value_at_risk_99" in again.statistics()["statistic"]


def test_every_name_of_the_complete_list_is_a_statistic() -> None:
    assert [name for name in COMPLETE if named_statistic(name) is None] == []


@pytest.mark.parametrize(
    ("name", "meant"), [("valu_at_risk_99", "value_at_risk_99"), ("shrape", "sharpe")]
)
def test_an_unknown_name_is_one_sentence_with_what_may_be_meant(
    results: Results, name: str, meant: str
) -> None:
    with pytest.raises(Refusal, match=f"did you mean '{meant}'") as caught:
        results.statistics(names=[name])
    assert "\n" not in str(caught.value)
    assert FAMILIES in str(caught.value)
    with pytest.raises(Refusal, match=f"statistics: found '{name}' .did you mean '{meant}'"):
        study(statistics=[name]).resolve()


@pytest.mark.parametrize(
    "name",
    ["mean_sharpe", "value_at_risk_40", "net_pnl_q00", "std_gain_to_loss", "sqn_of_paths_q50"],
)
def test_what_would_mislead_or_is_nothing_has_no_name(name: str) -> None:
    assert named_statistic(name) is None


def test_a_statistic_of_what_is_not_recorded_is_refused_before_anything_runs() -> None:
    with pytest.raises(Refusal, match=r"'sqn' without trade_squares.*set `record.trades`"):
        study(statistics=["sqn"]).resolve()
    with pytest.raises(Refusal, match=r"without max_drawdown_duration.*name max_drawdown_duration"):
        study(statistics="std_max_drawdown_duration", record={"metrics": ["net_pnl"]}).resolve()


def test_one_path_has_no_value_of_what_tells_how_paths_differ() -> None:
    one = Study("one", GBM(), "buy_and_hold", seeds=1, steps=20).run()
    names = ["skewness_net_pnl", "value_at_risk_99_normal", "expected_shortfall_90_cornish_fisher"]
    table = one.statistics(names=names)
    assert table["estimate"].null_count() == 3
    assert set(table["method"]) <= {"one history", "undefined"}
