"""Calls between kernels that are compiled separately.

The order engine is hundreds of lines. Inlined into every strategy it would cost each of them
seconds of compilation, so it is compiled once and strategies call it through its address, by a
symbol name that holds the hash of its source.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding
from numba.core import types

from engine.compiled.kernel import kernel
from engine.compiled.source_hash import source_hash
from engine.execution.broker import finish, open_path, start, trade_bar, trade_close
from engine.execution.metric_names import METRIC_NAMES
from engine.execution.state import floats_at, simulation_at

__all__ = ["BrokerCalls", "address_of_compiled", "broker_calls", "external"]


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
    one, two = (types.int64,), (types.int64, types.int64)
    return BrokerCalls(
        external(_open_path, one),
        external(_start, one),
        external(_trade_bar, two),
        external(_trade_close, two),
        external(_finish, two),
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


@cache
def external(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Compile `function` on its own and return what a kernel calls in its place.

    Parameters
    ----------
    function : callable
        A plain Python function of integers (addresses, indices) returning an int64; it must
        not raise.
    arguments : tuple of numba types
        Types of its arguments.

    Returns
    -------
    numba.types.ExternalFunction
        To be captured by the closure of a kernel.
    """
    dispatcher: Any = kernel(function)
    symbol = f"mc_{function.__name__}_{source_hash(function)[:24]}"
    llvmlite.binding.add_symbol(symbol, address_of_compiled(dispatcher, arguments))
    _KEPT_ALIVE.append(dispatcher)
    return types.ExternalFunction(symbol, types.int64(*arguments))


def address_of_compiled(dispatcher: Any, arguments: tuple[Any, ...]) -> int:
    """Compile or load a kernel of integers and return the address of its machine code.

    The kernel must not raise, and must be kept alive for as long as the address is used.
    """
    dispatcher.compile(arguments)
    result = dispatcher.overloads[arguments]
    address: int = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)
    return address


_KEPT_ALIVE: list[Any] = []
