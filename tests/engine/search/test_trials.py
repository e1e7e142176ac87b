"""Objectives, requirements, the table of trials, Pareto fronts."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.errors import Refusal
from engine.search.objective import Objective, Requirement
from engine.search.trials import Status, TrialTable, pareto_front


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("sharpe", (Objective("sharpe"),)),
        ({"maximise": "sharpe"}, (Objective("sharpe"),)),
        ({"minimise": "volatility"}, (Objective("volatility", maximise=False),)),
        (
            ["sharpe", {"minimise": "volatility"}],
            (Objective("sharpe"), Objective("volatility", maximise=False)),
        ),
    ],
)
def test_every_form_of_an_objective_is_read(given_: Any, expected: tuple[Objective, ...]) -> None:
    assert Objective.read(given_) == expected


@pytest.mark.parametrize("bad", [{}, [], 3, {"maximize": "sharpe"}, ["sharpe", "sharpe"]])
def test_what_is_no_objective_is_one_sentence(bad: Any) -> None:
    with pytest.raises(Refusal, match=r"search\.objective"):
        Objective.read(bad)


@pytest.mark.parametrize("bad", ["100", ">= many", "== 3", 100, ">="])
def test_what_is_no_requirement_is_one_sentence(bad: Any) -> None:
    with pytest.raises(Refusal, match=r"require\.trades.*such as '>= 100'"):
        Requirement.read({"trades": bad})


def test_a_requirement_holds_for_no_undefined_value() -> None:
    (one,) = Requirement.read({"trades": ">= 100"})
    assert one.holds(np.array([99.0, 100.0, np.nan])).tolist() == [False, True, False]


def test_rows_say_what_became_of_each_trial_and_scores_only_what_counts() -> None:
    table = TrialTable(
        ("fast",), Objective.read({"minimise": "volatility"}), Requirement.read({"trades": "> 5"})
    )
    results = [
        {"paths": 4, "volatility": 0.2, "trades": 9.0},
        {"paths": 4, "volatility": 0.1, "trades": 5.0},
        {"paths": 4, "volatility": np.nan, "trades": 9.0},
        {"paths": 0, "status": Status.REFUSED, "reason": "why"},
        {"paths": 4, "volatility": 0.3, "trades": 6.0},
    ]
    rows = table.rows(10, 2, list("abcde"), [{"fast": n} for n in range(5)], results)
    assert rows["status"].to_list() == [
        *("finished", "requirement not met", "objective undefined", "refused", "finished")
    ]
    assert rows["trial"].to_list() == [10, 11, 12, 13, 14]
    assert rows["reason"].to_list() == [None, None, None, "why", None]
    np.testing.assert_array_equal(table.scores(rows)[:, 0], [-0.2, np.nan, np.nan, np.nan, -0.3])
    assert table.ranked(rows)["fast"].to_list() == [0, 4]


def test_equal_values_are_ranked_by_set_id_not_by_arrival() -> None:
    table = TrialTable(("fast",), Objective.read("sharpe"), ())
    results = [{"paths": 1, "sharpe": 1.0}, {"paths": 1, "sharpe": 1.0}]
    rows = table.rows(0, 0, ["b", "a"], [{"fast": 1}, {"fast": 2}], results)
    assert table.ranked(rows)["set_id"].to_list() == ["a", "b"]
    assert table.ranked(rows.reverse()).equals(table.ranked(rows))


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 12), st.integers(1, 3)),
        elements=st.integers(0, 3).map(float) | st.just(np.nan),
    )
)
def test_the_front_is_what_no_other_row_betters(scores: np.ndarray) -> None:
    front = set(pareto_front(scores).tolist())
    for row, one in enumerate(scores):
        bettered = any((other >= one).all() and (other > one).any() for other in scores)
        assert (row in front) == (not np.isnan(one).any() and not bettered)


def test_frames_without_trials_have_an_empty_front() -> None:
    assert pareto_front(np.empty((0, 2))).tolist() == []
    assert pl.DataFrame().is_empty()
