"""Words that hooks use on series; the compiler replaces them by comparisons."""

from __future__ import annotations

__all__ = ["crossed_above", "crossed_below"]


def crossed_above(series: object, other: object) -> bool:
    """Whether `series` was below `other` at the last bar and is above it now (both strict).

    Both are indicators, bar fields or numbers. For use in the hooks of a `Strategy`.
    """
    raise TypeError("crossed_above: allowed in the hooks of a Strategy only")


def crossed_below(series: object, other: object) -> bool:
    """Whether `series` was above `other` at the last bar and is below it now (both strict)."""
    raise TypeError("crossed_below: allowed in the hooks of a Strategy only")
