"""Records of arrays that cross between separately compiled kernels as one address.

Passed as its arrays, a record of twelve would be a hundred arguments of every call. So a *frame*,
an array of int64, holds the address of each array and the sizes that are known only when it runs;
compiled code gets the address of the frame and reads an array where it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model

from engine.compiled.views import array_at

__all__ = ["Entry", "Layout", "framed_record"]


class Entry(NamedTuple):
    """A size that stands in the frame."""

    place: int


#: The arrays of a record in the order of their addresses in the frame: their element ("float64",
#: "float32", or an integer such as "int64") and their sizes.
Layout = Mapping[str, tuple[str, tuple[int | Entry, ...]]]


def framed_record(name: str, layout: Layout) -> Any:
    """Return ``record_at(address)``, called in compiled code, for records of one layout.

    Parameters
    ----------
    name : str
        Name of the record.
    layout : mapping of str to tuple
        Its arrays.

    Returns
    -------
    callable
        Takes the address of a frame; returns the record, whose attributes are the arrays.
    """
    kind = _FramedRecord(name, layout)

    def typed(typing_context: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return arguments[0]

        return kind(types.int64), code

    return intrinsic(typed)


class _FramedRecord(types.Type):
    def __init__(self, name: str, layout: Layout) -> None:
        self.arrays = {
            array: (getattr(types, element), sizes) for array, (element, sizes) in layout.items()
        }
        # What lies where decides the machine code, so it is part of the type's name, by which
        # compiled code is found again on disk.
        told = ((array, element, sizes) for array, (element, sizes) in layout.items())
        super().__init__(name=f"{name}({', '.join(map(repr, told))})")


@register_model(_FramedRecord)
class _FrameAddress(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        models.PrimitiveModel.__init__(self, manager, kind, ir.IntType(64))


@infer_getattr
class _FramedArrays(AttributeTemplate):
    key = _FramedRecord

    def generic_resolve(self, kind: Any, name: str) -> Any:  # type: ignore[override]
        dtype, shape = kind.arrays[name]
        return types.Array(dtype, len(shape), "C")


def _array_of_frame(context: Any, builder: Any, kind: Any, frame: Any, name: str) -> Any:
    def entry(place: int) -> Any:
        pointer = builder.inttoptr(frame, ir.IntType(64).as_pointer())
        loaded = builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), place)]))
        # Nobody moves the arrays of a record while it is used: read once, kept in a register.
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded

    dtype, shape = kind.arrays[name]
    sizes = [
        entry(size.place) if isinstance(size, Entry) else context.get_constant(types.intp, size)
        for size in shape
    ]
    address = entry([*kind.arrays].index(name))
    return array_at(context, builder, types.Array(dtype, len(shape), "C"), address, sizes)


lower_getattr_generic(_FramedRecord)(_array_of_frame)
