"""The best of many sets is shown with what the search for it explains."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.errors import Refusal
from engine.results import Results, read_results
from engine.sources import GBM, Historical
from engine.statistics.sharpe_inference import expected_maximum
from engine.studies import Study

SETS = {"fast": [3, 5, 8], "slow": [12, 16, 20]}


def crossovers(seeds: int) -> Results:
    """Nine rules without edge."""
    return Study("nine", GBM(mu=0.0, sigma=0.2), "sma_crossover", SETS, seeds=seeds, steps=60).run()


@pytest.fixture(scope="module")
def results() -> Results:
    return crossovers(300)


@pytest.mark.parametrize(
    "statistic", ["sharpe", pytest.param("mean_net_pnl", marks=pytest.mark.slow)]
)
def test_chance_is_what_the_best_of_rules_without_edge_shows(statistic: str) -> None:
    studies, paths = 200, 100
    whole = crossovers(studies * paths)
    frame, rows = whole.frame, paths * 9
    best, chance, high, held = [], [], [], 0
    for first in range(0, len(frame), rows):
        found = replace(whole, lazy=frame.slice(first, rows).lazy()).choose(statistic)
        best.append(found.naive.value)
        chance.append(found.chance)
        high.append(found.chance_high)
        held += found.corrected.low <= 0.0 <= found.corrected.high
    shown, error = np.mean(best), np.std(best) / math.sqrt(studies)
    assert abs(shown - np.mean(chance)) < 3.0 * error
    assert 0.01 <= np.mean(np.array(best) > np.array(high)) <= 0.1
    # The corrected interval holds what a rule without edge is worth, the best one's included.
    assert held / studies >= 0.91


def test_the_sentence_says_what_was_tried_what_chance_shows_and_what_the_best_does(
    results: Results,
) -> None:
    found = results.choose("sharpe")
    top = results.best("sharpe", 1).row(0, named=True)
    assert found.parameter_set == top["parameter_set"]
    assert found.naive.value == top["estimate"]
    words = found.sentence
    assert words.startswith("of 9 sets tried, chance alone would show a best sharpe of 0.")
    assert "on 300 such paths if none had an edge" in words
    assert f"the best, set {top['parameter_set']} (fast {top['fast']}, slow" in words
    assert found.tied
    assert len(found.subset) == 9


def test_a_set_that_is_better_by_far_is_the_best_alone(results: Results) -> None:
    better = pl.when(pl.col("parameter_set") == 4).then(pl.col("net_pnl") + 20_000.0)
    changed = replace(
        results, lazy=results.lazy.with_columns(better.otherwise("net_pnl").alias("net_pnl"))
    )
    found = changed.choose("mean_net_pnl")
    assert (found.parameter_set, found.subset, found.tied) == (4, (4,), False)
    assert found.probability == 1.0
    assert found.corrected.value == pytest.approx(found.naive.value, rel=0.01)
    assert found.naive.value > found.chance_high
    worst = changed.choose("mean_net_pnl", ascending=True)
    assert worst.parameter_set != 4
    assert worst.chance < 0.0


def test_ratios_of_gains_to_losses_are_worth_one_without_an_edge(results: Results) -> None:
    found = results.choose("gain_to_loss")
    assert 1.0 < found.chance < found.chance_high < 3.0
    unknown = results.choose("trades")
    assert math.isnan(unknown.chance)
    assert unknown.sentence.startswith("of 9 sets tried the best, set ")


def test_of_one_path_without_a_ledger_chance_is_not_known(results: Results) -> None:
    found = results.filter("seed = 5").choose("sharpe")
    assert math.isnan(found.chance)
    assert found.sentence.endswith("the trial ledger of a data folder tells")
    assert found.tied


@pytest.mark.parametrize("where", ["root", "ledger"])
def test_of_one_history_chance_is_that_of_the_trial_ledger(tmp_path: Path, where: str) -> None:
    block = GBM(mu=0.08, sigma=0.2).paths(seeds=[4], steps=1500)
    stamps = np.arange(1500) * 86_400_000_000
    bars = Bars("X", stamps, *(block.field(name)[0] for name in block.fields))
    study = Study("h", Historical(bars), "sma_crossover", SETS, seeds=1)
    results = study.run(**{where: tmp_path})
    found, row = results.choose("sharpe"), results.overfitting(tmp_path).row(0, named=True)
    assert found.chance == row["sharpe_by_chance"]
    assert found.sentence == row["sentence"]
    # Rules so alike are worth fewer than nine independent ones.
    years = results.summary.steps / results.summary.bars_per_year
    assert found.chance < expected_maximum(9) / math.sqrt(years)
    if where == "root":
        assert read_results(tmp_path, "h").choose("sharpe").sentence == found.sentence


def test_a_single_set_is_no_choice(results: Results) -> None:
    with pytest.raises(Refusal, match="two or more to choose from"):
        results.filter("parameter_set = 0").choose()
    with pytest.raises(Refusal, match="statistic: found 'nothing'"):
        results.choose("nothing")
