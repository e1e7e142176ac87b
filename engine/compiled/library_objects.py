"""Objects of libraries: which of them have a name, and what tells apart those that have none."""

from __future__ import annotations

import copyreg
import gc
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

from engine.compiled.libraries import library_of
from engine.compiled.origins import module_of, public_name

__all__ = ["is_named_by_library", "name_in_library", "parts_in_library"]


def is_named_by_library(value: Any) -> bool:
    """Whether a function has a name in a module of a library, as those written in C have.

    `numpy.vectorize` lends its objects the name of the user's function, which no module knows.
    """
    name, module = getattr(value, "__name__", None), getattr(value, "__module__", None)
    if not isinstance(name, str) or not isinstance(module, str) or library_of(module) is None:
        return False
    return getattr(sys.modules.get(module), name, None) is value


def name_in_library(value: Any) -> str | None:
    """Name an object that the module of its class holds, such as ``norm`` of ``scipy.stats``.

    So does NumPy hold the generator behind ``numpy.random.normal``, whose state says nothing.
    """
    home = module_of(type(value))
    if library_of(home) is None:
        return None
    held = [*vars(sys.modules[home]).items()] if home in sys.modules else []
    return next((public_name(home, name) for name, item in held if item is value), None)


def parts_in_library(value: Any) -> list[Any] | None:
    """Return what an object of a library is made of; None of a lock or a file, which has no value.

    It is what the object would be pickled to. Where that is a name alone, the user's functions that
    it calls belong to it (`numpy.frompyfunc`).
    """
    pickled = copyreg.dispatch_table.get(type(value))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # itertools will no longer be pickled one day
            reduced = value.__reduce_ex__(2) if pickled is None else pickled(value)
    except Exception:  # whatever it says of itself
        return None
    if isinstance(reduced, str):
        called = (item for item in gc.get_referents(value))
        return [reduced, *(item for item in called if isinstance(item, types.FunctionType))]
    # Items of a list or a dictionary come as iterators.
    return [list(part) if isinstance(part, Iterator) else part for part in reduced]
