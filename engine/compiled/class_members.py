"""Which members of a class were written in it."""

from __future__ import annotations

import types
from typing import Any

from engine.compiled.libraries import library_of

__all__ = ["is_written"]


def is_written(name: str, member: Any) -> bool:
    """Whether a member of a class was written in it, not generated or kept by Python."""
    if isinstance(member, types.MemberDescriptorType | types.GetSetDescriptorType):
        return False
    if not (name.startswith("__") and name.endswith("__")):
        return True
    function = getattr(member, "__func__", member)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    if isinstance(function, property):
        return True
    if not isinstance(function, types.FunctionType):
        return False
    home = str(function.__globals__.get("__name__"))
    # `dataclass` and `namedtuple` compile methods from text; others a library puts there.
    generated = function.__code__.co_qualname.startswith("__create_fn__.")
    return not generated and not home.startswith("namedtuple_") and library_of(home) is None
