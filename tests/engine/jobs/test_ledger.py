"""The trial ledger: every set that was ever run is counted, once, and nothing resets it."""

from __future__ import annotations

import datetime
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.jobs import ledger
from engine.jobs.ledger import (
    OUTCOME_BLOCKS,
    archive_trials,
    outcome_matrix,
    read_archives,
    read_trials,
    time_block_ends,
)
from engine.sources import GBM, Bootstrap, Historical
from engine.strategies import Float, Strategy
from engine.studies import Study, uniform

Make = Callable[..., Study]


class SometimesFails(Strategy):
    limit = Float(104.0)

    def on_bar(self, bar, order):
        if bar.close > self.limit:
            order.limit(1.0, 1.0 / (bar.close - bar.close))
        order.target_percent(1.0)


def test_every_set_of_a_run_is_a_trial(make_study: Make, tmp_path: Path) -> None:
    results = make_study().run(root=tmp_path)
    trials = read_trials(tmp_path)
    assert sorted(trials["set_id"]) == sorted(results.set_ids.tolist())
    (first, *_) = trials.iter_rows(named=True)
    assert first["family"] == "sma_crossover"
    assert first["status"] == "finished"
    assert first["studies"] == ["small"]
    assert first["asked_by"] == ["grid"]
    assert (first["seeds"], first["paths"], first["failed"]) == (40, 40, 0)
    found = {json.loads(text)["fast"] for text in trials["parameters"]}
    assert found == {3, 5}


def test_estimates_are_those_of_the_rows(make_study: Make, tmp_path: Path) -> None:
    frame = make_study(seeds=75).run(root=tmp_path).frame
    trials = {row["set_id"]: row for row in read_trials(tmp_path).iter_rows(named=True)}
    for (set_id,), rows in frame.group_by("set_id"):
        trial = trials[str(set_id)]
        assert trial["mean_net_pnl"] == pytest.approx(rows["net_pnl"].mean(), rel=1e-12)
        assert trial["std_net_pnl"] == pytest.approx(rows["net_pnl"].std(), rel=1e-10)
        block = (rows["seed"] % OUTCOME_BLOCKS).alias("block")
        means = rows.group_by(block).agg(pl.col("net_pnl").mean(), pl.len()).sort("block")
        assert trial["block"] == means["block"].to_list()
        assert trial["block_paths"] == means["len"].to_list()
        np.testing.assert_allclose(trial["outcome"], means["net_pnl"] / 100_000.0, rtol=1e-6)


def test_computing_again_and_adding_to_it_counts_nothing_twice(
    make_study: Make, tmp_path: Path
) -> None:
    make_study().run(root=tmp_path)
    before = read_trials(tmp_path)
    make_study().run(root=tmp_path, fresh=True)
    make_study(name="another").run(root=tmp_path)
    make_study(record={"equity": 6}).run(root=tmp_path)
    again = read_trials(tmp_path)
    assert again.drop("studies").equals(before.drop("studies"))
    make_study(seeds=100, record={"equity": 6}).run(root=tmp_path)
    more = read_trials(tmp_path)
    assert more["trial"].to_list() == before["trial"].to_list()
    assert set(more["seeds"]) == {100}
    assert more["tried_at"].to_list() == before["tried_at"].to_list()


