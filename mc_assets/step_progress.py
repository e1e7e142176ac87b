"""How far a step is: told by the asset that works on it, heard by whoever runs it in this process.

Runs of the UI have listeners in none of their processes: there telling costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Count", "CountCallback", "counted", "counting", "tell"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Count:
    """So many of so many are done.

    Parameters
    ----------
    done : float
        Parts that are done; of the one that is being worked on, its share.
    total : int
        Parts.
    unit : str
        What they are, such as ``years``.
    """

    done: float
    total: int
    unit: str

    def __str__(self) -> str:
        return f"{int(self.done):,} of {self.total:,} {self.unit}"


CountCallback = Callable[[Count], None]

_listeners: list[CountCallback] = []


@contextmanager
def counting(listener: CountCallback) -> Iterator[None]:
    """Let a listener hear what is told inside.

    Examples
    --------
    >>> with counting(lambda count: print(count)):
    ...     made = [year for year in counted([1999, 2000], "years")]
    0 of 2 years
    1 of 2 years
    2 of 2 years
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(done: float, total: int, unit: str) -> None:
    """Say how far the step is (`Count`)."""
    for listener in _listeners:
        listener(Count(done, total, unit))


def counted(items: Collection[Item], unit: str) -> Iterator[Item]:
    """Yield items, and say before the first and after each how many are done."""
    for number, item in enumerate(items):
        tell(number, len(items), unit)
        yield item
    tell(len(items), len(items), unit)
