"""Elementary functions for kernels: the same bits on every machine, and they vectorise.

The C library's ``exp``, ``log`` and ``erfc`` differ in the last bit between systems, and LLVM
cannot vectorise a call. These use only ``+ - * /``, ``sqrt``, `fma` and integer operations.
"""

from __future__ import annotations

import math

import numpy as np

from engine.compiled.coefficients import COS_FAST, EXP, LOG, LOG_FAST, SIN_FAST
from engine.compiled.intrinsics import as_bits, as_float, fma
from engine.compiled.kernel import inlined

__all__ = ["exp", "log", "log_fast", "normal_cdf", "normal_pdf", "normal_ppf", "sincos_fast"]

_LOG2E = 1.4426950408889634
# ln 2 in two parts; the first has trailing zeros, so that k * _LN2_HIGH is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
# Adding it leaves the nearest integer in the low bits of the sum.
_ROUND = 6755399441055744.0  # 1.5 * 2^52
# Beyond, prices saturate near 1e-300 and 1e300 instead of turning into zero and infinity.
_EXP_LOW, _EXP_HIGH = -690.0, 690.0
# Typed constants: Numba would join uint64 and a plain literal as float64 or a signed integer.
_HALF_OCTAVE = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_MANTISSA = np.uint64(52)
_BIAS = np.uint64(1023)
_TWO_52_BITS = np.uint64(0x4330000000000000)
_TWO_52_BIASED = 4503599627370496.0 + 1023.0
_INVERSE_SQRT_2PI = 0.3989422804014327


@inlined
def exp(x: float) -> float:
    """Exponential; arguments beyond [-690, 690] are moved to that range. Error below 1 ulp."""
    x = min(max(x, _EXP_LOW), _EXP_HIGH)
    shifted = fma(x, _LOG2E, _ROUND)
    k = shifted - _ROUND
    r = fma(-k, _LN2_LOW, fma(-k, _LN2_HIGH, x))
    r2 = r * r
    # Estrin's order: short dependency chains
    low = fma(fma(EXP[3], r, EXP[2]), r2, fma(EXP[1], r, EXP[0]))
    high = fma(fma(EXP[7], r, EXP[6]), r2, fma(EXP[5], r, EXP[4]))
    top = fma(EXP[9], r, EXP[8])
    r4 = r2 * r2
    tail = fma(fma(top, r4, high), r4, low)
    value = 1.0 + fma(tail, r2, r)
    return as_float(as_bits(value) + (as_bits(shifted) << _MANTISSA))


@inlined
def log(x: float) -> float:
    """Natural logarithm of a positive normal number; error below 2 ulp.

    Zero and subnormal numbers give about -708, not minus infinity: callers pass positive values.
    """
    bits = as_bits(x)
    # Exponent such that the mantissa lies in [sqrt(1/2), sqrt(2)).
    exponent = (bits + _HALF_OCTAVE) >> _MANTISSA
    mantissa = as_float(bits - ((exponent - _BIAS) << _MANTISSA))
    # 2^52 + exponent as a float, then the offset is subtracted: no integer conversion needed.
    k = as_float(exponent | _TWO_52_BITS) - _TWO_52_BIASED
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    z2 = z * z
    low = fma(fma(LOG[3], z, LOG[2]), z2, fma(LOG[1], z, LOG[0]))
    high = fma(LOG[6], z2, fma(LOG[5], z, LOG[4]))
    tail = fma(high, z2 * z2, low) * (s * z)
    return fma(k, _LN2_HIGH, 2.0 * s + fma(k, _LN2_LOW, tail))


@inlined
def log_fast(x: float) -> float:
    """Natural logarithm of a positive normal number to 1e-11: enough for 32-bit uniforms."""
    bits = as_bits(x)
    exponent = (bits + _HALF_OCTAVE) >> _MANTISSA
    mantissa = as_float(bits - ((exponent - _BIAS) << _MANTISSA))
    k = as_float(exponent | _TWO_52_BITS) - _TWO_52_BIASED
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    tail = fma(fma(LOG_FAST[3], z, LOG_FAST[2]), z * z, fma(LOG_FAST[1], z, LOG_FAST[0]))
    return fma(k, _LN2_HIGH + _LN2_LOW, fma(tail, s * z, 2.0 * s))


@inlined
def sincos_fast(x: float) -> tuple[float, float]:
    """Sine and cosine of an angle in [-pi/4, pi/4] to 1e-11."""
    z = x * x
    sine = fma(fma(SIN_FAST[3], z, SIN_FAST[2]), z * z, fma(SIN_FAST[1], z, SIN_FAST[0]))
    cosine = fma(fma(COS_FAST[3], z, COS_FAST[2]), z * z, fma(COS_FAST[1], z, COS_FAST[0]))
    return fma(sine, x * z, x), fma(cosine, z * z, fma(-0.5, z, 1.0))


