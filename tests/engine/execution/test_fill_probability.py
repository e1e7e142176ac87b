"""Limit orders that fill by chance: how often, on what it depends, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bars import BAR_FIELDS
from engine.execution import Execution
from engine.execution.layout import ORDER_ROWS
from engine.randomness.normals import words
from engine.randomness.philox import philox_reference
from engine.randomness.streams import Stream
from engine.sources import GBM
from engine.strategies import Choice, Int, Strategy, prepare_strategy
from engine.studies import Study

BARS = 50


class Rests(Strategy):
    """A limit below the market, or an order that chance leaves alone."""

    how = Choice("limit", ["limit", "stop", "market", "marketable", "bracket"])
    before = Int(0)

    def on_bar(self, bar, order):
        if bar.index == 0:
            for _ in range(self.before):
                order.cancel(order.limit(1, 1.0))
            if self.how == "limit":
                order.limit(1, 99.0)
            elif self.how == "stop":
                order.stop(1, 101.0)
            elif self.how == "market":
                order.market(1)
            elif self.how == "marketable":
                order.limit(1, 101.0)
            elif self.how == "bracket":
                order.market(1, take_profit=102.0)


def first_fill(
    probability: float, rows, how="limit", *, paths=1, first=0, seed=7, execution=None, before=0
) -> np.ndarray:
    """Bar and price of the last fill on each path, of bars that are all alike or as given."""
    settings = {"limit_fill_probability": probability} | (execution or {})
    engine = prepare_strategy(
        Rests,
        Execution.model_validate(settings),
        symbols=("X",),
        fields=BAR_FIELDS,
        steps=len(rows),
        bars_per_year=252.0,
    )
    block = np.empty((1, 1, 5, len(rows)))
    block[0, 0] = np.array([(*row, 1.0) for row in rows]).T
    found = []
    scratch = engine.scratch(record_orders=True)
    for number in range(first, first + paths):
        metrics = np.empty((1, 1, len(engine.metric_names)))
        engine.run(
            block,
            engine.encode({"how": how, "before": before})[None],
            metrics,
            np.empty((1, 1), dtype=np.int8),
            scratch,
            seeds=np.array([seed], dtype=np.uint64),
            paths=np.array([number], dtype=np.uint64),
        )
        log = scratch.simulation.events[: scratch.simulation.counts[ORDER_ROWS]]
        filled = log[log[:, 4] == 1.0]
        found.append((filled[-1, 0], filled[-1, 6]) if len(filled) else (-1.0, np.nan))
    return np.array(found)


TOUCHED = [(100.0, 100.5, 98.5, 100.0)] * BARS


@pytest.mark.parametrize("rule", ["pessimistic", "tradingview"])
def test_the_bar_of_the_fill_is_geometric(rule: str) -> None:
    probability, paths = 0.3, 4000
    found = first_fill(probability, TOUCHED, paths=paths, execution={"bracket_rule": rule})
    bars, prices = found[found[:, 0] > 0].T
    assert (prices == 99.0).all()
    for waited in range(4):
        expected = probability * (1.0 - probability) ** waited
        error = np.sqrt(expected * (1.0 - expected) / paths)
        assert abs((found[:, 0] == 1 + waited).mean() - expected) < 4.0 * error
    mean = 1.0 / probability
    deviation = np.sqrt(1.0 - probability) / probability
    assert abs(bars.mean() - mean) < 4.0 * deviation / np.sqrt(paths)


def test_the_draw_is_philox_of_seed_path_symbol_bar_and_order() -> None:
    probability, seed = 0.4, 2**63 + 11
    for path in range(20):
        one, two, _, _ = (
            int(word) & 0xFFFFFFFF
            for word in words(
                np.uint64(seed), np.uint64(Stream.EXECUTION), np.uint64(path), np.uint64(0)
            )
        )
        lucky = [
            (philox_reference([bar, 1, 0, 0], [one, two])[0] + 0.5) / 2**32 < probability
            for bar in range(1, BARS)
        ]
        expected = 1 + lucky.index(True) if any(lucky) else -1
        found = first_fill(probability, TOUCHED, first=path, seed=seed)
        assert found[0, 0] == expected


def test_seed_path_and_order_number_each_change_the_draw() -> None:
    one = first_fill(0.3, TOUCHED, paths=200)
    assert (one == first_fill(0.3, TOUCHED, paths=200)).all()
    assert (one != first_fill(0.3, TOUCHED, paths=200, seed=8)).any()
    assert (one[:100] != one[100:]).any()
    assert (one != first_fill(0.3, TOUCHED, paths=200, before=1)).any()


def test_neither_certainty_nor_impossibility_is_chance() -> None:
    assert first_fill(1.0, TOUCHED)[0].tolist() == [1.0, 99.0]
    assert (first_fill(0.0, TOUCHED, paths=50)[:, 0] == -1.0).all()


@pytest.mark.parametrize(
    ("how", "price"), [("stop", 101.0), ("market", 100.0), ("marketable", 100.0)]
)
def test_stops_market_orders_and_limits_that_the_open_has_passed_fill_for_sure(how, price) -> None:
    rows = [(100.0, 102.0, 98.0, 100.0)] * 3
    assert first_fill(0.0, rows, how)[0].tolist() == [1.0, price]


def test_a_gap_through_the_limit_fills_for_sure_and_at_the_open() -> None:
    rows = [(100.0, 101.0, 99.5, 100.0)] * 3 + [(98.0, 100.0, 97.0, 98.0)] * 2
    assert first_fill(0.0, rows)[0].tolist() == [3.0, 98.0]


def test_an_order_that_was_passed_over_fills_at_its_limit_and_never_better() -> None:
    rows = [(100.0, 101.0, 99.5, 100.0)] * 2 + [(100.0, 100.5, 96.0, 97.0)]
    rows += [(97.0, 98.0, 96.0, 97.0)] * 60
    found = first_fill(0.2, rows, paths=300)
    assert (found[:, 1] == 99.0).all()
    assert len(set(found[:, 0])) > 10


def test_a_take_profit_waits_in_the_same_queue() -> None:
    rows = [(100.0, 100.5, 99.5, 100.0)] * 2 + [(100.0, 103.0, 99.0, 100.0)] * 40
    bars = first_fill(0.3, rows, "bracket", paths=400)[:, 0]
    assert abs((bars == 2).mean() - 0.3) < 4.0 * np.sqrt(0.21 / 400)


class Chanced(Strategy):
    """Limits at every bar, under the market."""

    def on_bar(self, bar, order, account):
        if account.open_orders == 0 and account.position == 0.0:
            order.limit(10, bar.close * 0.995, take_profit=bar.close * 1.01, tif=5)


def test_results_depend_neither_on_threads_nor_on_chunks_and_replay_alike() -> None:
    def study(**settings) -> Study:
        return Study(
            "chance",
            GBM(sigma=0.3),
            Chanced,
            {},
            seeds=range(40),
            steps=120,
            execution={"limit_fill_probability": 0.5},
            paths_per_seed=2,
            **settings,
        )

    one, other = study(workers=1).run(), study(workers=2).run()
    assert one.frame["net_pnl"].to_list() == other.frame["net_pnl"].to_list()
    sure = Study(
        *("sure", GBM(sigma=0.3), Chanced, {}),
        seeds=range(40),
        steps=120,
        paths_per_seed=2,
    ).run()
    assert one.frame["net_pnl"].to_list() != sure.frame["net_pnl"].to_list()
    for number in (0, 17, 79):
        row = one.frame.filter(one.frame["simulation"] == number)
        assert one.simulation(number).metrics["net_pnl"] == row["net_pnl"][0]
