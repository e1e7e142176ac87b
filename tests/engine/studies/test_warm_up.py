"""Bars that a study's indicators see before the first bar that counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import Refusal
from engine.sources import GBM, Bootstrap, Heston, Historical
from engine.strategies import EMA, SMA, Int, Strategy
from engine.studies import Study, integer

Make = Callable[..., Study]


def warm_up_of(study: Study, **market: Any) -> int:
    return study.resolve(**market).world.window.warm_up


def test_auto_is_what_the_slowest_indicator_of_any_set_needs(make_study: Make) -> None:
    assert warm_up_of(make_study()) == 19
    assert warm_up_of(make_study(parameters={"fast": [3], "slow": [100, 10]})) == 99
    assert warm_up_of(make_study(strategy="buy_and_hold", parameters={})) == 0


def test_a_further_set_within_the_bounds_makes_no_new_world(make_study: Make) -> None:
    one = make_study(parameters={"fast": 3, "slow": [10, 20]}).resolve().world
    more = make_study(parameters={"fast": [3, 7], "slow": [10, 15, 20]}).resolve().world
    longer = make_study(parameters={"fast": 3, "slow": [10, 21]}).resolve().world
    assert one.id == more.id != longer.id


def test_a_search_warms_up_for_its_upper_bound_whatever_it_draws(make_study: Make) -> None:
    found = {
        warm_up_of(
            make_study(
                parameters={"fast": 3, "slow": integer(10, 150)},
                search={"method": "random", "count": 3, "seed": seed},
            )
        )
        for seed in range(4)
    }
    assert found == {149}


def test_a_number_of_bars_too_few_for_a_set_names_the_set(make_study: Make) -> None:
    with pytest.raises(
        Refusal, match=r"source\.warm_up: found 10, allowed at least 19, .* with fast=3, slow=20"
    ):
        make_study(warm_up=10).resolve()
    assert warm_up_of(make_study(warm_up=25)) == 25


@pytest.mark.parametrize("found", [-1, "often", 1.5, True])
def test_anything_else_is_refused(make_study: Make, found: Any) -> None:
    with pytest.raises(Refusal, match=r"warm_up: found"):
        make_study(warm_up=found)


def test_without_bars_before_rows_are_those_of_the_path_alone(make_study: Make) -> None:
    study = make_study(strategy="buy_and_hold", parameters={}, warm_up=30)
    plain = make_study(strategy="buy_and_hold", parameters={}, warm_up=0)
    metrics = study.run().metrics
    assert study.run().frame.select(metrics).equals(plain.run().frame.select(metrics))


def test_averages_are_warm_so_that_the_year_is_not_idle(make_study: Make) -> None:
    parameters = {"fast": 10, "slow": 100}
    warm = make_study(parameters=parameters, steps=252, record={"equity": 252}).run()
    cold = make_study(parameters=parameters, steps=252, record={"equity": 252}, warm_up=0).run()
    moves = [np.vstack(r.equity()["equity"].to_list()).std(axis=0)[:99] for r in (warm, cold)]
    assert (moves[1] == 0.0).all()
    assert moves[0][60] > 0.0


@pytest.mark.parametrize("workers", [1, 2])
def test_chunks_threads_and_processes_do_not_matter(
    make_study: Make, tmp_path: Path, workers: int
) -> None:
    study = make_study(source=Heston(), record={"equity": 6, "trades": True})
    alone = make_study(source=Heston(), seeds=[7], record={"equity": 6, "trades": True}).run()
    together = study.run(root=tmp_path, workers=workers)
    rows = together.filter("seed = 7").frame
    assert rows.select(together.metrics).equals(alone.frame.select(together.metrics))
    number = int(rows["simulation"][0])
    again = together.simulation(number)
    assert again.metrics == {name: rows[name][0] for name in together.metrics}
    assert again.bars["bar"][0] == -19
    trades = together.trades()
    assert trades["entry_bar"].min() >= 0
    assert trades["exit_bar"].max() < 60


def test_own_metrics_see_the_bars_that_count(make_study: Make) -> None:
    def bars_seen(path: np.ndarray, equity: np.ndarray) -> float:
        return path.shape[2] * 1000.0 + equity.shape[0]

    results = make_study(metrics={"bars_seen": bars_seen}).run()
    assert set(results.frame["bars_seen"]) == {60_060.0}


def test_a_calibrated_model_continues_the_series_that_it_was_calibrated_on(
    make_study: Make, market: Any
) -> None:
    content = {
        "name": "continues",
        "source": {"model": "gbm", "symbol": "SP500", "calibration": "latest", "steps": 40},
        "strategy": {"name": "sma_crossover", "parameters": {"fast": 5, "slow": 50}},
        "seeds": 3,
    }
    from engine.studies.definition import StudyDefinition

    study = Study.from_definition(StudyDefinition.model_validate(content))
    job = study.resolve(market)
    bars = market.bars("SP500", "1d")
    (before,) = job.world.history
    # The calibration is of an earlier date than the last bar.
    end = int(np.searchsorted(bars.timestamps, before.timestamps[-1], side="right"))
    assert end < len(bars)
    assert before.close.tolist() == bars.close[end - 49 : end].tolist()
    assert job.world.path.s0 == (before.close[-1],)
    replay = study.run(market_data=market).simulation(0)
    assert replay.bars["close"].to_list()[:49] == before.close.tolist()


def test_other_history_before_is_another_world(market: Any) -> None:
    bars = market.bars("SP500", "1d")
    study = Study("x", GBM(), "sma_crossover", {"slow": 50}, steps=30, seeds=2)
    world = study.resolve().world
    longer, shorter = (
        dataclasses.replace(world, history=(bars[:end],)) for end in (len(bars), len(bars) - 1)
    )
    assert len({world.id, longer.id, shorter.id}) == 3


def test_history_and_bootstraps_warm_up_on_their_own_bars(market: Any) -> None:
    bars = market.bars("SP500", "1d")
    for source in (Historical(bars), Bootstrap(bars, block_length=5.0, steps=30)):
        study = Study("x", source, "sma_crossover", {"fast": 5, "slow": 50}, seeds=2)
        replay = study.run().simulation(0)
        assert replay.bars["bar"][0] == -49


def test_a_period_of_none_needs_no_bars() -> None:
    class Optional(Strategy):
        period = Int(None, low=2, high=50, optional=True)
        mean = SMA(period)
        other = EMA(12)

        def on_bar(self, bar, order):
            order.target_percent(1.0)

    study = Study("x", GBM(), Optional, {"period": [None, 20]}, steps=30, seeds=2)
    assert warm_up_of(study) == 19
    alone = Study("x", GBM(), Optional, steps=30, seeds=2)
    assert warm_up_of(alone) == EMA(12).bars_before((12.0,))
