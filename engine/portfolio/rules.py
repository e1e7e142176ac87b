"""Rules that split capital over members, given what they came to on the same paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.portfolio.covariance import shrunk_covariance
from engine.portfolio.linear_programs import least_tail_loss, most_return
from engine.portfolio.scenarios import Scenarios

__all__ = ["RULES", "Rule", "allocate"]

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]


@dataclass(frozen=True)
class Rule:
    """How capital is split.

    Parameters
    ----------
    name : str
        One of `RULES`.
    budget : float, optional
        Of ``cvar``: the most that the worst paths may lose on average; without one their loss is
        made least. Of ``drawdown``, which needs one: the most that equity may fall from its peak on
        the worst paths, on average. Shares of the first capital.
    level : float
        Of the tail: 0.95 is the worst 5 % of paths.
    risk_aversion : float, optional
        Of ``mean_variance``: the mean less half of this times the variance is made largest; without
        one the variance is made least.
    low, high : float
        Least and largest weight of a member.

    Raises
    ------
    Refusal
        If the rule is unknown, or a number does not fit it.
    """

    name: str
    budget: float | None = None
    level: float = 0.95
    risk_aversion: float | None = None
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise Refusal("rule", repr(self.name), ", ".join(RULES))
        if not 0.5 <= self.level < 1.0:
            raise Refusal("level", f"{self.level:g}", "0.5 or more, below 1")
        if self.budget is not None and self.name not in ("cvar", "drawdown"):
            raise Refusal("budget", f"one of {self.name}", "cvar or drawdown")
        if self.name == "drawdown" and self.budget is None:
            raise Refusal("budget", "none", "a share of the capital, such as 0.1")
        if self.risk_aversion is not None:
            if self.name != "mean_variance":
                raise Refusal("risk_aversion", f"one of {self.name}", "mean_variance")
            if not self.risk_aversion > 0.0:
                raise Refusal("risk_aversion", f"{self.risk_aversion:g}", "above 0")
        if not 0.0 <= self.low <= self.high <= 1.0:
            raise Refusal("bounds", f"{self.low:g} to {self.high:g}", "0 <= low <= high <= 1")


def allocate(rule: Rule, scenarios: Scenarios) -> Floats:
    """Split capital over members.

    Parameters
    ----------
    rule : Rule
        How.
    scenarios : Scenarios
        What members came to.

    Returns
    -------
    ndarray of float64, shape (members,)
        Weights, none below 0; they add up to 1.

    Raises
    ------
    Refusal
        If no weights lie within the bounds, or keep to the budget.

    Notes
    -----
    ``risk_parity`` are weights of which each contributes equally to the variance (Maillard,
    Roncalli and Teiletche 2010), by the convex form of Spinu (2013). Covariances are shrunk
    (`engine.portfolio.covariance`).

    Examples
    --------
    >>> growth = np.ones((2, 40, 2))
    >>> growth[0, :, 1] += 0.1 * np.sin(np.arange(40))
    >>> growth[1, :, 1] += 0.3 * np.cos(np.arange(40))
    >>> allocate(Rule("inverse_volatility"), Scenarios(("a", "b"), growth, 1.0)).round(2).tolist()
    [0.75, 0.25]
    """
    members = len(scenarios.names)
    if members * rule.low > 1.0 or members * rule.high < 1.0:
        raise Refusal(
            "bounds",
            f"{rule.low:g} to {rule.high:g} for {members} members",
            "bounds within which weights add up to 1",
        )
    bounds = np.full(members, rule.low), np.full(members, rule.high)
    return RULES[rule.name](rule, scenarios, bounds)


def _equal(rule: Rule, scenarios: Scenarios, bounds: Bounds) -> Floats:
    return np.full(len(scenarios.names), 1.0 / len(scenarios.names))


def _inverse_volatility(rule: Rule, scenarios: Scenarios, bounds: Bounds) -> Floats:
    deviation = _deviations(scenarios)
    return _within(1.0 / deviation, bounds)


def _mean_variance(rule: Rule, scenarios: Scenarios, bounds: Bounds) -> Floats:
    covariance, _ = shrunk_covariance(scenarios.outcomes)
    scale = float(np.trace(covariance)) / len(covariance)
    if scale <= 0.0:
        return _equal(rule, scenarios, bounds)
    quadratic, linear = covariance / scale, np.zeros(len(covariance))
    if rule.risk_aversion is not None:
        linear = scenarios.outcomes.mean(axis=0) / (scale * rule.risk_aversion)
    return _quadratic(quadratic, linear, bounds)


def _risk_parity(rule: Rule, scenarios: Scenarios, bounds: Bounds) -> Floats:
    """Newton's method on y.C.y / 2 - sum log y, whose optimum has equal y * (C y)."""
    _deviations(scenarios)
    covariance, _ = shrunk_covariance(scenarios.outcomes)
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    y = np.ones(len(correlation)) / np.sqrt(correlation.sum())
    for _ in range(200):
        gradient = correlation @ y - 1.0 / y
        step = np.linalg.solve(correlation + np.diag(1.0 / y**2), gradient)
        # The function is self-concordant: damped by its decrement the step stays inside.
        decrement = float(np.sqrt(gradient @ step))
        y = y - step / (1.0 + decrement) if decrement > 0.25 else y - step
        if decrement < 1e-13:
            break
    return _within(y / np.sqrt(np.diag(covariance)), bounds)


