"""Simple moving averages: one by one, and many of one series side by side."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.lanes import each, four, four_times
from engine.compiled.views import address_of, floats_at
from engine.execution.calling import called, part

__all__ = ["blank", "fill_smas", "sma"]

# Columns of a row's plan, those of an indicator that reads one field and has one parameter.
_SYMBOL: Final = 1
_FIELD: Final = 2
_PERIOD: Final = 3


@called
def fill_smas(
    path: NDArray[np.float64],
    plans: NDArray[np.float64],
    rows: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Fill rows of simple averages, those of one series side by side."""
    row = 0
    while row < plans.shape[0]:
        values = path[int(plans[row, _SYMBOL]), int(plans[row, _FIELD])]
        end = row + _of_one_series(plans, row)
        if end - row > 4:
            twelve_smas(values, plans[row:end], rows[row:end], work)
        elif end - row > 1:
            four_smas(values, plans[row:end], rows[row:end], work)
        else:
            sma(values, _period(plans, row), 0, rows[row])
        row = end


@part
def _of_one_series(plans: NDArray[np.float64], first: int) -> int:
    """How many rows from `first` on, up to twelve, are averages of one series."""
    count = 1
    for row in range(first + 1, min(first + 12, plans.shape[0])):
        same_symbol = plans[row, _SYMBOL] == plans[first, _SYMBOL]
        if not (same_symbol and plans[row, _FIELD] == plans[first, _FIELD]):
            break
        count += 1
    return count


@called
def sma(values: NDArray[np.float64], period: int, start: int, out: NDArray[np.float64]) -> None:
    """Mean of the last `period` values from `start` on."""
    first = start + period - 1
    blank(out, first)
    total = added = removed = 0.0
    equal = 0
    for bar in range(start, out.shape[0]):
        value = values[bar]
        leaving = values[bar - period] if bar > first else 0.0
        total, added, removed = _slide(total, added, removed, value, leaving)
        equal = equal + 1 if bar > start and value == values[bar - 1] else 1
        if bar >= first:
            # pandas too: a window of one value has that value for a mean, free of rounding.
            out[bar] = value if equal >= period else total / period


