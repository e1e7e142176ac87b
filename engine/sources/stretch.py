"""How much the bars of a history are stretched so that their variance starts at today's."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import exact
from engine.errors import Refusal
from engine.sources.variance_start import VarianceStart, start_weights

__all__ = ["stretch_factors"]


def stretch_factors(
    history: tuple[Bars, ...], starts: tuple[VarianceStart, ...], steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Factor of the log moves of each bar of a path, and what is added to them.

    Parameters
    ----------
    history : tuple of Bars
        Bars that are drawn from.
    starts : tuple of VarianceStart
        One per symbol.
    steps : int
        Bars of a path.

    Returns
    -------
    scale, shift : ndarray of float64, shape (symbols, steps)
        Bar k has the variance :math:`s^2 + (v - s^2) \phi^k` and the mean m, with s the deviation
        and m the mean of the log returns that are drawn.

    Raises
    ------
    Refusal
        If the closes of a history do not vary.
    """
    scale, shift = np.empty((2, len(history), steps))
    for row, (bars, start) in enumerate(zip(history, starts, strict=True)):
        logs = [exact.log(price) for price in bars.close.tolist()]
        moves = [after - before for before, after in itertools.pairwise(logs)]
        # Plain sums, whose bits do not depend on the processor.
        mean = math.fsum(moves) / len(moves)
        own = math.fsum((move - mean) ** 2 for move in moves) / len(moves)
        if not own > 0.0:
            raise Refusal(f"{bars.symbol} close", "one price throughout", "closes that vary")
        excess = start.variance * start.bar_years / own - 1.0
        weights = start_weights(start, start.bar_years, steps)
        scale[row] = np.sqrt(np.maximum(1.0 + excess * weights, 0.0))
        shift[row] = mean * (1.0 - scale[row])
    return scale, shift
