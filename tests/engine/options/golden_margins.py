"""A hash of what the kernels of margin, strikes and smiles give: run to print it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import engine as mc
from engine.options.strike_grid import listed_strike


def values() -> Iterator[Any]:
    """Yield margins, listed strikes and volatilities over wide ranges."""
    grid = np.arange(311.0)
    spot = 60.0 + grid * 37.0 % 83.0
    leg = np.arange(4.0)
    strikes = spot[:, None] * (0.85 + 0.1 * leg) + grid[:, None] % 3.0
    years = 0.05 + (grid[:, None] * 29.0 + leg) % 7.0 / 10.0
    volatility = 0.1 + (grid[:, None] * 31.0 + leg) % 11.0 / 20.0
    units = (grid[:, None] * 13.0 + leg * 7.0) % 7.0 - 3.0
    call = (grid[:, None] + leg) % 3.0 > 0.5
    prices = mc.black76(spot[:, None], strikes, years, volatility, call=call).price
    held = {"underlying_units": grid % 5.0 - 2.0, "multiplier": 1.0}
    yield mc.option_margin(spot, strikes, years, units, prices, call=call, **held)
    ranges: dict[str, Any] = {"price_range": 0.08, "volatility_shift": 0.25, "rate": 0.03}
    yield mc.scan_margin(spot, strikes, years, units, volatility, call=call, **held, **ranges)
    rows = mc.option_listing("CL").grid.rows()
    yield np.array([listed_strike(float(each), 75.0, rows) for each in spot])
    smile = mc.VolatilitySurface.from_smile(
        [0.1, 0.5, 1.0], [0.4, 0.35, 0.3], skew=[-0.2, -0.1, 0.1], curvature=[1.0, 0.6, 0.3]
    )
    yield smile.volatility(strikes, years, forward=spot[:, None])


def digest() -> str:
    """Return the hash of all of them."""
    together = hashlib.sha256()
    for each in values():
        assert np.isfinite(each).all()
        together.update(np.ascontiguousarray(each).tobytes())
    return together.hexdigest()[:32]


if __name__ == "__main__":
    print(digest())
