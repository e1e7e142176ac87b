"""Calls of machine code through its address."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["call_at"]


def _call_at(typing_context: Any, address: Any, *arguments: Any) -> Any:
    """Call the machine code at an address with int64 arguments; it returns an int64."""
    count = len(arguments)
    tuple_of: Any = types.StarArgUniTuple
    unpacked: Any = cgutils.unpack_tuple

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        integer = ir.IntType(64)
        kind = ir.FunctionType(integer, [integer] * count)
        function = builder.inttoptr(given[0], kind.as_pointer())
        return builder.call(function, unpacked(builder, given[1], count))

    return types.int64(types.int64, tuple_of(types.int64, count)), code


#: ``call_at(address, *arguments)`` inside compiled code.
call_at: Any = intrinsic(_call_at)
