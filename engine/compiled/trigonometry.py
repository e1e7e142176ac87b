"""Sine, cosine and the angle of a point for kernels: the same bits on every machine."""

from __future__ import annotations

import math

from engine.compiled.intrinsics import fma
from engine.compiled.kernel import inlined

__all__ = ["atan2", "sincos"]

_TWO_OVER_PI = 2.0 / math.pi
# Half of pi in three parts, the sum of which has 160 bits.
_HALF_PI = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33
# Adding it leaves the nearest integer in the low bits of the sum.
_ROUND = 6755399441055744.0  # 1.5 * 2^52
_TAN_EIGHTH = math.sqrt(2.0) - 1.0
# Taylor's series, as far as they count to 1e-17 where they are used.
_SIN = tuple((-1.0) ** n / math.factorial(2 * n + 1) for n in range(1, 9))
_COS = tuple((-1.0) ** n / math.factorial(2 * n) for n in range(2, 10))
_ATAN = tuple((-1.0) ** n / (2 * n + 1) for n in range(1, 22))


@inlined
def sincos(x: float) -> tuple[float, float]:
    """Sine and cosine of an angle of any size up to 1e9; absolute error below 3e-16."""
    k = fma(x, _TWO_OVER_PI, _ROUND) - _ROUND
    r = fma(-k, _HALF_PI[2], fma(-k, _HALF_PI[1], fma(-k, _HALF_PI[0], x)))
    z = r * r
    sine, cosine = _SIN[7], _COS[7]
    sine = fma(sine, z, _SIN[6])
    cosine = fma(cosine, z, _COS[6])
    sine = fma(sine, z, _SIN[5])
    cosine = fma(cosine, z, _COS[5])
    sine = fma(sine, z, _SIN[4])
    cosine = fma(cosine, z, _COS[4])
    sine = fma(sine, z, _SIN[3])
    cosine = fma(cosine, z, _COS[3])
    sine = fma(sine, z, _SIN[2])
    cosine = fma(cosine, z, _COS[2])
    sine = fma(sine, z, _SIN[1])
    cosine = fma(cosine, z, _COS[1])
    sine = fma(sine, z, _SIN[0])
    cosine = fma(cosine, z, _COS[0])
    sine = fma(sine * z, r, r)
    cosine = fma(cosine * z, z, fma(-0.5, z, 1.0))
    quarter = int(k) & 3
    if quarter & 1:
        sine, cosine = cosine, -sine
    if quarter & 2:
        sine, cosine = -sine, -cosine
    return sine, cosine


@inlined
def atan2(y: float, x: float) -> float:
    """Angle of the point (x, y) in (-pi, pi]; absolute error below 1e-15; 0 at the origin."""
    wide, high = abs(x), abs(y)
    large, small = max(wide, high), min(wide, high)
    t = small / large if large > 0.0 else 0.0
    # atan(t) = pi / 4 + atan((t - 1) / (t + 1))
    folded = t > _TAN_EIGHTH
    t = (t - 1.0) / (t + 1.0) if folded else t
    z = t * t
    series = _ATAN[20]
    for n in range(19, -1, -1):
        series = fma(series, z, _ATAN[n])
    angle = fma(series * z, t, t)
    if folded:
        angle += 0.25 * math.pi
    if high > wide:
        angle = 0.5 * math.pi - angle
    if x < 0.0:
        angle = math.pi - angle
    return -angle if y < 0.0 else angle
