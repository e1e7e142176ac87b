"""Parameters drawn from an estimate's distribution: model risk apart from Monte Carlo error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.randomness import philox_reference
from engine.sources import get_source, source_names

__all__ = ["draw_parameters"]

Array = NDArray[np.float64]

# Word of the counter that keeps these draws apart from every stream of the paths.
_PURPOSE = 0x4000
_SCALE = 2.0**-32


def draw_parameters(calibration: Calibration, seeds: Iterable[int]) -> dict[str, Array]:
    """Draw one set of parameters per seed.

    Parameters
    ----------
    calibration : Calibration
        Estimates with their covariance.
    seeds : iterable of int
        64-bit seeds; a seed's parameters depend on it and the calibration alone.

    Returns
    -------
    dict of str to ndarray, shape (seeds,)
        Every parameter of the calibration. One without a standard error stays at its estimate.

    Raises
    ------
    ValueError
        If the calibration failed.

    Notes
    -----
    Joint normal draws in variables that cannot leave the source's bounds: the logarithm for
    parameters bounded on one side, the logit of the share of the range for those bounded on both.
    The covariance is carried there by the derivative at the estimate.
    """
    if not calibration.ok:
        raise ValueError(
            f"calibration of {calibration.model}: found status failed ({calibration.reason}), "
            "allowed ok"
        )
    names = list(calibration.parameters)
    centre = np.array([calibration.parameters[name] for name in names])
    bounds = [_bounds(calibration.model, name) for name in names]
    kinds = [_kind(value, low, high) for value, (low, high) in zip(centre, bounds, strict=True)]
    slope = np.array(
        [_slope(v, kind, *b) for v, kind, b in zip(centre, kinds, bounds, strict=True)]
    )
    known = np.isfinite(np.diag(calibration.covariance)) & (np.diag(calibration.covariance) > 0.0)
    covariance = np.where(np.outer(known, known), calibration.covariance, 0.0) * np.outer(
        slope, slope
    )
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normals = np.array([_normals(int(seed), len(names)) for seed in seeds]).reshape(-1, len(names))
    shifts = normals @ root.T
    return {
        name: _moved(centre[i], kinds[i], *bounds[i], shifts[:, i]) for i, name in enumerate(names)
    }


def _bounds(model: str, name: str) -> tuple[float, float]:
    if model in source_names():
        declared = get_source(model).parameters.get(name)
        if declared is not None:
            return declared.low, declared.high
    return -math.inf, math.inf


def _kind(value: float, low: float, high: float) -> Literal["linear", "log", "logit"]:
    if math.isfinite(low) and math.isfinite(high) and low < value < high:
        return "logit"
    if math.isfinite(low) and value > low:
        return "log"
    return "linear"


def _slope(value: float, kind: str, low: float, high: float) -> float:
    """Differentiate the unbounded variable by the parameter."""
    if kind == "log":
        return 1.0 / (value - low)
    if kind == "logit":
        return (high - low) / ((value - low) * (high - value))
    return 1.0


def _moved(value: float, kind: str, low: float, high: float, shift: Array) -> Array:
    if kind == "log":
        return np.asarray(low + (value - low) * np.exp(shift))
    if kind == "logit":
        share = (value - low) / (high - low)
        odds = share / (1.0 - share) * np.exp(shift)
        return np.asarray(low + (high - low) * odds / (1.0 + odds))
    return np.asarray(value + shift)


def _normals(seed: int, count: int) -> list[float]:
    """Box-Muller normals from this purpose's own counters."""
    key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    normals: list[float] = []
    for block in range((count + 1) // 2):
        words = philox_reference((block, _PURPOSE, 0, 0), key)
        radius = math.sqrt(-2.0 * math.log((words[0] + 0.5) * _SCALE))
        angle = 2.0 * math.pi * (words[1] + 0.5) * _SCALE
        normals += [radius * math.cos(angle), radius * math.sin(angle)]
    return normals[:count]
