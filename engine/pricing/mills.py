"""Mills' ratio: the upper tail of the standard normal over its density.

Prices far out of the money are differences of tails. Written with the ratio, the density is a
common factor, and what remains keeps its relative precision where tails would vanish.
"""

from __future__ import annotations

from engine.compiled import fma, inlined
from engine.compiled.coefficients import MILLS, MILLS_SLOPE

__all__ = ["mills", "mills_slope"]

Coefficients = tuple[float, ...]


@inlined
def mills(z: float) -> float:
    """Return ``(1 - N(z)) / n(z)`` for z >= 0; relative error below 1e-15.

    A polynomial in ``(z - 5) / (z + 5)``, which maps the half line to an interval.
    """
    w = 1.0 / (z + 5.0)
    return w * _polynomial(MILLS, fma(-10.0, w, 1.0))


@inlined
def mills_slope(z: float) -> float:
    """Return ``1 - z m(z)``, less the derivative of Mills' ratio, for z >= 0.

    Relative error below 1e-14 also where the two terms cancel.
    """
    w = 1.0 / (z + 5.0)
    return w * w * _polynomial(MILLS_SLOPE, fma(-10.0, w, 1.0))


@inlined
def _polynomial(c: Coefficients, q: float) -> float:
    """Return a polynomial of degree 23 as four of degree 5 in q^4: short dependency chains."""
    q2 = q * q
    q4 = q2 * q2
    a = fma(fma(fma(fma(fma(c[20], q4, c[16]), q4, c[12]), q4, c[8]), q4, c[4]), q4, c[0])
    b = fma(fma(fma(fma(fma(c[21], q4, c[17]), q4, c[13]), q4, c[9]), q4, c[5]), q4, c[1])
    d = fma(fma(fma(fma(fma(c[22], q4, c[18]), q4, c[14]), q4, c[10]), q4, c[6]), q4, c[2])
    e = fma(fma(fma(fma(fma(c[23], q4, c[19]), q4, c[15]), q4, c[11]), q4, c[7]), q4, c[3])
    return fma(fma(e, q, d), q2, fma(b, q, a))
