"""Races: who leaves, who never does, and what it saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.errors import Refusal
from engine.jobs.ledger import read_trials
from engine.search import Search


def _study(seeds: range, **changed: Any) -> mc.Study:
    """Weights of a market that rises: the largest is best, by gaps that are known."""
    return mc.Study(
        "race",
        mc.GBM(mu=0.3, sigma=0.2),
        "buy_and_hold",
        {"weight": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]},
        seeds=seeds,
        steps=60,
        execution={"instrument": {"lot_size": 1e-6}},
        **changed,
    )


def _search(study: mc.Study, **changed: Any) -> Search:
    settings: dict[str, Any] = {"objective": "mean_net_pnl", "method": "grid", "race": True}
    return Search(study, **(settings | changed))


def test_sets_that_are_clearly_behind_leave_and_the_rest_is_as_without_a_race() -> None:
    study = _study(range(1024))
    raced, whole = _search(study).run(), _search(study, race=False).run()
    finished = raced.trials.filter(pl.col("status") == "finished")
    behind = raced.trials.filter(pl.col("status") == "behind")
    assert len(behind) >= 7
    assert raced.simulations * 3 < whole.simulations
    assert raced.best == whole.best == {"weight": 1.0}
    same = whole.trials.filter(pl.col("set_id").is_in(finished["set_id"].to_list()))
    assert finished.drop("trial", "generation").equals(same.drop("trial", "generation"))
    # What left says on how many paths it ran, and what it was worth there.
    assert set(behind["paths"]) <= {32, 64, 128, 256, 512}
    row = behind.row(0, named=True)
    alone = _study(range(row["paths"]))
    table = mc.Study.from_definition(
        alone.definition.model_copy(
            update={
                "strategy": alone.definition.strategy.model_copy(
                    update={"parameters": {"weight": [row["weight"]]}}
                )
            }
        )
    )
    table.live = alone.live
    expected = table.run().statistics(names=["mean_net_pnl"])["estimate"][0]
    assert row["mean_net_pnl"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("races", "most"), [(30, 6), pytest.param(400, 34, marks=pytest.mark.slow)]
)
def test_the_best_set_is_kept_with_the_stated_probability(races: int, most: int) -> None:
    """The true best may leave in 5 % of races: no more than `most` times in 999 of 1,000."""
    lost = 0
    for number in range(races):
        found = _search(_study(range(1000 * number, 1000 * number + 128))).run()
        best = found.trials.filter(pl.col("weight") == 1.0)
        lost += best["status"][0] == "behind"
    assert lost <= most


def test_equal_sets_all_run_to_the_end() -> None:
    study = mc.Study(
        "equal", mc.GBM(mu=0.0), "buy_and_hold", {"weight": [0.5, 0.50000001]}, seeds=256, steps=20
    )
    assert set(_search(study).run().trials["status"]) == {"finished"}


def test_the_best_of_earlier_generations_runs_along() -> None:
    """Two sets a generation: all of a later one leave against the best of the first."""
    study = _study(range(512))
    search = _search(study, method="genetic", budget={"sets": 10}, seed=2)
    found = search.run()
    first = found.trials.filter(pl.col("generation") == 0)
    assert (first["status"] == "behind").any()
    again = search.run(workers=1)
    assert again.trials.equals(found.trials)


def test_races_keep_the_same_bytes_for_any_number_of_threads() -> None:
    study = _study(range(300))
    one, two = (_search(study).run(workers=workers) for workers in (1, 2))
    assert one.trials.equals(two.trials)
    np.testing.assert_array_equal(one.leaders["fresh"], two.leaders["fresh"])


def test_a_race_for_several_objectives_is_refused() -> None:
    with pytest.raises(Refusal, match=r"search\.race: found true with several objectives"):
        _search(_study(range(64)), objective=["sharpe", {"minimise": "volatility"}])


def test_a_smaller_budget_that_cut_a_generation_short_leaves_nothing_wrong(tmp_path: Any) -> None:
    study = mc.Study(
        "budget",
        mc.GBM(),
        "sma_crossover",
        {"fast": mc.integer(3, 20), "slow": mc.integer(25, 60)},
        seeds=8,
        steps=40,
    )

    def search(sets: int) -> Search:
        return Search(study, objective="mean_net_pnl", method="genetic", budget={"sets": sets})

    search(20).run(folder=tmp_path)
    more = search(48).run(folder=tmp_path)
    assert more.trials.equals(search(48).run().trials)


def test_the_ledger_says_which_sets_left_and_who_finishes_one_has_finished_it(
    tmp_path: Path,
) -> None:
    study = _study(range(256))
    raced = _search(study, leaders=1).run(ledger=tmp_path)
    said = read_trials(tmp_path)
    assert len(said) == 10
    left = set(raced.trials.filter(pl.col("status") == "behind")["set_id"])
    pruned = set(said.filter(pl.col("status") == "pruned")["set_id"])
    assert set(said["status"]) == {"pruned", "finished"}
    # One that left is finished all the same where it is a neighbour of the best, which run again.
    assert pruned <= left
    assert 5 <= len(pruned) >= len(left) - 1
    study.run(ledger=tmp_path)
    again = read_trials(tmp_path)
    assert again["trial"].sort().to_list() == said["trial"].sort().to_list()
    assert set(again["status"]) == {"finished"}


def test_only_sets_that_meet_what_is_required_lead_a_race() -> None:
    space = {"fast": mc.integer(3, 20), "slow": mc.integer(25, 60)}
    source = mc.GBM(mu=0.6, sigma=0.2)
    study = mc.Study("x", source, "sma_crossover", space, seeds=256, steps=120)
    raced, whole = (
        Search(
            study,
            objective={"minimise": "mean_net_pnl"},
            require={"trades": ">= 1.5"},
            method="random",
            budget={"sets": 40},
            seed=3,
            race=race,
        ).run()
        for race in (True, False)
    )
    assert raced.best == whole.best
    assert (raced.trials["status"] == "finished").sum() >= 1
