"""Portfolios of strategies that ran on the same paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.errors import Refusal
from engine.jobs.ledger import read_trials
from engine.sources import Historical


def _study(name: str, parameters: dict[str, Any], **changed: Any) -> mc.Study:
    settings: dict[str, Any] = {"seeds": 200, "steps": 120, "source": mc.GBM(mu=0.1, sigma=0.2)}
    settings |= changed
    return mc.Study(name, settings.pop("source"), name, parameters, **settings)


@pytest.fixture(scope="module")
def portfolio() -> mc.Portfolio:
    return mc.Portfolio(
        {
            "trend": _study("sma_crossover", {"fast": [5, 10], "slow": 30}),
            "hold": _study("buy_and_hold", {"weight": 0.5}),
            "slow": (
                _study("sma_crossover", {"fast": 5, "slow": [40, 50]}),
                {"fast": 5, "slow": 50},
            ),
        },
        points=40,
    )


def test_members_are_the_sets_of_studies_on_the_paths_of_their_seeds(
    portfolio: mc.Portfolio,
) -> None:
    assert portfolio.names == ("trend#0", "trend#1", "hold", "slow")
    rows = _study("sma_crossover", {"fast": 10, "slow": 30}, warm_up=49).run().frame
    own = portfolio.scenarios.outcomes[:, 1]
    expected = rows.sort("seed")["net_pnl"].to_numpy() / 100_000.0
    np.testing.assert_allclose(own, expected, atol=2e-7)
    fresh = _study("sma_crossover", {"fast": 10, "slow": 30}, warm_up=49, seeds=range(200, 400))
    expected = fresh.run().frame.sort("seed")["net_pnl"].to_numpy() / 100_000.0
    np.testing.assert_allclose(portfolio.fresh.outcomes[:, 1], expected, atol=2e-7)
    # The market is what all of them trade: half of it is held.
    market = portfolio.scenarios.market
    assert market is not None
    assert np.corrcoef(market[:, -1], portfolio.scenarios.outcomes[:, 2])[0, 1] > 0.99


def test_weights_have_errors_and_outcomes_stand_beside_their_claims(
    portfolio: mc.Portfolio,
) -> None:
    found = portfolio.allocate("cvar", level=0.9, high=0.6)
    assert found.weights["weight"].sum() == pytest.approx(1.0)
    assert (found.weights["weight_std_error"] > 0.0).any()
    rows = {row["statistic"]: row for row in found.outcome.iter_rows(named=True)}
    weights = found.weights["weight"].to_numpy()
    for kind, scenarios in (("claim", portfolio.scenarios), ("fresh", portfolio.fresh)):
        whole = scenarios.outcomes @ weights
        assert rows["mean_return"][kind] == pytest.approx(whole.mean())
        error = whole.std(ddof=1) / np.sqrt(len(whole))
        assert rows["mean_return"][f"{kind}_std_error"] == pytest.approx(error)
        assert rows["tail_loss"][kind] == pytest.approx(np.sort(-whole)[::-1][:20].mean())
    equal = portfolio.fresh.outcomes.mean(axis=1)
    difference = portfolio.fresh.outcomes @ weights - equal
    assert rows["mean_return"]["over_equal"] == pytest.approx(difference.mean())
    assert found.contributions["to_tail_loss"].sum() == pytest.approx(rows["tail_loss"]["fresh"])
    assert len(found.correlations) == 6
    assert "on fresh paths it returns" in found.sentence


def test_resampled_weights_are_the_mean_and_the_same_seed_gives_the_same(
    portfolio: mc.Portfolio,
) -> None:
    one = portfolio.allocate("mean_variance", resampled=True, seed=4)
    assert one.weights["weight"].to_list() == one.weights["resampled"].to_list()
    other = portfolio.allocate("mean_variance", resampled=True, seed=4)
    assert one.weights.equals(other.weights)
    assert one.outcome.equals(other.outcome)


def test_rebalancing_costs_what_it_moves(portfolio: mc.Portfolio) -> None:
    free = portfolio.allocate("equal", rebalance=1)
    dear = portfolio.allocate("equal", rebalance=1, cost=0.01)
    mean = [one.outcome.row(0, named=True)["fresh"] for one in (free, dear)]
    assert mean[1] < mean[0]
    never = portfolio.allocate("equal", cost=0.01).outcome.row(0, named=True)["fresh"]
    assert never == pytest.approx(portfolio.fresh.outcomes.mean())


def test_every_member_is_in_the_ledger_and_the_market_is_not(tmp_path: Path) -> None:
    members = {
        "trend": _study("sma_crossover", {"fast": [5, 10], "slow": 30}, seeds=60),
        "revert": _study("mean_reversion", {}, seeds=60),
    }
    mc.Portfolio(members, ledger=tmp_path)  # type: ignore[arg-type]
    rows = read_trials(tmp_path)
    assert sorted(rows["family"]) == ["mean_reversion", "sma_crossover", "sma_crossover"]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"a": _study("buy_and_hold", {})}, "2 to 50 parameter sets"),
        (
            {"a": _study("buy_and_hold", {}), "b": _study("mean_reversion", {}, steps=60)},
            "members.b: found other paths than those of a",
        ),
        (
            {
                "a": _study("buy_and_hold", {}),
                "b": _study("mean_reversion", {}, source=mc.GBM(mu=0.2)),
            },
            "the same source, steps, start prices and seeds",
        ),
        ({"a": _study("buy_and_hold", {"model.mu": [0.1, 0.2]})}, "paths that differ"),
        ({"a": _study("buy_and_hold", {"weight": [0.1, 0.2]}, seeds=10)}, "at least 50"),
        ({"a": 1}, "a Study, or"),
    ],
)
def test_what_is_no_portfolio_is_one_sentence(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        mc.Portfolio(members)


def test_one_history_is_refused() -> None:
    block = mc.GBM().paths(seeds=[1], steps=300)
    bars = mc.Bars(
        *("X", np.arange(300) * 86_400_000_000, block.open[0], block.high[0], block.low[0]),
        *(block.close[0], block.volume[0]),
    )
    study = _study("buy_and_hold", {"weight": [0.1, 0.2]}, source=Historical(bars), steps=None)
    with pytest.raises(Refusal, match="bootstrap the history"):
        mc.Portfolio({"a": study})


def test_option_strategies_are_split_over_like_others_beside_holding_what_they_are_on() -> None:
    strangles = mc.Study(
        "strangles",
        mc.GBM(mu=0.0, sigma=0.3),
        "short_strangle",
        {"put_otm": [2.0, 5.0]},
        options={"volatility": 0.35, "multiplier": 100},
        steps=120,
        seeds=60,
    )
    found = mc.Portfolio({"strangles": strangles}, points=20).allocate("equal", resamples=2)
    assert found.weights["weight"].to_list() == [0.5, 0.5]
    assert np.isfinite(found.outcome["fresh"].to_numpy()).all()
