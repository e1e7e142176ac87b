"""Calibrated commodity models in one form, with parameters and states drawn from their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.curve_season import season_terms
from engine.calibration.schwartz_smith import curve_constant
from engine.errors import Refusal
from engine.models import BUILT_IN

__all__ = ["FORMS", "FactorLaw", "factor_law"]

Array = NDArray[np.float64]
Named = Mapping[str, Array]

_ATTEMPTS = 200


@dataclass(frozen=True, eq=False)
class FactorLaw:
    r"""Log prices of a short-term/long-term model, given its parameters and states.

    Parameters
    ----------
    natural : ndarray of float64, shape (7, sets)
        Parameters of the Schwartz-Smith model, as `engine.calibration.schwartz_smith.PARAMETERS`.
    chi, xi : ndarray of float64, shape (sets,)
        The states today.
    season : ndarray of float64, shape (2 * cycles, sets)
        Amplitudes of the season.
    today : float
        Time of today within the year.

    Notes
    -----
    The others are special cases: one factor has no shock of :math:`\xi`, which is then the level
    that :math:`\ln S` reverts to; geometric Brownian motion has no :math:`\chi`.
    """

    natural: Array
    chi: Array
    xi: Array
    season: Array
    today: float

    def moments(self, horizon: Array, expiry: Array) -> tuple[Array, Array]:
        r"""Mean and standard deviation of log prices given each set.

        Parameters
        ----------
        horizon, expiry : ndarray of float64, shape (points,)
            Years from today to the forecast and to the contract's expiry, which is not before.

        Returns
        -------
        mean, deviation : ndarray of float64, shape (sets, points)
            With :math:`\tau` the years left: :math:`e^{-\kappa\tau} E\chi + E\xi + A(\tau)` and the
            season of the expiry; the variance is that of :math:`e^{-\kappa\tau}\chi + \xi` [1]_.

        References
        ----------
        .. [1] Schwartz, E., Smith, J. (2000), equations (3) and (9). Management Science 46,
           893-911.
        """
        columns = self.natural[:, :, None]
        kappa, sigma_chi, _, mu_xi, sigma_xi, _, rho = columns
        left = expiry - horizon
        decay, fade = np.exp(-kappa * left), np.exp(-kappa * horizon)
        waves = season_terms(self.today + expiry, len(self.season) // 2)
        mean = (
            decay * fade * self.chi[:, None]
            + self.xi[:, None]
            + mu_xi * horizon
            + curve_constant(columns, left, decay)
            + np.einsum("ks,kp->sp", self.season, waves.reshape(len(self.season), len(expiry)))
        )
        variance = (
            decay**2 * sigma_chi**2 * (1.0 - fade**2) / (2.0 * kappa)
            + 2.0 * decay * rho * sigma_chi * sigma_xi * (1.0 - fade) / kappa
            + sigma_xi**2 * horizon
        )
        return mean, np.sqrt(np.maximum(variance, 0.0))


def factor_law(
    calibration: Calibration,
    *,
    draws: int,
    seed: int,
    spot: float | None,
    carry: float | None,
) -> tuple[FactorLaw, FactorLaw]:
    """Law at a calibration's estimates, and at parameters and states drawn from their errors.

    Raises
    ------
    ValueError
        If the calibration has no covariance, or practically all draws lie outside the bounds.
    """
    names, covariance = calibration.joint_covariance()
    if not np.isfinite(covariance).all():
        raise Refusal(
            "calibration",
            f"one of {calibration.model} without a covariance ({calibration.reason})",
            "one with standard errors",
        )
    known = calibration.parameters | calibration.start_state
    if spot is not None:
        known |= {"spot": spot}
    centre = np.array([known[name] for name in names])
    # Square root of a covariance that may be singular, such as of a spot and its states.
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rng = np.random.Generator(np.random.Philox(seed))
    kept = np.empty((0, len(names)))
    for _ in range(_ATTEMPTS):
        half = rng.standard_normal((draws // 2, len(names)))
        shifts = np.concatenate((half, -half)) @ root.T
        drawn = _stated(calibration, names, centre, shifts, np.sqrt(np.diag(covariance)))
        kept = np.concatenate((kept, drawn[_allowed(names, drawn)]))
        if len(kept) >= draws:
            break
    else:
        raise Refusal(
            "calibration", "errors that draw almost no parameters within bounds", "narrower errors"
        )
    return (
        _law(calibration, names, centre[None, :], known, carry),
        _law(calibration, names, kept[:draws], known, carry),
    )


def _stated(
    calibration: Calibration, names: tuple[str, ...], centre: Array, shifts: Array, size: Array
) -> Array:
    """Return draws of the laws that the intervals state, with the correlations of normal shifts."""
    drawn = centre + shifts
    for j, name in enumerate(names):
        interval = calibration.intervals.get(name)
        if interval is None or not size[j] > 0.0:
            continue
        if interval.method == "level":
            speed = names.index("kappa")
            drawn[:, j] = centre[j] + shifts[:, j] * centre[speed] / drawn[:, speed]
        else:
            scaled = (shifts[:, j] / size[j]).tolist()
            drawn[:, j] = [interval.at(float(centre[j]), z) for z in scaled]
    return drawn


def _allowed(names: tuple[str, ...], drawn: Array) -> NDArray[np.bool_]:
    """Which draws lie within the bounds of speeds, volatilities, correlation and price."""
    inside = np.isfinite(drawn).all(axis=1)
    for j, name in enumerate(names):
        if name.startswith(("kappa", "sigma", "spot")):
            inside &= drawn[:, j] > 0.0
        if name == "rho":
            inside &= np.abs(drawn[:, j]) <= 1.0
    return np.asarray(inside)


def _law(
    calibration: Calibration,
    names: tuple[str, ...],
    drawn: Array,
    known: Mapping[str, float],
    carry: float | None,
) -> FactorLaw:
    """Write sets of parameters and states, a row each, as those of the one form."""
    sets = len(drawn)
    named = {name: np.full(sets, float(value)) for name, value in known.items()}
    named |= {name: drawn[:, j] for j, name in enumerate(names)}
    if carry is not None:
        named["carry"] = np.full(sets, carry)
    season = [name for name in calibration.parameters if name.startswith("season_")]
    amplitudes = np.array([named[name] for name in season]).reshape(len(season), sets)
    today = float(known.get("year_fraction", 0.0))
    waves = season_terms(np.array(today), len(season) // 2).reshape(-1)
    named["log_spot"] = np.log(named["spot"]) - waves @ amplitudes
    natural, chi, xi = FORMS[calibration.model](named)
    return FactorLaw(natural, chi, xi, amplitudes, today)


Form = tuple[Array, Array, Array]


def _schwartz_smith(named: Named) -> Form:
    order = ("kappa", "sigma_chi", "lambda_chi", "mu_xi", "sigma_xi", "mu_xi_star", "rho")
    return np.array([named[name] for name in order]), named["chi"], named["xi"]


def _schwartz_2f(named: Named) -> Form:
    """Table 1 of Schwartz and Smith (2000)."""
    kappa, spot, rho, alpha = (named[n] for n in ("kappa", "sigma_spot", "rho", "alpha"))
    chi, premium = named["sigma_yield"] / kappa, named["lambda_"] / kappa
    xi = np.sqrt(np.maximum(spot**2 + chi**2 - 2.0 * rho * spot * chi, 1e-300))
    drift = named["mu"] - alpha - 0.5 * spot**2
    slope = named["r"] + premium - alpha - 0.5 * spot**2
    state = (named["convenience_yield"] - alpha) / kappa
    natural = np.array([kappa, chi, premium, drift, xi, slope, (rho * spot - chi) / xi])
    return natural, state, named["log_spot"] - state


def _schwartz_1f(named: Named) -> Form:
    kappa, sigma = named["kappa"], named["sigma"]
    none = np.zeros(len(kappa))
    # On bars there is no price of risk, and no contract is asked for.
    premium = kappa * named.get("lambda_", none)
    alpha = named["mu"] - sigma**2 / (2.0 * kappa)
    natural = np.array([kappa, sigma, premium, none, none, none, none])
    return natural, named["log_spot"] - alpha, alpha


def _gbm(named: Named) -> Form:
    sigma, none = named["sigma"], np.zeros(len(named["sigma"]))
    half = 0.5 * sigma**2
    slope = named.get("carry", none) - half
    natural = np.array([none + 1.0, none, none, named["mu"] - half, sigma, slope, none])
    return natural, none, named["log_spot"]


# Of every model whose line in `engine.models` says so.
FORMS: dict[str, Callable[[Named], Form]] = {
    name: globals()[f"_{name}"] for name, model in BUILT_IN.items() if model.forecast
}
