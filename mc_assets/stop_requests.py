"""Ctrl-C and SIGTERM, noticed whatever handler stands in for them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

__all__ = ["noticing_stop_requests"]

_STOPS: Final = frozenset({signal.SIGINT, signal.SIGTERM})


@contextmanager
def noticing_stop_requests() -> Iterator[Callable[[], bool]]:
    """Notice whether the process is asked to stop meanwhile.

    While Dagster executes a run its own handlers stand in for those of the process, and forget a
    signal that arrives while it writes events. Python writes the number of every signal that has
    a handler to a descriptor as well, whichever handler it is.

    Yields
    ------
    callable
        Returns whether Ctrl-C or SIGTERM has come. In another than the main thread, which signals
        do not reach, always false.

    Examples
    --------
    >>> import signal
    >>> with noticing_stop_requests() as asked:
    ...     try:
    ...         signal.raise_signal(signal.SIGINT)
    ...     except KeyboardInterrupt:
    ...         print(asked())
    True
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reading, writing = os.pipe()
    numbers: set[int] = set()

    def asked() -> bool:
        with suppress(BlockingIOError):
            while found := os.read(reading, 64):
                numbers.update(found)
        return not numbers.isdisjoint(_STOPS)

    try:
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield asked
        finally:
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
    finally:
        os.close(reading)
        os.close(writing)
