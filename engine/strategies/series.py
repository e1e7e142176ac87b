"""Words that hooks use on series; the compiler replaces them by comparisons."""

from __future__ import annotations

__all__ = ["crossed_above", "crossed_below"]


def crossed_above(series: object, other: object, touch: bool = False) -> bool:
    """Whether `series` was below `other` at the last bar and is above it now (both strict).

    For use in the hooks of a `Strategy`.

    Parameters
    ----------
    series, other : object
        Indicators, bar fields or numbers.
    touch : bool
        Count what was equal at the last bar as below: 99, 100, 101 crosses 100 at its last, and
        so does 101, 100, 101, as in TradingView's ``ta.crossover``. Without it the first never
        crosses. A word, no value that is computed.
    """
    raise TypeError("crossed_above: allowed in the hooks of a Strategy only")


def crossed_below(series: object, other: object, touch: bool = False) -> bool:
    """Whether `series` was above `other` at the last bar and is below it now (both strict).

    Parameters
    ----------
    series, other, touch
        As of `crossed_above`; with `touch` what was equal counts as above.
    """
    raise TypeError("crossed_below: allowed in the hooks of a Strategy only")