def _cvar(rule: Rule, scenarios: Scenarios, bounds: Bounds) -> Floats:
    if rule.budget is None:
        return least_tail_loss(scenarios, rule.level, bounds)
    return most_return(scenarios, rule.level, rule.budget, bounds, of="loss")


def _drawdown(rule: Rule, scenarios: Scenarios, bounds: Bounds) -> Floats:
    assert rule.budget is not None
    return most_return(scenarios, rule.level, rule.budget, bounds, of="drawdown")


#: Rules by name.
RULES: Final[dict[str, Callable[[Rule, Scenarios, Bounds], Floats]]] = {
    "equal": _equal,
    "inverse_volatility": _inverse_volatility,
    "risk_parity": _risk_parity,
    "mean_variance": _mean_variance,
    "cvar": _cvar,
    "drawdown": _drawdown,
}


def _deviations(scenarios: Scenarios) -> Floats:
    deviation = scenarios.outcomes.std(axis=0, ddof=1)
    still = [name for name, one in zip(scenarios.names, deviation, strict=True) if one == 0.0]
    if still:
        raise Refusal("members", f"{', '.join(still)} without any risk", "members that trade")
    return np.asarray(deviation)


def _within(wanted: Floats, bounds: Bounds) -> Floats:
    """Scale positive numbers to add up to 1, cut at the bounds: what is cut goes to the others."""
    low, high = bounds
    small, large = 0.0, 1.0 / float(wanted.min())
    for _ in range(200):
        scale = 0.5 * (small + large)
        total = float(np.clip(scale * wanted, low, high).sum())
        small, large = (scale, large) if total < 1.0 else (small, scale)
    weights = np.clip(0.5 * (small + large) * wanted, low, high)
    return np.asarray(weights / weights.sum())


def _quadratic(quadratic: Floats, linear: Floats, bounds: Bounds) -> Floats:
    """Minimise w.Q.w / 2 - l.w over weights within bounds that add up to 1."""
    from scipy.optimize import minimize

    def value(w: Floats) -> float:
        return float(0.5 * w @ quadratic @ w - linear @ w)

    def slope(w: Floats) -> Floats:
        return np.asarray(quadratic @ w - linear)

    members = len(linear)
    total: dict[str, Any] = {
        "type": "eq",
        "fun": lambda w: w.sum() - 1.0,
        "jac": lambda w: np.ones(members),
    }
    found = minimize(
        value,
        np.full(members, 1.0 / members),
        jac=slope,
        bounds=list(zip(*bounds, strict=True)),
        constraints=[total],
        method="SLSQP",
        options={"maxiter": 1_000, "ftol": 1e-15},
    )
    weights = np.clip(found.x, *bounds)
    return np.asarray(weights / weights.sum())
