"""Ratios of a set are pooled over its paths, and no path is dropped for how it came out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.results import Results
from engine.results.warnings import CODES
from engine.sources import GBM
from engine.strategies import Int, Strategy
from engine.studies import Study

STEPS, PER_YEAR = 40, 252.0


@pytest.fixture(scope="module")
def results() -> Results:
    """Two rules: one trades on most paths, the other on few."""
    return Study(
        "ratios",
        GBM(mu=0.1, sigma=0.3),
        "sma_crossover",
        {"fast": [3], "slow": [8, 25]},
        seeds=50,
        steps=STEPS,
        warm_up=0,
        bars="ohlc",
        record={"trades": True},
    ).run()


def row(results: Results, statistic: str, number: int = 0) -> dict[str, Any]:
    found = results.statistics(names=[statistic]).filter(pl.col("parameter_set") == number)
    return found.row(0, named=True)


@pytest.fixture(scope="module")
def curves(results: Results) -> dict[int, np.ndarray]:
    """Equity of every path at full precision, the cash at the start before it."""
    found: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for number in range(len(results)):
        again = results.simulation(number)
        cash = again.metrics["final_equity"] - again.metrics["net_pnl"]
        found[number % 2].append(np.concatenate([[cash], again.equity]))
    return {number: np.array(rows) for number, rows in found.items()}


@pytest.mark.parametrize("number", [0, 1])
def test_ratios_are_those_of_all_returns_of_all_paths_together(
    results: Results, curves: dict[int, np.ndarray], number: int
) -> None:
    equity = curves[number]
    returns = (equity[:, 1:] / equity[:, :-1] - 1.0).ravel()
    falls = np.minimum(returns, 0.0)
    peaks = np.maximum.accumulate(equity, axis=1)
    growth = (equity[:, -1] / equity[:, 0]) ** (PER_YEAR / STEPS) - 1.0
    expected = {
        "sharpe": returns.mean() / returns.std(ddof=1) * math.sqrt(PER_YEAR),
        "sortino": returns.mean() / math.sqrt((falls**2).mean()) * math.sqrt(PER_YEAR),
        "omega": np.maximum(returns, 0.0).sum() / -falls.sum(),
        "calmar": growth.mean() / (1.0 - equity / peaks).max(axis=1).mean(),
    }
    for name, value in expected.items():
        found = row(results, name, number)
        assert found["estimate"] == pytest.approx(value, rel=1e-9), name
        assert found["n"] == 50, name
        assert found["ci_low"] < value < found["ci_high"], name
        # The mean of the ratios of single paths is another number.
        if name != "omega":
            mean = results.frame.filter(pl.col("parameter_set") == number)[name].mean()
            assert abs(mean - value) > 0.1, name


def test_ratios_of_trades_are_those_of_all_trades_of_all_paths_together(results: Results) -> None:
    trades = results.trades().filter(pl.col("parameter_set") == 0)
    pnl = trades["pnl"].to_numpy()
    won, lost = pnl[pnl > 0.0], pnl[pnl < 0.0]
    expected = {
        "win_rate": len(won) / len(pnl),
        "profit_factor": won.sum() / -lost.sum(),
        "expectancy": pnl.mean(),
        "average_win": won.mean(),
        "average_loss": lost.mean(),
        "payoff": won.mean() / -lost.mean(),
        "average_trade_duration": (trades["exit_bar"] - trades["entry_bar"]).mean(),
        "average_mfe": trades["mfe"].mean(),
        "average_mae": trades["mae"].mean(),
    }
    for name, value in expected.items():
        found = row(results, name)
        assert found["estimate"] == pytest.approx(value, rel=1e-9), name
        assert found["ci_low"] < value < found["ci_high"], name


def test_the_share_of_idle_paths_stands_beside_every_number(results: Results) -> None:
    frame = results.frame.filter(pl.col("parameter_set") == 1)
    idle = ((frame["trades"] == 0) & (frame["exposure"] == 0)).mean()
    assert 0.5 < idle < 0.8  # type: ignore[operator]
    table = results.statistics().filter(pl.col("parameter_set") == 1)
    assert table["idle_share"].to_list() == [idle] * len(table)
    assert set(table["n"]) == {50}


def test_ratios_of_single_paths_are_quantiles_in_which_an_idle_path_has_zero(
    results: Results,
) -> None:
    frame = results.frame.filter(pl.col("parameter_set") == 1)
    per_path = frame["sharpe"].fill_null(0.0)
    for level in (5, 50, 95):
        found = row(results, f"sharpe_of_paths_q{level:02}", 1)
        value = np.quantile(per_path.to_numpy(), level / 100)
        assert found["estimate"] == pytest.approx(value, rel=1e-9)
    assert row(results, "win_rate_of_paths_q50", 1)["estimate"] == pytest.approx(
        frame["win_rate"].fill_null(0.0).median()
    )


def test_a_ratio_of_a_path_without_a_loss_is_infinite_and_not_left_out(results: Results) -> None:
    rising = results.filter("net_pnl > 0 and parameter_set = 0")
    without = pl.when(pl.col("seed") % 2 == 0).then(0.0).otherwise(pl.col("downside_squares"))
    changed = replace(rising, lazy=rising.lazy.with_columns(without.alias("downside_squares")))
    assert row(changed, "sortino_of_paths_q95")["estimate"] == math.inf
    middle = row(changed, "sortino_of_paths_q25")
    assert 0.0 < middle["estimate"] < math.inf
    assert middle["n"] == len(rising)


def test_any_quantile_of_a_metric_may_be_asked_for(results: Results) -> None:
    pnl = results.frame.filter(pl.col("parameter_set") == 0)["net_pnl"].to_numpy()
    assert row(results, "net_pnl_q01")["estimate"] == pytest.approx(np.quantile(pnl, 0.01))
    for name in ("net_pnl_q00", "sharpe_q05", "gain_to_loss_of_paths_q50", "nothing_q05"):
        with pytest.raises(Refusal, match=f"statistic: found '{name}'"):
            results.statistics(names=[name])


# --- rows written by hand ----------------------------------------------------------------------

Change = Callable[[pl.LazyFrame], pl.LazyFrame]


def idle_but(results: Results, seeds: int) -> Results:
    """The same results, in which set 1 traded on the first few seeds alone, with large gains."""
    idle = (pl.col("parameter_set") == 1) & (pl.col("seed") >= seeds)
    lucky = (pl.col("parameter_set") == 1) & (pl.col("seed") < seeds)
    zeros = ("net_pnl", "total_return", "trades", "exposure", "max_drawdown", "upside_sum")
    zeros += ("return_sum", "return_squares", "downside_squares")
    gains = {"return_sum": 5.0, "return_squares": 1.0, "upside_sum": 5.0, "exposure": 1.0}
    gains |= {"net_pnl": 9e5}
    changed = results.lazy.with_columns(
        *(
            pl.when(idle).then(0.0).when(lucky).then(gains.get(name)).otherwise(name).alias(name)
            for name in zeros
        )
    ).with_columns(pl.when(idle).then(None).otherwise("sharpe").alias("sharpe"))
    return replace(results, lazy=changed)


@pytest.mark.parametrize("statistic", ["sharpe", "mean_net_pnl"])
def test_a_set_that_traded_on_three_paths_is_not_the_best(results: Results, statistic: str) -> None:
    few = idle_but(results, 3)
    first, second = few.best(statistic, 2).iter_rows(named=True)
    assert (first["parameter_set"], first["supported"]) == (0, True)
    assert (second["parameter_set"], second["supported"]) == (1, False)
    assert second["estimate"] > first["estimate"]
    assert (second["std_error"], second["ci_low"], second["method"]) == (None, None, "too few")
    assert (second["n"], second["idle_share"]) == (50, 0.94)
    many = idle_but(results, 20)
    assert many.best(statistic, 1)["parameter_set"].to_list() == [1]


def test_an_account_that_lost_everything_counts_in_every_statistic(results: Results) -> None:
    ruined = pl.col("seed") == 7
    undefined = ("cagr", "volatility", "sharpe", "sortino", "calmar")
    changed = replace(
        results,
        lazy=results.lazy.with_columns(
            *(pl.when(ruined).then(None).otherwise(name).alias(name) for name in undefined),
            pl.when(ruined).then(-10.0).otherwise("final_equity").alias("final_equity"),
            pl.when(ruined).then(-1.0).otherwise("return_sum").alias("return_sum"),
            pl.when(ruined).then(1.0).otherwise("return_squares").alias("return_squares"),
        ),
    )
    own = results.frame.filter((pl.col("parameter_set") == 0) & (pl.col("seed") != 7))
    for name in ("cagr", "volatility", "sharpe", "calmar", "sharpe_of_paths_q05"):
        assert row(changed, name)["n"] == 50, name
    lost = (own["cagr"].sum() - 1.0) / 50
    assert row(changed, "cagr")["estimate"] == pytest.approx(lost)
    wild = math.sqrt((1.0 - 1.0 / STEPS) / (STEPS - 1) * PER_YEAR)
    mean = (own["volatility"].sum() + wild) / 50
    assert row(changed, "volatility")["estimate"] == pytest.approx(mean)


def test_one_path_has_no_error_and_says_why(results: Results) -> None:
    table = results.filter("seed = 0").statistics()
    assert table["std_error"].null_count() == len(table)
    assert table["ci_low"].null_count() == table["ci_high"].null_count() == len(table)
    assert set(table["method"]) <= {"one history", "undefined"}
    assert "one history" in set(table["method"])
    own = table.filter(pl.col("parameter_set") == 0)
    values = dict(own.select("statistic", "estimate").iter_rows())
    for name in ("value_at_risk_95", "expected_shortfall_95", "net_pnl_q05", "std_net_pnl"):
        assert values[name] is None, name
    assert values["mean_net_pnl"] is not None
    assert values["sharpe"] is not None


def test_no_share_or_count_claims_an_error_of_zero(results: Results) -> None:
    everywhere = replace(results, lazy=results.lazy.with_columns(net_pnl=5.0, rejected_orders=0.0))
    shares, mean, none = (
        row(everywhere, name) for name in ("profit_probability", "mean_net_pnl", "rejected_orders")
    )
    assert (shares["estimate"], shares["std_error"], shares["ci_high"]) == (1.0, None, 1.0)
    assert shares["ci_low"] == pytest.approx(0.025 ** (1 / 50))
    assert (mean["estimate"], mean["std_error"], mean["method"]) == (5.0, None, "no variance seen")
    assert (none["estimate"], none["std_error"], none["ci_low"]) == (0.0, None, 0.0)
    assert none["ci_high"] == pytest.approx(-math.log(0.025) / 50)
    assert shares["method"] == none["method"] == "rule of three"


class Named(Strategy):
    """Its parameters have the names of columns that tables of statistics use."""

    n = Int(5, low=1, high=50)
    method = Int(1, low=1, high=3)
    first = Int(1, low=1, high=3)

    def on_bar(self, bar, order):
        if bar.index % 20 == self.n:
            order.target_percent(1.0)
        elif bar.index % 20 == 2 * self.n:
            order.close()


def test_parameters_may_have_the_names_of_columns() -> None:
    sets = {"n": [3, 4], "method": [1], "first": [1, 2]}
    made = Study("named", GBM(), Named, sets, seeds=20, steps=60).run()
    table = made.statistics(names=["sharpe"])
    assert table["parameter.n"].to_list() == [3, 3, 4, 4]
    assert table["first"].to_list() == [1, 2, 1, 2]
    assert set(table["n"]) == {20}
    assert set(table["parameter.method"]) == {1}
    compared = made.compare(made, "sharpe")
    assert compared.parameters == ("parameter.n", "parameter.method", "first")
    assert compared.table["parameter.n"].to_list() == [3, 3, 4, 4]
    assert set(compared.table["n"]) == {20}
    assert set(made.warnings()["code"]) <= set(CODES)
    assert made.choose("sharpe").tried == 4


def test_the_order_of_rows_and_rows_that_are_missing_change_no_other_set() -> None:
    sets = {"fast": [3, 5, 8], "slow": 20}
    results = Study("s", GBM(), "sma_crossover", sets, seeds=40, steps=60).run()
    whole = results.statistics()
    frame = results.frame
    shuffled = replace(results, lazy=frame.sample(fraction=1.0, shuffle=True, seed=3).lazy())
    assert shuffled.statistics().equals(whole)
    # Without a row places are not known beforehand; the sets that have all of theirs stay.
    lacking = replace(results, lazy=frame.filter(pl.col("simulation") != 4).lazy()).statistics()
    for number in (0, 2):
        same = lacking.filter(parameter_set=number)
        # Sums of sets of unlike sizes differ in their last bits.
        assert_frame_equal(same, whole.filter(parameter_set=number), rel_tol=1e-9)
    assert set(lacking.filter(parameter_set=1)["n"]) == {39}
    by_seed = results.group_by("seed").statistics()
    assert by_seed["n"].max() == 3
