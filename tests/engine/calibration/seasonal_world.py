"""A futures market with a season, simulated by NumPy."""

from __future__ import annotations

import datetime

import numpy as np

from engine.calibration import FuturesPanel
from engine.calibration.curve_data import year_fraction
from engine.calibration.schwartz_smith import futures_price

MODEL = {
    **{"kappa": 1.2, "sigma_chi": 0.3, "lambda_chi": 0.05, "mu_xi": 0.03},
    **{"sigma_xi": 0.14, "mu_xi_star": 0.01, "rho": 0.3},
}
SEASON = ((0.10, -0.04), (0.02, 0.03))
FIRST = datetime.date(2015, 1, 7)


def season(years: np.ndarray, amplitudes: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Log price above the year's mean at calendar times."""
    total = np.zeros(np.shape(years))
    for k, (cosine, sine) in enumerate(amplitudes, 1):
        total += cosine * np.cos(2 * np.pi * k * years) + sine * np.sin(2 * np.pi * k * years)
    return total


def seasonal_panel(
    amplitudes: tuple[tuple[float, float], ...] = SEASON, *, rows: int = 260, seed: int = 1
) -> FuturesPanel:
    """Weekly prices of the contracts of eight delivery months, with errors of half a percent."""
    rng = np.random.default_rng(seed)
    dates = [FIRST + datetime.timedelta(days=7 * i) for i in range(rows)]
    # Contracts expire on the 20th of every second month.
    months = [datetime.date(y, m, 20) for y in range(2015, 2028) for m in range(2, 13, 2)]
    prices, maturities = np.empty((2, rows, 8))
    chi, xi, dt = 0.0, 4.0, 7 / 365
    scales = np.linalg.cholesky(
        [
            [MODEL["sigma_chi"] ** 2, MODEL["rho"] * MODEL["sigma_chi"] * MODEL["sigma_xi"]],
            [MODEL["rho"] * MODEL["sigma_chi"] * MODEL["sigma_xi"], MODEL["sigma_xi"] ** 2],
        ]
    )
    for i, day in enumerate(dates):
        if i:
            noise = scales @ rng.standard_normal(2) * np.sqrt(dt)
            chi += -MODEL["kappa"] * chi * dt + noise[0]
            xi += MODEL["mu_xi"] * dt + noise[1]
        ahead = [expiry for expiry in months if expiry > day][:8]
        maturities[i] = [(expiry - day).days / 365 for expiry in ahead]
        calendar = np.array([expiry.year + year_fraction(expiry) for expiry in ahead])
        log = np.log(futures_price(MODEL, chi, xi, maturities[i])) + season(calendar, amplitudes)
        prices[i] = np.exp(log + 0.005 * rng.standard_normal(8))
    return FuturesPanel.from_arrays(prices, maturities, dates=dates, symbol="GAS")
