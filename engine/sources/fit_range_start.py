r"""Fits the polynomial of `engine.sources.range_start`; run to print its coefficients.

With `x` the distance between the ends of a bridge, ``s = a + b`` and `w` the range at which the
survival function of `engine.sources.bridge` falls to `u`, the first term of that function alone
would give ``(2w - x)^2 = s^2 - 2 ln u``. What is missing, delta, is smooth in ``s``,
``t = sqrt(-2 ln u)`` and ``x / (x + t)``: a polynomial of third degree in each of the three,
fitted by least squares over a grid of equally probable moves and uniforms.
``python -m engine.sources.fit_range_start`` prints what `range_start` holds; a test compares both.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["fit_range_start"]

Floats = NDArray[np.float64]

_DEGREES = 4  # 0 to 3
_MOVES, _HIGHS, _LOWS = 30, 30, 45
_HALVINGS = 44
_TERMS = 10
# Shorter ranges are for the scalar solver, which needs no start as good.
_SHORTEST = 0.7


def fit_range_start() -> Floats:
    """Return the coefficients by powers of s / 4, x / (x + t) and t / 4, shape (4, 4, 4)."""
    x, s, u = _grid()
    w = _range_at(x, s, u)
    x, s, u, w = (values[w > _SHORTEST] for values in (x, s, u, w))
    t = np.sqrt(-2.0 * np.log(u))
    variables = (s / 4.0, x / (x + t), t / 4.0)
    terms = np.stack(
        [
            np.prod([v**n for v, n in zip(variables, powers, strict=True)], axis=0)
            for powers in product(range(_DEGREES), repeat=3)
        ],
        axis=1,
    )
    delta = (2.0 * w - x) ** 2 - s * s - t * t
    # An error of the range counts by how near the range is to the least one, where the survival
    # function bends most.
    weight = 1.0 / (4.0 * (2.0 * w - x)) / (w - 0.5 * (s + x) + 1.0)
    found = np.linalg.lstsq(terms * weight[:, None], delta * weight, rcond=None)[0]
    return np.asarray(found).reshape(_DEGREES, _DEGREES, _DEGREES)


def _grid() -> tuple[Floats, Floats, Floats]:
    """Return moves in standard deviations, sums of both distances, uniforms of the range."""
    middle = [(np.arange(n) + 0.5) / n for n in (_MOVES, _HIGHS, _LOWS)]
    x, high, u = (v.ravel() for v in np.meshgrid(-ndtri(middle[0] / 2.0), *middle[1:]))
    return x, np.sqrt(x * x - 2.0 * np.log(high)), u


def _range_at(x: Floats, s: Floats, u: Floats) -> Floats:
    """Return the range whose survival function is `u`, by bisection."""
    low = np.maximum(0.5 * (s + x), 0.35)
    high = low + 9.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = _survival(middle, x, s) > u
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(0.5 * (low + high))


def _survival(w: Floats, x: Floats, s: Floats) -> Floats:
    a, b = 0.5 * (s + x), 0.5 * (s - x)
    total = np.zeros_like(w)
    for k in range(1, _TERMS + 1):
        kw, nw = k * w, (k + 1) * w
        total += k * (2.0 * kw - x) * np.exp(-2.0 * (kw - a) * (kw + b))
        total += k * (2.0 * kw + x) * np.exp(-2.0 * (kw + a) * (kw - b))
        total += k * (s - 2.0 * nw) * np.exp(2.0 * nw * (s - nw))
        total -= (k + 1) * (2.0 * kw + s) * np.exp(-2.0 * kw * (s + kw))
    return np.asarray(total / s)


if __name__ == "__main__":
    print("_START: Final = (")
    for plane in fit_range_start():
        print("    (")
        for row in plane:
            print(f"        ({', '.join(repr(float(value)) for value in row)}),")
        print("    ),")
    print(")")
