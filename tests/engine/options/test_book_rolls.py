"""Positions of the book are rolled: to a farther expiry, whatever the rules of entry say."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import engine as mc
from engine.options.built_ins import ShortPut
from engine.options.layout import DAYS_LEFT
from tests.engine.options.conftest import run_on
from tests.engine.options.test_book import rows_of


@pytest.mark.parametrize("entry", [{"entry_every": 30.0}, {"weekday": "monday"}])
@pytest.mark.parametrize("roll", ["same_strikes", "credit"])
def test_a_roll_is_no_new_entry_and_needs_no_day_of_entry(roll: str, entry: dict[str, Any]) -> None:
    chosen = {"dte": 10, "roll_at_dte": 4, "roll": roll} | entry
    rows = rows_of(run_on(100.0 - 0.2 * np.arange(60), ShortPut, [chosen], {"volatility": 0.3}))
    closed = np.flatnonzero((rows["reason"] == DAYS_LEFT) & (rows["exit_bar"] < 50))
    assert len(closed) > 2
    for row in closed:
        after = rows["entry_bar"] == rows["exit_bar"][row]
        assert rows["strike"][after].tolist() == [rows["strike"][row]]
        assert (rows["expiry_bar"][after] > rows["expiry_bar"][row]).all()


def monthly_trades(parameters: dict[str, Any]) -> pl.DataFrame:
    """Return the puts that are sold on the next month of crude oil, with their expiry as a bar."""
    leg = {"side": "sell", "right": "put", "otm": 5.0, "nth": 1, "kinds": ["monthly"]}
    study = mc.Study(
        "rolled", mc.GBM(mu=0.0, sigma=0.1), "option_legs", parameters, seeds=1, steps=80,
        s0=75.0, record={"trades": True},
        options={"listing": "CL", "start": "2024-01-02", "volatility": 0.35, "legs": [leg]},
    )  # fmt: skip
    return study.run(workers=1).trades().with_columns(
        strike=pl.col("symbol").str.split(" ").list.get(1),
        expiry=pl.col("symbol").str.split("@").list.get(1).cast(pl.Int64),
    )  # fmt: skip


def test_the_nth_expiry_of_a_roll_is_counted_from_beyond_its_days() -> None:
    trades = monthly_trades({"roll_at_dte": 5})
    assert len(trades) >= 3
    assert trades["expiry"].to_list() == sorted(set(trades["expiry"]))
    assert (trades["expiry"] - trades["entry_bar"]).min() > 5


def test_all_positions_are_rolled_that_come_to_their_days_together() -> None:
    trades = monthly_trades(
        {"roll_at_dte": 5, "roll": "same_strikes", "positions": 3, "entry_every": 2}
    )
    together = trades.filter(trades["exit_bar"] < 60).group_by("exit_bar").len()
    assert together["len"].max() == 3
    for bar in together["exit_bar"]:
        closed = trades.filter(trades["exit_bar"] == bar)["strike"].sort()
        opened = trades.filter(trades["entry_bar"] == bar)["strike"].sort()
        assert closed.to_list() == opened.to_list()
