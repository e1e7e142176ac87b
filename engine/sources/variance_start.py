"""Today's volatility in a model that has none of its own: where it starts, and how it fades.

The variance of the bars of a path begins at a filtered one and returns to the source's own, as the
forecasts of a GARCH model do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from engine.compiled import borrow, kernel
from engine.compiled.elementary import exp, log
from engine.errors import Refusal

__all__ = ["VarianceStart", "checked_starts", "rescale_paths", "start_weights"]

# Of a bar: what rounding may lack of a whole number of them.
_WHOLE = 1e-9


class _Start(NamedTuple):
    variance: float
    persistence: float
    bar_years: float


class VarianceStart(_Start):
    """Variance of the next bar, and how what it is above or below the usual fades.

    Parameters
    ----------
    variance : float
        Variance of the first bar, per year.
    persistence : float
        Share of the excess that a bar leaves to the next, 0 to 1.
    bar_years : float
        Length of these bars in years. The variance is constant over each of them, so that paths of
        finer bars have the same law.

    Examples
    --------
    >>> import engine as mc
    >>> calm = mc.VarianceStart(variance=0.01, persistence=0.97, bar_years=1 / 252)
    >>> path = mc.GBM(mu=0.0, sigma=0.2, start_variance=calm).paths(seeds=range(500), steps=5)
    >>> bool(np.log(path.close[:, 0] / 100.0).std() < 0.12 / 252**0.5)
    True
    """

    __slots__ = ()

    def __new__(cls, variance: float, persistence: float, bar_years: float) -> Self:
        """Refuse numbers out of range."""
        for name, value, least, most in (
            ("variance", variance, 0.0, math.inf),
            ("persistence", persistence, 0.0, 1.0),
            ("bar_years", bar_years, math.ulp(0.0), math.inf),
        ):
            if not least <= value <= most or not math.isfinite(value):
                allowed = {"persistence": "0 to 1", "bar_years": "above 0"}.get(name, "0 or more")
                raise Refusal(f"start_variance.{name}", f"{value:g}", allowed)
        return super().__new__(cls, variance, persistence, bar_years)


def checked_starts(given: Any, symbol_count: int) -> tuple[VarianceStart, ...]:
    """Return the start of each symbol; empty where none is given.

    Parameters
    ----------
    given : None, VarianceStart, mapping or sequence of these
        What a source was given: one for all symbols, or one each.
    symbol_count : int
        Number of symbols.

    Raises
    ------
    Refusal
        If it is something else, or a number is out of range.
    """
    if given is None or (isinstance(given, tuple) and not given):
        return ()
    several = isinstance(given, list | tuple) and not isinstance(given, VarianceStart)
    each = tuple(_checked(item) for item in (given if several else (given,)))
    if len(each) not in (1, symbol_count):
        raise Refusal("start_variance", f"{len(each)} starts", f"one, or {symbol_count}")
    return each if len(each) == symbol_count else each * symbol_count


def _checked(given: Any) -> VarianceStart:
    allowed = "'garch' in a study file, or the start of mc.garch_start(bars)"
    if isinstance(given, Mapping) and {*given} == {*VarianceStart._fields}:
        numbers = [given[name] for name in VarianceStart._fields]
    elif isinstance(given, list | VarianceStart) and len(given) == len(VarianceStart._fields):
        numbers = list(given)
    else:
        raise Refusal("start_variance", repr(given), allowed)
    try:
        variance, persistence, bar_years = (float(number) for number in numbers)
    except (TypeError, ValueError):
        raise Refusal("start_variance", repr(given), allowed) from None
    return VarianceStart(variance, persistence, bar_years)


def start_weights(start: VarianceStart, dt: float, steps: int) -> NDArray[np.float64]:
    """Share of the first bar's excess variance that each step of a path has on the average.

    Parameters
    ----------
    start : VarianceStart
        Where the variance starts.
    dt : float
        Length of a step in years.
    steps : int
        Steps of a path.

    Returns
    -------
    ndarray of float64, shape (steps,)
        ``persistence ** k`` on bar k where steps are the bars of `start`.
    """
    per_step = dt / start.bar_years
    whole = round(per_step) if per_step >= 1.0 else round(1.0 / per_step)
    fits = abs((per_step if per_step >= 1.0 else 1.0 / per_step) / whole - 1.0) < _WHOLE
    bars = math.ceil(steps * per_step) + 2
    # Powers as products, whose bits do not depend on a library.
    powers = np.empty(bars)
    power = 1.0
    for k in range(bars):
        powers[k] = power
        power *= start.persistence
    if fits and per_step < 1.0:
        return powers[np.arange(steps) // whole]
    sums = np.concatenate([[0.0], np.cumsum(powers)])
    if fits:
        ends = np.arange(steps + 1) * whole
        return np.diff(sums[ends]) / whole if whole > 1 else powers[:steps].copy()
    places = np.arange(steps + 1) * per_step
    index = np.floor(places).astype(np.int64)
    filled = sums[index] + (places - index) * powers[index]
    return np.asarray(np.diff(filled) / per_step)


@kernel
def rescale_paths(
    start: NDArray[np.float64],
    scale: NDArray[np.float64],
    shift: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Stretch each bar's log prices from the close before it.

    Parameters
    ----------
    start : ndarray, shape (symbols,)
        Close before the first bar.
    scale, shift : ndarray, shape (symbols, steps)
        Factor of the moves of a bar, and what is added to each.
    out : ndarray, shape (paths, symbols, fields, steps)
        Bars with positive prices; changed in place.
    """
    out = borrow(out)
    for n in range(out.shape[0]):
        for s in range(out.shape[1]):
            before, moved = start[s], start[s]
            for t in range(out.shape[3]):
                close = out[n, s, 3, t]
                for field in range(4):
                    ratio = log(out[n, s, field, t] / before)
                    out[n, s, field, t] = moved * exp(scale[s, t] * ratio + shift[s, t])
                before, moved = close, out[n, s, 3, t]
