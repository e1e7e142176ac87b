"""Estimates as text: two digits of the error or of the interval, the estimate rounded to match."""

from __future__ import annotations

import math
from typing import Final, Literal

__all__ = ["Unit", "estimate_text", "interval_pair", "interval_text", "rounded_pair"]

#: What a number counts: money in account currency, a ratio, or a share that is read in per cent.
Unit = Literal["money", "ratio", "share"]

# Fewest decimals of an estimate whose error is undefined, or zero: a small one has two digits.
_DECIMALS: Final = {"money": 0, "ratio": 2, "share": 1}
# An error that needs more decimals than this is written as a power of ten.
_MOST_DECIMALS = 6
_NONE = "–"


def estimate_text(
    estimate: float | None, error: float | None, unit: Unit, *, show_error: bool = True
) -> str:
    """Write an estimate and its standard error, a share in per cent.

    Parameters
    ----------
    estimate, error : float or None
        None and NaN mean undefined.
    unit : {"money", "ratio", "share"}
        What they count.
    show_error : bool
        Whether the error is written, too; the estimate is rounded to it either way.

    Examples
    --------
    >>> estimate_text(1159.3, 34.56, "money")
    '1,159 ± 35'
    >>> estimate_text(-0.00712, 0.0000312, "share")
    '-0.7120 ± 0.0031 %'
    >>> estimate_text(0.4, None, "ratio")
    '0.40'
    >>> estimate_text(0.2613, 0.0, "money")
    '0.26 ± 0'
    """
    value, spread = rounded_pair(estimate, error, unit)
    if value == _NONE:
        return value
    text = f"{value} ± {spread}" if show_error and spread != _NONE else value
    return f"{text} %" if unit == "share" else text


def interval_text(
    estimate: float | None,
    error: float | None,
    low: float | None,
    high: float | None,
    unit: Unit,
    *,
    why_none: str = "",
) -> str:
    """Write an estimate and its interval, rounded to two digits of half the interval's length.

    Parameters
    ----------
    estimate, error, low, high : float or None
        None and NaN mean undefined, infinite ends are open.
    unit : {"money", "ratio", "share"}
        What they count.
    why_none : str
        Stands in place of an interval that is not there.

    Examples
    --------
    >>> interval_text(1159.3, 34.56, 1091.2, 1227.6, "money")
    '1,159 (1,091 to 1,228)'
    >>> interval_text(1.0, None, 0.9638, 1.0, "share")
    '100.0 (96.4 to 100.0) %'
    >>> interval_text(0.4, None, None, None, "ratio", why_none="one history")
    '0.40 (one history)'
    """
    value, between = interval_pair(estimate, error, low, high, unit)
    sign = " %" if unit == "share" and value != _NONE else ""
    if between == _NONE:
        return f"{value}{sign} ({why_none})" if why_none else f"{value}{sign}"
    return f"{value} ({between}){sign}"


def interval_pair(
    estimate: float | None,
    error: float | None,
    low: float | None,
    high: float | None,
    unit: Unit,
) -> tuple[str, str]:
    """Round an estimate and its interval as `interval_text` does.

    Returns
    -------
    tuple of str
        Estimate and interval; a dash for what is undefined; shares in per cent, without the sign.
    """
    ends = [math.nan if end is None else end for end in (low, high)]
    if all(map(math.isfinite, ends)):
        error = (ends[1] - ends[0]) / 2.0
    value, _ = rounded_pair(estimate, error, unit)
    if any(map(math.isnan, ends)):
        return value, _NONE
    return value, " to ".join(_end(end, error, unit) for end in ends)


def _end(end: float, error: float | None, unit: Unit) -> str:
    if math.isinf(end):
        return "∞" if end > 0 else "-∞"
    return rounded_pair(end, error, unit)[0]


def rounded_pair(estimate: float | None, error: float | None, unit: Unit) -> tuple[str, str]:
    """Round an estimate and its standard error to the same decimal.

    The error keeps two significant digits, or all digits before the decimal point, so that it
    never prints as zero unless it is zero.

    Parameters
    ----------
    estimate, error : float or None
        None and NaN mean undefined.
    unit : {"money", "ratio", "share"}
        What they count; shares come out in per cent, without the sign.

    Returns
    -------
    tuple of str
        Estimate and error; a dash for what is undefined.
    """
    scale = 100.0 if unit == "share" else 1.0
    spread = math.nan if error is None else error * scale
    decimals = _DECIMALS[unit]
    if math.isfinite(spread) and spread > 0.0:
        # The exponent of the rounded error: 0.0996 is 0.10 in two digits.
        exponent = int(f"{spread:.1e}".partition("e")[2])
        decimals = max(0, 1 - exponent)
    elif estimate is not None and math.isfinite(estimate) and estimate != 0.0:
        exponent = int(f"{estimate * scale:.1e}".partition("e")[2])
        decimals = min(max(decimals, 1 - exponent), _MOST_DECIMALS)
    if decimals > _MOST_DECIMALS:
        return _number(estimate, scale, _MOST_DECIMALS), f"{spread:.1e}"
    if spread == 0.0:
        return _number(estimate, scale, decimals), "0"
    return _number(estimate, scale, decimals), _number(error, scale, decimals)


def _number(value: float | None, scale: float, decimals: int) -> str:
    if value is None or math.isnan(value):
        return _NONE
    # Adding zero makes a zero of a minus zero.
    return format(round(value * scale, decimals) + 0.0, f",.{decimals}f")
