"""The metrics of simulations of ticks: those of every account, and the group ``ticks``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.linking import call_at
from engine.compiled.views import address_of
from engine.execution import layout as account
from engine.execution.calling import part
from engine.execution.linked import metric_calls
from engine.execution.metrics import summarise
from engine.execution.settings import Execution
from engine.execution.state import Simulation, frame_of, new_simulation, simulation_at
from engine.execution.tick_metric_names import METRICS
from engine.ticks import layout as at
from engine.ticks.state import Desks

__all__ = ["TickMeasures", "marks_in", "no_ticks", "ticks_of"]

GROUP: Final = "ticks"
_COUNT: Final = len(METRICS)
_YEAR: Final = 365.25 * 86_400 * at.NANOSECONDS
_BAR_FIELDS: Final = 5

# A group of metrics, by the address of its code: the frame, and where its metrics go.
_call_measure: Any = call_at(2)


@part
def no_ticks(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the group ``ticks`` of a simulation that trades bars: it has none."""
    for index in range(_COUNT):
        out[index] = np.nan


class TickMeasures:
    """Computes the metrics of finished simulations.

    Parameters
    ----------
    groups : sequence of str
        Groups of metrics; that of the order engine is always among them.
    execution : Execution
        Starting cash and risk-free rate.
    """

    def __init__(self, groups: Sequence[str], execution: Execution) -> None:
        self.names, self._calls = metric_calls([name for name in groups if name != GROUP])
        self._own_at = -1
        if GROUP in groups:
            self._own_at = len(self.names)
            self.names += tuple(METRICS)
        self._execution = execution

    def row(self, desks: Desks, number: int) -> NDArray[np.float64]:
        """Return the metrics of one simulation.

        Returns
        -------
        ndarray of float64, shape (metrics,)
            In the order of `names`; NaN where one is undefined.
        """
        counts, numbers = desks.counts[number], desks.numbers[number]
        marks = int(counts[at.MARKS])
        elapsed = max(float(counts[at.LAST_STAMP] - counts[at.ORIGIN]), 1.0)
        per_year = marks * _YEAR / elapsed
        rules = self._execution.rules(("ticks",), per_year, 1.0)
        path = np.full((1, _BAR_FIELDS, marks), np.nan)
        simulation = new_simulation(path, rules, order_capacity=1, lot_capacity=1)
        simulation.curve[:] = desks.curve[number, :marks]
        _write_account(simulation, counts, numbers, elapsed / marks, self._execution.cash)
        simulation.counts[account.EXPOSED] = round(marks * numbers[at.EXPOSED_TIME] / elapsed)
        frame = frame_of(simulation)
        out = np.full(len(self.names), np.nan)
        _summarise(frame, out, self._calls)
        if self._own_at >= 0:
            out[self._own_at :] = ticks_of(desks, number)
        return out


def marks_in(span: int) -> int:
    """Return how often equity is marked.

    Parameters
    ----------
    span : int
        Nanoseconds from the first event to the last.

    Returns
    -------
    int
        Every second and at the end; with twice as long an interval wherever these were too many.

    Examples
    --------
    >>> marks_in(180 * 10**9), marks_in(3_000 * 10**9)
    (180, 1500)
    """
    interval = at.NANOSECONDS
    while span > interval * at.MOST_MARKS:
        interval *= 2
    return -(-span // interval)


def ticks_of(desks: Desks, number: int) -> NDArray[np.float64]:
    """Return the group ``ticks`` of one simulation.

    Returns
    -------
    ndarray of float64, shape (metrics,)
        In the order of `engine.execution.tick_metric_names.METRICS`.
    """
    counts, numbers = desks.counts[number], desks.numbers[number]
    elapsed = max(float(counts[at.LAST_STAMP] - counts[at.ORIGIN]), 1.0)
    fills = float(counts[at.FILLS])
    moved = numbers[at.ADVERSE_SUM : at.ADVERSE_SUM + 3]
    watched = numbers[at.ADVERSE_UNITS : at.ADVERSE_UNITS + 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        adverse = np.where(watched > 0.0, moved / watched, np.nan)
    return np.array(
        [
            fills,
            _ratio(numbers[at.FILLED_UNITS], numbers[at.PLACED_UNITS]),
            _ratio(numbers[at.MAKER_UNITS], numbers[at.FILLED_UNITS]),
            numbers[at.SPREAD_SUM],
            *adverse,
            _ratio(float(counts[at.PLACED] + counts[at.CHANGED]), fills),
            numbers[at.INVENTORY_TIME] / elapsed,
            numbers[at.INVENTORY_MOST],
            numbers[at.FEES],
            numbers[at.FUNDING_PAID],
            float(counts[at.QUOTES]),
        ]
    )


def _ratio(part_of: float, whole: float) -> float:
    return part_of / whole if whole > 0.0 else np.nan


@kernel
def _summarise(
    frame: NDArray[np.int64], out: NDArray[np.float64], groups: NDArray[np.int64]
) -> None:
    address = address_of(frame)
    summarise(simulation_at(address), out)
    for group in range(len(groups)):
        _call_measure(groups[group, 0], address, address_of(out) + groups[group, 1])


def _write_account(
    simulation: Simulation,
    counts: NDArray[np.int64],
    numbers: NDArray[np.float64],
    interval: float,
    cash: float,
) -> None:
    """Enter the totals where metrics of trading are computed from; a bar is the time of a mark."""
    totals, tally = simulation.account, simulation.counts
    bars_of_a_second = at.NANOSECONDS / interval
    totals[account.START_CASH] = cash
    totals[account.COMMISSION_PAID] = numbers[at.FEES]
    totals[account.TRADED_VALUE] = numbers[at.TRADED_VALUE]
    totals[account.WON], totals[account.LOST] = numbers[at.WON], numbers[at.LOST]
    totals[account.DURATION_SUM] = numbers[at.DURATION_SUM] * bars_of_a_second
    totals[account.DURATION_MAX] = numbers[at.DURATION_MAX] * bars_of_a_second
    totals[account.MFE_SUM] = totals[account.MAE_SUM] = np.nan
    tally[account.TRADES] = counts[at.TRADES]
    tally[account.WINS], tally[account.LOSSES] = counts[at.WINS], counts[at.LOSSES]
    tally[account.STREAK_MAX] = counts[at.STREAK_MAX]
    rejected = counts[at.REJECTED : at.REJECTED + len(at.REJECTIONS)].sum()
    tally[account.REJECTED] = rejected
