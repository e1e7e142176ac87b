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

__all__ = ["ACTIVATIONS", "act_kernel", "decide", "wanted_position"]

#: What lies between the layers of a network.
ACTIVATIONS: Final = ("tanh", "relu")
_TANH, _RELU = range(len(ACTIVATIONS))

# The numbers of a policy besides its weights: three for all symbols, then three of each.
ACTION_KIND: Final = 0
ACTIVATION: Final = 1
LAST_BAR: Final = 2
OF_SYMBOLS: Final = 3
LIMIT, LOT_NUMERATOR, LOT_DENOMINATOR = range(3)
OF_SYMBOL: Final = 3


@hook
def decide(
    seen: NDArray[np.float32],
    weights: NDArray[np.float64],
    sizes: NDArray[np.int64],
    numbers: NDArray[np.float64],
    actions: NDArray[np.float64],
) -> None:
    """Write the action on each symbol that a network takes on an observation.

    Weights of a layer are of shape (inputs, outputs), behind them its biases. Of "sides" each
    symbol has three outputs, of equal scores the first is taken; of "target" one.
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
    for symbol in range(actions.shape[0]):
        if numbers[ACTION_KIND] == TARGET:
            actions[symbol] = min(max(before[symbol], -1.0), 1.0)
            continue
        best, first = 0, 3 * symbol
        for place in range(1, 3):
            if before[first + place] > before[first + best]:
                best = place
        actions[symbol] = float(best)


@hook
def wanted_position(
    symbol: int,
    market: Any,
    positions: Any,
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
    """Return the units of a symbol that a policy wants to hold on what `observe` writes."""
    count, symbols = len(market), len(positions)
    seen = np.empty(count + symbols + 4, dtype=np.float32)
    for place in range(count):
        seen[place] = normalised(market[place], mean[place], scale[place])
    for place in range(symbols):
        limit = numbers[OF_SYMBOLS + OF_SYMBOL * place + LIMIT]
        seen[count + place] = np.float32(positions[place] / limit)
    after = count + symbols
    seen[after] = normalised(equity / start, 1.0, 1.0)
    seen[after + 1] = normalised(open_gain / start, 0.0, 1.0)
    seen[after + 2] = normalised((peak - equity) / start, 0.0, 1.0)
    last = int(numbers[LAST_BAR])
    seen[after + 3] = np.float32(max(last - index, 0) / last)
    actions = np.empty(symbols)
    decide(seen, weights, sizes, numbers, actions)
    share = actions[symbol]
    if numbers[ACTION_KIND] != TARGET and share == 2.0:
        share = -1.0
    own = OF_SYMBOLS + OF_SYMBOL * symbol
    return wanted_units(
        share,
        numbers[own + LIMIT],
        numbers[own + LOT_NUMERATOR],
        numbers[own + LOT_DENOMINATOR],
    )


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
            decide(observations[row], weights, sizes, numbers, out[row])

    return act
