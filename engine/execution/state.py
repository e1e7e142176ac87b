"""The state of one running simulation, and how it crosses into separately compiled code."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numpy.typing import NDArray

from engine.execution.calling import view
from engine.execution.layout import (
    ACCOUNT_WIDTH,
    COUNTS_WIDTH,
    EVENT_WIDTH,
    LOT_WIDTH,
    MOST_LOTS,
    ORDER_CAPACITY,
    ORDER_WIDTH,
    POSITION_WIDTH,
    RULES_WIDTH,
    TRADE_WIDTH,
)

__all__ = [
    "Simulation",
    "address_of",
    "floats_at",
    "frame_of",
    "integers_at",
    "new_simulation",
    "simulation_at",
]


class Simulation(NamedTuple):
    """Arrays of one running simulation; columns are named in `engine.execution.layout`."""

    path: NDArray[np.float64]  # (symbols, fields, bars)
    account: NDArray[np.float64]
    counts: NDArray[np.int64]
    positions: NDArray[np.float64]  # (symbols, POSITION_WIDTH)
    lots: NDArray[np.float64]  # (symbols, capacity, LOT_WIDTH)
    orders: NDArray[np.float64]  # (ORDER_CAPACITY, ORDER_WIDTH)
    rules: NDArray[np.float64]  # (symbols, RULES_WIDTH)
    curve: NDArray[np.float64]  # (bars,) equity at each close
    returns: NDArray[np.float64]  # (bars,) work space of the metrics
    trades: NDArray[np.float64]  # (capacity, TRADE_WIDTH)
    events: NDArray[np.float64]  # (capacity, EVENT_WIDTH)
    closed: NDArray[np.int64]  # (symbols, bars) outside the session; (symbols, 0) if none has one


# A frame is an int64 array: the address of each array of a `Simulation`, then these sizes.
_ARRAYS: Final = len(Simulation._fields)
_SYMBOLS: Final = _ARRAYS
_FIELDS: Final = _ARRAYS + 1
_BARS: Final = _ARRAYS + 2
_TRADE_ROWS: Final = _ARRAYS + 3
_EVENT_ROWS: Final = _ARRAYS + 4
_LOT_ROWS: Final = _ARRAYS + 5
_SESSION_BARS: Final = _ARRAYS + 6
_FRAME_WIDTH: Final = _ARRAYS + 7


def new_simulation(
    path: NDArray[np.float64],
    rules: NDArray[np.float64],
    closed: NDArray[np.int64] | None = None,
    *,
    trade_capacity: int = 0,
    event_capacity: int = 0,
) -> Simulation:
    """Allocate the state of one simulation on a path of shape (symbols, fields, bars)."""
    symbols, _, bars = path.shape
    return Simulation(
        path=path,
        account=np.zeros(ACCOUNT_WIDTH),
        counts=np.zeros(COUNTS_WIDTH, dtype=np.int64),
        positions=np.zeros((symbols, POSITION_WIDTH)),
        lots=np.zeros((symbols, min(bars + 64, MOST_LOTS), LOT_WIDTH)),
        orders=np.zeros((ORDER_CAPACITY, ORDER_WIDTH)),
        rules=np.ascontiguousarray(rules),
        curve=np.zeros(bars),
        returns=np.zeros(bars),
        trades=np.zeros((trade_capacity, TRADE_WIDTH)),
        events=np.zeros((event_capacity, EVENT_WIDTH)),
        closed=np.zeros((symbols, 0), dtype=np.int64) if closed is None else closed,
    )


def frame_of(simulation: Simulation) -> NDArray[np.int64]:
    """Return the addresses and sizes of a simulation's arrays, which must outlive the frame."""
    frame = np.zeros(_FRAME_WIDTH, dtype=np.int64)
    for index, array in enumerate(simulation):
        frame[index] = array.ctypes.data
    frame[_SYMBOLS], frame[_FIELDS], frame[_BARS] = simulation.path.shape
    frame[_TRADE_ROWS] = len(simulation.trades)
    frame[_EVENT_ROWS] = len(simulation.events)
    frame[_LOT_ROWS] = simulation.lots.shape[1]
    frame[_SESSION_BARS] = simulation.closed.shape[1]
    return frame


def _view_code(dtype: Any) -> Any:
    """Return the code of ``view(address, shape)``: an array that owns nothing."""

    def typed(typing_context: Any, address: Any, shape: Any) -> Any:
        result = types.Array(dtype, len(shape), "C")

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(result)(context, builder)
            sizes = cgutils.unpack_tuple(builder, arguments[1])
            step = context.get_constant(types.intp, 8)
            steps = [step]
            for size in reversed(sizes[1:]):
                steps.insert(0, builder.mul(steps[0], size))
            populate_array(
                array,
                data=builder.inttoptr(arguments[0], array.data.type),
                shape=sizes,
                strides=steps,
                itemsize=step,
                meminfo=None,
            )
            return array._getvalue()

        return result(types.int64, types.UniTuple(types.int64, len(shape))), code

    return typed


def _address_code(typing_context: Any, array: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(view.data, ir.IntType(64))

    return types.int64(array), code


_floats: Any = intrinsic(_view_code(types.float64))
_integers: Any = intrinsic(_view_code(types.int64))
address_of: Any = intrinsic(_address_code)


@view
def floats_at(address: int, count: int) -> NDArray[np.float64]:
    """Return the float64 array of `count` elements at `address`."""
    return _floats(address, (count,))


@view
def integers_at(address: int, count: int) -> NDArray[np.int64]:
    """Return the int64 array of `count` elements at `address`."""
    return _integers(address, (count,))


@view
def simulation_at(address: int) -> Simulation:
    """Rebuild a `Simulation` inside compiled code from the address of its frame."""
    frame = _integers(address, (_FRAME_WIDTH,))
    symbols = frame[_SYMBOLS]
    bars = frame[_BARS]
    return Simulation(
        _floats(frame[0], (symbols, frame[_FIELDS], bars)),
        _floats(frame[1], (ACCOUNT_WIDTH,)),
        _integers(frame[2], (COUNTS_WIDTH,)),
        _floats(frame[3], (symbols, POSITION_WIDTH)),
        _floats(frame[4], (symbols, frame[_LOT_ROWS], LOT_WIDTH)),
        _floats(frame[5], (ORDER_CAPACITY, ORDER_WIDTH)),
        _floats(frame[6], (symbols, RULES_WIDTH)),
        _floats(frame[7], (bars,)),
        _floats(frame[8], (bars,)),
        _floats(frame[9], (frame[_TRADE_ROWS], TRADE_WIDTH)),
        _floats(frame[10], (frame[_EVENT_ROWS], EVENT_WIDTH)),
        _integers(frame[11], (symbols, frame[_SESSION_BARS])),
    )
