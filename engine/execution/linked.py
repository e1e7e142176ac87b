"""The order engine as strategies call it.

It is hundreds of lines. Inlined into every strategy it would cost each of them seconds of
compilation, so it is compiled once and called by its symbols.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from engine.compiled.linking import external
from engine.compiled.views import floats_at
from engine.execution.broker import finish, open_path, start, trade_bar, trade_close
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.state import simulation_at

__all__ = ["BrokerCalls", "broker_calls"]


class BrokerCalls(NamedTuple):
    """The order engine as a kernel calls it; each takes the address of a frame."""

    open_path: Any  # (frame)
    start: Any  # (frame)
    trade_bar: Any  # (frame, bar)
    trade_close: Any  # (frame, bar)
    finish: Any  # (frame, address of a row of metrics)


@cache
def broker_calls() -> BrokerCalls:
    """Compile or load the order engine, once per process."""
    return BrokerCalls(
        external(_open_path, 1),
        external(_start, 1),
        external(_trade_bar, 2),
        external(_trade_close, 2),
        external(_finish, 2),
    )


def _open_path(frame: int) -> int:
    open_path(simulation_at(frame))
    return 0


def _start(frame: int) -> int:
    start(simulation_at(frame))
    return 0


def _trade_bar(frame: int, bar: int) -> int:
    trade_bar(simulation_at(frame), bar)
    return 0


def _trade_close(frame: int, bar: int) -> int:
    trade_close(simulation_at(frame), bar)
    return 0


def _finish(frame: int, metrics: int) -> int:
    finish(simulation_at(frame), floats_at(metrics, len(METRIC_NAMES)))
    return 0
