"""The terminal, on a descriptor of its own."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["own_console"]


def own_console(opened: ExitStack, *, quiet: bool = False) -> Console:
    """Return a console that still writes to the terminal while the output of a step is captured.

    Dagster puts a file in place of descriptor 1 for the time of a step: what shows that the step
    lives would go there, too.

    Parameters
    ----------
    opened : contextlib.ExitStack
        Closes the descriptor.
    quiet : bool
        Print nothing.
    """
    from rich.console import Console

    if not sys.stdout.isatty():
        return Console(quiet=quiet)
    sys.stdout.flush()
    descriptor = os.dup(sys.stdout.fileno())
    file = opened.enter_context(open(descriptor, "w", encoding=sys.stdout.encoding))  # noqa: SIM115
    return Console(file=file, quiet=quiet)
