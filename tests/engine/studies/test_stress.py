"""Stress scenarios in study files: shocks that are swept, stretches that are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.results import Results
from engine.studies import Study
from engine.studies.loader import parse_definition

DAY = 86_400_000_000
FIRST = np.datetime64("2008-01-01", "us").astype(np.int64)
CLOSE = 100.0 * 0.99 ** np.arange(60)


class Market:
    """A series that falls by a hundredth a day."""

    def bars(self, symbol: str, timeframe: str, **columns: Any) -> Bars:
        if symbol != "FALL":
            raise LookupError(symbol)
        stamps = FIRST + np.arange(60) * DAY
        return Bars(symbol, stamps, *[CLOSE] * 4, np.ones(60), BarCalendar("24/7", "1d"))

    def calibration(self, *_: Any) -> Any:
        raise AssertionError


def run(stress: dict[str, Any] | None, **source: Any) -> Results:
    content = {
        "name": "stressed",
        "source": {"model": "gbm", "steps": 40, "warm_up": 0, "stress": stress, **source},
        "strategy": {"name": "buy_and_hold"},
        "seeds": 30,
    }
    definition = parse_definition(yaml.safe_dump(content))
    return Study.from_definition(definition, Path("stressed.yaml")).run(market_data=Market())


def test_the_same_seeds_differ_by_the_shock_alone() -> None:
    calm, hit = (run(stress).frame["final_equity"] for stress in (None, {"at": 20, "shock": -0.5}))
    assert ((hit / calm).to_numpy() < 0.55).all()


def test_shocks_are_swept_and_a_further_one_computes_no_other_again(tmp_path: Path) -> None:
    stress = {"at": 20, "shock": -0.1}
    swept = run(stress, parameters={"stress.shock": [-0.1, -0.4], "sigma": 0.1})
    assert swept.frame["model.stress.shock"].unique().sort().to_list() == [-0.4, -0.1]
    alone = run({"at": 20, "shock": -0.4}, parameters={"sigma": 0.1}).frame["net_pnl"]
    of_set = swept.frame.filter(swept.frame["model.stress.shock"] == -0.4)["net_pnl"]
    assert of_set.to_list() == alone.to_list()


def test_a_stretch_is_read_from_its_series_and_no_data_that_tries_are_counted_on() -> None:
    found = run({"at": 10, "symbol": "FALL", "start": "2008-01-05", "end": "2008-01-14"})
    path = found.simulation(0).bars
    moves = path["close"].to_numpy()[10:20] / path["close"].to_numpy()[9:19]
    assert moves == pytest.approx(np.full(10, 0.99))
    other = run({"at": 10, "symbol": "FALL", "start": "2008-01-05", "end": "2008-01-13"})
    assert set(found.frame["world"]).isdisjoint(other.frame["world"])
    assert found.summary.lineage.data == run(None).summary.lineage.data == ""


@pytest.mark.parametrize(
    ("stress", "sentence"),
    [
        ({"at": 3}, "source.stress: found no scenario"),
        ({"shock": -1.0}, "source.stress.shock"),
        ({"shock": -0.1, "symbol": "FALL"}, "source.stress: found a shock beside"),
        ({"symbol": "RISE", "start": "2008-01-05", "end": "2008-01-14"}, "source.stress.symbol"),
        (
            {"symbol": "FALL", "start": "2007-01-05", "end": "2007-01-14"},
            "source.stress.start: found no bar of FALL from 2007-01-05 to 2007-01-14",
        ),
        ({"at": "soon", "shock": -0.1}, "source.stress.at: found 'soon'"),
        ({"at": "2008-02-02", "shock": -0.1}, "at: found the date 2008-02-02"),
        ({"at": 40, "shock": -0.1}, "at: found 40, allowed 1 to 39 of 40 bars"),
    ],
)
def test_a_scenario_that_cannot_be_is_one_sentence(stress: dict, sentence: str) -> None:
    with pytest.raises(Refusal) as refusal:
        run(stress)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
