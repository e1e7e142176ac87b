"""Parameters that jump from one date to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.calibration.calibration import Calibration
from engine.errors import Refusal

__all__ = ["ParameterJump", "parameter_jumps"]


@dataclass(frozen=True)
class ParameterJump:
    """A parameter that moved further than a day's data should move it.

    Parameters
    ----------
    parameter : str
        Its name.
    before, after : float
        Estimates.
    size : float
        Change in standard errors of the estimate before; relative change where it has none.
    """

    parameter: str
    before: float
    after: float
    size: float

    def __str__(self) -> str:
        return f"{self.parameter}: {self.before:.6g} -> {self.after:.6g} ({self.size:.2g})"


def parameter_jumps(
    calibration: Calibration,
    previous: Calibration,
    *,
    threshold: float = 1.0,
    relative: float = 0.5,
) -> list[ParameterJump]:
    """Compare a calibration with the one of the date before.

    Parameters
    ----------
    calibration, previous : Calibration
        Of the same symbol and model.
    threshold : float
        Allowed change in standard errors. Estimates of neighbouring dates share nearly all their
        data, so a change of a whole standard error is an event, a break in the data or an
        optimiser that switched optima.
    relative : float
        Allowed relative change of a parameter without a standard error.

    Returns
    -------
    list of ParameterJump
        Empty where either failed.

    Raises
    ------
    ValueError
        If the two are not of the same symbol, timeframe and model.
    """
    mine = (calibration.symbol, calibration.timeframe, calibration.model)
    other = (previous.symbol, previous.timeframe, previous.model)
    if mine != other:
        raise Refusal("previous", str(other), str(mine))
    jumps = []
    for name, after in calibration.parameters.items():
        if name not in previous.parameters:
            continue
        before = previous.parameters[name]
        error = previous.std_errors[name]
        if math.isfinite(error) and error > 0.0:
            size, allowed = abs(after - before) / error, threshold
        else:
            size, allowed = abs(after - before) / max(abs(before), 1e-12), relative
        if size > allowed:
            jumps.append(ParameterJump(name, before, after, size))
    return jumps
