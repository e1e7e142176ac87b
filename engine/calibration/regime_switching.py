"""Markov regime switching of a price's drift and volatility, by Hamilton's filter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.interval import Interval
from engine.calibration.sample import SpotSample
from engine.calibration.switching import fit_switching
from engine.calibration.switching_inputs import switching_inputs
from engine.calibration.window import Window

__all__ = ["estimate_regime_switching"]


def estimate_regime_switching(
    bars: Bars,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    states: int = 2,
    switching_mean: bool = True,
    switching_volatility: bool = True,
    ar: int = 0,
    regressors: Sequence[str] = (),
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 250,
) -> Calibration:
    r"""Estimate regimes of log returns.

    Parameters
    ----------
    bars : Bars
        The history.
    states : int
        Number of regimes, 2 to 4.
    switching_mean, switching_volatility : bool
        Whether the regimes differ in it; at least one must.
    ar : int
        Returns before that a bar's return depends on, 0 to 10; the first ones of the sample have
        none before them and are left out.
    regressors : sequence of str
        Columns of the bars beside prices and volume; a return depends on their values at the close
        before it.
    as_of, window, non_positive, overnight, minimum
        See `SpotSample.from_bars`.

    Returns
    -------
    Calibration
        ``mu_k`` (mean log return per year), ``sigma_k`` and ``p_ij`` (per bar, all columns but
        the last), regimes in the order of their volatility; ``ar_1`` and so on, and ``beta_NAME``
        of each regressor (log return per bar and unit), common to all regimes. The probability of
        each regime in the next bar as the start state, with the error that it has from the
        parameters', and the last returns and regressors, on which the next bar depends.

    Notes
    -----
    Direct maximum likelihood with exact gradients from several fixed starts (see
    `fit_switching`). The chain moves once per return, whatever its length in time; in an
    exponential window each prediction's log density is weighted. With `ar` or `regressors` the
    mean of a return is :math:`\mu_s \Delta + \sum_l \phi_l r_{t-l} + \sum_m \beta_m x_{m,t-1}`:
    Hamilton's switching regression, in the form with a switching constant.
    """
    sample = SpotSample.from_bars(
        bars,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    inputs = switching_inputs(bars, sample, ar, regressors)
    fit = fit_switching(
        sample.returns[ar:],
        states=states,
        switching_mean=switching_mean,
        switching_deviation=switching_volatility,
        scale=sample.dt[ar:] / sample.nominal_dt,
        weights=sample.weights[ar:],
        explanatory=inputs.explanatory,
    )
    dt = sample.nominal_dt
    numbers = range(1, states + 1)
    parameters = {f"mu_{k}": float(fit.means[k - 1]) / dt for k in numbers}
    parameters |= {f"sigma_{k}": float(fit.deviations[k - 1]) / math.sqrt(dt) for k in numbers}
    parameters |= {
        f"p_{i}{j}": float(fit.transition[i - 1, j - 1]) for i in numbers for j in numbers[:-1]
    }
    parameters |= dict(zip(inputs.names, fit.coefficients.tolist(), strict=True))
    # Annual units; a parameter common to all regimes is repeated for each.
    means = states if switching_mean else 1
    spreads = states if switching_volatility else 1
    jacobian = np.zeros((len(parameters), len(fit.names)))
    for k in range(states):
        jacobian[k, k % means] = 1.0 / dt
        jacobian[states + k, means + k % spreads] = 1.0 / math.sqrt(dt)
    moves = [f"p_{i}{j}" for i in numbers for j in numbers if i != j]
    rest = len(moves) + len(inputs.names)
    jacobian[-rest:, -rest:] = np.eye(rest)
    variables = [f"mu_{k}" for k in numbers[:means]] + [f"sigma_{k}" for k in numbers[:spreads]]
    ahead = fit.filtered[-1] @ fit.transition
    covariance = jacobian @ fit.covariance @ jacobian.T
    free = len(fit.names)
    shared = fit.ahead_covariance[:, :free] @ jacobian.T
    own = 0.5 * (fit.ahead_covariance[:, free:] + fit.ahead_covariance[:, free:].T)
    regimes = [f"regime_{k}" for k in numbers]
    state_covariance = {
        name: dict(zip(parameters, shared[i].tolist(), strict=True))
        | dict(zip(regimes, own[i].tolist(), strict=True))
        for i, name in enumerate(regimes)
    }
    intervals = {
        name: Interval.logit(float(ahead[i]), math.sqrt(max(own[i, i], 0.0)))
        for i, name in enumerate(regimes)
    }
    report = fit.optimum.report([*variables, *moves, *inputs.names])
    # A row's last probability, and one that stays, lie on their bounds with the others of the row.
    held = set(report["held_by_bound"])
    for i in numbers:
        if all(f"p_{i}{j}" in held for j in numbers if j != i):
            held.add(f"p_{i}{i}")
    unknown = Interval(math.nan, math.nan, "none")
    intervals |= {name: unknown for name in parameters if name in held}
    stay = np.diag(fit.transition)
    return Calibration.of(
        "regime_switching",
        parameters=parameters,
        covariance=covariance,
        log_likelihood=fit.log_likelihood,
        free_parameters=len(fit.names),
        diagnostics=sample.diagnostics
        | report
        | {
            "expected_bars_in_regime": (1.0 / np.maximum(1.0 - stay, 1e-12)).tolist(),
            "share_of_time": fit.smoothed.mean(axis=0).tolist(),
            "smoothed_last": fit.smoothed[-1].tolist(),
        },
        start_state={f"regime_{k}": float(ahead[k - 1]) for k in numbers} | inputs.last,
        intervals=intervals,
        state_covariance=state_covariance,
        **sample.identity() | {"n": sample.n - ar},
    )
