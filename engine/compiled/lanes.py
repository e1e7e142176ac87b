"""Four float64 side by side, worked on by one instruction where the machine has one.

LLVM may not reorder a sum, so it never vectorises one by itself. A kernel that adds up in four
partial sums says so with these; every operation is the one of four scalars, on every machine.
They work inside compiled code alone, on contiguous arrays of one axis.
"""

from __future__ import annotations

import operator
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

__all__ = [
    "any_reaches",
    "each",
    "four",
    "four_at",
    "four_times",
    "higher",
    "highest",
    "lower",
    "lowest",
    "put_four",
    "total",
]

_VECTOR: Final = ir.VectorType(ir.DoubleType(), 4)


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes(4 x float64)")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        models.PrimitiveModel.__init__(self, manager, kind, _VECTOR)


_LANES: Final = _Lanes()


def _operator(function: Any, instruction: str) -> None:
    @infer_global(function)
    class _Typing(ConcreteTemplate):
        cases = (signature(_LANES, _LANES, _LANES),)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments)

    lower_builtin(function, _Lanes, _Lanes)(code)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
_operator(operator.truediv, "fdiv")


@infer_global(operator.neg)
class _Negation(ConcreteTemplate):
    cases = (signature(_LANES, _LANES),)


def _negated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.fneg(arguments[0])


lower_builtin(operator.neg, _Lanes)(_negated)


def _four_at(typing_context: Any, array: Any, start: Any) -> Any:
    """Return the elements of an array from `start` on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = builder.load(_place(context, builder, signature, arguments))
        loaded.align = 8
        return loaded

    return _LANES(array, types.intp), code


def _put_four(typing_context: Any, array: Any, start: Any, lanes: Any) -> Any:
    """Write four elements of an array from `start` on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[2], _place(context, builder, signature, arguments))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), code


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), _VECTOR.as_pointer())


def _four(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return four numbers side by side."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _side_by_side(builder, arguments)

    return _LANES(*(types.float64,) * 4), code


def _four_times(typing_context: Any, value: Any) -> Any:
    """Return one number four times."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _side_by_side(builder, [arguments[0]] * 4)

    return _LANES(types.float64), code


def _each(typing_context: Any, lanes: Any) -> Any:
    """Return the four numbers as a tuple."""
    result = types.UniTuple(types.float64, 4)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_tuple(builder, result, _taken_apart(builder, arguments[0]))

    return result(_LANES), code


def _taken_apart(builder: Any, lanes: Any) -> list[Any]:
    return [
        builder.extract_element(lanes, ir.Constant(ir.IntType(32), index)) for index in range(4)
    ]


def _side_by_side(builder: Any, values: Any) -> Any:
    lanes = ir.Constant(_VECTOR, ir.Undefined)
    for index, value in enumerate(values):
        lanes = builder.insert_element(lanes, value, ir.Constant(ir.IntType(32), index))
    return lanes


def _any_reaches(typing_context: Any, lanes: Any, others: Any) -> Any:
    """Whether any of the four numbers is its neighbour or more."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">=", *arguments), ir.IntType(4))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(4), 0))

    return types.boolean(_LANES, _LANES), code


def _of_each_pair(sign: str) -> Any:
    def typed(typing_context: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _chosen(builder, sign, *arguments)

        return _LANES(_LANES, _LANES), code

    return typed


def _of_all(join: Any) -> Any:
    """Return the code that joins (0, 1) and (2, 3), and then the two."""

    def typed(typing_context: Any, lanes: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b, c, d = _taken_apart(builder, arguments[0])
            return join(builder, join(builder, a, b), join(builder, c, d))

        return types.float64(_LANES), code

    return typed


def _chosen(builder: Any, sign: str, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(sign, a, b), a, b)


def _sum(builder: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b)


def _greater(builder: Any, a: Any, b: Any) -> Any:
    return _chosen(builder, ">", a, b)


def _smaller(builder: Any, a: Any, b: Any) -> Any:
    return _chosen(builder, "<", a, b)


four_at: Any = intrinsic(_four_at)
put_four: Any = intrinsic(_put_four)
four: Any = intrinsic(_four)
four_times: Any = intrinsic(_four_times)
any_reaches: Any = intrinsic(_any_reaches)
each: Any = intrinsic(_each)
higher: Any = intrinsic(_of_each_pair(">"))
lower: Any = intrinsic(_of_each_pair("<"))
total: Any = intrinsic(_of_all(_sum))
highest: Any = intrinsic(_of_all(_greater))
lowest: Any = intrinsic(_of_all(_smaller))
