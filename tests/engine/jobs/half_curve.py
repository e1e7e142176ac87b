"""A group of metrics as somebody would add one: its declaration, and the code that computes it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import part
from engine.execution.metric_groups import MetricGroup
from engine.execution.state import Simulation

GROUP = MetricGroup(
    "half_curves",
    1,
    {
        "middle_equity": "equity at the close of the middle bar",
        "final_over_middle": "equity at the end over that",
    },
    f"{__name__}:measure",
)


@part
def measure(s: Simulation, out: NDArray[np.float64]) -> None:
    bars = s.curve.shape[0]
    out[0] = s.curve[bars // 2 - 1]
    out[1] = s.curve[bars - 1] / out[0]
