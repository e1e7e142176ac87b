"""Every number of the execution settings has a range that a person would defend."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from engine.execution import Execution, Instrument
from engine.execution.conversion import Account, PositiveRate
from engine.execution.cost_settings import Commission, Slippage
from engine.execution.sizing_rules import (
    EqualWeight,
    FixedQuantity,
    FixedRisk,
    Kelly,
    PercentOfEquity,
    VolatilityTarget,
)

SETTINGS: tuple[type[BaseModel], ...] = (
    Commission,
    EqualWeight,
    Execution,
    FixedQuantity,
    FixedRisk,
    Instrument,
    Kelly,
    PercentOfEquity,
    Slippage,
    VolatilityTarget,
)


def numbers() -> Iterator[Any]:
    """Every field that holds a number: its class, name and bounds."""
    for model in SETTINGS:
        for name, field in model.model_fields.items():
            kinds = {field.annotation, *get_args(field.annotation)}
            if kinds & {float, int}:
                yield pytest.param(model, name, bounds(field), id=f"{model.__name__}.{name}")


def bounds(field: FieldInfo) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in field.metadata:
        for word in ("ge", "gt", "le", "lt"):
            if hasattr(item, word):
                found[word] = getattr(item, word)
    return found


def accepts(model: type[BaseModel], name: str, value: float) -> bool:
    try:
        model.model_validate({name: value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(("model", "name", "limits"), list(numbers()))
def test_a_number_has_a_least_and_a_largest_value(model, name, limits) -> None:
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    assert low is not None
    assert high is not None
    assert high <= 1e15
    # Nothing lies so near to zero that its square is none.
    assert low <= 0.0 or low >= 1e-12
    for value, allowed in ((low, "ge" in limits), (high, "le" in limits)):
        assert accepts(model, name, value) == allowed
    for value in (math.nan, math.inf, -math.inf, 1e308, low - 1.0 - abs(low), 2.0 * high + 1.0):
        assert not accepts(model, name, value)
    if low > 0.0:
        assert not accepts(model, name, 1e-320)


def test_a_lot_is_none_or_not_less_than_what_a_sum_can_hold() -> None:
    assert accepts(Instrument, "lot_size", 0.0)
    assert accepts(Instrument, "lot_size", 1e-12)
    assert not accepts(Instrument, "lot_size", 1e-320)


@pytest.mark.parametrize(("rate", "allowed"), [(1e-9, True), (1e9, True), (1e-10, False)])
def test_a_constant_rate_of_exchange_has_a_range(rate: float, allowed: bool) -> None:
    limits = bounds(FieldInfo.from_annotation(PositiveRate))
    assert limits == {"ge": 1e-9, "le": 1e9}
    account = {"currency": "USD", "rates": {"EUR": rate}}
    assert accepts(Execution, "account", account) == allowed
    assert Account(currency="USD", rates={"EUR": 1.1}).rates == {"EUR": 1.1}
