"""How the command line was called, for sentences that say what to type next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

__all__ = ["as_typed"]


def as_typed() -> str:
    """Return the words that call this program from here.

    Its name where a shell finds it by that, else its file, relative to the working directory where
    it lies below it.
    """
    program = Path(sys.argv[0])
    if program.name not in ("mc", "mc-lab"):
        return "mc"  # called from Python
    found = shutil.which(program.name)
    if found is not None and program.exists() and Path(found).samefile(program):
        return program.name
    here, place = Path.cwd(), program.absolute()
    return str(place.relative_to(here) if place.is_relative_to(here) else place)
