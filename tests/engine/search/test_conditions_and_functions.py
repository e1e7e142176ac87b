"""Parameters that matter under a condition, and objectives that are functions of statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as mc
from engine.errors import Refusal
from engine.search import SearchSpace
from engine.search.objective import Objective
from engine.studies import choice, integer, uniform


def _space() -> SearchSpace:
    return SearchSpace.of(
        {"kind": choice(["plain", "trailing"]), "trail": uniform(0.01, 0.2), "n": integer(1, 9)},
        known={"trail": 0.0},
        conditions={"trail": lambda values: values["kind"] == "trailing"},
    )


@settings(database=None)
@given(points=st.lists(st.tuples(*[st.floats(0.0, 0.999)] * 3), min_size=1, max_size=8))
def test_sets_that_differ_in_nothing_that_matters_are_one_point(points: list[Any]) -> None:
    space = _space()
    settled = space.settle(np.array(points))
    sets = space.sets(settled)
    for values in sets:
        assert (values["trail"] == 0.0) == (values["kind"] == "plain")
    np.testing.assert_allclose(space.points(sets), settled, atol=1e-9)
    assert len({tuple(one.values()) for one in sets}) == len(np.unique(settled.round(9), axis=0))


def _study(**changed: Any) -> mc.Study:
    class Exits(mc.Strategy):
        """Hold, with a stop or without."""

        name = "exits_of_a_test"
        stop = mc.Choice("never", choices=("never", "loss"))
        share = mc.Float(0.05, low=0.001, high=0.9)
        weight = mc.Float(1.0, low=0.1, high=1.0)

        def on_bar(self, bar: Any, order: Any, account: Any) -> None:
            if account.position == 0.0:
                order.target_percent(self.weight)
            elif self.stop == "loss" and bar.close < account.average_price * (1.0 - self.share):
                order.close()

    space = {
        "stop": ["never", "loss"],
        "share": mc.uniform(0.01, 0.1),
        "weight": [0.5, 1.0],
    }
    given: dict[str, Any] = {"seeds": 20, "steps": 60}
    return mc.Study("exits", mc.GBM(mu=0.1), Exits, space, **(given | changed))


def test_a_search_moves_a_parameter_only_where_it_matters(tmp_path: Path) -> None:
    search = mc.Search(
        *(_study(),),
        objective="mean_net_pnl",
        method="random",
        budget={"sets": 40},
        seed=2,
        when={"share": "stop == 'loss'"},
    )
    found = search.run(folder=tmp_path)
    never = found.trials.filter(stop="never")
    # Without a stop its share is the default, and two weights are two sets however often asked.
    assert never["share"].unique().to_list() == [0.05]
    assert len(never) == 2
    assert found.trials.filter(stop="loss")["share"].n_unique() > 20
    idle = found.leaders.filter(stop="never")["rank"].to_list()
    for rank in idle:
        assert found.moves.filter(rank=rank)["parameter"].unique().to_list() == ["weight"]
    assert search.run(folder=tmp_path).trials.equals(found.trials)


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ({"luck": "stop == 'loss'"}, "when.luck"),
        ({"share": "stop == "}, "when.share"),
        ({"share": "nothing > 1"}, "unknown name 'nothing'"),
        ({"share": "stop == 'loss'", "weight": "share > 0.02"}, "a condition of its own"),
    ],
)
def test_a_condition_that_cannot_be_used_is_one_sentence(
    when: dict[str, str], sentence: str
) -> None:
    search = mc.Search(_study(), objective="mean_net_pnl", budget={"sets": 8}, when=when)
    with pytest.raises(Refusal, match=sentence):
        search.run()


def _pnl_less_risk(mean_net_pnl: float, std_net_pnl: float) -> float:
    return mean_net_pnl - 0.1 * std_net_pnl


GRID = {"fast": [3, 6, 12], "slow": [20, 40]}


@pytest.mark.parametrize("method", ["grid", "genetic"])
def test_a_function_of_statistics_is_an_objective_with_an_error(method: str) -> None:
    study = mc.Study("own", mc.GBM(mu=0.1), "sma_crossover", GRID, seeds=80, steps=120)
    budget = None if method == "grid" else {"sets": 6}
    found = mc.Search(study, objective=_pnl_less_risk, method=method, budget=budget).run()
    frame = study.run().frame
    for row in found.trials.iter_rows(named=True):
        pnl = frame.filter(fast=row["fast"], slow=row["slow"])["net_pnl"].to_numpy()
        mean, deviation = pnl.mean(), pnl.std(ddof=1)
        assert row["_pnl_less_risk"] == pytest.approx(mean - 0.1 * deviation)
        slope = (pnl - mean) - 0.1 * ((pnl - mean) ** 2 / deviation - deviation) / 2.0
        error = slope.std(ddof=1) / np.sqrt(len(pnl))
        assert row["_pnl_less_risk_std_error"] == pytest.approx(error, rel=0.02)
    best = found.leaders.row(0, named=True)
    assert best["claim"] == found.trials["_pnl_less_risk"].max()
    assert best["fresh_std_error"] > 0.0


def test_another_function_is_another_search(tmp_path: Path) -> None:
    study = mc.Study("own", mc.GBM(mu=0.1), "sma_crossover", GRID, seeds=10, steps=80)

    def other(mean_net_pnl: float, std_net_pnl: float) -> float:
        return mean_net_pnl - 0.2 * std_net_pnl

    other.__name__ = "_pnl_less_risk"
    mc.Search(study, objective=other, method="grid").run(folder=tmp_path)
    with pytest.raises(Refusal, match="another search"):
        mc.Search(study, objective=_pnl_less_risk, method="grid").run(folder=tmp_path)


def test_a_function_that_raises_or_names_no_statistic_is_one_sentence() -> None:
    study = mc.Study("own", mc.GBM(mu=0.1), "sma_crossover", GRID, seeds=10, steps=80)

    def broken(mean_net_pnl: float) -> float:
        raise TypeError("no such thing")

    with pytest.raises(
        Refusal, match=r"search\.objective\.broken: found TypeError: no such thing at"
    ):
        mc.Search(study, objective=broken, method="grid").run()
    with pytest.raises(Refusal, match=r"search\.objective: found 'luck'"):
        mc.Search(study, objective=lambda luck: luck, method="grid").run()
    assert Objective.read({"minimise": _pnl_less_risk})[0].sign == -1.0
