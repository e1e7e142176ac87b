"""Listed strikes: bands around the price, or of the strike, with an increment each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.errors import Refusal

__all__ = ["GRID_WIDTH", "StrikeBand", "StrikeGrid", "listed_strike"]

Array = NDArray[np.float64]

#: Of a row of the grid that kernels read: what the reach is measured in, reach, increment.
GRID_WIDTH: Final = 3
_POINTS, _SHARE, _STRIKE = 0.0, 1.0, 2.0
_MEASURES: Final = {"points": _POINTS, "share": _SHARE, "strike": _STRIKE}
# Strikes are decimal fractions: a multiple of the increment to this share of it is one.
_NEAR = 1e-6


@dataclass(frozen=True)
class StrikeBand:
    """Strikes with one increment.

    Parameters
    ----------
    increment : float
        Strikes are its multiples.
    reach : float
        How far the band reaches: from the price of the underlying in points or as a share of it,
        or the highest strike.
    measure : {"share", "points", "strike"}
        Which of the three `reach` is.
    """

    increment: float
    reach: float = math.inf
    measure: Literal["share", "points", "strike"] = "share"

    def __post_init__(self) -> None:
        for name in ("increment", "reach"):
            if not getattr(self, name) > 0.0:
                raise Refusal(name, f"{getattr(self, name)}", "more than 0")
        if self.measure not in _MEASURES:
            raise Refusal("measure", repr(self.measure), ", ".join(_MEASURES))


@dataclass(frozen=True)
class StrikeGrid:
    """Which strikes are listed at a price of the underlying.

    Parameters
    ----------
    bands : tuple of StrikeBand
        From fine to coarse; a strike is listed if a band that reaches it has it.

    Examples
    --------
    >>> grid = StrikeGrid((StrikeBand(0.5, 50.0, "points"), StrikeBand(2.5)))
    >>> grid.nearest(71.3, price=75.0), grid.nearest(131.1, price=75.0)
    (71.5, 130.0)
    """

    bands: tuple[StrikeBand, ...]

    def __post_init__(self) -> None:
        if not self.bands:
            raise Refusal("bands", "none", "at least one")

    def rows(self) -> Array:
        """Return the bands as `listed_strike` reads them.

        Returns
        -------
        ndarray of float64, shape (bands, GRID_WIDTH)
        """
        return np.array(
            [[_MEASURES[band.measure], band.reach, band.increment] for band in self.bands]
        )

    def nearest(self, target: float, *, price: float) -> float:
        """Return the listed strike that is nearest to a target, the lower of two.

        Raises
        ------
        Refusal
            If target or price is no positive number, or no band reaches there.
        """
        for name, value in (("target", target), ("price", price)):
            if not 0.0 < value < math.inf:
                raise Refusal(name, f"{value}", "a positive number")
        found = float(listed_strike(target, price, self.rows()))
        if math.isnan(found):
            raise Refusal("target", f"{target:g}", f"strikes that are listed at {price:g}")
        return found

    def between(self, low: float, high: float, *, price: float) -> Array:
        """Return the listed strikes from `low` to `high`.

        Returns
        -------
        ndarray of float64, shape (strikes,)
            Ascending.
        """
        found = [np.empty(0)]
        for band in self.bands:
            first = max(math.ceil(low / band.increment - _NEAR), 1)
            last = math.floor(high / band.increment + _NEAR)
            strikes = _decimal(np.arange(first, last + 1, dtype=np.float64) * band.increment)
            found.append(strikes[_reached(band, strikes, price)])
        return np.unique(np.concatenate(found))

    def check(self, strike: float, *, price: float, field: str = "strike") -> None:
        """Refuse a strike that is not listed.

        Raises
        ------
        Refusal
            Names the listed strikes beside it.
        """
        step = max(band.increment for band in self.bands)
        around = self.between(strike - 2.0 * step, strike + 2.0 * step, price=price)
        if np.isclose(around, strike, rtol=0.0, atol=_NEAR).any():
            return
        beside = [*around[around < strike][-1:], *around[around > strike][:1]]
        listed = " or ".join(f"{each:g}" for each in beside) or "none near it"
        raise Refusal(field, f"{strike:g}", f"a listed strike, such as {listed}")


@kernel
def listed_strike(target: float, price: float, grid: Array) -> float:
    """Return the listed strike nearest to a target, the lower of two; NaN where there is none.

    Parameters
    ----------
    target, price : float
        Strike that is sought, and the price of the underlying.
    grid : ndarray of float64, shape (bands, GRID_WIDTH)
        As of `StrikeGrid.rows`.
    """
    best = math.nan
    for i in range(grid.shape[0]):
        measure, reach, increment = grid[i, 0], grid[i, 1], grid[i, 2]
        below = math.floor(target / increment)
        for step in range(-1, 3):
            # Exact where the increment is a multiple of 1/10000.
            strike = math.floor((below + step) * increment * 10000.0 + 0.5) / 10000.0
            away = abs(strike - price)
            size = strike if measure == _STRIKE else (away / price if measure == _SHARE else away)
            if strike <= 0.0 or size > reach * (1.0 + 1e-12):
                continue
            nearer = abs(strike - target) - abs(best - target)
            if math.isnan(best) or nearer < 0.0 or (nearer == 0.0 and strike < best):
                best = strike
    if math.isnan(best):
        # Beyond every band: the outermost strike of the last one.
        best = _outermost(target, price, grid)
    return best


@kernel
def _outermost(target: float, price: float, grid: Array) -> float:
    """Return the listed strike that lies farthest out on the side of the target."""
    best = math.nan
    for i in range(grid.shape[0]):
        measure, reach, increment = grid[i, 0], grid[i, 1], grid[i, 2]
        if measure == _STRIKE:
            low, high = increment, reach
        else:
            size = reach * price if measure == _SHARE else reach
            low, high = max(price - size, increment), price + size
        edge = low if target < price else high
        if math.isinf(edge):
            continue
        count = edge / increment
        whole = math.ceil(count - _NEAR) if target < price else math.floor(count + _NEAR)
        strike = math.floor(whole * increment * 10000.0 + 0.5) / 10000.0
        if strike > 0.0 and (math.isnan(best) or abs(strike - target) < abs(best - target)):
            best = strike
    return best


def _reached(band: StrikeBand, strikes: Array, price: float) -> NDArray[np.bool_]:
    if band.measure == "strike":
        size = strikes
    else:
        size = np.abs(strikes - price) / (price if band.measure == "share" else 1.0)
    return np.asarray(size <= band.reach * (1.0 + 1e-12))


def _decimal(strikes: Array) -> Array:
    return np.asarray(np.floor(strikes * 10000.0 + 0.5) / 10000.0)
