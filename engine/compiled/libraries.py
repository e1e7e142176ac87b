"""Which modules are somebody else's: what they do is told by a name, not by their code."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["is_standard", "library_of"]

# Their numbers are pinned by tests; counting versions would separate machines without need.
_BY_NAME: Final = frozenset(("builtins", "llvmlite", "numba", "numpy", "scipy"))
# Installed like libraries, but ours: they count by their code.
_OWN: Final = frozenset(("engine", "mc_assets"))
_INSTALLED: Final = frozenset(("dist-packages", "site-packages"))
_STANDARD: Final = Path(os.__file__).parent


def library_of(module: str | None) -> str | None:
    """Return the name of the library that a module belongs to, or None for the user's and ours.

    A package that was installed and states its version counts by both: ``pandas 3.0.1``. NumPy,
    Numba, SciPy and Python's own count by name only.

    Parameters
    ----------
    module : str or None
        Dotted name of a module.
    """
    top = (module or "").partition(".")[0]
    if top in _OWN:
        return None
    if top in _BY_NAME or is_standard(top):
        return top
    return _installed(top, sys.modules.get(top) is not None)


def is_standard(module: str) -> bool:
    """Whether a module is one of Python's own; a user's file may bear the name of one."""
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(top), "__file__", None)
    return file is None or _is_in_library(file)


@cache
def _is_in_library(file: str) -> bool:
    return Path(file).is_relative_to(_STANDARD)


@cache
def _installed(top: str, loaded: bool) -> str | None:
    module = sys.modules.get(top)
    version = getattr(module, "__version__", None)
    file = getattr(module, "__file__", None)
    if not isinstance(version, str) or file is None:
        return None
    return f"{top} {version}" if _INSTALLED & set(Path(file).parts) else None
