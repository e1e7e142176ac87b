"""The order engine as plain Python: kernels are interpreted where they would be compiled.

A plug-in of pytest, ``-p tests.plain_kernels``, which has to be loaded before the engine. A file of
tests of `engine.execution` takes seconds in place of the minute that compiling takes after each
change of a line, so a mutation score can be afforded. What is proved of machine code (its bits, its
cache, what the compiler refuses) is not proved here: such files of tests fail.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

os.environ["NUMBA_DISABLE_JIT"] = "1"

import numba
import numpy as np
from numpy.typing import NDArray

numba.config.DISABLE_JIT = 1

from engine.compiled import (  # noqa: E402  (nothing may be compiled before)
    checked_cast,
    framed_record,
    intrinsics,
    lanes,
    linking,
    views,
)

# A division is one of NumPy's scalars: without an error, as in a kernel.
np.seterr(all="ignore")

_CASTS: Final[dict[str, Callable[[Any], Any]]] = {
    "boolean": bool,
    "float64": np.float64,
    "int64": int,
}
#: What is called by its address, which is its place here; 0 is the address of nothing.
_CODE: Final[list[Any]] = [None]


def _array(address: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    kind = np.dtype(dtype)
    count = 1
    for size in shape:
        count *= size
    memory = (ctypes.c_char * (count * kind.itemsize)).from_address(int(address))
    return np.ndarray(shape, kind, memory)


def _view(dtype: str) -> Callable[[int, int], NDArray[Any]]:
    return lambda address, count: _array(address, dtype, (int(count),))


def _address_of(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    seen = array.view()
    seen.flags.writeable = False
    return seen


def _record(name: str, layout: framed_record.Layout) -> Callable[[int], Any]:
    places = {array: place for place, array in enumerate(layout)}
    sizes = [size for _, shape in layout.values() for size in shape]
    width = max([size.place for size in sizes if isinstance(size, framed_record.Entry)])

    class Record:
        def __init__(self, address: int) -> None:
            self.frame = _array(address, "int64", (max(width, len(layout)) + 1,))
            self.known: dict[tuple[str, int], NDArray[Any]] = {}

        def __getattr__(self, array: str) -> NDArray[Any]:
            element, shape = layout[array]
            address = int(self.frame[places[array]])
            if (array, address) not in self.known:
                sizes = tuple(
                    int(self.frame[size.place]) if isinstance(size, framed_record.Entry) else size
                    for size in shape
                )
                self.known[array, address] = _array(address, element, sizes)
            return self.known[array, address]

    return Record


def _address_of_compiled(code: Any, count: int) -> int:
    _CODE.append(code)
    return len(_CODE) - 1


def _call_at(count: int) -> Callable[..., Any]:
    return lambda address, *arguments: _CODE[int(address)](*arguments)


def _fma(a: float, b: float, c: float) -> float:
    return np.float64(_C_FMA(a, b, c))


_C_FMA: Final[Any] = ctypes.CDLL(None).fma
_C_FMA.restype, _C_FMA.argtypes = ctypes.c_double, [ctypes.c_double] * 3


def _trailing_zeros(bits: Any) -> int:
    return (int(bits) & -int(bits)).bit_length() - 1 if bits else 64


def _put_four(array: NDArray[np.float64], start: int, four: NDArray[np.float64]) -> None:
    array[start : start + 4] = four


def _greater(a: Any, b: Any) -> Any:
    return np.where(a > b, a, b)


def _smaller(a: Any, b: Any) -> Any:
    return np.where(a < b, a, b)


def _joined(join: Callable[[Any, Any], Any]) -> Callable[[Any], np.float64]:
    return lambda four: np.float64(join(join(four[0], four[1]), join(four[2], four[3])))


_PLAIN: Final[Mapping[Any, Mapping[str, Any]]] = {
    views: {
        "floats_at": _view("float64"),
        "singles_at": _view("float32"),
        "integers_at": _view("int64"),
        "address_of": _address_of,
        "read_only": _read_only,
    },
    framed_record: {"framed_record": _record},
    linking: {
        "external": lambda function, count: function,
        "address_of_compiled": _address_of_compiled,
        "call_at": _call_at,
    },
    checked_cast: {"checked_cast": lambda result, refusal: _CASTS[result]},
    intrinsics: {
        "fma": _fma,
        "as_bits": lambda value: np.float64(value).view(np.uint64),
        "as_float": lambda bits: np.uint64(bits).view(np.float64),
        "high_product": lambda a, b: np.uint64((int(a) * int(b)) >> 64),
        "bit_count": lambda bits: int(bits).bit_count(),
        "trailing_zeros": _trailing_zeros,
        "keep_apart": lambda: None,
        "seldom": lambda condition: condition,
        "borrow": lambda array: array,
    },
    lanes: {
        "four_at": lambda array, start: array[start : start + 4].copy(),
        "put_four": _put_four,
        "four": lambda *values: np.array(values),
        "four_times": lambda value: np.full(4, value),
        "each": tuple,
        "any_reaches": lambda lanes, others: bool((lanes >= others).any()),
        "higher": _greater,
        "lower": _smaller,
        "total": _joined(lambda a, b: a + b),
        "highest": _joined(_greater),
        "lowest": _joined(_smaller),
    },
}


def _interpret() -> None:
    """Put what is plain in place of what compiles, wherever it has been imported."""
    plain = {
        id(getattr(module, name)): value
        for module, names in _PLAIN.items()
        for name, value in names.items()
    }
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "engine":
            for attribute, value in list(vars(module).items()):
                if id(value) in plain:
                    setattr(module, attribute, plain[id(value)])


_interpret()
