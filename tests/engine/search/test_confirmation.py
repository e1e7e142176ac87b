"""What stands beside the value of a leader: its error on one history, regimes, chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.jobs.ledger import read_trials
from engine.search.history_errors import sum_errors
from engine.search.regimes import REGIMES
from engine.statistics.autocorrelation import autocorrelated_sharpe

SPACE = {"fast": mc.integer(3, 20), "slow": mc.integer(21, 60)}


def _bars(count: int = 1_500) -> mc.Bars:
    block = mc.GBM(mu=0.08, sigma=0.2).paths(seeds=[5], steps=count)
    days = np.arange(count) + 2 * (np.arange(count) // 5) + 4
    prices = (block.open[0], block.high[0], block.low[0], block.close[0], block.volume[0])
    return mc.Bars("X", days * 86_400_000_000, *prices)


def _search(objective: str = "sharpe", **changed: Any) -> mc.Search:
    study = mc.Study("history", mc.Historical(_bars()), "sma_crossover", SPACE, seeds=1)
    settings: dict[str, Any] = {"method": "random", "budget": {"sets": 40}, "seed": 1}
    return mc.Search(study, objective=objective, **(settings | changed))


def test_errors_of_sums_are_the_spread_of_sums() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(600, 501))
    for name, gains in (("apart", noise[:, 1:]), ("kin", noise[:, 1:] + 0.5 * noise[:, :-1])):
        sums = gains.sum(axis=1)
        # A spread of 600 sums is known to 3 %; Bartlett's weights take some of the dependence off.
        ratio = sum_errors(gains).mean() / sums.std(ddof=1)
        assert 0.88 < ratio < 1.09, name
    # Without a look at its neighbours the second would be a third too small.
    kin = noise[:, 1:] + 0.5 * noise[:, :-1]
    assert kin.std() * np.sqrt(500) < 0.8 * kin.sum(axis=1).std(ddof=1)


def test_on_one_history_a_fresh_value_has_the_error_that_its_length_leaves() -> None:
    found = _search().run()
    best = found.leaders.row(0, named=True)
    held_out = mc.Study(
        *("held out", mc.Historical(_bars()[1_050 - 59 :]), "sma_crossover"),
        {"fast": best["fast"], "slow": best["slow"]},
        seeds=1,
        warm_up=59,
        record={"equity": 450},
    )
    curve = np.array(held_out.run().equity()["equity"].to_list()[0])
    equity = np.concatenate([[100_000.0], curve])
    expected = autocorrelated_sharpe(np.diff(equity) / equity[:-1], 252.0)
    assert best["fresh"] == pytest.approx(float(expected.plain.value[0]), rel=0.02)
    assert best["fresh_std_error"] == pytest.approx(float(expected.plain.std_error[0]), rel=0.02)
    half = 1.959964 * best["fresh_std_error"]
    assert best["fresh_high"] - best["fresh"] == pytest.approx(half)
    assert "(" in found.sentence


@pytest.mark.parametrize(("objective", "known"), [("mean_net_pnl", True), ("profit_factor", False)])
def test_profits_have_an_error_too_and_what_has_none_says_none(objective: str, known: bool) -> None:
    leaders = _search(objective, budget={"sets": 16}).run().leaders
    assert leaders["fresh_std_error"].is_not_null().all() == known


def test_on_history_the_ledger_says_what_chance_alone_would_show(tmp_path: Path) -> None:
    first = _search().run(ledger=tmp_path)
    # The 40 sets, and what the leaders were moved to.
    tried = read_trials(tmp_path)["set_id"].n_unique()
    assert tried > 40
    assert first.chance.startswith(f"of {tried} sets ever tried on these data, worth ")
    assert first.sentence.endswith(first.chance)
    second = _search(seed=2).run(ledger=tmp_path)
    assert int(second.chance.split()[1]) == read_trials(tmp_path)["set_id"].n_unique() > tried
    assert _search().run().chance == ""


def test_the_ledger_says_nothing_of_simulated_paths(tmp_path: Path) -> None:
    study = mc.Study("paths", mc.GBM(), "sma_crossover", SPACE, seeds=20, steps=100)
    found = mc.Search(study, objective="mean_net_pnl", budget={"sets": 16}).run(ledger=tmp_path)
    assert found.chance == ""


def test_regimes_split_what_a_leader_earns_by_the_volatility_of_the_market() -> None:
    study = mc.Study(
        *("regimes", mc.Heston(mu=0.05), "buy_and_hold", {"weight": [0.5, 1.0]}),
        seeds=150,
        steps=240,
        execution={"instrument": {"lot_size": 1e-6}},
    )
    found = mc.Search(study, objective="mean_net_pnl", method="grid").run()
    table = found.regimes
    assert table.schema == REGIMES
    assert len(table) == 3 * len(found.leaders)
    for rank in (1, 2):
        own = table.filter(rank=rank)
        assert own["regime"].to_list() == ["calm", "normal", "turbulent"]
        np.testing.assert_allclose(own["share"].to_numpy(), [0.25, 0.5, 0.25], atol=0.01)
        assert own["market_volatility"].is_sorted()
        assert (own["sharpe_std_error"] > 0.0).all()
    weights = dict(found.leaders.select("rank", "weight").iter_rows())
    half = next(rank for rank, weight in weights.items() if weight == 0.5)
    whole = next(rank for rank, weight in weights.items() if weight == 1.0)
    # Half of the cash earns nearly half in every regime: shares are not brought back to a half.
    halved = 0.5 * table.filter(rank=whole)["annual_return"]
    difference = table.filter(rank=half)["annual_return"] - halved
    assert difference.abs().max() < 0.01  # type: ignore[operator]
    error = table.filter(rank=whole).row(2, named=True)
    assert abs(error["annual_return"] - 0.05) < 5 * error["annual_return_std_error"]


def test_paths_too_short_for_a_volatility_have_no_regimes() -> None:
    study = mc.Study("short", mc.GBM(), "buy_and_hold", {"weight": [0.5, 1.0]}, seeds=20, steps=15)
    assert mc.Search(study, objective="mean_net_pnl", method="grid").run().regimes.is_empty()


def test_of_one_history_regimes_have_no_error() -> None:
    table = _search(budget={"sets": 16}).run().regimes
    assert table["annual_return"].is_not_null().all()
    assert table["annual_return_std_error"].is_null().all()
    assert isinstance(table.select(pl.col("share").sum()).item(), float)


def test_a_search_over_options_says_what_its_leaders_come_to_in_each_regime() -> None:
    study = mc.Study(
        "strangles",
        mc.GBM(mu=0.0, sigma=0.3),
        "short_strangle",
        {"put_otm": mc.uniform(1.0, 5.0), "call_otm": mc.uniform(1.0, 5.0)},
        options={"volatility": 0.35, "multiplier": 100},
        steps=120,
        seeds=20,
    )
    found = mc.Search(study, objective="mean_net_pnl", budget={"sets": 8}).run()
    assert set(found.regimes["regime"]) == {"calm", "normal", "turbulent"}
