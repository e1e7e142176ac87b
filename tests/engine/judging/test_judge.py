"""The judgement of a strategy: what it searches, what it rests on, what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.errors import Refusal
from engine.jobs.ledger import read_trials
from engine.judging import WORLDS, judge
from engine.sources import GBM
from engine.strategies import SMA, Choice, Float, Int, Strategy
from engine.strategies.backtest import backtest

DAY = 86_400_000_000
FAST = {"tries": 24, "paths": 60}


def history(seed: int = 4, count: int = 1500, mu: float = 0.05) -> Bars:
    block = GBM(mu=mu, sigma=0.2).paths(seeds=[seed], steps=count)
    days = np.arange("2010-01-04", "2030-01-01", dtype="datetime64[D]")
    weekdays = days[(days.astype(int) + 3) % 7 < 5][:count]
    stamps = weekdays.astype("datetime64[us]").astype(np.int64)
    columns = (block.field(name)[0] for name in ("open", "high", "low", "close", "volume"))
    return Bars("MADE_UP", stamps, *columns)


class KnowsTomorrow(Strategy):
    """Reads a column that says what the next bar does: a planted edge."""

    weight = Float(1.0, low=0.2, high=1.0)
    side = Choice("both", ["both", "long"])

    def on_bar(self, bar, order):
        if bar.tip > 0.0:
            order.target_percent(self.weight)
        elif self.side == "both":
            order.target_percent(-self.weight)
        else:
            order.close()


class Never(Strategy):
    level = Float(1e9, low=1e9, high=2e9)
    period = Int(3, low=3, high=9)
    mean = SMA(period)

    def on_bar(self, bar, order):
        if bar.close > self.level:
            order.market(1)


def with_tip(bars: Bars, share: float) -> Bars:
    """Say of a share of bars what the next one does, and chance of the others."""
    rng = np.random.default_rng(1)
    truth = np.sign(np.append(np.diff(bars.close), 0.0))
    tip = np.where(rng.random(len(bars)) < share, truth, rng.choice([-1.0, 1.0], len(bars)))
    return bars.with_columns({"tip": tip})


def test_a_planted_edge_is_found_and_said() -> None:
    found = judge(KnowsTomorrow, with_tip(history(), 0.3), **FAST)
    assert found.verdict == "edge"
    assert found.sentence.startswith(
        f"knows_tomorrow on MADE_UP, {found.edge.trials} parameter sets tried: an edge (p = 0.0"
    )
    assert str(found) == found.sentence


def test_a_crossover_on_a_random_walk_is_not_called_an_edge() -> None:
    found = judge("sma_crossover", history(), constraint="fast < slow", **FAST)
    assert found.verdict != "edge"
    assert "chance alone would show" in found.sentence


def test_the_best_set_is_the_one_whose_history_it_shows() -> None:
    bars = history()
    found = judge("mean_reversion", bars, **FAST)
    alone = backtest("mean_reversion", bars, found.parameters)
    assert found.history["trades"] is not None
    again = judge("mean_reversion", bars, **FAST)
    assert again.to_json() | {"seconds": 0} == found.to_json() | {"seconds": 0}
    assert alone.metrics["trades"] is not None


def test_every_world_is_there_with_paths_or_a_reason() -> None:
    found = judge("rsi_reversal", history(), **FAST)
    assert found.worlds["world"].to_list() == list(WORLDS)
    for row in found.worlds.iter_rows(named=True):
        if row["status"] == "ok":
            assert row["paths"] == 60
            assert row["ci_low"] <= row["mean_return"] <= row["ci_high"]
        else:
            assert row["mean_return"] is None
            assert any(row["world"] in caution for caution in found.cautions)
    worst = found.worst_world
    assert worst is not None
    assert worst["mean_return"] == found.worlds["mean_return"].min()


def test_what_was_tried_is_in_the_ledger(tmp_path: Path) -> None:
    found = judge("sma_crossover", history(), constraint="fast < slow", root=tmp_path, **FAST)
    trials = read_trials(tmp_path)
    assert len(trials) == found.edge.trials
    assert set(trials["blocks_of"]) == {"time"}
    assert trials["asked_by"].to_list() == [["sobol"]] * len(trials)


def test_parameters_may_be_given_instead_of_searched() -> None:
    found = judge("sma_crossover", history(), {"fast": [5, 10], "slow": 50}, paths=20)
    assert found.edge.trials == 2
    assert found.parameters["slow"] == 50


def test_a_strategy_that_never_trades_is_said_to() -> None:
    found = judge(Never, history(), tries=4, paths=20)
    assert found.sentence.endswith("nothing to be told, since no set traded.")
    assert "the best set made 0 trades on the history" in found.cautions


def test_a_verdict_without_costs_says_so() -> None:
    settings = {"commission": {"rate": 0.001}}
    free = judge("mean_reversion", history(), **FAST)
    paid = judge("mean_reversion", history(), execution=settings, **FAST)
    assert any(caution.startswith("nothing was charged for ") for caution in free.cautions)
    assert not any(caution.startswith("nothing was charged") for caution in paid.cautions)


def test_it_can_be_written_as_json() -> None:
    found = judge("buy_and_hold", history(), paths=20)
    content = json.loads(json.dumps(found.to_json()))
    assert content["verdict"] == found.verdict
    assert len(content["worlds"]) == len(WORLDS)


def test_prices_below_zero_are_resampled_by_difference_and_no_model_fits_them() -> None:
    bars = history()
    shifted = Bars(
        "LOW",
        bars.timestamps,
        *(getattr(bars, name) - 150.0 for name in ("open", "high")),
        bars.low - 150.0,
        bars.close - 150.0,
        bars.volume,
    )
    found = judge("mean_reversion", shifted, execution={"instrument": {"futures": True}}, **FAST)
    ok = found.worlds.filter(pl.col("status") == "ok")["world"].to_list()
    assert set(ok) <= {"stationary", "circular_block"} | set(WORLDS)
    assert found.edge.trials > 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bars": history(count=100)}, "bars: found 100 bars, allowed at least 250"),
        ({"tries": 0}, "tries, paths: found 0"),
        ({"parameters": {"quick": 3}}, "unknown parameter"),
        ({"constraint": "fast <"}, "constraint"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(change: dict[str, object], expected: str) -> None:
    given: dict[str, object] = {"bars": history(), "paths": 20, "tries": 4} | change
    with pytest.raises(Refusal, match=expected):
        judge("sma_crossover", given.pop("bars"), **given)  # type: ignore[arg-type]
