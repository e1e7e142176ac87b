"""How far a study is, in the terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.jobs.progress import Progress

__all__ = ["ProgressLine"]

_SECONDS_BETWEEN_LINES: Final = 10.0
_BAR_WIDTH: Final = 16


class ProgressLine:
    """One line on standard error, a bar and counts, rewritten as the study advances.

    Parameters
    ----------
    quiet : bool
        Print nothing.

    Notes
    -----
    Into a file or a pipe a line without the bar is written every ten seconds instead.
    """

    def __init__(self, quiet: bool) -> None:
        self._stream = sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._width = 0
        self._next = _SECONDS_BETWEEN_LINES

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def __call__(self, progress: Progress) -> None:
        """Show how far the study is."""
        if self._quiet:
            return
        text = str(progress)
        if not self._live and progress.seconds > self._next:
            # In a log file, write a new line now and then instead of rewriting one.
            self._next += _SECONDS_BETWEEN_LINES
            self._stream.write(text + "\n")
            self._stream.flush()
        if self._live:
            with_bar = f"{_bar(progress)} {text}"
            # A line that wraps cannot be rewritten.
            if len(with_bar) < os.get_terminal_size(self._stream.fileno()).columns:
                text = with_bar
            self._stream.write("\r" + text.ljust(self._width))
            self._stream.flush()
            self._width = max(self._width, len(text))


def _bar(progress: Progress) -> str:
    """Return a bar of a fixed width, as full as the study is done."""
    done = round(_BAR_WIDTH * progress.done / max(progress.total, 1))
    return ("━" * done).ljust(_BAR_WIDTH, "╌")
