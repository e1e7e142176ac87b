"""Cross-validation run on worlds and on a history, and how often to choose again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.errors import Refusal
from engine.search import cross_validate, reoptimisation_sweep, walk_forward
from tests.engine.search.test_walk_forward import _equity, _study


@pytest.mark.parametrize("score", ["sharpe", "net_pnl"])
def test_courses_are_those_of_a_loop_over_splits_and_folds(score: str) -> None:
    study = _study(seeds=3)
    purge, embargo, folds = 5, 3, 5
    found = cross_validate(
        study, folds=folds, test_folds=2, purge=purge, embargo=embargo, score=score
    )
    equity = _equity(study, 300)
    gains = np.diff(equity, axis=2)
    returns = gains / equity[:, :, :-1]

    def of(one: int, path: int, bars: np.ndarray) -> float:
        if score == "net_pnl":
            return float(gains[one, path, bars].sum())
        own = returns[one, path, bars]
        deviation = own.std(ddof=1)
        return float(own.mean() / deviation * np.sqrt(252)) if deviation > 1e-7 else 0.0

    parts = np.arange(300).reshape(folds, 60)
    for path in range(3):
        chosen: dict[int, list[int]] = {fold: [] for fold in range(folds)}
        for left_out in itertools.combinations(range(folds), 2):
            train = np.ones(300, dtype=bool)
            for fold in left_out:
                train[max(60 * fold - purge, 0) : 60 * (fold + 1) + purge + embargo] = False
            bars = np.flatnonzero(train)
            best = int(np.argmax([of(one, path, bars) for one in range(len(equity))]))
            for fold in left_out:
                chosen[fold].append(best)
        for course in range(4):
            own = found.courses.filter(path=path, course=course).row(0, named=True)
            gained = [gains[chosen[fold][course], path, parts[fold]] for fold in range(folds)]
            assert own["net_pnl"] == pytest.approx(np.concatenate(gained).sum(), abs=0.5)
            if score == "sharpe":
                series = np.concatenate(
                    [returns[chosen[fold][course], path, parts[fold]] for fold in range(folds)]
                )
                expected = series.mean() / series.std(ddof=1) * np.sqrt(252)
                assert own["score"] == pytest.approx(expected, rel=1e-3, abs=2e-3)


def test_without_an_edge_courses_lie_around_nothing_though_choices_looked_good() -> None:
    study = _study(seeds=500, execution={"instrument": {"lot_size": 1e-6}})
    found = cross_validate(study, folds=6, test_folds=2)
    row = found.table.row(-1, named=True)
    assert row["in_sample"] > 10 * row["in_sample_std_error"]
    # Training bars lie on both sides: of a carried price each knows a little of the fold between.
    assert abs(row["out_of_sample"]) < 4 * row["out_of_sample_std_error"]
    assert found.courses["course"].n_unique() == 5
    assert len(found.courses) == 5 * 500
    assert "5 % lie below" in found.sentence


def test_all_frequencies_of_choosing_again_are_judged_on_the_same_bars() -> None:
    study = _study(seeds=20)
    found = reoptimisation_sweep(study, in_sample=120, every=[60, 90, 180], score="net_pnl")
    assert found["windows"].to_list() == [3, 2, 1]
    same = walk_forward(study, score="net_pnl", in_sample=120, out_of_sample=60)
    whole = same.table.row(-1, named=True)
    row = found.row(0, named=True)
    for name in ("in_sample", "out_of_sample", "selection_loss", "out_of_sample_std_error"):
        assert row[name] == pytest.approx(whole[name])
    # 180 bars cut in two of 90 are no whole multiple of 60: the bars are 120 to 299 in each.
    once = walk_forward(study, score="net_pnl", in_sample=120, out_of_sample=180)
    assert found["net_pnl"][2] == pytest.approx(once.choices["net_pnl"].mean())


def test_with_one_set_that_is_best_everywhere_frequency_does_not_matter() -> None:
    study = mc.Study(
        *("drift", mc.GBM(mu=1.5, sigma=0.1), "buy_and_hold", {"weight": [0.1, 1.0]}),
        seeds=30,
        steps=300,
    )
    found = reoptimisation_sweep(study, in_sample=100, every=[20, 70, 200], score="net_pnl")
    assert found["net_pnl"].to_list() == pytest.approx([found["net_pnl"][0]] * 3)
    assert found["selection_loss"].to_list() == pytest.approx([0.0] * 3, abs=1e-9)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"score": "total_return"}, "allowed sharpe, net_pnl"),
        ({"folds": 3, "test_folds": 3}, "more folds than are left out"),
        ({"folds": 4, "purge": 200}, "bars to train on are left"),
    ],
)
def test_what_cannot_be_cross_validated_is_one_sentence(asked: Any, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        cross_validate(_study(), **asked)


@pytest.mark.parametrize("asked", [{"in_sample": 300, "every": [5]}, {"in_sample": 9, "every": []}])
def test_a_sweep_without_a_bar_to_judge_on_is_one_sentence(asked: Any) -> None:
    with pytest.raises(Refusal, match=r"in_sample|every"):
        reoptimisation_sweep(_study(), **asked)


def test_errors_are_of_independent_paths() -> None:
    found = cross_validate(_study(), score="net_pnl", folds=4, test_folds=1)
    by_path = found.choices.group_by("path").agg(pl.col("out_of_sample").mean())
    row = found.table.row(-1, named=True)
    assert row["out_of_sample"] == pytest.approx(by_path["out_of_sample"].mean())
    error = by_path["out_of_sample"].std() / np.sqrt(40)  # type: ignore[operator]
    assert row["out_of_sample_std_error"] == pytest.approx(error)
