"""Metrics of one's own, compiled per path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.studies import Study

Make = Callable[..., Study]
Array = NDArray[np.float64]


def ulcer_index(bars: Array, equity: Array) -> float:
    """Root mean square drawdown (Martin and McCann 1989)."""
    peak, total = equity[0], 0.0
    for value in equity:
        peak = max(peak, value)
        total += (value / peak - 1.0) ** 2
    return float(np.sqrt(total / len(equity)))


def buying_and_holding(bars: Array, equity: Array) -> float:
    return bars[0, 3, -1] / bars[0, 0, 0] - 1.0


METRICS = {"ulcer_index": ulcer_index, "buying_and_holding": buying_and_holding}


def test_own_metrics_are_columns_computed_on_bars_and_equity(
    make_study: Make, tmp_path: Path
) -> None:
    results = make_study(metrics=METRICS, record={"equity": 6}).run(root=tmp_path)
    assert results.metrics[-2:] == ["ulcer_index", "buying_and_holding"]
    frame = results.frame
    for number in (0, 77, 159):
        again = results.simulation(number)
        row = frame.row(number, named=True)
        assert row["ulcer_index"] == pytest.approx(ulcer_index(np.empty(0), again.equity))
        assert row["buying_and_holding"] == pytest.approx(
            again.bars["close"][-1] / again.bars["open"][-60] - 1
        )
        assert again.metrics["ulcer_index"] == row["ulcer_index"]


def test_own_metrics_leave_everything_else_as_it_was(make_study: Make) -> None:
    plain = make_study(record={"equity": 6}, bars="ohlc").run()
    own = make_study(record={"equity": 6}, metrics=METRICS).run()
    assert own.fingerprint != plain.fingerprint
    for name in plain.metrics:
        assert own.frame[name].equals(plain.frame[name], null_equal=True), name
    assert own.equity()["equity"].equals(plain.equity()["equity"])


def test_a_metric_that_cannot_be_compiled_is_named(make_study: Make) -> None:
    def impossible(bars: Array, equity: Array) -> float:
        return {"a": object()}[open("x").name]  # type: ignore[return-value,index]

    with pytest.raises(Refusal, match=r"metrics\.bad: the function cannot"):
        make_study(metrics={"bad": impossible}).run()
    with pytest.raises(Refusal, match=r"metrics\.bad: found a function of equity"):
        make_study(metrics={"bad": lambda equity: 1.0}).run()


def test_a_metric_that_reads_beyond_the_path_fails_instead_of_inventing_a_number(
    make_study: Make,
) -> None:
    def beyond(bars: Array, equity: Array) -> float:
        return equity[100_000] if bars[0, 0, 0] > 0 else 0.0

    results = make_study(metrics={"beyond": beyond}, failure_allowance=1.0).run()
    assert len(results.failures) == len(results)
    assert "IndexError" in results.failures["error"][0]


def test_a_metric_that_raises_fails_its_simulations_alone(make_study: Make) -> None:
    def choosy(bars: Array, equity: Array) -> float:
        if equity[-1] > 100_000.0:
            raise ValueError("too rich")
        return 1.0

    results = make_study(metrics={"choosy": choosy}, failure_allowance=1.0).run()
    rich = make_study().run().filter("final_equity > 100000").frame["simulation"]
    assert results.failures["simulation"].to_list() == rich.to_list()
    assert results.failures["error"][0] == "ValueError: too rich"


def test_an_infinite_metric_is_undefined(make_study: Make) -> None:
    def infinite(bars: Array, equity: Array) -> float:
        return np.inf

    assert make_study(metrics={"m": infinite}).run().frame["m"].null_count() == 160


def test_own_metrics_have_means_with_errors(make_study: Make) -> None:
    results = make_study(metrics=METRICS).run()
    best = results.best("ulcer_index", ascending=True).row(0, named=True)
    own = results.filter(f"parameter_set = {best['parameter_set']}").frame["ulcer_index"]
    assert best["estimate"] == pytest.approx(own.mean())
    assert best["std_error"] == pytest.approx(own.std() / np.sqrt(len(own)))
    assert results.statistics().filter(statistic="ulcer_index").height == 4
    assert results.group_by("fast").statistic("ulcer_index").height == 2
