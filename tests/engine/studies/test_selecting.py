"""Running until the best set is selected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.errors import Refusal
from engine.jobs import BLOCKS
from engine.jobs.ledger import read_trials
from engine.results import read_results
from engine.sources import GBM
from engine.studies import Study, load_results, run_block

WEIGHTS = {"weight": [0.1, 0.4, 0.7, 0.9, 1.0]}
#: Of the mean P&L, in account currency: a fifth of what the best two are apart.
GAP = 400.0


def study(name: str = "chosen", most: int = 4000, **until: Any) -> Study:
    goal = {"selected": {"indifference": GAP, **until}, "max_seeds": most}
    return Study(
        name, GBM(mu=0.2, sigma=0.2), "buy_and_hold", WEIGHTS, seeds=20, steps=252, until=goal
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("selected")
    study().run(root=root)
    return root


def seeds_of(frame: pl.DataFrame) -> list[int]:
    return frame.group_by("parameter_set").len().sort("parameter_set")["len"].to_list()


def test_only_sets_that_may_be_the_best_run_on_more_seeds(folder: Path) -> None:
    results = read_results(folder, "chosen")
    counts = seeds_of(results.frame)
    assert results.stopped is not None
    assert results.stopped.startswith("set 4 is selected as the best of 5 by mean_net_pnl")
    # The others differ more from the best, and that difference varies more.
    assert counts[3] == 50 < counts[4]
    assert counts[4] == max(counts) == results.summary.seeds
    assert counts == list(results.summary.seeds_of_set or ())
    assert results.missing == 0
    assert len(results) == results.summary.simulations == sum(counts)


def test_statistics_of_sets_count_the_paths_that_each_ran_on(folder: Path) -> None:
    results = read_results(folder, "chosen")
    table = results.statistics(names=["mean_net_pnl"])
    assert table["n"].to_list() == seeds_of(results.frame)
    own = results.frame.filter(pl.col("parameter_set") == 3)["net_pnl"]
    assert table["estimate"][3] == pytest.approx(own.mean())
    budget = results.error_budget(names=["mean_net_pnl"])
    assert budget["estimate"].to_list() == table["estimate"].to_list()


def test_the_selection_is_the_same_in_memory_and_nothing_is_run_again(folder: Path) -> None:
    told: list[Any] = []
    again = study().run(root=folder, progress=told.append)
    assert all(one.reused == one.total for one in told if one.total == one.done)
    assert_frame_equal(again.frame, study().run().frame)


def test_cells_of_another_study_change_nothing(folder: Path, tmp_path: Path) -> None:
    # The same world, where another study ran every set on every seed.
    every = Study("every", GBM(mu=0.2, sigma=0.2), "buy_and_hold", WEIGHTS, seeds=600, steps=252)
    every.run(root=tmp_path)
    assert_frame_equal(study().run(root=tmp_path).frame, read_results(folder, "chosen").frame)


@pytest.mark.every_part
@pytest.mark.parametrize("most", [60, pytest.param(4000, marks=pytest.mark.slow)])
def test_blocks_and_whole_runs_agree(most: int, tmp_path: Path) -> None:
    whole = study(most=most).run()
    assert len(set(seeds_of(whole.frame))) > 1
    blocks = [run_block(study(most=most), block, root=tmp_path) for block in range(BLOCKS)]
    found = load_results(tmp_path, "chosen")
    assert sum(block.rows for block in blocks) == len(found)
    assert_frame_equal(found.frame, whole.frame)


def test_a_simulation_of_the_selected_set_is_run_again(folder: Path) -> None:
    results = study().run(root=folder)
    last = results.frame.filter(pl.col("parameter_set") == 4).tail(1).row(0, named=True)
    assert results.simulation(last["simulation"]).metrics["net_pnl"] == last["net_pnl"]


def test_the_limit_of_seeds_stops_it_and_says_which_are_left() -> None:
    results = study(most=60, indifference=1.0).run()
    assert results.summary.seeds == 60
    assert results.stopped is not None
    assert "with 5 sets that may be the best by mean_net_pnl: 0, 1" in results.stopped


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ({"max_seeds": 9}, "until: found neither of them, allowed `half_width` or `selected`"),
        ({"max_seeds": 9, "half_width": 1, "selected": {"indifference": 1}}, "found both of them"),
        ({"max_seeds": 9, "selected": {}}, "until.selected.indifference: this field is required"),
        ({"max_seeds": 9, "selected": {"indifference": 0}}, "greater than 0"),
        ({"max_seeds": 9, "selected": {"indifference": 1}, "leaders": 2}, "until.leaders"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(until: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as caught:
        Study("x", GBM(), "buy_and_hold", WEIGHTS, seeds=5, steps=5, until=until)
    assert said in str(caught.value)


def test_a_single_set_is_refused() -> None:
    goal = {"selected": {"indifference": 1.0}, "max_seeds": 100}
    with pytest.raises(Refusal, match=r"until\.selected\.sets: found 1, allowed 2 to 4000"):
        Study("one", GBM(), "buy_and_hold", seeds=5, steps=5, until=goal).run()


def statuses(root: Path) -> dict[float, str]:
    trials = read_trials(root)
    weights = [json.loads(one)["weight"] for one in trials["parameters"]]
    return dict(zip(weights, trials["status"], strict=True))


def test_the_ledger_tells_sets_that_left_from_those_that_ran_to_the_end(folder: Path) -> None:
    counts = dict(
        zip(WEIGHTS["weight"], seeds_of(read_results(folder, "chosen").frame), strict=True)
    )
    most = max(counts.values())
    ended = {weight: "finished" if n == most else "pruned" for weight, n in counts.items()}
    assert set(ended.values()) == {"finished", "pruned"}
    assert statuses(folder) == ended
    # Rows that tell the end have the cells of the rounds, which count once.
    trials = read_trials(folder).sort("parameters")
    assert trials["seeds"].to_list() == [counts[weight] for weight in sorted(counts)]
    files = sorted((folder / "ledger").rglob("*.parquet"))
    study().run(root=folder)
    assert sorted((folder / "ledger").rglob("*.parquet")) == files


def test_a_set_that_another_study_finished_stays_finished(tmp_path: Path) -> None:
    every = Study("every", GBM(mu=0.2, sigma=0.2), "buy_and_hold", WEIGHTS, seeds=600, steps=252)
    study().run(ledger=tmp_path)
    assert "pruned" in statuses(tmp_path).values()
    every.run(ledger=tmp_path)
    assert set(statuses(tmp_path).values()) == {"finished"}
