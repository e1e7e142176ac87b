"""What each member adds to the return and to the tail of a portfolio."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.portfolio.scenarios import Scenarios

__all__ = ["contributions", "crash_correlations", "tail_weights"]

Floats = NDArray[np.float64]


def tail_weights(losses: Floats, level: float) -> Floats:
    """Return how much each path counts in the expected shortfall.

    Parameters
    ----------
    losses : ndarray of float64, shape (paths,)
        Positive numbers are losses.
    level : float
        Such as 0.95.

    Returns
    -------
    ndarray of float64, shape (paths,)
        They add up to 1; a path on the edge of the tail counts in part.

    Examples
    --------
    >>> tail_weights(np.array([1.0, 5.0, 3.0, 2.0]), 0.5).tolist()
    [0.0, 0.5, 0.5, 0.0]
    """
    share = (1.0 - level) * len(losses)
    order = np.argsort(-losses, kind="stable")
    weights = np.zeros(len(losses))
    weights[order] = np.clip(share - np.arange(len(losses)), 0.0, 1.0)
    return np.asarray(weights / weights.sum())


def contributions(scenarios: Scenarios, weights: Floats, level: float) -> pl.DataFrame:
    """Split mean, volatility and tail loss of a portfolio among its members.

    Parameters
    ----------
    scenarios : Scenarios
        What members came to.
    weights : ndarray of float64, shape (members,)
        Shares of the capital.
    level : float
        Of the tail.

    Returns
    -------
    polars.DataFrame
        A row per member: ``member``, ``weight``, ``to_return``, ``to_volatility`` and
        ``to_tail_loss``, which add up to the portfolio's, and ``marginal_return`` and
        ``marginal_tail_loss``: what a little more weight adds per unit.

    Notes
    -----
    Euler's theorem on homogeneous functions: a risk is the sum of weights times its slopes. The
    slope of the expected shortfall is the member's mean loss on the portfolio's worst paths (Tasche
    2000, "Risk contributions and performance measurement").
    """
    outcomes = scenarios.outcomes
    whole = outcomes @ weights
    mean = outcomes.mean(axis=0)
    deviation = float(whole.std())
    shared = ((outcomes - mean) * (whole - whole.mean())[:, None]).mean(axis=0)
    volatility = np.divide(shared, deviation, out=np.zeros_like(shared), where=deviation > 0.0)
    tail = -(tail_weights(-whole, level) @ outcomes)
    return pl.DataFrame(
        {
            "member": list(scenarios.names),
            "weight": weights,
            "to_return": weights * mean,
            "to_volatility": weights * volatility,
            "to_tail_loss": weights * tail,
            "marginal_return": mean,
            "marginal_tail_loss": tail,
        }
    )


def crash_correlations(scenarios: Scenarios, share: float = 0.05) -> pl.DataFrame:
    """Correlate members from point to point, when the market is calm and when it crashes.

    Parameters
    ----------
    scenarios : Scenarios
        With a market.
    share : float
        Of all periods: the worst of the market are the crash, the middle half is the calm.

    Returns
    -------
    polars.DataFrame
        A row per pair: ``member``, ``other``, ``calm``, ``crash``, ``all``, and ``periods`` of the
        crash; null where one of the two did not move.

    Notes
    -----
    Periods are sorted by the market's return, not by the members' own: correlations of what was
    chosen by its own size differ without any change of law (Boyer, Gibson and Loretan 1999).
    """
    assert scenarios.market is not None
    moves = np.diff(scenarios.market, axis=1) / scenarios.market[:, :-1]
    returns = scenarios.returns.reshape(len(scenarios.names), -1)
    own = moves.reshape(-1)
    low, high = np.quantile(own, [0.25, 0.75])
    crash = own <= np.quantile(own, share)
    groups = {"calm": (own >= low) & (own <= high), "crash": crash, "all": np.ones_like(crash)}
    found = {name: _correlation(returns[:, chosen]) for name, chosen in groups.items()}
    pairs = [(a, b) for a in range(len(returns)) for b in range(a + 1, len(returns))]
    return pl.DataFrame(
        {
            "member": pl.Series([scenarios.names[a] for a, _ in pairs], dtype=pl.String),
            "other": pl.Series([scenarios.names[b] for _, b in pairs], dtype=pl.String),
            **{
                name: pl.Series([matrix[pair] for pair in pairs], dtype=pl.Float64).fill_nan(None)
                for name, matrix in found.items()
            },
            "periods": pl.Series([int(crash.sum())] * len(pairs), dtype=pl.Int64),
        }
    )


def _correlation(returns: Floats) -> Floats:
    centred = returns - returns.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((centred @ centred.T) / np.outer(size, size))
