"""What P&L is attributed to adds up to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.errors import Refusal
from engine.results import Results
from engine.results.attribution import ATTRIBUTED, REST
from engine.sources import GBM, Historical, RegimeSwitching
from engine.strategies import Strategy
from engine.strategies.hook_arguments import Bar, Order
from engine.studies import Study

HOUR = 3_600_000_000


class Alternating(Strategy):
    """Long for some bars, then short, under two tags."""

    name = "alternating"

    def on_bar(self, bar: Bar, order: Order) -> None:
        if bar.index % 20 == 3:
            opened = order.target_percent(0.5)
            order.tag(opened, 1)
        if bar.index % 20 == 9:
            order.close()
        if bar.index % 20 == 12:
            opened = order.target_percent(-0.5)
            order.tag(opened, 2)
        if bar.index % 20 == 18 and bar.index < 50:
            order.close()


def run(source: Any = None, **settings: Any) -> Results:
    options: dict[str, Any] = {"seeds": 40, "steps": 75} | settings
    costs = {"commission": {"rate": 0.001}, "slippage": {"bps": 5}}
    return Study(
        "parts",
        source or GBM(mu=0.1, sigma=0.3),
        Alternating,
        execution=costs,
        record={"trades": True},
        **options,
    ).run()


@pytest.fixture(scope="module")
def results() -> Results:
    return run()


@pytest.fixture(scope="module")
def on_history() -> Results:
    block = GBM(mu=0.1, sigma=0.3).paths(seeds=[4], steps=400)
    columns = (block.field(name)[0] for name in ("open", "high", "low", "close", "volume"))
    start = np.datetime64("2024-01-01T09:00", "us").astype(np.int64)
    bars = Bars("X", start + np.arange(400) * HOUR, *columns)
    return run(Historical(bars), seeds=1, steps=None)


@pytest.mark.parametrize("by", ["symbol", "side", "tag", "cost"])
def test_the_parts_add_up_to_the_net_pnl_to_the_cent(results: Results, by: str) -> None:
    table = results.attribution(by)
    net = results.frame["net_pnl"].to_numpy()
    assert len(net) * table["estimate"].sum() == pytest.approx(net.sum(), abs=0.005)
    assert set(table["n"]) == {40}
    assert set(table["by"]) == {by}


@pytest.mark.parametrize("by", ["weekday", "hour"])
def test_history_is_attributed_to_the_time_of_the_entry(on_history: Results, by: str) -> None:
    table = on_history.attribution(by)
    net = on_history.frame["net_pnl"].item()
    assert table["estimate"].sum() == pytest.approx(net, abs=0.005)
    trades = on_history.trades()
    assert table["trades"].sum() == len(trades)
    stamps = on_history.simulation(0).bars.filter(pl.col("bar") == trades["entry_bar"][0])
    first = stamps["timestamp"].item()
    expected = str(first.hour) if by == "hour" else first.strftime("%A")
    assert expected in table["value"].to_list()
    # One history: the parts are known, their errors are not.
    assert table["std_error"].null_count() == len(table)


def test_values_are_those_of_the_recorded_trades_with_errors_clustered_by_path(
    results: Results,
) -> None:
    trades = results.trades().with_columns(long=pl.col("units") > 0.0)
    table = {row["value"]: row for row in results.attribution("side").iter_rows(named=True)}
    for value, is_long in (("long", True), ("short", False)):
        own = trades.filter(pl.col("long") == is_long)
        by_path = np.zeros(40)
        for simulation, pnl in own.select("simulation", "pnl").iter_rows():
            by_path[simulation] += pnl
        assert table[value]["estimate"] == pytest.approx(by_path.mean(), rel=1e-12)
        expected = by_path.std(ddof=1) / np.sqrt(40)
        assert table[value]["std_error"] == pytest.approx(expected, rel=1e-9)
        assert table[value]["trades"] == len(own)
    # The short position of the last bars is open at the end.
    assert table[REST]["trades"] is None
    assert table[REST]["estimate"] != 0.0


def test_costs_are_what_rows_say_was_paid(results: Results) -> None:
    table = dict(results.attribution("cost").select("value", "estimate").iter_rows())
    assert table["commission"] == pytest.approx(-results.frame["commission"].mean())
    assert table["slippage"] == pytest.approx(-results.frame["slippage"].mean())
    assert table["before costs"] > results.frame["net_pnl"].mean()


def test_what_holding_cost_stands_beside_what_trading_cost() -> None:
    made = Study(
        "rates",
        GBM(),
        Alternating,
        seeds=20,
        steps=60,
        execution={"cash_interest": 0.04, "instrument": {"borrow_rate": 0.02, "funding": 0.05}},
        record={"metrics": ["bar_trading", "financing"]},
    ).run()
    table = dict(made.attribution("cost").select("value", "estimate").iter_rows())
    frame = made.frame
    assert table["cash interest"] > 0.0 > table["borrow fees"]
    assert table["cash interest"] == pytest.approx(frame["cash_interest"].mean())
    assert table["borrow fees"] == pytest.approx(-frame["borrow_fees"].mean())
    assert table["funding"] == pytest.approx(-frame["funding"].mean())
    assert {table["margin interest"], table["dividends"]} == {0.0}
    assert sum(table.values()) == pytest.approx(frame["net_pnl"].mean())


def test_regimes_are_those_of_the_paths_at_the_bars_of_the_entries() -> None:
    regimes = RegimeSwitching(sigma=[0.1, 0.4], transition=[[0.8, 0.2], [0.3, 0.7]])
    made = run(regimes, seeds=12, paths_per_seed=2)
    table = {row["value"]: row for row in made.attribution("regime").iter_rows(named=True)}
    assert {*table} == {"0", "1", REST}
    sums, counts = {"0": 0.0, "1": 0.0}, {"0": 0, "1": 0}
    for simulation in range(24):
        replay = made.simulation(simulation)
        regime = dict(replay.bars.select("bar", "regime").iter_rows())
        for bar, pnl in replay.trades.select("entry_bar", "pnl").iter_rows():
            sums[f"{regime[bar]:.0f}"] += pnl
            counts[f"{regime[bar]:.0f}"] += 1
    for value in ("0", "1"):
        assert counts[value] > 10
        assert table[value]["trades"] == counts[value]
        assert table[value]["estimate"] == pytest.approx(sums[value] / 24, rel=1e-9)
    with pytest.raises(Refusal, match="by: found 'regime' of a source without regimes"):
        run(seeds=2).attribution("regime")


def test_regimes_are_those_of_each_value_of_a_swept_source_parameter() -> None:
    # More paths than are made at once.
    made = run(RegimeSwitching(sigma=[0.1, 0.4]), seeds=70, parameters={"model.p_11": [0.5, 0.99]})
    found = made.attribution("regime")
    calm = found.filter(pl.col("value") == "0")["trades"].to_list()
    assert calm[1] > 1.4 * calm[0]
    for number, table in found.group_by("parameter_set"):
        whole = made.frame.filter(pl.col("parameter_set") == number[0])["net_pnl"].mean()
        assert table["estimate"].sum() == pytest.approx(whole, rel=1e-9)


def test_tags_tell_the_orders_apart(results: Results) -> None:
    by_tag, by_side = results.attribution("tag"), results.attribution("side")
    assert len(by_tag) == 3
    assert by_tag["estimate"].to_list() == pytest.approx(by_side["estimate"].to_list())


def test_what_cannot_be_attributed_is_one_sentence(results: Results) -> None:
    with pytest.raises(Refusal, match=r"'sides' .did you mean 'side'.*, allowed " + ATTRIBUTED[0]):
        results.attribution("sides")
    with pytest.raises(Refusal, match="'hour' of paths without a calendar"):
        results.attribution("hour")
    bare = Study("bare", GBM(), "buy_and_hold", seeds=9, steps=20).run()
    with pytest.raises(Refusal, match=r"record\.trades: found false"):
        bare.attribution("side")
    assert bare.attribution("cost")["estimate"].sum() == pytest.approx(bare.frame["net_pnl"].mean())
