"""The short-term/long-term form of the two-factor commodity model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.sources.generator import FillRequest, Generator
from engine.sources.parameter import parameter
from engine.sources.schwartz_2f import Schwartz2F
from engine.sources.seasonality import SeasonalModel

__all__ = ["SchwartzSmith"]


class SchwartzSmith(SeasonalModel):
    """Schwartz and Smith's model, the two-factor model in other coordinates.

    Parameters
    ----------
    kappa : float
        Speed at which the short-term deviation decays, per year.
    sigma_chi, sigma_xi : float
        Volatility of the short-term deviation and of the equilibrium level, per year.
    lambda_chi : float
        Risk premium of the short-term deviation; only futures depend on it.
    mu_xi, mu_xi_star : float
        Drift of the equilibrium level, true and risk-neutral.
    rho : float
        Correlation of the two shocks.
    chi0 : float
        Short-term deviation at the start.

    Notes
    -----
    ``ln S = chi + xi`` with ``d chi = -kappa chi dt + sigma_chi dz1``,
    ``d xi = mu_xi dt + sigma_xi dz2`` and ``dz1 dz2 = rho dt``. Paths are those of the equivalent
    `Schwartz2F` with riskless rate 0, whose state ``convenience_yield`` they carry:
    ``chi = (convenience_yield - alpha) / kappa``.

    References
    ----------
    .. [1] E. Schwartz, J. Smith, Short-term variations and long-term dynamics in commodity prices,
       Management Science 46 (2000), 893-911.
    """

    name = "schwartz_smith"
    states = ("convenience_yield",)
    factors = 2

    kappa: float = parameter(1.5, low=0.0, open_low=True, unit="1/year", doc="Decay of chi.")
    sigma_chi: float = parameter(0.28, low=0.0, unit="1/sqrt(year)", doc="Volatility of chi.")
    lambda_chi: float = parameter(0.0, unit="1/year", doc="Risk premium of chi.")
    mu_xi: float = parameter(0.0, unit="1/year", doc="Drift of xi.")
    sigma_xi: float = parameter(0.15, low=0.0, unit="1/sqrt(year)", doc="Volatility of xi.")
    mu_xi_star: float = parameter(0.0, unit="1/year", doc="Risk-neutral drift of xi.")
    rho: float = parameter(0.3, low=-1.0, high=1.0, doc="Correlation of the shocks.")
    chi0: float = parameter(0.0, unit="log price", doc="Short-term deviation at the start.")

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from a calibration's filtered `chi`.

        The equilibrium level `xi` follows from the start price.
        """
        moved = super().with_start_state(
            {name: value for name, value in state.items() if name not in ("chi", "xi")}
        )
        return moved.with_parameters(chi0=state["chi"]) if "chi" in state else moved

    @classmethod
    def from_schwartz_2f(cls, model: Schwartz2F) -> Self:
        """Convert Schwartz's two-factor model (Table 1 of the paper).

        Parameters
        ----------
        model : Schwartz2F
            The model; its options are kept.

        Raises
        ------
        ValueError
            If its `kappa` is zero: the conversion divides by it.
        """
        if model.kappa == 0.0:
            raise Refusal("kappa", "0.0", "> 0 for the Schwartz-Smith form")
        k, s1, s2 = model.kappa, model.sigma_spot, model.sigma_yield
        ratio = s2 / k
        sigma_xi = math.sqrt(max(s1 * s1 + ratio * ratio - 2.0 * model.rho * s1 * ratio, 0.0))
        mu_xi = model.mu - model.alpha - 0.5 * s1 * s1
        lambda_chi = model.lambda_ / k
        rho = (model.rho * s1 - ratio) / sigma_xi if sigma_xi > 0.0 else 0.0
        return cls(
            kappa=k,
            sigma_chi=ratio,
            lambda_chi=lambda_chi,
            mu_xi=mu_xi,
            sigma_xi=sigma_xi,
            mu_xi_star=mu_xi - (model.mu - model.r - lambda_chi),
            rho=min(max(rho, -1.0), 1.0),
            chi0=(model.delta0 - model.alpha) / k,
            steps=model.steps,
            volume=model.volume,
            sampling=model.sampling,
            seasonality=model.seasonality,
            year_fraction=model.year_fraction,
        )

    def to_schwartz_2f(self, r: float = 0.0) -> Schwartz2F:
        """Convert to Schwartz's two-factor model (Table 1 of the paper).

        Parameters
        ----------
        r : float
            Riskless rate; it fixes the split of drift and yield level, which the spot's own
            dynamics do not identify.
        """
        squared = self.sigma_chi**2 + self.sigma_xi**2
        squared += 2.0 * self.rho * self.sigma_chi * self.sigma_xi
        sigma = math.sqrt(max(squared, 0.0))
        rho = (self.rho * self.sigma_xi + self.sigma_chi) / sigma if sigma > 0.0 else 0.0
        mu = r + (self.mu_xi - self.mu_xi_star) + self.lambda_chi
        alpha = mu - 0.5 * squared - self.mu_xi
        return Schwartz2F(
            mu=mu,
            sigma_spot=sigma,
            kappa=self.kappa,
            alpha=alpha,
            sigma_yield=self.sigma_chi * self.kappa,
            rho=min(max(rho, -1.0), 1.0),
            lambda_=self.lambda_chi * self.kappa,
            r=r,
            delta0=alpha + self.kappa * self.chi0,
            steps=self.steps,
            volume=self.volume,
            sampling=self.sampling,
            seasonality=self.seasonality,
            year_fraction=self.year_fraction,
        )

    def _generator(self, request: FillRequest) -> Generator:
        return self.to_schwartz_2f()._generator(request)

    def futures(self, chi: ArrayLike, xi: ArrayLike, maturity: ArrayLike) -> NDArray[np.float64]:
        """Price futures: ``ln F = exp(-kT) chi + xi + A(T)`` (equation 9 of the paper).

        Parameters
        ----------
        chi, xi : array_like
            Short-term deviation and equilibrium level.
        maturity : array_like
            Time to delivery in years; broadcast against the state.

        Returns
        -------
        ndarray of float64, shape (...)
            The price of each future, of the shape to which the arguments broadcast.
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
        prices: NDArray[np.float64] = np.exp((1.0 - decay) * np.asarray(chi) + np.asarray(xi) + a)
        return prices
