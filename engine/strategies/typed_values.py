"""Where a hook's values meet the engine's: each is a number of a known kind, or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.compiled.checked_cast import CONDITION, FRACTION, WHOLE, checked_cast

__all__ = ["as_number", "as_whole", "keep_bool", "keep_float", "keep_int"]


def _no_number(what: str, allowed: str) -> Callable[[str], str | None]:
    def refusal(found: str) -> str | None:
        if found in (WHOLE, FRACTION, CONDITION):
            return None
        return f"{what}: found {found}, allowed {allowed}"

    return refusal


def _no_whole_state(found: str) -> str | None:
    if found == FRACTION:
        return "a state declared as a whole number is given a fraction; declare it 0.0"
    if found in (WHOLE, CONDITION):
        return None
    return f"state is a number: found {found}, allowed a whole number"


def _no_index(found: str) -> str | None:
    if found in (WHOLE, CONDITION):
        return None
    return f"an index is a whole number: found {found}, allowed one such as int(x)"


# Called inside compiled code: a number as the kind of state that was declared, as an argument of
# an order, and as a number of bars back or of a symbol.
keep_float: Any = checked_cast("float64", _no_number("state is a number", "a number"))
keep_int: Any = checked_cast("int64", _no_whole_state)
keep_bool: Any = checked_cast("boolean", _no_number("state is True or False", "a condition"))
as_number: Any = checked_cast("float64", _no_number("an order takes numbers", "a number"))
as_whole: Any = checked_cast("int64", _no_index)
