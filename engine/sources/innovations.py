"""Innovations of a filtered history: drawn from the normal law, or from those that happened."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import exact, inlined
from engine.errors import Refusal
from engine.randomness import GROUP, Stream, fill_uniforms
from engine.sources.shocks import group_shocks

__all__ = ["draw_innovations", "log_returns", "standardised", "start_variance"]

_INNOVATION = np.uint64(Stream.INNOVATION)
_FEWEST: Final = 30
# Bars of the sample variance from which a filtered history starts.
_BEFORE: Final = 75
_FADE: Final = 0.94


def standardised(given: Any, sampling: str) -> Any:
    """Return ``"normal"``, or innovations in rising order, scaled to mean 0 and variance 1.

    Parameters
    ----------
    given : "normal" or sequence of float
        What a source was given.
    sampling : str
        How the paths of a seed are balanced.

    Raises
    ------
    Refusal
        If they are fewer than 30 numbers, do not vary, or cannot be balanced so.
    """
    if isinstance(given, str):
        if given != "normal":
            raise Refusal(
                "innovations",
                repr(given),
                "'normal', numbers, or 'history' for a source with a symbol",
            )
        return given
    try:
        ordered = np.sort(np.array(given, dtype=np.float64).ravel())
    except (TypeError, ValueError):
        ordered = np.array([math.nan])
    if len(ordered) < _FEWEST or not np.isfinite(ordered).all() or not np.ptp(ordered) > 0.0:
        raise Refusal(
            "innovations", f"{len(ordered)} values", f"at least {_FEWEST} numbers that vary"
        )
    if sampling not in ("random", "antithetic"):
        raise Refusal("sampling", repr(sampling), "'random', 'antithetic' of innovations")
    # Plain sums, whose bits do not depend on the processor.
    values = ordered.tolist()
    mean = math.fsum(values) / len(values)
    scale = math.sqrt(math.fsum((z - mean) ** 2 for z in values) / len(values))
    return np.array([(z - mean) / scale for z in values])


def log_returns(bars: Bars) -> NDArray[np.float64]:
    """Log returns of a history that can be filtered.

    Raises
    ------
    Refusal
        If a price is not positive, or there are fewer than 30 returns.
    """
    if not (bars.close > 0.0).all():
        raise Refusal(f"{bars.symbol} close", f"{bars.close.min():g}", "> 0 for log returns")
    returns = np.diff([exact.log(price) for price in bars.close.tolist()])
    if len(returns) < _FEWEST:
        raise Refusal(f"{bars.symbol} bars", f"{len(returns)} returns", f">= {_FEWEST}")
    return returns


def start_variance(returns: NDArray[np.float64], dt: NDArray[np.float64]) -> float:
    """Variance per year that stands for the bars before a history.

    The mean of its first squared returns, at most 75 of them, with weights that fall by 6 % each.
    """
    mean = math.fsum(returns.tolist()) / len(returns)
    pairs = zip(returns[:_BEFORE].tolist(), dt[:_BEFORE].tolist(), strict=True)
    weight, total, of_weights = 1.0, 0.0, 0.0
    for move, length in pairs:
        total += weight * (move - mean) * (move - mean) / length
        of_weights += weight
        weight *= _FADE
    return total / of_weights


@inlined
def draw_innovations(
    shocks: NDArray[np.float64],
    drawn: NDArray[np.float64],
    given: NDArray[np.float64],
    n: int,
    seed: np.uint64,
    path: np.uint64,
    group: int,
    sign: float,
) -> None:
    """Write the innovations of a group of bars: of `drawn`, sorted, or normal where it is empty.

    The second path of an antithetic pair has the mirrored rank.
    """
    if drawn.size > 0:
        fill_uniforms(shocks, seed, _INNOVATION, path, np.uint64(group))
        for i in range(GROUP):
            rank = min(int(shocks[i] * drawn.size), drawn.size - 1)
            shocks[i] = drawn[rank] if sign > 0.0 else drawn[drawn.size - 1 - rank]
    else:
        group_shocks(shocks, given, n, 0, seed, path, group, sign)
