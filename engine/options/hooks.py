"""Option strategies with hooks of their own: compiled, and bound to a worker's book."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.bars import split_fields
from engine.compiled.compiler import COMPILER_ERRORS
from engine.compiled.linking import address_of_compiled
from engine.execution.layout import RAISED, STATUS_TEXTS
from engine.options.book_hooks import BOOK_AT, option_calls, step_call
from engine.options.book_layout import (
    GROUP_WIDTH,
    HOOK_STATUS,
    HOOK_STEP,
    HOOK_STRATEGY,
    HOOK_WIDTH,
    BookArrays,
)
from engine.options.layout import OF_HOOK
from engine.options.rules import share_crossed
from engine.options.settings import OptionSettings
from engine.strategies.compiler_errors import explain
from engine.strategies.compiling import compile_hooks
from engine.strategies.failures import raised, raised_by_indicator
from engine.strategies.kernel import SIMULATE_ARGUMENTS, EventLoop, make_event_loop
from engine.strategies.rows import RowPlan

__all__ = ["HOOK_RAISED", "HOOK_TEXTS", "OptionHooks"]

#: Status of a simulation whose strategy raised.
HOOK_RAISED: Final = OF_HOOK + RAISED
#: What further statuses of strategies with hooks mean.
HOOK_TEXTS: Final = {OF_HOOK + code: text for code, text in STATUS_TEXTS.items() if code != 0}


class OptionHooks:
    """The event loop of a strategy's hooks over the book; immutable.

    Parameters
    ----------
    strategy : type
        An option strategy with `on_bar`.
    fields : tuple of str
        Of the paths.
    settings : OptionSettings
        Of the study.
    """

    def __init__(self, strategy: Any, fields: tuple[str, ...], settings: OptionSettings) -> None:
        self._strategy, self._fields = strategy, split_fields(fields)[0]
        sizes = [len(legs) for legs in strategy.leg_groups.values()]
        self._groups = np.zeros((len(sizes), GROUP_WIDTH))
        self._groups[:, 0] = np.cumsum([0, *sizes[:-1]])
        self._groups[:, 1] = sizes
        self._groups[:, 2] = [share_crossed(settings, size) for size in sizes]

    @cached_property
    def _event_loop(self) -> EventLoop:
        return _event_loop(self._strategy, self._fields)

    @cached_property
    def _address(self) -> int:
        try:
            return address_of_compiled(self._event_loop.simulate, SIMULATE_ARGUMENTS)
        except COMPILER_ERRORS as error:
            raise explain(error, self._strategy) from error

    def put(
        self, book: BookArrays, parameters: NDArray[np.float64], frame: NDArray[np.int64]
    ) -> None:
        """Let a worker's book be driven by the hooks.

        Parameters
        ----------
        book : BookArrays
            The book.
        parameters : ndarray of float64, shape (sets, parameters)
            Encoded.
        frame : ndarray of int64
            Of the simulation, with room for the address of the book behind it.
        """
        hook = np.zeros(HOOK_WIDTH, dtype=np.int64)
        hook[HOOK_STRATEGY], hook[HOOK_STEP] = self._address, step_call()
        book.put("hook", hook)
        book.put("groups", self._groups)
        book.put("parameters", parameters)
        frame[BOOK_AT] = book.frame.ctypes.data

    def failure(
        self,
        book: BookArrays,
        parameters: NDArray[np.float64],
        planned: RowPlan,
        frame: NDArray[np.int64],
        steps: int,
    ) -> str:
        """Return what a simulation that has just failed in this worker's book raised."""
        flags, work = book.arrays["row_flags"], book.arrays["row_work"]
        rows = book.arrays["rows"].reshape(-1, steps)
        told = raised_by_indicator(self._strategy, planned, frame, rows, work, flags)
        if told is not None:
            return told
        row = np.ascontiguousarray(planned.row_of)
        metrics = np.zeros(1)
        book.arrays["hook"][HOOK_STATUS] = 0
        arrays = (parameters, row, metrics)
        encoded, read, out = (array.ctypes.data for array in arrays)
        try:
            self._event_loop.simulate_raising(
                frame.ctypes.data, rows.ctypes.data, rows.size, encoded, read, out
            )
        except Exception as error:
            return raised("the strategy", error)
        return HOOK_TEXTS[HOOK_RAISED]


_COMPILED: dict[tuple[Any, tuple[str, ...]], EventLoop] = {}


def _event_loop(strategy: Any, fields: tuple[str, ...]) -> EventLoop:
    key = (strategy, fields)
    if key not in _COMPILED:
        _COMPILED[key] = make_event_loop(compile_hooks(strategy, fields, 1), option_calls())
    return _COMPILED[key]