@inlined
def normal_pdf(x: float) -> float:
    """Density of the standard normal distribution."""
    return _INVERSE_SQRT_2PI * exp(-0.5 * x * x)


@inlined
def normal_cdf(x: float) -> float:
    """Distribution function of the standard normal; absolute error below 1e-15.

    Hart's rational approximation (J. Hart, Computer Approximations, 1968, no. 5666) as given by
    G. West, Better approximations to cumulative normal functions (2005); the lower tail keeps
    its relative precision.
    """
    size = abs(x)
    top = fma(0.0352624965998911, size, 0.700383064443688)
    top = fma(top, size, 6.37396220353165)
    top = fma(top, size, 33.912866078383)
    top = fma(top, size, 112.079291497871)
    top = fma(top, size, 221.213596169931)
    top = fma(top, size, 220.206867912376)
    bottom = fma(0.0883883476483184, size, 1.75566716318264)
    bottom = fma(bottom, size, 16.064177579207)
    bottom = fma(bottom, size, 86.7807322029461)
    bottom = fma(bottom, size, 296.564248779674)
    bottom = fma(bottom, size, 637.333633378831)
    bottom = fma(bottom, size, 793.826512519948)
    bottom = fma(bottom, size, 440.413735824752)
    far = size + 1.0 / (size + 2.0 / (size + 3.0 / (size + 4.0 / (size + 0.65))))
    ratio = top / bottom if size < 7.07106781186547 else _INVERSE_SQRT_2PI / far
    tail = exp(-0.5 * size * size) * ratio
    return 1.0 - tail if x > 0.0 else tail


@inlined
def normal_ppf(p: float) -> float:
    """Quantile of the standard normal for 0 < p < 1, relative error about 1e-15.

    M. Wichura, Algorithm AS 241: the percentage points of the normal distribution, Applied
    Statistics 37 (1988), routine PPND16.
    """
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = fma(2509.0809287301226727, r, 33430.575583588128105)
        top = fma(top, r, 67265.770927008700853)
        top = fma(top, r, 45921.953931549871457)
        top = fma(top, r, 13731.693765509461125)
        top = fma(top, r, 1971.5909503065514427)
        top = fma(top, r, 133.14166789178437745)
        top = fma(top, r, 3.387132872796366608)
        bottom = fma(5226.495278852854561, r, 28729.085735721942674)
        bottom = fma(bottom, r, 39307.89580009271061)
        bottom = fma(bottom, r, 21213.794301586595867)
        bottom = fma(bottom, r, 5394.1960214247511077)
        bottom = fma(bottom, r, 687.1870074920579083)
        bottom = fma(bottom, r, 42.313330701600911252)
        bottom = fma(bottom, r, 1.0)
        return q * top / bottom
    r = math.sqrt(-log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        top = fma(7.7454501427834140764e-4, r, 0.0227238449892691845833)
        top = fma(top, r, 0.24178072517745061177)
        top = fma(top, r, 1.27045825245236838258)
        top = fma(top, r, 3.64784832476320460504)
        top = fma(top, r, 5.7694972214606914055)
        top = fma(top, r, 4.6303378461565452959)
        top = fma(top, r, 1.42343711074968357734)
        bottom = fma(1.05075007164441684324e-9, r, 5.475938084995344946e-4)
        bottom = fma(bottom, r, 0.0151986665636164571966)
        bottom = fma(bottom, r, 0.14810397642748007459)
        bottom = fma(bottom, r, 0.68976733498510000455)
        bottom = fma(bottom, r, 1.6763848301838038494)
        bottom = fma(bottom, r, 2.05319162663775882187)
        bottom = fma(bottom, r, 1.0)
    else:
        r -= 5.0
        top = fma(2.01033439929228813265e-7, r, 2.71155556874348757815e-5)
        top = fma(top, r, 0.0012426609473880784386)
        top = fma(top, r, 0.026532189526576123093)
        top = fma(top, r, 0.29656057182850489123)
        top = fma(top, r, 1.7848265399172913358)
        top = fma(top, r, 5.4637849111641143699)
        top = fma(top, r, 6.6579046435011037772)
        bottom = fma(2.04426310338993978564e-15, r, 1.4215117583164458887e-7)
        bottom = fma(bottom, r, 1.8463183175100546818e-5)
        bottom = fma(bottom, r, 7.868691311456132591e-4)
        bottom = fma(bottom, r, 0.0148753612908506148525)
        bottom = fma(bottom, r, 0.13692988092273580531)
        bottom = fma(bottom, r, 0.59983220655588793769)
        bottom = fma(bottom, r, 1.0)
    return -top / bottom if q < 0.0 else top / bottom
