"""The state of one running simulation, and how it crosses into separately compiled code."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import populate_array
from numpy.typing import NDArray

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


class _Entry(NamedTuple):
    """A size that stands in the frame."""

    place: int


_LAYOUT: Final[dict[str, tuple[Any, tuple[int | _Entry, ...]]]] = {
    "path": (types.float64, (_Entry(_SYMBOLS), _Entry(_FIELDS), _Entry(_BARS))),
    "account": (types.float64, (ACCOUNT_WIDTH,)),
    "counts": (types.int64, (COUNTS_WIDTH,)),
    "positions": (types.float64, (_Entry(_SYMBOLS), POSITION_WIDTH)),
    "lots": (types.float64, (_Entry(_SYMBOLS), _Entry(_LOT_ROWS), LOT_WIDTH)),
    "orders": (types.float64, (ORDER_CAPACITY, ORDER_WIDTH)),
    "rules": (types.float64, (_Entry(_SYMBOLS), RULES_WIDTH)),
    "curve": (types.float64, (_Entry(_BARS),)),
    "returns": (types.float64, (_Entry(_BARS),)),
    "trades": (types.float64, (_Entry(_TRADE_ROWS), TRADE_WIDTH)),
    "events": (types.float64, (_Entry(_EVENT_ROWS), EVENT_WIDTH)),
    "closed": (types.int64, (_Entry(_SYMBOLS), _Entry(_SESSION_BARS))),
}


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


class _FramedSimulation(types.Type):
    """A `Simulation` in compiled code: the address of its frame, whose arrays are read when named.

    Passed as its twelve arrays, a simulation would be a hundred arguments of every call.
    """

    def __init__(self) -> None:
        # What lies where decides the machine code, so it is part of the type's name, by which
        # compiled code is found again on disk.
        arrays = ((name, str(dtype), shape) for name, (dtype, shape) in _LAYOUT.items())
        super().__init__(name=f"Simulation({', '.join(map(repr, arrays))})")


@register_model(_FramedSimulation)
class _FrameAddress(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir.IntType(64))


@infer_getattr
class _FramedArrays(AttributeTemplate):
    key = _FramedSimulation

    def generic_resolve(self, kind: Any, name: str) -> Any:  # type: ignore[override]
        dtype, shape = _LAYOUT[name]
        return types.Array(dtype, len(shape), "C")


@lower_getattr_generic(_FramedSimulation)
def _array_of_frame(context: Any, builder: Any, kind: Any, frame: Any, name: str) -> Any:
    def entry(place: int) -> Any:
        pointer = builder.inttoptr(frame, ir.IntType(64).as_pointer())
        loaded = builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), place)]))
        # No simulation moves its arrays while it runs: read once, kept in a register.
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded

    dtype, shape = _LAYOUT[name]
    sizes = [
        entry(size.place) if isinstance(size, _Entry) else context.get_constant(types.intp, size)
        for size in shape
    ]
    address = entry(Simulation._fields.index(name))
    return _array(context, builder, types.Array(dtype, len(shape), "C"), address, sizes)


def _array(context: Any, builder: Any, kind: Any, address: Any, sizes: list[Any]) -> Any:
    """Make a C-ordered array of 8-byte elements that owns nothing."""
    array = context.make_array(kind)(context, builder)
    step = context.get_constant(types.intp, 8)
    steps = [step]
    for size in reversed(sizes[1:]):
        steps.insert(0, builder.mul(steps[0], size))
    populate_array(
        array,
        data=builder.inttoptr(address, array.data.type),
        shape=sizes,
        strides=steps,
        itemsize=step,
        meminfo=None,
    )
    return array._getvalue()


def _view_code(dtype: Any) -> Any:
    """Return the code of ``view(address, count)``: an array that owns nothing."""

    def typed(typing_context: Any, address: Any, count: Any) -> Any:
        result = types.Array(dtype, 1, "C")

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _array(context, builder, result, arguments[0], [arguments[1]])

        return result(types.int64, types.int64), code

    return typed


def _address_code(typing_context: Any, array: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(view.data, ir.IntType(64))

    return types.int64(array), code


def _simulation_code(typing_context: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return arguments[0]

    return _SIMULATION(types.int64), code


_SIMULATION: Final = _FramedSimulation()

# Called inside compiled code: the array of `count` elements at an address, the address of an
# array, and the simulation whose frame is at an address.
floats_at: Any = intrinsic(_view_code(types.float64))
integers_at: Any = intrinsic(_view_code(types.int64))
address_of: Any = intrinsic(_address_code)
simulation_at: Any = intrinsic(_simulation_code)
