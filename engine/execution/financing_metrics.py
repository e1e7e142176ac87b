"""What holding cost and paid over one simulation, from the sums that its account keeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import part
from engine.execution.layout import (
    BORROW_FEES,
    CASH_INTEREST,
    DIVIDENDS,
    FINANCING_PAID,
    FUNDING_PAID,
    MARGIN_INTEREST,
)
from engine.execution.state import Simulation

__all__ = ["measure"]


@part
def measure(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the metrics, in the order of the group ``financing``, into `out`."""
    account = s.account
    # From 0.0, so that nothing received is not minus nothing.
    out[0] = 0.0 - account[CASH_INTEREST]
    out[1] = account[MARGIN_INTEREST]
    out[2] = account[BORROW_FEES]
    out[3] = account[FUNDING_PAID]
    out[4] = account[DIVIDENDS]
    out[5] = account[DIVIDENDS] - account[FINANCING_PAID]
