"""The order engine as kernels call it: its inner interface (`docs/architecture.md`).

It is hundreds of lines. Inlined into every strategy it would cost each of them seconds of
compilation, so it is compiled once and called by its symbols. Strategies are one user of it;
whatever else trades on paths (environments, replays) is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.kernel import kernel
from engine.compiled.linking import address_of_compiled, external
from engine.compiled.views import floats_at
from engine.execution.broker import finish, open_path, start, trade_bar, trade_close
from engine.execution.metric_groups import ORDER_ENGINE, metric_groups
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.settling import settle
from engine.execution.state import simulation_at

__all__ = ["INTERFACE_VERSION", "BrokerCalls", "broker_calls", "metric_calls", "settle_call"]

#: Of the calls below and of the frame: raised when a kernel that uses them must be written anew.
INTERFACE_VERSION: Final = 1


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


def metric_calls(groups: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the metrics of a row, and what computes those that `finish` does not write.

    Parameters
    ----------
    groups : sequence of str
        Groups of metrics. Of a group that is not among them nothing is compiled or computed; the
        order engine's own is written by `finish` in any case.

    Returns
    -------
    names : tuple of str
        Columns of a row, the order engine's first.
    calls : ndarray of int64, shape (further groups, 2)
        The address of a group's code, called with that of the frame of a finished simulation and
        that of its metrics; and where its metrics stand in the row, in bytes.
    """
    known = metric_groups()
    names: list[str] = [*known[ORDER_ENGINE].metrics]
    calls = []
    for name, group in known.items():
        if name in groups and name != ORDER_ENGINE:
            code = _measured(group.function, len(group.metrics))
            calls.append((address_of_compiled(code, 2), 8 * len(names)))
            names += group.metrics
    return tuple(names), np.array(calls, dtype=np.int64).reshape(-1, 2)


@cache
def _measured(function: Any, count: int) -> Any:
    @kernel
    def measure(frame: int, metrics: int) -> int:
        function(simulation_at(frame), floats_at(metrics, count))
        return 0

    return measure


@cache
def settle_call() -> Any:
    """Compile or load ``settle(frame, symbol, bar, address of a price)``, for who needs it.

    A price has to be a float64 in memory, since all arguments are integers
    (`engine.execution.settling.settle`).
    """
    return external(_settle, 4)


def _settle(frame: int, symbol: int, bar: int, price: int) -> int:
    settle(simulation_at(frame), symbol, bar, floats_at(price, 1)[0])
    return 0


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