def test_other_versions_of_the_engine_are_the_same_trials(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study().run(root=tmp_path)
    before = read_trials(tmp_path)
    # In every module that has it: what a strategy does is hashed in one that nobody thinks of.
    modules = [module for name, module in sys.modules.items() if name.startswith("engine.")]
    having = [module for module in modules if hasattr(module, "ENGINE_VERSION")]
    assert len(having) > 3
    for module in having:
        monkeypatch.setattr(module, "ENGINE_VERSION", "another")
    make_study().run(root=tmp_path)
    after = read_trials(tmp_path)
    assert after["trial"].to_list() == before["trial"].to_list()
    assert [len(worlds) for worlds in after["worlds"]] == [2] * len(before)
    assert after["seeds"].to_list() == before["seeds"].to_list()


def test_another_setting_or_other_code_is_another_trial(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path)
    make_study(execution={"commission": {"rate": 0.001}}).run(root=tmp_path)
    assert len(read_trials(tmp_path)) == 8


def test_removing_results_and_parts_leaves_the_count(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path)
    before = read_trials(tmp_path)
    for folder in ("results", "simulations", "manifests"):
        shutil.rmtree(tmp_path / folder)
    assert read_trials(tmp_path).equals(before)


def test_failed_simulations_are_counted_and_left_out_of_the_outcome(
    make_study: Make, tmp_path: Path
) -> None:
    study = make_study(
        strategy=SometimesFails, parameters={"limit": [101.0, 1e9]}, failure_allowance=1.0
    )
    frame = study.run(root=tmp_path).frame
    trials = {row["set_id"]: row for row in read_trials(tmp_path).iter_rows(named=True)}
    for (set_id,), rows in frame.group_by("set_id"):
        trial, fine = trials[str(set_id)], rows.filter(pl.col("status") == "ok")
        assert trial["failed"] == len(rows) - len(fine)
        assert sum(trial["block_paths"]) == len(fine)
        if len(fine):
            assert trial["mean_net_pnl"] == pytest.approx(fine["net_pnl"].mean(), rel=1e-12)
        for outcome, paths in zip(trial["outcome"], trial["block_paths"], strict=True):
            assert (outcome is None) == (paths == 0)


def test_on_history_the_outcome_is_the_profit_in_stretches_of_time(
    market: Any, tmp_path: Path
) -> None:
    bars = market.bars("SP500", "1d")
    study = Study(
        "history",
        Historical(bars),
        "sma_crossover",
        {"fast": [5, 10]},
        seeds=1,
        warm_up=0,
        record={"equity": len(bars)},
    )
    results = study.run(root=tmp_path)
    trials = {row["set_id"]: row for row in read_trials(tmp_path).iter_rows(named=True)}
    ends = time_block_ends(len(bars))
    assert len(ends) == OUTCOME_BLOCKS
    sets = dict(zip(results.frame["simulation"], results.frame["set_id"], strict=True))
    for simulation, curve in results.equity().select("simulation", "equity").iter_rows():
        trial = trials[sets[simulation]]
        profit = np.diff(np.array(curve)[ends], prepend=100_000.0) / 100_000.0
        assert trial["blocks_of"] == "time"
        np.testing.assert_allclose(trial["outcome"], profit, atol=2e-7)
        assert sum(trial["outcome"]) * 1e5 == pytest.approx(trial["mean_net_pnl"], abs=0.05)
        assert trial["series"] == "SP500@1d"
        assert trial["data"] != ""


def test_recording_curves_on_history_changes_neither_rows_nor_curves(
    market: Any, tmp_path: Path
) -> None:
    bars = market.bars("SP500", "1d")
    one = Study("h", Historical(bars), "sma_crossover", {"fast": [5, 10]}, seeds=1)
    two = Study(
        "h", Historical(bars), "sma_crossover", {"fast": [5, 10]}, seeds=1, record={"equity": 7}
    )
    first, second = one.run(), two.run(root=tmp_path)
    assert first.frame.select(first.metrics).equals(second.frame.select(first.metrics))
    assert second.equity()["equity"].to_list()[0][-1] == pytest.approx(
        second.frame["final_equity"][0], rel=1e-6
    )


def test_trials_on_data_carry_its_hash_and_those_on_other_data_another(
    make_study: Make, market: Any, tmp_path: Path
) -> None:
    bars = market.bars("SP500", "1d")
    for history in (bars, bars[:300]):
        make_study(source=Bootstrap(history, block_length=5.0)).run(root=tmp_path)
    make_study().run(root=tmp_path)
    found = read_trials(tmp_path).group_by("data").len().sort("data")
    assert found["len"].to_list() == [4, 4, 4]
    assert found["data"][0] == ""


def test_a_search_says_that_it_asked(make_study: Make, tmp_path: Path) -> None:
    class Weight(Strategy):
        weight = Float(1.0)

        def on_start(self, order):
            order.target_percent(self.weight)

    make_study(
        strategy=Weight,
        parameters={"weight": uniform(0.0, 1.0)},
        search={"method": "sobol", "count": 4},
    ).run(root=tmp_path)
    assert read_trials(tmp_path)["asked_by"].to_list() == [["sobol"]] * 4


@settings(max_examples=settings.default.max_examples // 4, deadline=None)
@given(
    requests=st.lists(
        st.tuples(st.integers(1, 90), st.sets(st.sampled_from([3, 5, 7]), min_size=1)),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_was_asked_in_whatever_order_each_trial_counts_its_seeds_once(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[int, set[int]]]
) -> None:
    root = tmp_path_factory.mktemp("ledger")
    most: dict[int, int] = {}
    for seeds, fast in requests:
        parameters = {"fast": sorted(fast), "slow": 20}
        study = Study("any", GBM(), "sma_crossover", parameters, seeds=seeds, steps=30)
        study.run(root=root, workers=1)
        most |= {value: max(most.get(value, 0), seeds) for value in fast}
    trials = read_trials(root)
    found = {
        json.loads(text)["fast"]: seeds
        for text, seeds in trials.select("parameters", "seeds").iter_rows()
    }
    assert found == most


def test_outcomes_of_trials_stand_side_by_side_on_shared_blocks(
    make_study: Make, tmp_path: Path
) -> None:
    frame = make_study(seeds=64).run(root=tmp_path).frame
    trials = read_trials(tmp_path)
    outcomes, blocks = outcome_matrix(trials)
    assert (outcomes.shape, blocks.tolist()) == ((64, 4), list(range(64)))
    wide = frame.pivot(on="set_id", index="seed", values="net_pnl").sort("seed")
    for column, set_id in enumerate(trials["set_id"]):
        np.testing.assert_allclose(outcomes[:, column], wide[set_id] / 1e5, rtol=1e-6)


def test_outcomes_of_time_and_of_seeds_do_not_mix(
    make_study: Make, market: Any, tmp_path: Path
) -> None:
    make_study().run(root=tmp_path)
    make_study(source=Historical(market.bars("SP500", "1d")), seeds=1).run(root=tmp_path)
    with pytest.raises(Refusal, match="one kind of blocks"):
        outcome_matrix(read_trials(tmp_path))


# --- archives -------------------------------------------------------------------------------------


def test_archived_trials_no_longer_count_but_are_still_there(
    make_study: Make, tmp_path: Path
) -> None:
    make_study().run(root=tmp_path)
    assert archive_trials(tmp_path, "sma_crossover", "the costs were wrong") == 4
    assert len(read_trials(tmp_path)) == 0
    assert len(read_trials(tmp_path, archived=True)) == 4
    (archive,) = read_archives(tmp_path)
    assert (archive.family, archive.reason) == ("sma_crossover", "the costs were wrong")
    make_study(parameters={"fast": 4, "slow": 20}).run(root=tmp_path)
    assert len(read_trials(tmp_path)) == 1


def test_an_archive_needs_a_family_and_a_reason(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path)
    with pytest.raises(Refusal, match="reason: found '  ', allowed a sentence"):
        archive_trials(tmp_path, "sma_crossover", "  ")
    with pytest.raises(Refusal, match="family: found 'rsi', allowed sma_crossover"):
        archive_trials(tmp_path, "rsi", "why not")


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "ledger" / "archives"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{")
    with pytest.raises(Refusal, match=r"a\.json is damaged"):
        read_archives(tmp_path)


def test_an_empty_ledger_is_an_empty_table(tmp_path: Path) -> None:
    trials = read_trials(tmp_path)
    assert len(trials) == 0
    assert {"trial", "outcome", "studies"} <= set(trials.columns)


def test_trials_are_written_before_the_part_counts_as_finished(
    make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.jobs.store.write_trials", fail)
    with pytest.raises(OSError, match="run the study again"):
        make_study().run(root=tmp_path)
    assert not list((tmp_path / "manifests").rglob("*.json"))
    monkeypatch.undo()
    make_study().run(root=tmp_path)
    assert len(read_trials(tmp_path)) == 4


def test_the_first_time_is_kept(make_study: Make, tmp_path: Path) -> None:
    make_study().run(root=tmp_path)
    first = read_trials(tmp_path)["tried_at"]
    assert abs(first[0] - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)
    make_study().run(root=tmp_path, fresh=True)
    assert read_trials(tmp_path)["tried_at"].to_list() == first.to_list()


def test_stretches_of_time_are_as_equal_as_can_be() -> None:
    for bars in (1, 5, 64, 65, 1000):
        ends = time_block_ends(bars)
        lengths = np.diff(ends, prepend=-1)
        assert ends[-1] == bars - 1
        assert len(ends) == min(bars, ledger.OUTCOME_BLOCKS)
        assert lengths.max() - lengths.min() <= 1
