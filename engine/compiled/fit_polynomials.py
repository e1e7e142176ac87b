"""Fits the polynomials of `engine.compiled.elementary` and of `engine.pricing`; run to print them.

Near-minimax fits: interpolation at Chebyshev nodes in 60-digit decimal arithmetic, so nothing
depends on the C library. ``python -m engine.compiled.fit_polynomials`` prints what
`engine/compiled/coefficients.py` holds, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext

__all__ = ["fit_all"]

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640629")


def fit_all() -> dict[str, tuple[float, ...]]:
    """Coefficients of every polynomial, lowest power first."""
    getcontext().prec = 60
    half_log2 = Decimal(2).ln() / 2
    # s = (m - 1) / (m + 1) for m in [sqrt(1/2), sqrt(2)]
    largest_s2 = ((Decimal(2).sqrt() - 1) / (Decimal(2).sqrt() + 1)) ** 2
    quarter = (PI / 4) ** 2
    return {
        "EXP": _fit(_exp_tail, -half_log2, half_log2, 9),
        "LOG": _fit(_atanh_tail, Decimal(0), largest_s2, 6),
        "LOG_FAST": _fit(_atanh_tail, Decimal(0), largest_s2, 3),
        "SIN_FAST": _fit(_sin_tail, Decimal(0), quarter, 3),
        "COS_FAST": _fit(_cos_tail, Decimal(0), quarter, 3),
        "MILLS": _fit(_scaled_mills, Decimal(-1), Decimal(1), 23),
        "MILLS_SLOPE": _fit(_scaled_slope, Decimal(-1), Decimal(1), 23),
    }


def _exp_tail(x: Decimal) -> Decimal:
    """Return (exp(x) - 1 - x) / x^2."""
    return (x.exp() - 1 - x) / (x * x)


def _atanh_tail(z: Decimal) -> Decimal:
    """Return (2 atanh(s) - 2 s) / s^3 with z = s^2."""
    s = z.sqrt()
    return (((1 + s) / (1 - s)).ln() - 2 * s) / (s * z)


def _sin_tail(z: Decimal) -> Decimal:
    """Return (sin(x) - x) / x^3 with z = x^2."""
    return _alternating_series(z, 6, 4)


def _cos_tail(z: Decimal) -> Decimal:
    """Return (cos(x) - 1 + x^2/2) / x^4 with z = x^2."""
    return -_alternating_series(z, 24, 5)


def _scaled_mills(q: Decimal) -> Decimal:
    """Return (z + 5) m(z) with q = (z - 5) / (z + 5) and Mills' ratio m."""
    z = 5 * (1 + q) / (1 - q)
    return (z + 5) * _mills(z)


def _scaled_slope(q: Decimal) -> Decimal:
    """Return (z + 5)^2 (1 - z m(z)) with q = (z - 5) / (z + 5)."""
    z = 5 * (1 + q) / (1 - q)
    return (z + 5) ** 2 * (1 - z * _mills(z))


def _mills(z: Decimal) -> Decimal:
    """Return the upper tail of the standard normal over its density."""
    if z > 3:
        fraction = z
        for n in range(2000, 0, -1):
            fraction = z + n / fraction
        return 1 / fraction
    term, total, n = z, Decimal(0), 1
    while term > Decimal(10) ** -58:
        total += term
        n += 2
        term *= z * z / n
    return (PI / 2).sqrt() * (z * z / 2).exp() - total


def _alternating_series(z: Decimal, first: int, n: int) -> Decimal:
    """Sum -1/first + z/(first n (n+1)) - z^2/(first n (n+1) (n+2) (n+3)) + ..."""
    term, total = Decimal(-1) / first, Decimal(0)
    while abs(term) > Decimal(10) ** -58:
        total += term
        term *= -z / (n * (n + 1))
        n += 2
    return total


def _fit(
    function: Callable[[Decimal], Decimal], low: Decimal, high: Decimal, degree: int
) -> tuple[float, ...]:
    """Interpolate at the Chebyshev nodes of [low, high] and expand in powers of x."""
    count = degree + 1
    middle, radius = (low + high) / 2, (high - low) / 2
    nodes = [middle + radius * _cos(PI * (2 * k + 1) / (2 * count)) for k in range(count)]
    divided = [function(node) for node in nodes]
    for order in range(1, count):
        for k in range(count - 1, order - 1, -1):
            divided[k] = (divided[k] - divided[k - 1]) / (nodes[k] - nodes[k - order])
    powers = [Decimal(0)] * count
    for k in range(count - 1, -1, -1):  # Horner on Newton's form
        shifted = [Decimal(0), *powers[:-1]]
        powers = [s - nodes[k] * p for s, p in zip(shifted, powers, strict=True)]
        powers[0] += divided[k]
    return tuple(float(power) for power in powers)


def _cos(x: Decimal) -> Decimal:
    term, total, n = Decimal(1), Decimal(0), 0
    while abs(term) > Decimal(10) ** -58:
        total += term
        n += 2
        term *= -x * x / (n * (n - 1))
    return total


if __name__ == "__main__":
    for label, coefficients in fit_all().items():
        print(f"{label}: Final = (")
        for coefficient in coefficients:
            print(f"    {coefficient!r},")
        print(")")
