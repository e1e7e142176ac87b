"""The condition of entry in the book: at which closes of a path it holds."""

from __future__ import annotations

import math
from typing import Any

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import rare
from engine.strategies.conditions import (
    ABOVE,
    AND,
    AT_LEAST,
    AT_MOST,
    BELOW,
    NOT,
    OR,
)

__all__ = ["fill_gate"]


@rare
def fill_gate(b: Any, number: int) -> None:
    """Write to the book at which closes the condition holds for a parameter set: 1, else 0.

    What has no value yet makes no condition hold, not even one that says ``not``.
    """
    keep_apart()
    bars = b.gate.shape[0]
    stack = b.pad
    for bar in range(bars):
        top = -1
        for step in range(b.steps.shape[0]):
            what = b.steps[step, 0]
            if what == NOT:
                stack[top] = 1.0 - stack[top]
            elif what == AND:
                # Products and sums of what is undefined are so, too.
                stack[top - 1] = stack[top - 1] * stack[top]
                top -= 1
            elif what == OR:
                either = stack[top - 1] + stack[top]
                stack[top - 1] = min(either, 1.0) if either == either else math.nan
                top -= 1
            else:
                value = b.rows[b.row_of[number, b.steps[step, 1]] * bars + bar]
                top += 1
                holds = False
                if what == ABOVE:
                    holds = value > 0.0
                elif what == AT_LEAST:
                    holds = value >= 0.0
                elif what == BELOW:
                    holds = value < 0.0
                elif what == AT_MOST:
                    holds = value <= 0.0
                stack[top] = (1.0 if holds else 0.0) if value == value else math.nan
        b.gate[bar] = 1.0 if stack[0] == 1.0 else 0.0
