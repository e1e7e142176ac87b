"""A yearly season of futures prices: as many Fourier terms of the expiry as the criterion wants."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.curve_data import CurveData
from engine.calibration.curve_fit import CurveFit, FactorModel, fit_curve
from engine.calibration.kalman import CurveModel, Gradient
from engine.calibration.transforms import Transforms
from engine.errors import Refusal
from engine.sources.seasonality import season_names

__all__ = ["SeasonalCurve", "Seasonality", "fit_seasonal_curve", "season_terms"]

Array = NDArray[np.float64]
Seasonality = Literal["auto"] | int

_MOST_CYCLES = 4
# Of a log price: an amplitude that makes one month three times as dear as another.
_LARGEST = 1.0


def fit_seasonal_curve(
    model: FactorModel, data: CurveData, seasonality: Seasonality
) -> tuple[CurveFit, int, dict[str, Any]]:
    r"""Maximise the likelihood of a panel whose prices may have a season.

    Parameters
    ----------
    model : FactorModel
        Of the price without its season.
    data : CurveData
        The panel.
    seasonality : int or "auto"
        Cycles per year, 0 to 4; ``auto`` takes as many as Schwarz's criterion wants, and stops
        where two more do not lower it.

    Returns
    -------
    fit : CurveFit
        Of the model with a season, if it has one.
    cycles : int
        Fourier terms of the season: a cosine and a sine each.
    diagnostics : dict
        ``season_cycles``, and ``season_bic`` of every number that was tried; empty where no season
        was asked for.

    Notes
    -----
    :math:`\ln F_t(T) = \ln F^*_t(T) + \sum_k a_k \cos 2\pi k T + b_k \sin 2\pi k T` with T
    the calendar time of expiry [1]_.

    References
    ----------
    .. [1] Sorensen, C. (2002). Modeling seasonality in agricultural commodity futures. Journal of
       Futures Markets 22, 393-426.
    """
    automatic = seasonality == "auto"
    if not automatic and (isinstance(seasonality, str) or not 0 <= seasonality <= _MOST_CYCLES):
        raise Refusal("seasonality", repr(seasonality), f"auto, or 0 to {_MOST_CYCLES} cycles")
    if seasonality == 0:
        return fit_curve(model, data), 0, {}
    if data.initial == "first_price":
        raise Refusal("initial", "'first_price' with a season", "diffuse or (mean, covariance)")
    found: dict[int, CurveFit] = {}
    bic: dict[int, float] = {}
    for cycles in range(_MOST_CYCLES + 1) if automatic else (int(seasonality),):
        kind = SeasonalCurve(model, cycles, data) if cycles else model
        found[cycles] = fit_curve(kind, data)
        free = len(kind.names) + data.group_count
        bic[cycles] = free * math.log(data.filled) - 2.0 * found[cycles].filtered.log_likelihood
        if cycles - min(bic, key=lambda tried: bic[tried]) == 2:
            break
    best = min(bic, key=lambda tried: bic[tried])
    told = {"season_cycles": best, "season_bic": {str(k): value for k, value in bic.items()}}
    return found[best], best, told


class SeasonalCurve:
    """A factor model with a season on top, as the optimiser needs it (see `FactorModel`).

    Parameters
    ----------
    inner : FactorModel
        Of the price without its season.
    cycles : int
        Fourier terms.
    data : CurveData
        The panel, for a first guess of the amplitudes.
    """

    def __init__(self, inner: FactorModel, cycles: int, data: CurveData | None = None) -> None:
        self.inner = inner
        self.cycles = cycles
        self.names: tuple[str, ...] = (*inner.names, *season_names(cycles))
        linear: list[Literal["linear"]] = ["linear" for _ in range(2 * cycles)]
        self.transforms = Transforms((*inner.transforms.kinds, *linear))
        self.lower = np.append(inner.lower, np.full(2 * cycles, -_LARGEST))
        self.upper = np.append(inner.upper, np.full(2 * cycles, _LARGEST))
        self._guess = np.zeros(2 * cycles) if data is None else _guess(data, cycles)

    def build(self, natural: Array, h: Array, data: CurveData) -> CurveModel:
        """State space at these parameters."""
        built = self.inner.build(natural[: len(self.inner.names)], h, data)
        terms = season_terms(data.phases, self.cycles)
        return replace(built, d=built.d + np.tensordot(natural[len(self.inner.names) :], terms, 1))

    def pull(self, natural: Array, data: CurveData, gradient: Gradient) -> Array:
        """Carry the gradient over from the state space to the parameters."""
        inner = self.inner.pull(natural[: len(self.inner.names)], data, gradient)
        terms = season_terms(data.phases, self.cycles)
        return np.append(inner, np.tensordot(terms, gradient.d, 2))

    def starts(self, data: CurveData) -> list[Array]:
        """List the starts without a season, with the guess of one."""
        return [np.append(start, self._guess) for start in self.inner.starts(data)]


def season_terms(phases: Array, cycles: int) -> Array:
    """Cosines and sines of a season at calendar times, in the order of `season_names`.

    Returns
    -------
    ndarray of float64, shape (2 * cycles, ...)
        One table of the times' shape per amplitude.
    """
    angles = 2.0 * math.pi * phases
    waves = [wave(k * angles) for k in range(1, cycles + 1) for wave in (np.cos, np.sin)]
    return np.array(waves)


def _guess(data: CurveData, cycles: int) -> Array:
    """Amplitudes by least squares within rows, beside a slope of the curve."""
    seen = ~np.isnan(data.y)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)

    def within(values: Array) -> Array:
        kept = np.where(seen, values, 0.0)
        return np.asarray((kept - kept.sum(axis=1, keepdims=True) / count)[seen])

    columns = [data.years, data.years**2, *season_terms(data.phases, cycles)]
    table = np.stack([within(column) for column in columns], axis=1)
    found = np.linalg.lstsq(table, within(data.y), rcond=None)[0]
    return np.clip(found[2:], -0.5 * _LARGEST, 0.5 * _LARGEST)
