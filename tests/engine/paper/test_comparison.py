"""Slippage, fill rate and commission of a session, measured beside what its study assumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.execution import Execution
from engine.paper import PaperComparison, ScriptedBroker, compare_with_simulation
from engine.yaml_text import read_yaml
from tests.engine.paper.rehearsal import (
    WARM,
    Rehearsal,
    as_the_engine,
    scripted_bars,
    terms_on,
)

BPS = (3.0, 5.0, 7.0)


def session(*, fills_limits: bool = True) -> Rehearsal:
    """Market orders that fill 3, 5 or 7 basis points behind the open; limits that may not fill."""
    bars = scripted_bars(7, 26, actions=(1, 2))
    rehearsal = Rehearsal(bars, ScriptedBroker())
    broker, count = rehearsal.broker, 0
    for index in range(WARM, len(bars)):
        rehearsal.at(index)
        broker.now = broker.now.replace(hour=17)
        opened, low, high = (float(getattr(bars, n)[index]) for n in ("open", "low", "high"))
        for ticket in list(broker.accepted):
            order = broker.order(ticket.client_order_id)
            assert order is not None
            if order.is_final:
                continue
            side = 1.0 if ticket.units > 0 else -1.0
            if ticket.kind == "market":
                price = opened * (1.0 + side * BPS[count % 3] * 1e-4)
                broker.fill(ticket.client_order_id, ticket.units, price, commission=price / 100)
                count += 1
            elif fills_limits and low <= float(ticket.limit or 0.0) <= high:
                broker.fill(ticket.client_order_id, ticket.units, float(ticket.limit or 0.0))
        rehearsal.at(index)
        rehearsal.step()
    assert count >= 6
    return rehearsal


def compared(rehearsal: Rehearsal) -> PaperComparison:
    return compare_with_simulation(rehearsal.terms, [rehearsal.bars], rehearsal.trader.books)


def measured(rehearsal: Rehearsal) -> dict[str, Any]:
    table = compared(rehearsal).table
    return {row["statistic"]: row for row in table.iter_rows(named=True)}


def test_slippage_is_what_fills_lie_behind_the_open_with_the_error_of_the_mean() -> None:
    rows = measured(session())
    found = rows["slippage_bps"]
    given = np.array([BPS[count % 3] for count in range(found["n"])])
    assert found["estimate"] == pytest.approx(given.mean(), abs=1e-6)
    error = given.std(ddof=1) / np.sqrt(found["n"])
    assert found["std_error"] == pytest.approx(error, rel=1e-6)
    assert found["drift"] == pytest.approx(given.mean() / error, rel=1e-6)


def test_what_was_measured_is_a_setting_of_studies_and_drift_is_said() -> None:
    found = compared(session())
    settings = read_yaml(found.yaml)["execution"]
    execution = Execution.model_validate(settings)
    assert execution.slippage.bps == pytest.approx(5.0, abs=0.7)
    assert any(line.startswith("slippage_bps: measured") for line in found.drifted())


def test_limits_that_are_reached_and_do_not_fill_are_a_fill_rate_below_one() -> None:
    rows = measured(session(fills_limits=False))
    found = rows["limit_fill_rate"]
    assert found["n"] >= 5
    assert found["estimate"] == 0.0
    assert found["std_error"] > 0.0
    assert found["drift"] < -3.0


def test_a_broker_that_fills_as_the_study_says_shows_no_difference() -> None:
    bars = scripted_bars(7, 20, actions=(1, 2))
    terms = terms_on(slippage={"bps": 4})
    rehearsal = Rehearsal(bars, ScriptedBroker(), terms=terms)
    for index in range(WARM, len(bars)):
        if index > WARM:
            as_the_engine(rehearsal, index)
        rehearsal.at(index)
        rehearsal.step()
    rows = measured(rehearsal)
    assert rows["slippage_bps"]["estimate"] == pytest.approx(4.0, abs=1e-6)
    assert rows["limit_fill_rate"]["estimate"] == 1.0
    assert rows["net_pnl_difference"]["estimate"] == 0.0
