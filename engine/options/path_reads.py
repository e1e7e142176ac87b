"""What a strategy reads of a path beside its prices: rows of indicators, and its condition."""

from __future__ import annotations

import types
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.linking import address_of_compiled
from engine.compiled.views import address_of
from engine.errors import Refusal
from engine.options.book_layout import (
    FILL_CODE,
    PLAN_COUNT,
    PLAN_WIDTH,
    PLANS,
    READS_WIDTH,
    ROW_FLAGS,
    SIMULATION,
    WORK,
    BookArrays,
    book_at,
)
from engine.strategies.conditions import STEP_WIDTH, Condition
from engine.strategies.expression import SESSION, Field
from engine.strategies.indicator_code import WORK_ROWS
from engine.strategies.longer_bars import Timeline
from engine.strategies.rows import RowPlan, plan_rows, row_filler
from engine.strategies.strategy import Strategy

__all__ = ["PathReads", "check_fields", "conditioned"]

_MOST_PLANS: Final = 1024


def conditioned(strategy: type[Strategy], when: str | None) -> Any:
    """Return a strategy with the condition of a study.

    Parameters
    ----------
    strategy : type
        An option strategy.
    when : str, optional
        `OptionSettings.when`.

    Raises
    ------
    Refusal
        If both have one.
    """
    if when is None:
        return strategy
    if getattr(strategy, "when", None) is not None:
        raise Refusal("options.when", f"a condition beside that of {strategy.name}", "null")
    content = {"name": strategy.name, "__doc__": strategy.__doc__, "when": when}
    try:
        return types.new_class(
            strategy.__name__, (strategy,), exec_body=lambda n: n.update(content)
        )
    except Refusal as refusal:
        raise Refusal("options.when", refusal.found, refusal.allowed) from None


def check_fields(strategy: Any, fields: tuple[str, ...]) -> None:
    """Refuse a condition on what no bar has.

    Raises
    ------
    Refusal
        Names the field, and those that there are.
    """
    condition: Condition | None = strategy.condition
    for series in () if condition is None else condition.series:
        for part in series.walk():
            if isinstance(part, Field) and part.name not in (*fields, SESSION):
                shown = [name for name in fields if not name.startswith("model.")]
                raise Refusal("options.when", f"the field {part.name!r}", ", ".join(shown))


class PathReads:
    """The rows of a strategy's indicators on paths of one shape; immutable but for what it keeps.

    Parameters
    ----------
    strategy : type
        An option strategy.
    fields : tuple of str
        Of the paths.
    steps : int
        Bars.
    timeline : Timeline, optional
        When the bars are.
    """

    def __init__(
        self, strategy: Any, fields: tuple[str, ...], steps: int, timeline: Timeline | None
    ) -> None:
        self._strategy, self._fields = strategy, fields
        self._steps, self._timeline = steps, timeline
        self._plans: dict[tuple[int, bytes], RowPlan] = {}
        self._steps_of_condition = np.empty((0, STEP_WIDTH), dtype=np.int64)
        condition: Condition | None = strategy.condition
        if condition is not None:
            names = list(strategy.indicators)
            outputs = [len(item.outputs) for item in strategy.indicators.values()]
            columns = [
                sum(outputs[: names.index(name)]) for name in strategy.condition_names(condition)
            ]
            coded = condition.coded()
            coded[:, 1] = np.array(columns)[coded[:, 1]]
            self._steps_of_condition = coded

    @property
    def any(self) -> bool:
        """Whether it reads anything at all."""
        return bool(self._strategy.indicators)

    def planned(self, parameters: NDArray[np.float64]) -> RowPlan:
        """Return which rows parameter sets read, as of `plan_rows`."""
        key = (len(parameters), parameters.tobytes())
        planned = self._plans.get(key)
        if planned is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            planned = plan_rows(self._strategy, self._fields, parameters, self._timeline)
            self._plans[key] = planned
        return planned

    def put(self, book: BookArrays, planned: RowPlan, frame: NDArray[np.int64]) -> None:
        """Let a book read the rows of some parameter sets.

        Parameters
        ----------
        book : BookArrays
            The worker's.
        planned : RowPlan
            Of the sets.
        frame : ndarray of int64
            The worker's, of the simulation on whose path rows are filled.
        """
        count = len(planned.plans)
        if book.arrays["rows"].size < count * self._steps:
            book.put("rows", np.zeros(count * self._steps))
            book.put("row_flags", np.zeros(count, dtype=np.int64))
            book.put("row_work", np.zeros(WORK_ROWS * self._steps))
        reads = np.zeros(READS_WIDTH, dtype=np.int64)
        reads[SIMULATION] = frame.ctypes.data
        reads[PLANS] = planned.plans.ctypes.data
        reads[PLAN_COUNT], reads[PLAN_WIDTH] = planned.plans.shape
        reads[WORK] = book.arrays["row_work"].ctypes.data
        reads[ROW_FLAGS] = book.arrays["row_flags"].ctypes.data
        reads[FILL_CODE] = _fill_call()
        book.put("reads", reads)
        book.put("row_of", np.ascontiguousarray(planned.row_of))
        book.put("steps", self._steps_of_condition)
        if len(self._steps_of_condition):
            book.put("gate", np.zeros(self._steps))


@cache
def _fill_call() -> int:
    """Compile or load what fills all rows of a book on a new path; the address of ``fill(book)``.

    It returns how many could not be filled.
    """
    fill_rows = row_filler()

    @kernel
    def fill(frame: int) -> int:
        b = book_at(frame)
        failures: int = fill_rows(
            b.reads[SIMULATION], b.reads[PLANS], b.reads[PLAN_COUNT], b.reads[PLAN_WIDTH],
            address_of(b.rows), b.reads[WORK], b.reads[ROW_FLAGS],
        )  # fmt: skip
        return failures

    return address_of_compiled(fill, 1)
