"""Calls between kernels that are compiled separately: by symbol, or by address.

Inlined into every kernel that calls it, a large piece would be compiled anew with each. Compiled
once, it is called through its address, by a symbol name that holds the hash of its code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from engine.compiled.cache import KernelCache
from engine.compiled.code_hash import bytecode_hash
from engine.compiled.kernel import kernel

__all__ = ["address_of_compiled", "call_at", "external"]


@cache
def external(function: Callable[..., Any], count: int) -> Any:
    """Compile `function` on its own and return what a kernel calls in its place.

    Parameters
    ----------
    function : callable
        A plain Python function of integers (addresses, indices) returning an int64; it must
        not raise.
    count : int
        Number of its arguments, each an int64.

    Returns
    -------
    numba.types.ExternalFunction
        To be captured by the closure of a kernel.
    """
    dispatcher: Any = kernel(function)
    symbol = f"mc_{function.__name__}_{bytecode_hash(function).digest[:24]}"
    llvmlite.binding.add_symbol(symbol, address_of_compiled(dispatcher, count))
    _KEPT_ALIVE.append(dispatcher)
    return types.ExternalFunction(symbol, types.int64(*_integers(count)))


def address_of_compiled(dispatcher: Any, count: int) -> int:
    """Compile or load a kernel of `count` integers and return the address of its machine code.

    The kernel must not raise, and must be kept alive for as long as the address is used.
    """
    arguments = _integers(count)
    if isinstance(dispatcher._cache, KernelCache):
        dispatcher._cache.keep_machine_code_alone()
    dispatcher.compile(arguments)
    result = dispatcher.overloads[arguments]
    address: int = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)
    return address


def call_at(count: int) -> Any:
    """Return ``call(address, *arguments)``, called in compiled code.

    It calls the machine code at an address, as of `address_of_compiled`, with `count` integers.
    """
    integer = ir.IntType(64)
    kind = ir.FunctionType(integer, [integer] * count)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(function, arguments[1:])

    def typed(typing_context: Any, address: Any, *arguments: Any) -> Any:
        return types.int64(types.int64, *_integers(count)), code

    # Numba takes what comes under a star for one tuple, so each argument gets a name.
    names = ["typing_context", "address", *(f"argument_{number}" for number in range(count))]
    kind_of_name = inspect.Parameter.POSITIONAL_OR_KEYWORD
    typed.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind_of_name) for name in names]
    )
    return intrinsic(typed)


def _integers(count: int) -> tuple[Any, ...]:
    return (types.int64,) * count


_KEPT_ALIVE: list[Any] = []
