"""Arrays and their addresses inside compiled code.

A call between kernels that are compiled separately passes integers alone: the addresses of arrays
that the caller keeps alive.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["address_of", "array_at", "floats_at", "integers_at", "read_only", "singles_at"]


def array_at(context: Any, builder: Any, kind: Any, address: Any, sizes: list[Any]) -> Any:
    """Make the code of a C-ordered array that owns nothing.

    Parameters
    ----------
    context, builder
        Numba's, while it compiles.
    kind : numba.types.Array
        Type of the array.
    address : LLVM value
        Address of its first element, an int64.
    sizes : list of LLVM values
        Its shape.
    """
    array = context.make_array(kind)(context, builder)
    step = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
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
            return array_at(context, builder, result, arguments[0], [arguments[1]])

        return result(types.int64, types.int64), code

    return typed


def _address_code(typing_context: Any, array: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(view.data, ir.IntType(64))

    return types.int64(array), code


def _read_only_code(typing_context: Any, array: Any) -> Any:
    result = array.copy(readonly=True)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])

    return result(array), code


# Called inside compiled code: the array of `count` elements at an address, the address of an
# array, and the same array, which cannot be written to.
floats_at: Any = intrinsic(_view_code(types.float64))
singles_at: Any = intrinsic(_view_code(types.float32))
integers_at: Any = intrinsic(_view_code(types.int64))
address_of: Any = intrinsic(_address_code)
read_only: Any = intrinsic(_read_only_code)
