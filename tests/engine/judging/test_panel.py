"""One grid in every world: regret, the set that regrets least at worst, what is counted."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.errors import Refusal
from engine.jobs.ledger import read_trials
from engine.judging import WORLDS, Panel, model_risk_panel
from engine.judging.panel_table import SCHEMA
from engine.sources import Bootstrap
from engine.strategies import Float, Strategy
from engine.studies import Study
from tests.engine.judging.test_judge import history, with_tip

GRID = {"fast": [5, 20], "slow": [50, 100]}


class FollowsTheTip(Strategy):
    weight = Float(1.0, low=0.2, high=1.0)

    def on_bar(self, bar, order):
        order.target_percent(self.weight if bar.tip > 0.0 else 0.0)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return model_risk_panel("sma_crossover", history(), GRID, paths=60)


def test_every_set_stands_in_every_world_behind_its_best(panel: Panel) -> None:
    ok = panel.table.filter(pl.col("status") == "ok")
    assert set(panel.table["world"]) == {"history", *WORLDS}
    for (_,), rows in ok.group_by("world"):
        assert len(rows) == 4
        assert rows["best"].sum() == 1
        top = rows["estimate"].max()
        assert rows["regret"].to_list() == pytest.approx([top - v for v in rows["estimate"]])
        assert rows.filter(pl.col("best"))["regret"].item() == 0.0
    models = ok.filter(pl.col("kind") != "history")
    assert models["realism"].is_between(0.0, 1.0).all()
    assert (models["n"] == 60).all()
    unknown = panel.table.filter(pl.col("status") != "ok")
    assert unknown["estimate"].null_count() == len(unknown)


def test_the_chosen_set_has_the_smallest_worst_regret(panel: Panel) -> None:
    simulated = panel.table.filter((pl.col("kind") != "history") & (pl.col("status") == "ok"))
    worst = {
        text: max(simulated.filter(pl.col("parameters") == text)["regret"])
        for text in simulated["parameters"].unique()
    }
    assert panel.worst_regret == pytest.approx(min(worst.values()))
    assert worst[json.dumps(panel.chosen, sort_keys=True)] == panel.worst_regret
    low = panel.worst_world
    own = simulated.filter(pl.col("minimax"))
    assert low["estimate"] == own["estimate"].min()
    assert f"gives up {panel.worst_regret:.2f} of sharpe in " in panel.sentence
    assert str(panel) == panel.sentence


def _table(estimates: dict[str, dict[str, float | None]]) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for world, sets in estimates.items():
        top = max(value for value in sets.values() if value is not None)
        for name, value in sets.items():
            rows.append(
                {
                    "strategy": "s",
                    "symbol": "X",
                    "timeframe": "1d",
                    "as_of": datetime.date(2020, 1, 1),
                    "statistic": "sharpe",
                    "world": world,
                    "kind": "history" if world == "history" else "model",
                    "status": "ok",
                    "set_id": name,
                    "parameters": json.dumps({"p": name}),
                    "estimate": value,
                    "best": value == top,
                    "regret": None if value is None else top - value,
                }
            )
    return pl.DataFrame([dict.fromkeys(SCHEMA) | row for row in rows], schema=SCHEMA)


def test_minimax_regret_takes_the_set_that_is_best_nowhere_and_bad_nowhere() -> None:
    found = Panel.of(
        _table(
            {
                "history": {"a": 9.0, "b": 0.0, "c": 0.0},
                "gbm": {"a": 1.0, "b": 0.0, "c": 0.7},
                "heston": {"a": 0.0, "b": 1.0, "c": 0.8},
            }
        ),
        seconds=0.0,
    )
    assert found.chosen == {"p": "c"}
    assert found.worst_regret == pytest.approx(0.3)
    assert found.worst_world["world"] == "gbm"
    assert "2 different sets are best" in found.sentence


def test_a_set_without_a_value_somewhere_is_not_chosen() -> None:
    worlds = {"gbm": {"a": 1.0, "b": 0.0}, "heston": {"a": None, "b": 1.0}}
    assert Panel.of(_table(worlds), seconds=0.0).chosen == {"p": "b"}
    nowhere = {"gbm": {"a": 1.0, "b": None}, "heston": {"a": None, "b": 1.0}}
    with pytest.raises(Refusal, match="panel: no parameter set has a value in every world; rank"):
        Panel.of(_table(nowhere), seconds=0.0)


def test_the_error_of_a_regret_is_that_of_paired_differences(panel: Panel) -> None:
    bars = history()
    found = model_risk_panel("sma_crossover", bars, GRID, statistic="total_return", paths=60)
    study = Study(
        "again",
        Bootstrap(bars, method="stationary"),
        "sma_crossover",
        GRID,
        seeds=60,
        steps=round(bars.bars_per_year),
        s0=float(bars.close[-1]),
        calendar=bars.calendar,
    )
    rows = study.run().frame.select("parameter_set", "seed", "fast", "slow", "total_return")
    wide = rows.pivot(on="parameter_set", index="seed", values="total_return")
    own = found.table.filter(pl.col("world") == "stationary")
    sets = rows.select("fast", "slow").head(4).rows()
    names = [json.dumps({"fast": fast, "slow": slow}) for fast, slow in sets]
    best = names.index(own.filter(pl.col("best"))["parameters"].item())
    for number, name in enumerate(names):
        row = own.filter(pl.col("parameters") == name).row(0, named=True)
        differences = (wide[str(best)] - wide[str(number)]).to_numpy()
        assert row["regret"] == pytest.approx(differences.mean(), abs=1e-12)
        if number != best:
            error = differences.std(ddof=1) / math.sqrt(60)
            assert row["regret_error"] == pytest.approx(error, rel=1e-9)


def test_every_set_tried_is_in_the_ledger_asked_for_by_the_panel(tmp_path: Path) -> None:
    found = model_risk_panel("sma_crossover", history(), GRID, paths=20, root=tmp_path)
    trials = read_trials(tmp_path)
    assert trials["asked_by"].to_list() == [["panel"]] * len(trials)
    assert len(trials) == len(found.table.filter(pl.col("status") == "ok"))


def test_a_world_that_has_no_column_of_the_users_says_so() -> None:
    found = model_risk_panel(FollowsTheTip, with_tip(history(), 0.3), tries=3, paths=20)
    status = dict(found.worlds.select("world", "status").rows())
    assert status["history"] == status["stationary"] == "ok"
    assert "tip" in status["gbm"]
    assert found.worlds.filter(pl.col("world") == "gbm")["estimate"].item() is None


def test_it_can_be_written_as_json(panel: Panel) -> None:
    content = json.loads(json.dumps(panel.to_json(), default=str))
    assert content["chosen"] == panel.chosen
    assert len(content["worlds"]) == len(WORLDS) + 1


def test_the_same_seed_gives_the_same_panel(panel: Panel) -> None:
    again = model_risk_panel("sma_crossover", history(), GRID, paths=60)
    assert again.table.equals(panel.table)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bars": history(count=100)}, "bars: found 100 bars, allowed at least 250"),
        ({"tries": 1}, "tries, paths: found 1"),
        ({"statistic": "sharp"}, "statistic: found"),
        ({"parameters": {"quick": 3}}, "unknown parameter"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(change: dict[str, object], expected: str) -> None:
    given: dict[str, object] = {"bars": history(), "paths": 20, "tries": 4} | change
    with pytest.raises(Refusal, match=expected):
        model_risk_panel("sma_crossover", given.pop("bars"), **given)  # type: ignore[arg-type]
