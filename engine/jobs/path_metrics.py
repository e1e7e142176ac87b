"""A user's own metrics, compiled and computed while a path is in memory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.compiler import COMPILER_ERRORS
from engine.errors import Refusal

__all__ = ["PathMetric", "PathMetrics"]

#: A function of a path's bars, shape (symbols, fields, bars), and of equity at every close,
#: shape (bars,); plain Python that Numba can compile.
PathMetric = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


class PathMetrics:
    """Compiled metrics of one's own.

    Parameters
    ----------
    functions : mapping of str to callable
        By the name of the column they fill.

    Raises
    ------
    Refusal
        If a function does not take two arguments or cannot be compiled.
    """

    def __init__(self, functions: Mapping[str, PathMetric]) -> None:
        self.names = tuple(functions)
        self._drivers = []
        for name, function in functions.items():
            if not callable(function):
                raise Refusal(f"metrics.{name}", repr(function), "a function of bars and equity")
            if len(inspect.signature(function).parameters) != 2:
                raise Refusal(
                    f"metrics.{name}",
                    f"a function of {', '.join(inspect.signature(function).parameters)}",
                    "a function of bars and equity",
                )
            driver = _driver(function)
            try:
                # Without a path this compiles the function and computes nothing.
                driver(np.empty((0, 1, 5, 1)), np.empty((0, 1, 1)), np.empty((0, 1)))
            except COMPILER_ERRORS as error:
                text = " ".join(str(error).split())[:300]
                raise Refusal(
                    f"metrics.{name}",
                    f"the function cannot be compiled: {text}",
                    hint="write plain loops",
                ) from None
            self._drivers.append(driver)

    def run(
        self,
        values: NDArray[np.float64],
        equity: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> None:
        """Compute every metric of every simulation of a chunk.

        Parameters
        ----------
        values : ndarray, shape (paths, symbols, fields, bars)
            The paths.
        equity : ndarray, shape (paths, sets, bars)
            Equity at every close.
        out : ndarray, shape (paths, sets, metrics)
            The result; NaN where a metric is infinite or undefined.
        """
        for index, driver in enumerate(self._drivers):
            found = np.empty(equity.shape[:2])
            driver(values, equity, found)
            out[:, :, index] = np.where(np.isfinite(found), found, np.nan)


def _driver(function: PathMetric) -> Any:
    # An index beyond the path would read other memory.
    compiled = kernel(boundscheck=True)(function)

    @kernel
    def drive(
        values: NDArray[np.float64], equity: NDArray[np.float64], out: NDArray[np.float64]
    ) -> None:
        for path in range(equity.shape[0]):
            for own in range(equity.shape[1]):
                out[path, own] = compiled(values[path], equity[path, own])

    return drive
