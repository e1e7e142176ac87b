"""Conversions of numbers that are checked while code is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

__all__ = ["CONDITION", "FRACTION", "WHOLE", "checked_cast"]

WHOLE: Final = "a whole number"
FRACTION: Final = "a fraction"
CONDITION: Final = "a condition"

# The first that holds names a type as a user would.
_WORDS: Final[tuple[tuple[type, str], ...]] = (
    (types.Integer, WHOLE),
    (types.Float, FRACTION),
    (types.Boolean, CONDITION),
    (types.UnicodeType, "text"),
    (types.NoneType, "None"),
    (types.Optional, "a value that may be None"),
    (types.Array, "an array"),
    (types.List, "a list"),
    (types.BaseTuple, "a tuple"),
)


def checked_cast(
    result: Literal["boolean", "float64", "int64"], refusal: Callable[[str], str | None]
) -> Any:
    """Return ``cast(value)``, called in compiled code.

    Parameters
    ----------
    result : {"boolean", "float64", "int64"}
        What a number becomes.
    refusal : callable
        Takes what a value is: `WHOLE`, `FRACTION`, `CONDITION`, or the name of another type.
        Returns None if it may be cast, else the error of compilation.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], signature.args[0], signature.return_type)

    def typed(typing_context: Any, value: Any) -> Any:
        message = refusal(_in_words(value))
        if message is not None:
            raise TypingError(message)
        return getattr(types, result)(types.unliteral(value)), code

    return intrinsic(typed)


def _in_words(value: Any) -> str:
    if isinstance(value, types.StringLiteral):
        return repr(value.literal_value)
    return next((words for kind, words in _WORDS if isinstance(value, kind)), str(value))