@called
def four_smas(
    values: NDArray[np.float64],
    plans: NDArray[np.float64],
    rows: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Up to four averages of one series at once: each alone would wait for its own additions."""
    last = rows.shape[0] - 1
    # Pad to four by repeating the last one.
    r = (0, min(1, last), min(2, last), min(3, last))
    p = (_period(plans, r[0]), _period(plans, r[1]), _period(plans, r[2]), _period(plans, r[3]))
    a, b, c, d = rows[r[0]], rows[r[1]], rows[r[2]], rows[r[3]]
    periods = four(p[0], p[1], p[2], p[3])
    bars = rows.shape[1]
    behind = floats_at(address_of(work), 2 * bars)
    _line_up(values, behind)
    sums = added = removed = four_times(0.0)
    for bar in range(bars):
        leaving = _leaving(behind, bars + bar, p[0], p[1], p[2], p[3])
        sums, added, removed = _slide(sums, added, removed, four_times(values[bar]), leaving)
        a[bar], b[bar], c[bar], d[bar] = each(sums / periods)
    _finish_means(values, plans, rows)


@called
def twelve_smas(
    values: NDArray[np.float64],
    plans: NDArray[np.float64],
    rows: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Five to twelve averages of one series at once, as `four_smas` in three fours."""
    last = rows.shape[0] - 1
    r = (4, min(5, last), min(6, last), min(7, last),
         min(8, last), min(9, last), min(10, last), min(11, last))  # fmt: skip
    p = (_period(plans, 0), _period(plans, 1), _period(plans, 2), _period(plans, 3),
         _period(plans, r[0]), _period(plans, r[1]), _period(plans, r[2]), _period(plans, r[3]),
         _period(plans, r[4]), _period(plans, r[5]), _period(plans, r[6]), _period(plans, r[7])
         )  # fmt: skip
    a, b, c, d = rows[0], rows[1], rows[2], rows[3]
    e, f, g, h = rows[r[0]], rows[r[1]], rows[r[2]], rows[r[3]]
    i, j, k, m = rows[r[4]], rows[r[5]], rows[r[6]], rows[r[7]]
    first_periods = four(p[0], p[1], p[2], p[3])
    second_periods = four(p[4], p[5], p[6], p[7])
    third_periods = four(p[8], p[9], p[10], p[11])
    bars = rows.shape[1]
    behind = floats_at(address_of(work), 2 * bars)
    _line_up(values, behind)
    first = second = third = in_1 = in_2 = in_3 = out_1 = out_2 = out_3 = four_times(0.0)
    for bar in range(bars):
        entering, at = four_times(values[bar]), bars + bar
        leaving = _leaving(behind, at, p[0], p[1], p[2], p[3])
        first, in_1, out_1 = _slide(first, in_1, out_1, entering, leaving)
        leaving = _leaving(behind, at, p[4], p[5], p[6], p[7])
        second, in_2, out_2 = _slide(second, in_2, out_2, entering, leaving)
        leaving = _leaving(behind, at, p[8], p[9], p[10], p[11])
        third, in_3, out_3 = _slide(third, in_3, out_3, entering, leaving)
        a[bar], b[bar], c[bar], d[bar] = each(first / first_periods)
        e[bar], f[bar], g[bar], h[bar] = each(second / second_periods)
        i[bar], j[bar], k[bar], m[bar] = each(third / third_periods)
    _finish_means(values, plans, rows)


@called
def blank(out: NDArray[np.float64], end: int) -> None:
    """Make the values before `end` undefined."""
    for bar in range(min(end, out.shape[0])):
        out[bar] = math.nan


@part
def _slide(
    total: Any, added: Any, removed: Any, entering: Any, leaving: Any
) -> tuple[Any, Any, Any]:
    """Move a compensated sum (Kahan, 1965) on by one value, as pandas' rolling mean does.

    The same operations in the same order: where two averages tie, rounding decides which is above,
    and a strategy would trade differently from one on averages of pandas.
    """
    change = -leaving - removed
    reached = total + change
    removed = reached - total - change
    change = entering - added
    total = reached + change
    added = total - reached - change
    return total, added, removed


@part
def _line_up(values: NDArray[np.float64], behind: NDArray[np.float64]) -> None:
    """Put as many zeros before the values: what leaves a window that is not yet full."""
    bars = values.shape[0]
    for bar in range(bars):
        behind[bar] = 0.0
        behind[bars + bar] = values[bar]


@called
def _finish_means(
    values: NDArray[np.float64], plans: NDArray[np.float64], rows: NDArray[np.float64]
) -> None:
    """Blank the windows that are not full; one of a single value has that value, as in `sma`."""
    shortest = _period(plans, 0)
    for row in range(rows.shape[0]):
        blank(rows[row], _period(plans, row) - 1)
        shortest = min(shortest, _period(plans, row))
    equal = 0
    for bar in range(rows.shape[1]):
        equal = equal + 1 if bar > 0 and values[bar] == values[bar - 1] else 1
        if equal >= shortest:
            for row in range(rows.shape[0]):
                if equal >= _period(plans, row):
                    rows[row, bar] = values[bar]


@part
def _period(plans: NDArray[np.float64], row: int) -> int:
    return int(plans[row, _PERIOD])


@part
def _leaving(behind: NDArray[np.float64], at: int, a: int, b: int, c: int, d: int) -> Any:
    """Values that four windows leave behind; one longer than the path leaves none."""
    most = behind.shape[0] // 2
    return four(
        behind[np.uint64(at - min(a, most))],
        behind[np.uint64(at - min(b, most))],
        behind[np.uint64(at - min(c, most))],
        behind[np.uint64(at - min(d, most))],
    )
