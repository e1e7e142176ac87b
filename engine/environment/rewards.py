"""The rewards that come with the project."""

from __future__ import annotations

import math
from typing import Any, Final

from engine.environment.reward import Reward

__all__ = [
    "REWARDS",
    "DifferentialSharpe",
    "DrawdownPenalised",
    "EpisodeReward",
    "NetPnl",
    "StepReward",
]


class NetPnl(Reward):
    """Change of equity, net of all costs: the rewards of an episode sum to its net P&L.

    Parameters
    ----------
    scale : float
        What it is multiplied by.
    """

    scale = 1.0

    @staticmethod
    def step(now: Any, weights: Any, memory: Any) -> float:
        """Return the net P&L of the step."""
        return float(weights.scale * now.pnl)


class StepReward(Reward):
    """Gross P&L less commission, slippage, risk, margin calls, limit violations and idleness.

    Parameters
    ----------
    commission, slippage : float
        How often what the order engine charged in the step is subtracted from *gross* P&L. At 1,
        the default, they are paid once, and the rewards of an episode sum to its net P&L less the
        penalties below; 0 leaves costs out, 2 doubles them.
    risk : float
        Account currency per step at the full limit: ``risk * |position / limit|``. The default of
        0.1 is small beside a tick.
    margin_call : float
        Per margin call.
    limit_violation : float
        Per order that the order engine refused: beyond the position limit or the buying power, an
        instrument that cannot be sold short, a price or a size that is none.
    idle : float
        Per step that ends without a position.

    Notes
    -----
    ``info["reward"]`` holds what each penalty has come to in the episode: ``risk``,
    ``margin_call``, ``limit_violation``, ``idle``. Slippage is what the settings model, so that it
    is an estimate of what would be paid.
    """

    commission = 1.0
    slippage = 1.0
    risk = 0.1
    margin_call = 1000.0
    limit_violation = 1000.0
    idle = 0.01
    remembers = ("risk", "margin_call", "limit_violation", "idle")

    @staticmethod
    def step(now: Any, weights: Any, memory: Any) -> float:
        """Return the reward of a step, and note its penalties."""
        risk = weights.risk * now.exposure
        margin_call = weights.margin_call * now.margin_calls
        limit = weights.limit_violation * now.refusals
        idle = weights.idle * now.idle
        memory[0] += risk
        memory[1] += margin_call
        memory[2] += limit
        memory[3] += idle
        earned = now.gross_pnl - weights.commission * now.commission
        earned -= weights.slippage * now.slippage
        return float(earned - risk - margin_call - limit - idle)


class EpisodeReward(Reward):
    """Nothing until the end, then a score of the whole episode.

    ``sharpe * Sharpe + pnl * P&L - drawdown * maximum drawdown - streak * longest losing streak
    + profit_factor * profit factor + win_rate * win rate + diversity * entropy of the actions``;
    P&L and drawdown are in account currency, the Sharpe ratio is annual, and diversity is the
    Shannon entropy of the actions that were taken over that of all actions alike: 0 for an agent
    that always does the same, 1 for one that does everything equally often. Targets are counted in
    eight equal ranges, orders by their kind.

    Parameters
    ----------
    sharpe, pnl, drawdown, streak, profit_factor, win_rate, diversity : float
        Weights.
    """

    sharpe = 10.0
    pnl = 1.0
    drawdown = 5.0
    streak = 2.0
    profit_factor = 0.5
    win_rate = 0.3
    diversity = 0.2

    @staticmethod
    def episode(whole: Any, weights: Any, memory: Any) -> float:
        """Return the score."""
        good = weights.sharpe * whole.sharpe + weights.pnl * whole.net_pnl
        good += weights.profit_factor * whole.profit_factor + weights.win_rate * whole.win_rate
        good += weights.diversity * whole.diversity
        bad = weights.drawdown * whole.max_drawdown + weights.streak * whole.losing_streak
        return float(good - bad)


class DifferentialSharpe(Reward):
    """Change of an exponentially weighted Sharpe ratio by the step, over `rate`.

    The ratio is ``A / (B - A**2)**0.5`` with the moving moments A and B of the step's return, which
    begin at 0; it is 0 until their variance is positive. The rewards of an episode sum to the ratio
    at its end, over `rate`. The differential Sharpe ratio of Moody and Saffell (1998, Performance
    functions and reinforcement learning for trading systems) is the derivative, from which this
    differs by less the smaller `rate` is; it has no bound where the first return after an idle
    stretch is small, and one such step would outweigh an episode.

    Parameters
    ----------
    rate : float
        Weight of the newest return in the moments.
    """

    rate = 0.01

    @staticmethod
    def step(now: Any, weights: Any, memory: Any) -> float:
        """Return the change of the ratio, and move the moments on."""
        before = now.equity - now.pnl
        change = now.pnl / before if before > 0.0 else 0.0
        first = memory[0] + weights.rate * (change - memory[0])
        second = memory[1] + weights.rate * (change * change - memory[1])
        variance = second - first * first
        # What rounding leaves of two equal squares is no variance.
        ratio = first / math.sqrt(variance) if variance > 1e-12 * second else 0.0
        moved = ratio - memory[2]
        memory[0], memory[1], memory[2] = first, second, ratio
        return float(moved / weights.rate)


class DrawdownPenalised(Reward):
    """Net P&L less a multiple of how much the largest drawdown grew.

    The rewards of an episode sum to its net P&L less `drawdown` times its maximum drawdown.

    Parameters
    ----------
    drawdown : float
        The multiple.
    """

    drawdown = 1.0
    remembers = ("drawdown",)

    @staticmethod
    def step(now: Any, weights: Any, memory: Any) -> float:
        """Return net P&L less the penalty, and note it."""
        memory[0] += weights.drawdown * now.deeper
        return float(now.pnl - weights.drawdown * now.deeper)


REWARDS: Final[dict[str, type[Reward]]] = {
    "net_pnl": NetPnl,
    "step": StepReward,
    "episode": EpisodeReward,
    "differential_sharpe": DifferentialSharpe,
    "drawdown_penalised": DrawdownPenalised,
}
