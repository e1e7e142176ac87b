"""Block length of the bootstrap of bars: long enough to keep the dependence of returns."""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

import numpy as np

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.sample import SpotSample
from engine.calibration.window import Window
from engine.errors import Refusal
from engine.sources.block_length import block_length

__all__ = ["estimate_bootstrap"]


def estimate_bootstrap(
    bars: Bars,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    of: Literal["returns", "absolute", "squared"] = "returns",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "include",
    minimum: int = 30,
) -> Calibration:
    """Estimate the expected block length of the stationary bootstrap of a symbol's bars.

    Parameters
    ----------
    bars : Bars
        The history.
    of : {"returns", "absolute", "squared"}
        Simple returns, or a function of them, whose dependence the blocks keep; the absolute or
        squared returns ask for longer blocks, which keep the clustering of volatility.
    as_of, window, non_positive, overnight, minimum
        See `SpotSample.from_bars`.

    Returns
    -------
    Calibration
        ``block_length``; the circular block length and those of the absolute and squared
        returns are in the diagnostics.
    """
    Window.parse(window).require_equal_weights("bootstrap")
    sample = SpotSample.from_bars(
        bars,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    simple = np.expm1(sample.returns)
    series = {
        "returns": simple,
        "absolute": np.abs(simple),
        "squared": simple**2,
    }
    if of not in series:
        raise Refusal("of", repr(of), ", ".join(series))
    lengths = {name: block_length(values) for name, values in series.items()}
    stationary, circular = lengths[of]
    return Calibration.of(
        "bootstrap",
        parameters={"block_length": max(stationary, 1.0)},
        covariance=np.full((1, 1), math.nan),
        diagnostics=sample.diagnostics
        | {
            "of": of,
            "circular_block_length": max(circular, 1.0),
            "block_length_absolute": lengths["absolute"][0],
            "block_length_squared": lengths["squared"][0],
        },
        **sample.identity(),
    )
