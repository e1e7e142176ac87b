"""Machine operations that Numba does not offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "as_bits",
    "as_float",
    "bit_count",
    "borrow",
    "fma",
    "high_product",
    "keep_apart",
    "seldom",
    "trailing_zeros",
]

A = TypeVar("A")


def _fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c`` rounded once: one instruction, the same bits on every machine."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        function = builder.module.declare_intrinsic(
            "llvm.fma", [kind], ir.FunctionType(kind, [kind] * 3)
        )
        return builder.call(function, arguments)

    return types.float64(types.float64, types.float64, types.float64), code


def _as_bits(typing_context: Any, value: Any) -> Any:
    """Return the 64 bits of a float64 as uint64."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), code


def _as_float(typing_context: Any, bits: Any) -> Any:
    """Return the float64 with the given 64 bits."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), code


def _high_product(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the high 64 bits of the 128-bit product of two uint64."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(value, wide) for value in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), code


def _bit_count(typing_context: Any, bits: Any) -> Any:
    """Return how many bits of a uint64 are set."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), code


def _trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """Return the place of the lowest bit of a uint64 that is set; 64 where none is."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


def _seldom(typing_context: Any, condition: Any) -> Any:
    """Return a condition of which the compiler is told that it mostly does not hold.

    What happens only then is laid out apart, and its calls cost the usual course no registers.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bit = ir.IntType(1)
        function = builder.module.declare_intrinsic(
            "llvm.expect", [bit], ir.FunctionType(bit, [bit] * 2)
        )
        return builder.call(function, [arguments[0], ir.Constant(bit, 0)])

    return types.boolean(types.boolean), code


def _borrow(typing_context: Any, array: Any) -> Any:
    """Return a view of an array that is not reference counted.

    Passing an array to a helper with branches costs two atomic operations per call; a borrowed
    view costs none. The caller must keep the array alive for as long as the view is used.
    """
    if not isinstance(array, types.Array):
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        view.meminfo = ir.Constant(view.meminfo.type, None)
        view.parent = ir.Constant(view.parent.type, None)
        return view._getvalue()

    return array(array), code


def _keep_apart(typing_context: Any) -> Any:
    """Keep the function that says it out of its callers: it seldom runs.

    A piece that is merged into a hot loop lengthens it, and takes the room of others there.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), code


# Numba calls the functions above while it compiles; kernels see these.
fma = cast("Callable[[float, float, float], float]", intrinsic(_fma))
as_bits = cast("Callable[[float], np.uint64]", intrinsic(_as_bits))
as_float = cast("Callable[[np.uint64], float]", intrinsic(_as_float))
high_product = cast("Callable[[np.uint64, np.uint64], np.uint64]", intrinsic(_high_product))
bit_count = cast("Callable[[np.uint64], int]", intrinsic(_bit_count))
trailing_zeros = cast("Callable[[np.uint64], int]", intrinsic(_trailing_zeros))
keep_apart = cast("Callable[[], None]", intrinsic(_keep_apart))
seldom = cast("Callable[[bool], bool]", intrinsic(_seldom))
borrow = cast("Callable[[A], A]", intrinsic(_borrow))
