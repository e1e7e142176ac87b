"""The look-ahead audit of option strategies: who trades by later bars is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as mc
from engine.options.audit import audit_options
from engine.options.built_ins import OptionLegs, ShortStrangle
from engine.options.prepared import PreparedOptions
from engine.strategies import get_strategy
from engine.strategies.option_builders import OF_OPTIONS


@pytest.mark.parametrize("name", sorted(OF_OPTIONS.keys() - {"option_legs"}))
def test_no_built_in_strategy_of_options_looks_ahead(name: str) -> None:
    report = audit_options(get_strategy(name), cuts=12)
    assert report.passed, report.reasons
    assert report.orders > 100


def test_legs_that_are_rolled_sized_and_delivered_do_not_look_ahead() -> None:
    options = {
        "legs": [{"side": "sell", "right": "put", "by": "premium", "otm": 1.0, "days": 15}],
        "settlement": "physical", "greeks": True, "spread": {"percent": 4, "wider_otm": 0.5},
    }  # fmt: skip
    parameters = {"roll_at_dte": 4, "roll": "credit", "sizing": "kelly", "positions": 2}
    report = audit_options(OptionLegs, options, parameters=parameters, cuts=40)
    assert report.passed, report.reasons


@pytest.mark.parametrize("volatility", [0.3, {"kind": "realised", "lookback": 10}])
def test_who_trades_at_the_next_close_is_found(
    volatility: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = PreparedOptions.run

    def ahead(self: Any, values: Any, *rest: Any, **named: Any) -> None:
        honest(self, np.ascontiguousarray(np.roll(values, -1, axis=3)), *rest, **named)

    monkeypatch.setattr(PreparedOptions, "run", ahead)
    report = audit_options(ShortStrangle, {"volatility": volatility}, cuts=10)
    assert not report.passed
    assert all(finding.bar >= finding.cut for finding in report.findings)
    assert "with other bars after bar" in report.reasons[0]


def test_a_volatility_that_is_named_is_the_one_that_is_audited() -> None:
    smile = mc.VolatilitySurface.from_smile([0.1, 1.0], [0.36, 0.32], skew=-0.2, curvature=1.0)
    report = audit_options(ShortStrangle, {"volatility": smile.settings()}, cuts=5)
    whole = audit_options(ShortStrangle, cuts=5)
    assert report.passed
    assert 0 < report.orders < whole.orders
