"""The short-term/long-term form of the two-factor commodity model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["SchwartzSmithParameters"]


@dataclass(frozen=True, kw_only=True)
class SchwartzSmithParameters:
    """Parameters of Schwartz and Smith (2000), equivalent to Schwartz's two-factor model.

    ``ln S = chi + xi`` with ``d chi = -kappa chi dt + sigma_chi dz1``,
    ``d xi = mu_xi dt + sigma_xi dz2`` and ``dz1 dz2 = rho dt``. `Schwartz2F.from_schwartz_smith`
    makes a source of them.

    Parameters
    ----------
    kappa : float
        Speed at which the short-term deviation decays, per year.
    sigma_chi, sigma_xi : float
        Volatility of the short-term deviation and of the equilibrium level.
    lambda_chi : float
        Risk premium of the short-term deviation.
    mu_xi, mu_xi_star : float
        Drift of the equilibrium level, true and risk-neutral.
    rho : float
        Correlation of the two shocks.

    References
    ----------
    .. [1] E. Schwartz, J. Smith, Short-term variations and long-term dynamics in commodity prices,
       Management Science 46 (2000), 893-911.
    """

    kappa: float
    sigma_chi: float
    lambda_chi: float
    mu_xi: float
    sigma_xi: float
    mu_xi_star: float
    rho: float

    def __post_init__(self) -> None:
        for name in ("sigma_chi", "sigma_xi"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name}: found {getattr(self, name)!r}, allowed >= 0")
        if not self.kappa > 0.0:
            raise ValueError(f"kappa: found {self.kappa!r}, allowed > 0")
        if not -1.0 <= self.rho <= 1.0:
            raise ValueError(f"rho: found {self.rho!r}, allowed >= -1 and <= 1")

    def futures(self, chi: ArrayLike, xi: ArrayLike, maturity: ArrayLike) -> NDArray[np.float64]:
        """Price futures: ``ln F = exp(-kT) chi + xi + A(T)`` (equation 9 of the paper).

        Parameters
        ----------
        chi, xi : array_like
            Short-term deviation and equilibrium level.
        maturity : array_like
            Time to delivery in years.
        """
        k, time = self.kappa, np.asarray(maturity, dtype=np.float64)
        decay = -np.expm1(-k * time)
        a = (
            self.mu_xi_star * time
            - decay * self.lambda_chi / k
            + 0.5
            * (
                -np.expm1(-2.0 * k * time) * self.sigma_chi**2 / (2.0 * k)
                + self.sigma_xi**2 * time
                + 2.0 * decay * self.rho * self.sigma_chi * self.sigma_xi / k
            )
        )
        return np.exp((1.0 - decay) * np.asarray(chi) + np.asarray(xi) + a)
