"""Where a hook's values meet the engine's: each is a number of a known kind, or an error."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

__all__ = ["as_number", "as_whole", "keep_bool", "keep_float", "keep_int", "read_only"]


def _cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return context.cast(builder, arguments[0], signature.args[0], signature.return_type)


def _is_number(value: Any) -> bool:
    return isinstance(value, types.Number | types.Boolean) and not isinstance(value, types.Complex)


def _in_words(value: Any) -> str:
    """Name a type as a user would."""
    if isinstance(value, types.StringLiteral):
        return repr(value.literal_value)
    if isinstance(value, types.UnicodeType):
        return "text"
    if isinstance(value, types.NoneType):
        return "None"
    if isinstance(value, types.Optional):
        return "a value that may be None"
    if isinstance(value, types.Float):
        return "a fraction"
    kinds = ((types.Array, "an array"), (types.List, "a list"), (types.BaseTuple, "a tuple"))
    return next((words for kind, words in kinds if isinstance(value, kind)), str(value))


@intrinsic
def keep_float(typing_context: Any, value: Any) -> Any:
    """Return a number as the float that a state was declared to be."""
    if not _is_number(value):
        raise TypingError(f"state is a number: found {_in_words(value)}, allowed a number")
    return types.float64(types.unliteral(value)), _cast


@intrinsic
def keep_int(typing_context: Any, value: Any) -> Any:
    """Return a whole number as it is; a fraction is an error of compilation."""
    if isinstance(value, types.Float):
        raise TypingError("a state declared as a whole number is given a fraction; declare it 0.0")
    if not isinstance(value, types.Integer | types.Boolean):
        raise TypingError(f"state is a number: found {_in_words(value)}, allowed a whole number")
    return types.int64(types.unliteral(value)), _cast


@intrinsic
def keep_bool(typing_context: Any, value: Any) -> Any:
    """Return whether a number is not zero."""
    if not _is_number(value):
        raise TypingError(f"state is True or False: found {_in_words(value)}, allowed a condition")
    return types.boolean(types.unliteral(value)), _cast


@intrinsic
def as_number(typing_context: Any, value: Any) -> Any:
    """Return an argument of an order as a float."""
    if not _is_number(value):
        raise TypingError(f"an order takes numbers: found {_in_words(value)}, allowed a number")
    return types.float64(types.unliteral(value)), _cast


@intrinsic
def as_whole(typing_context: Any, value: Any) -> Any:
    """Return the number of bars back, or of a symbol."""
    if not isinstance(value, types.Integer | types.Boolean):
        raise TypingError(
            f"an index is a whole number: found {_in_words(value)}, allowed one such as int(x)"
        )
    return types.int64(types.unliteral(value)), _cast


@intrinsic
def read_only(typing_context: Any, array: Any) -> Any:
    """Return an array that cannot be written to: bars and indicators are shared."""
    result = array.copy(readonly=True)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])

    return result(array), code
