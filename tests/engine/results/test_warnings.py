"""What should be known before a study's numbers are believed is a row, and the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from engine.results import Results
from engine.results.warnings import CODES, SCHEMA, _counted
from engine.sources import GBM, Correlated
from engine.strategies import Strategy
from engine.studies import Study

Make = Callable[..., Study]


def warned(results: Results, code: str) -> list[dict[str, Any]]:
    table = results.warnings()
    assert dict(table.schema) == SCHEMA
    assert set(table["code"]) <= set(CODES)
    return table.filter(pl.col("code") == code).to_dicts()


def test_a_study_without_fault_warns_of_nothing(make_study: Make) -> None:
    results = make_study(parameters={"fast": [3, 5], "slow": [10, 20]}).run()
    assert results.warnings().is_empty()


def test_sets_that_never_traded_are_named(make_study: Make) -> None:
    results = make_study(parameters={"fast": [3], "slow": [10, 150]}, warm_up=0).run()
    (found,) = warned(results, "nothing_traded")
    assert (found["parameter_set"], found["count"]) == (1, 40)
    assert found["sentence"] == "set 1 (slow 150) held no position on any of 40 paths"
    assert found["set_id"] == results.set_ids[1]


def test_a_study_in_which_nothing_traded_says_so_once(make_study: Make) -> None:
    results = make_study(parameters={"fast": [3], "slow": [140, 150]}, warm_up=0).run()
    (found,) = warned(results, "nothing_traded")
    assert (found["parameter_set"], found["count"]) == (None, 80)
    assert found["sentence"] == "no simulation held a position: all 80 ended as they began"


def test_a_lot_dearer_than_the_cash_is_named_with_both(make_study: Make) -> None:
    results = make_study(execution={"cash": 99.0}).run()
    (found,) = warned(results, "lot_above_cash")
    assert found["sentence"] == "one lot of SYNTHETIC takes 100 at the start, the account has 99"
    future = make_study(execution={"cash": 20_000, "instrument": "ES"}).run()
    assert "takes 22,000 at the start" in warned(future, "lot_above_cash")[0]["sentence"]
    for execution in ({"cash": 101.0}, {"cash": 99.0, "instrument": "crypto"}):
        assert not warned(make_study(execution=execution).run(), "lot_above_cash")


def test_refused_orders_are_counted_and_lead_to_their_reason(make_study: Make) -> None:
    results = make_study(execution={"cash": 99.0}, parameters={"fast": [3], "slow": [10]}).run()
    (found,) = warned(results, "rejected_orders")
    frame = results.frame
    assert found["count"] == frame["rejected_orders"].sum()
    refused = frame.filter(pl.col("rejected_orders") > 0)
    number = refused["simulation"].min()
    assert f"in {len(refused)} of 40 simulations; `mc replay small {number}`" in found["sentence"]
    orders = results.simulation(int(number)).orders  # type: ignore[arg-type]
    assert "rejected: size_below_lot" in set(orders["event"])


def test_one_refused_order_is_told_in_the_singular() -> None:
    assert _counted(1, "set 3") == "1 order of set 3 was"
    assert _counted(1200) == "1,200 orders were"


def test_a_handful_of_paths_that_traded_is_named(make_study: Make) -> None:
    results = make_study(parameters={"fast": [3], "slow": [10, 20]}).run()
    idle = (pl.col("parameter_set") == 1) & (pl.col("seed") >= 3)
    zero = [pl.when(idle).then(0.0).otherwise(n).alias(n) for n in ("trades", "exposure")]
    few = replace(results, lazy=results.lazy.with_columns(zero))
    (found,) = warned(few, "few_paths")
    assert (found["parameter_set"], found["count"]) == (1, 3)
    assert "set 1 (slow 20) held a position on 3 of 40 paths" in found["sentence"]


def test_a_handful_of_paths_that_all_traded_is_named_as_such(make_study: Make) -> None:
    results = make_study(parameters={"fast": [3], "slow": [10, 20, 30]}, seeds=4).run()
    frame = results.frame.with_columns(trades=pl.lit(1.0), exposure=pl.lit(0.5))
    late = (pl.col("parameter_set") == 1) & (pl.col("seed") >= 3)
    idle = late | (pl.col("parameter_set") == 2)
    zero = [pl.when(idle).then(0.0).otherwise(n).alias(n) for n in ("trades", "exposure")]
    found = warned(replace(results, lazy=frame.lazy().with_columns(zero)), "few_paths")
    sentences = [entry["sentence"] for entry in found]
    assert "set 0 (slow 10) has 4 paths alone: its numbers rest on these" in sentences[0]
    assert "set 1 (slow 20) held a position on 3 of 4 paths" in sentences[1]


def test_one_history_and_failures_are_warned_of(make_study: Make) -> None:
    results = make_study().run()
    (found,) = warned(results.filter("seed = 0"), "one_history")
    assert found["parameter_set"] is None
    broken = pl.col("seed") < 2
    failed = replace(
        results,
        lazy=results.lazy.with_columns(
            pl.when(broken).then(pl.lit("failed")).otherwise("status").alias("status"),
            pl.when(broken).then(pl.lit("it broke")).otherwise(None).alias("error"),
        ),
    )
    (found,) = warned(failed, "failed")
    assert found["sentence"] == "8 of 160 simulations failed: it broke"


@pytest.mark.parametrize(
    ("best", "said"), [(30, "has the largest slow of 3 tried"), (10, "has the smallest"), (20, "")]
)
def test_a_best_set_at_the_end_of_what_was_tried_is_named(
    make_study: Make, best: int, said: str
) -> None:
    results = make_study(parameters={"fast": [3, 5], "slow": [10, 20, 30]}).run()
    favoured = pl.when(pl.col("slow") == best).then(1e6).otherwise("net_pnl").alias("net_pnl")
    found = warned(replace(results, lazy=results.lazy.with_columns(favoured)), "parameter_on_bound")
    assert bool(found) == bool(said)
    if said:
        assert said in found[0]["sentence"]
        assert found[0]["count"] == 3


def test_nothing_lies_beyond_what_the_strategy_allows(make_study: Make) -> None:
    study = make_study(
        source=GBM(mu=0.8, sigma=0.1),
        strategy="buy_and_hold",
        parameters={"weight": [0.5, 0.75, 1.0]},
    )
    results = study.run()
    assert results.best_by_pnl(1)["weight"].to_list() == [1.0]
    assert not warned(results, "parameter_on_bound")


class OnlyTheFirst(Strategy):
    """Goes in and out of one symbol of two."""

    def on_bar(self, bar, order):
        if bar.index % 10 == 0:
            order[0].target_percent(0.5)
        elif bar.index % 10 == 5:
            order[0].close()


def test_a_symbol_that_is_never_traded_is_named_where_trades_are_recorded() -> None:
    legs = {"A": GBM(mu=0.0, sigma=0.2), "B": GBM(mu=0.0, sigma=0.2)}
    source = Correlated(legs, correlation=[[1.0, 0.5], [0.5, 1.0]])
    study = Study("two", source, OnlyTheFirst, seeds=5, steps=40, record={"trades": True})
    (found,) = warned(study.run(), "symbol_without_trades")
    assert found["sentence"] == "B has no closed trade in any of 5 simulations"
