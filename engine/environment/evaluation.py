"""Trained agents on episodes that they have not seen, beside what needs no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.environment.batch import Batch
from engine.environment.layout import TARGET
from engine.environment.policy import Policy
from engine.environment.rollouts import Outcomes, play
from engine.errors import Refusal

__all__ = ["AgentReport", "interquartile_mean", "judge_policies", "play_episodes"]

_LEAST_RUNS = 5
_DRAWS = 2000
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class AgentReport:
    """What several trainings of one agent came to on held-out episodes.

    Parameters
    ----------
    table : polars.DataFrame
        A row for the agent, for each rule, and for ``buy and hold``: ``name``, ``runs``,
        ``episodes``, the interquartile mean of total returns ``iqm`` with its interval ``ci_low``
        and ``ci_high``, the interquartile mean of what the agent earned more, episode by episode,
        ``advantage`` with ``advantage_low`` and ``advantage_high``, mean ``sharpe`` and mean
        ``max_drawdown``.
    learned : bool
        Whether the agent's own interval and its advantage over everything beside it lie above zero.
    verdict : str
        The same in one sentence.
    """

    table: pl.DataFrame
    learned: bool
    verdict: str


def judge_policies(
    env: Any,
    policies: Sequence[Policy],
    *,
    seeds: Sequence[int],
    rules: Mapping[str, Policy] | None = None,
    seed: int = 0,
) -> AgentReport:
    """Judge an agent that was trained several times, each training by a seed of its own.

    Parameters
    ----------
    env : TradingEnv or TradingVectorEnv
        Of held-out history, another model, or seeds apart from those of training; normalised as
        in training.
    policies : sequence of Policy
        At least five, one of each training.
    seeds : sequence of int
        Of the episodes; all policies play the same.
    rules : mapping of str to Policy, optional
        What the agent is compared with, besides buying and holding.
    seed : int
        Of the bootstrap.

    Raises
    ------
    Refusal
        If there are fewer than five policies, or no episode.

    Notes
    -----
    The interquartile mean leaves out the lowest and the highest quarter (Agarwal et al., 2021,
    Deep reinforcement learning at the edge of the statistical precipice). Intervals are of 95 %, by
    a bootstrap of both trainings and episodes; differences are of the same episodes.
    """
    if len(policies) < _LEAST_RUNS:
        raise Refusal("policies", f"{len(policies)} trainings", f"{_LEAST_RUNS} or more")
    if not len(seeds):
        raise Refusal("seeds", "none", "at least one")
    agent = [play_episodes(env, policy, seeds) for policy in policies]
    beside = {"buy and hold": always_long(policies[0]), **dict(rules or {})}
    returns = np.stack([outcome.total_return for outcome in agent])
    rng = np.random.Generator(np.random.Philox(seed))
    rows = [_row("agent", agent, returns, None, rng)]
    for name, policy in beside.items():
        outcome = play_episodes(env, policy, seeds)
        rows.append(
            _row(name, [outcome], outcome.total_return[None], returns - outcome.total_return, rng)
        )
    table = pl.DataFrame(rows)
    short = [row["name"] for row in rows[1:] if not row["advantage_low"] > 0.0]
    earns = rows[0]["ci_low"] > 0.0
    learned = earns and not short
    return AgentReport(table, learned, _verdict(rows[0], earns, short))


def play_episodes(env: Any, policy: Policy, seeds: Sequence[int]) -> Outcomes:
    """Let a policy play one episode of each seed.

    Parameters
    ----------
    env : TradingEnv or TradingVectorEnv
        Its episodes are left.
    policy : Policy
        What acts.
    seeds : sequence of int
        Of the paths, each that of the same seed of a study.

    Returns
    -------
    Outcomes
        One number per seed.
    """
    batch: Batch = env.unwrapped.batch
    parts = []
    for first in range(0, len(seeds), batch.count):
        own: list[int | None] = [int(seed) for seed in seeds[first : first + batch.count]]
        batch.reset(np.arange(len(own)), own)
        parts.append(play(batch, policy, 0, len(own)))
    return Outcomes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def always_long(like: Policy) -> Policy:
    """Return the policy that is long at every bar, of the kind of another."""
    weights = np.zeros(like.size)
    # The biases of the last layer stand at the end: of a target one of each symbol, of sides three.
    if like.numbers[0] == TARGET:
        weights[-len(like.symbols) :] = 1.0
    else:
        weights[-3 * len(like.symbols) :][1::3] = 1.0
    return like.with_weights(weights)


def interquartile_mean(scores: NDArray[np.float64]) -> float:
    """Return the mean of the middle half of all scores; quarters that end in a score share it.

    Examples
    --------
    >>> interquartile_mean(np.array([0.0, 1.0, 2.0, 100.0]))
    1.5
    """
    ordered = np.sort(scores, axis=None)
    low, high = 0.25 * len(ordered), 0.75 * len(ordered)
    places = np.arange(len(ordered))
    weight = np.clip(np.minimum(places + 1.0, high) - np.maximum(places, low), 0.0, 1.0)
    return float(ordered @ weight / weight.sum())


def _row(
    name: str,
    outcomes: Sequence[Outcomes],
    returns: NDArray[np.float64],
    more: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    low, high = _interval(returns, rng)
    row: dict[str, Any] = {"name": name, "runs": len(returns), "episodes": returns.shape[1]}
    row |= {"iqm": interquartile_mean(returns), "ci_low": low, "ci_high": high}
    advantage, ahead_low, ahead_high = None, None, None
    if more is not None:
        advantage = interquartile_mean(more)
        ahead_low, ahead_high = _interval(more, rng)
    row |= {"advantage": advantage, "advantage_low": ahead_low, "advantage_high": ahead_high}
    row["sharpe"] = float(np.mean([outcome.sharpe.mean() for outcome in outcomes]))
    row["max_drawdown"] = float(np.mean([outcome.max_drawdown.mean() for outcome in outcomes]))
    return row


def _interval(scores: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """Return the bootstrap interval of the interquartile mean; rows and columns are drawn."""
    runs, episodes = scores.shape
    found = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        rows = rng.integers(0, runs, runs)
        columns = rng.integers(0, episodes, episodes)
        found[draw] = interquartile_mean(scores[np.ix_(rows, columns)])
    low, high = np.quantile(found, [(1.0 - _LEVEL) / 2.0, (1.0 + _LEVEL) / 2.0])
    return float(low), float(high)


def _verdict(agent: Mapping[str, Any], earns: bool, short: Sequence[str]) -> str:
    told = f"{agent['iqm']:.2%} [{agent['ci_low']:.2%}, {agent['ci_high']:.2%}]"
    if earns and not short:
        return f"the agent earns {told} and is ahead of everything beside it"
    reasons = [] if earns else ["its interval holds zero or lies below"]
    reasons += [f"it is not clearly ahead of {name}" for name in short]
    return f"the agent has learned nothing that can be told from luck: {told}; " + ", ".join(
        reasons
    )
