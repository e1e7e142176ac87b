"""A study on recorded fills: these as long as the record lasts, then the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.testing.prices import random_path

DAY = 86_400_000_000


def history() -> mc.Bars:
    path = random_path(np.random.default_rng(3), 300, 0.02, 0.01)
    return mc.Bars("X", np.arange(300) * DAY, *path)


def study(parameters: dict[str, Any], **options: Any) -> mc.Study:
    return mc.Study("recorded", history(), "sma_crossover", parameters, seeds=1, **options)


def test_a_study_on_its_own_fills_and_on_others_is_the_backtest_on_them() -> None:
    parameters = {"fast": 5, "slow": 20}
    plain = study(parameters).run().frame
    modelled = mc.backtest("sma_crossover", history(), parameters, warm_up="auto")
    fills = modelled.orders.filter((pl.col("event") == "filled") & (pl.col("bar") < 120))
    own = study(parameters).run(fills=fills)
    assert own.frame["net_pnl"].to_list() == plain["net_pnl"].to_list()
    dearer = fills.with_columns(pl.col("price") + pl.col("units").sign() * 0.5)
    found = study(parameters).run(fills=mc.FillTape(dearer, until=150))
    tape = mc.FillTape(dearer, until=150)
    expected = mc.backtest("sma_crossover", history(), parameters, warm_up="auto", fills=tape)
    assert found.frame["net_pnl"][0] == expected.metrics["net_pnl"]
    assert found.frame["net_pnl"][0] < plain["net_pnl"][0]
    assert found.frame["world"][0] != own.frame["world"][0]
    assert found.simulation(0).metrics["net_pnl"] == expected.metrics["net_pnl"]


def test_fills_that_are_not_of_the_study_are_refused(tmp_path: Path) -> None:
    fills = pl.DataFrame({"bar": [30], "units": [1.0], "price": [100.0], "order": [999]})
    grid = {"fast": [5, 8], "slow": 20}
    with pytest.raises(mc.StudyFailed, match="a fill of order 999, allowed an order that waits"):
        study(grid).run(fills=fills)
    apart = fills.with_columns(pl.lit(-1).alias("order"))
    assert len(study(grid).run(fills=apart).frame) == 2
    with pytest.raises(mc.Refusal, match="fills: found recorded fills beside a data root, allowed"):
        study(grid).run(fills=apart, root=tmp_path)
    model = mc.Study("model", mc.GBM(), "sma_crossover", {"fast": 5, "slow": 20}, seeds=2, steps=60)
    with pytest.raises(mc.Refusal, match="fills: found a study of 'gbm', allowed one of bars, on"):
        model.run(fills=apart)
