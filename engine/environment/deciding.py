"""What a policy does: the same compiled code in an environment and in a strategy."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.elementary import exp
from engine.compiled.kernel import kernel
from engine.environment.acting import wanted_units
from engine.environment.layout import TARGET
from engine.environment.observing import normalised
from engine.execution.calling import hook

__all__ = ["ACTIVATIONS", "act_kernel", "wanted_position"]

#: What lies between the layers of a network.
ACTIVATIONS: Final = ("tanh", "relu")
_TANH, _RELU = range(len(ACTIVATIONS))

# The numbers of a policy besides its weights: float64[NUMBERS_WIDTH].
ACTION_KIND: Final = 0
ACTIVATION: Final = 1
LIMIT: Final = 2
LOT_NUMERATOR: Final = 3
LOT_DENOMINATOR: Final = 4
LAST_BAR: Final = 5
NUMBERS_WIDTH: Final = 6


@hook
def decided(
    seen: NDArray[np.float32],
    weights: NDArray[np.float64],
    sizes: NDArray[np.int64],
    numbers: NDArray[np.float64],
) -> float:
    """Return the action that a network takes on an observation; of equal scores the first.

    Weights of a layer are of shape (inputs, outputs), behind them its biases.
    """
    widest = 0
    for size in sizes:
        widest = max(widest, size)
    before, after = np.zeros(widest), np.zeros(widest)
    for place in range(seen.shape[0]):
        before[place] = float(seen[place])
    at = 0
    layers = sizes.shape[0] - 1
    for layer in range(layers):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        bias = at + inputs * outputs
        for place in range(outputs):
            after[place] = weights[bias + place]
        for given in range(inputs):
            value, row = before[given], at + given * outputs
            for place in range(outputs):
                after[place] += weights[row + place] * value
        if layer < layers - 1:
            for place in range(outputs):
                value = after[place]
                if numbers[ACTIVATION] == _RELU:
                    after[place] = max(value, 0.0)
                else:
                    after[place] = 1.0 - 2.0 / (exp(2.0 * value) + 1.0)
        at = bias + outputs
        before, after = after, before
    if numbers[ACTION_KIND] == TARGET:
        return float(min(max(before[0], -1.0), 1.0))
    best = 0
    for place in range(1, sizes[layers]):
        if before[place] > before[best]:
            best = place
    return float(best)


@hook
def wanted_position(
    market: Any,
    position: float,
    equity: float,
    open_gain: float,
    peak: float,
    start: float,
    index: int,
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
    weights: NDArray[np.float64],
    sizes: NDArray[np.int64],
    numbers: NDArray[np.float64],
) -> float:
    """Return the units that a policy wants to hold, given what `observe` of environments writes."""
    count = len(market)
    seen = np.empty(count + 5, dtype=np.float32)
    for place in range(count):
        seen[place] = normalised(market[place], mean[place], scale[place])
    seen[count] = np.float32(position / numbers[LIMIT])
    seen[count + 1] = normalised(equity / start, 1.0, 1.0)
    seen[count + 2] = normalised(open_gain / start, 0.0, 1.0)
    seen[count + 3] = normalised((peak - equity) / start, 0.0, 1.0)
    last = int(numbers[LAST_BAR])
    seen[count + 4] = np.float32(max(last - index, 0) / last)
    share = decided(seen, weights, sizes, numbers)
    if numbers[ACTION_KIND] != TARGET and share == 2.0:
        share = -1.0
    return wanted_units(share, numbers[LIMIT], numbers[LOT_NUMERATOR], numbers[LOT_DENOMINATOR])


@cache
def act_kernel() -> Any:
    """Return the kernel that decides on many observations."""

    @kernel
    def act(
        observations: NDArray[np.float32],
        weights: NDArray[np.float64],
        sizes: NDArray[np.int64],
        numbers: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> None:
        for row in range(observations.shape[0]):
            out[row] = decided(observations[row], weights, sizes, numbers)

    return act
