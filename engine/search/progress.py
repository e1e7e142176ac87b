"""Progress of a running search."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SearchProgress"]


@dataclass(frozen=True)
class SearchProgress:
    """A moment of a running search.

    Parameters
    ----------
    sets : int
        Parameter sets that ran.
    simulations : int
        Simulations run.
    best : float
        The best value of the first objective; NaN before there is one.
    seconds : float
        Since the search began.
    """

    sets: int
    simulations: int
    best: float
    seconds: float
