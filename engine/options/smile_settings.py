"""Volatility by strike and expiry in a study: a smile in a few numbers, or a whole surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from engine.errors import Refusal
from engine.options.smile import VolatilitySurface
from engine.settings import SettingsGroup

__all__ = ["SmileVolatility", "SurfaceVolatility"]

Array = NDArray[np.float64]

_KIND: Final = "Where the volatility of options comes from."


def _one_or_many(given: Any) -> Any:
    one = isinstance(given, int | float) and not isinstance(given, bool)
    return (given,) if one else given


_Numbers = Annotated[
    tuple[float, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=float | tuple[float, ...]),
]


class SmileVolatility(SettingsGroup):
    """A smile that stays with the price: volatility by the distance of strike and future.

    Parameters
    ----------
    value : float or sequence of float
        Annual volatility at the money, at each of `years`: the term structure.
    skew, curvature : float or sequence of float
        First and second derivative of volatility at the money, by the unit `by`.
    by : {"log_moneyness", "deviations", "delta"}
        The logarithm of strike over future; that over the standard deviation at the money up to
        the expiry; or the delta of the call, before discounting and at the smile's volatility:
        skew above 0 makes low strikes, whose calls have the larger deltas, dearer.
    years : float or sequence of float
        Times to expiry of these numbers, ascending. Between them total variance is linear at one
        log-moneyness; before the first and after the last, volatility is that of the nearest.
    premium : float
        Factor on all of it.
    """

    kind: Literal["smile"] = Field("smile", description=_KIND)
    value: _Numbers
    skew: _Numbers = (0.0,)
    curvature: _Numbers = (0.0,)
    by: Literal["log_moneyness", "deviations", "delta"] = "log_moneyness"
    years: _Numbers = (1.0,)
    premium: float = Field(1.0, gt=0, le=100)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        shaped = any(self.skew + self.curvature)
        if self.by != "log_moneyness" and len(self.years) == 1 and shaped:
            raise Refusal(
                "years",
                f"{self.years[0]:g} alone with skew or curvature by {self.by}",
                f"two or more, as {self.by} reach as far as time is long",
            )
        self.surface()
        return self

    def surface(self) -> VolatilitySurface:
        """Return the smiles as a surface."""
        years, value = np.array(self.years), np.array(self.value)
        for name in ("value", "skew", "curvature"):
            count = len(getattr(self, name))
            if count not in (1, len(years)):
                raise Refusal(name, f"{count} numbers", f"one, or {len(years)} as of `years`")
        if (value <= 0.0).any():
            raise Refusal("value", f"{value.min():g}", "more than 0")
        skew, curvature = np.array(self.skew), np.array(self.curvature)
        if self.by == "deviations" and (years > 0.0).all():
            deviation = value * np.sqrt(years)
            skew, curvature = skew / deviation, curvature / deviation**2
        elif self.by == "delta" and (years > 0.0).all():
            skew, curvature = _from_delta(years, value, skew, curvature)
        return VolatilitySurface.from_smile(years, value, skew=skew, curvature=curvature)


def _from_delta(years: Array, value: Array, skew: Array, curvature: Array) -> tuple[Array, Array]:
    r"""Return derivatives by log-moneyness of a smile whose derivatives by delta are given.

    Both sides of :math:`\sigma(k) = g(N(d_1))`, :math:`d_1 = -k / (\sigma \sqrt T) + \sigma \sqrt T
    / 2`, are differentiated at :math:`k = 0`, twice.
    """
    root = np.sqrt(years)
    middle = 0.5 * value * root
    density = np.exp(-0.5 * middle * middle) / np.sqrt(2.0 * np.pi)
    own = 1.0 - 0.5 * skew * density * root
    if (own <= 0.0).any():
        raise Refusal("skew", f"{skew.max():g} by delta", "less: delta would not fall with strikes")
    slope = -skew * density / (value * root * own)
    falls = -1.0 / (value * root) + 0.5 * root * slope
    bend = curvature * (density * falls) ** 2
    bend = bend + skew * density * (2.0 * slope / (value * value * root) - middle * falls**2)
    return slope, bend / own


class SurfaceVolatility(SettingsGroup):
    """A surface of volatility that stays with the price: see `mc.VolatilitySurface.settings`.

    Parameters
    ----------
    years : sequence of float
        Times to expiry, ascending.
    variance, correlation, curvature : sequence of float
        The smile of each expiry: total variance at the money, and the shape of a slice of SSVI.
    premium : float
        Factor on all volatilities.
    """

    kind: Literal["surface"] = Field("surface", description=_KIND)
    years: tuple[float, ...]
    variance: tuple[float, ...]
    correlation: tuple[float, ...]
    curvature: tuple[float, ...]
    premium: float = Field(1.0, gt=0, le=100)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self.surface()
        return self

    def surface(self) -> VolatilitySurface:
        """Return it as a surface."""
        columns: list[Sequence[float]] = [
            *(self.years, self.variance, self.correlation, self.curvature)
        ]
        for name, column in zip(("variance", "correlation", "curvature"), columns[1:], strict=True):
            if len(column) != len(self.years):
                raise Refusal(name, f"{len(column)} numbers", f"{len(self.years)} as of `years`")
        rows = np.array(columns).T
        nothing = np.full(len(rows), np.nan)
        return VolatilitySurface(rows, nothing, np.zeros(len(rows)))
