"""Whole episodes of policies in one compiled call, and what they came to."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.elementary import log
from engine.compiled.kernel import kernel
from engine.compiled.linking import address_of_compiled, call_at
from engine.compiled.views import address_of
from engine.environment.batch import Batch
from engine.environment.deciding import decide
from engine.environment.layout import MARGIN, RETURN, START, environments_at
from engine.environment.policy import Policy
from engine.environment.stepping import step_kernel
from engine.execution.layout import CLOSE, UNITS
from engine.execution.state import first_trading_bar, simulation_at

__all__ = ["Outcomes", "play"]

_call_step: Any = call_at(3)
_RETURN, _SHARPE, _DRAWDOWN, _MARGIN_CALLS, _LEANING, _MARKET, _REWARD = range(7)


class Outcomes(NamedTuple):
    """What the episodes of a policy came to, one number each.

    Parameters
    ----------
    total_return : ndarray of float64, shape (episodes,)
        Net P&L as a share of the cash at the start.
    sharpe : ndarray of float64, shape (episodes,)
        Annualised Sharpe ratio, 0 where it is undefined.
    max_drawdown : ndarray of float64, shape (episodes,)
        Largest fall, as a share of the cash at the start; not below zero.
    margin_calls : ndarray of float64, shape (episodes,)
        How many.
    leaning : ndarray of float64, shape (episodes,)
        Mean position as a share of its limit, negative if short.
    market : ndarray of float64, shape (episodes,)
        Log return of the first symbol over the episode: the regime that an agent adapts to.
    reward : ndarray of float64, shape (episodes,)
        Sum of rewards.
    """

    total_return: NDArray[np.float64]
    sharpe: NDArray[np.float64]
    max_drawdown: NDArray[np.float64]
    margin_calls: NDArray[np.float64]
    leaning: NDArray[np.float64]
    market: NDArray[np.float64]
    reward: NDArray[np.float64]


def play(batch: Batch, policy: Policy, begin: int, end: int) -> Outcomes:
    """Let a policy play the episodes that the environments from `begin` to before `end` are in.

    The interpreter's lock is released meanwhile, so threads may play in environments apart.

    Raises
    ------
    ValueError
        If a simulation failed.
    """
    found = np.zeros((end - begin, 7))
    problem = _rollout()(
        batch.control,
        begin,
        end,
        _step_address(),
        policy.weights,
        np.array(policy.sizes),
        policy.numbers,
        found,
    )
    batch.look_at(problem)
    return Outcomes(*np.ascontiguousarray(found.T))


@cache
def _step_address() -> int:
    return address_of_compiled(step_kernel(), 3)


@cache
def _rollout() -> Any:
    @kernel
    def rollout(
        control: int,
        begin: int,
        end: int,
        step_at: int,
        weights: NDArray[np.float64],
        sizes: NDArray[np.int64],
        numbers: NDArray[np.float64],
        found: NDArray[np.float64],
    ) -> int:
        e = environments_at(control)
        width = e.frames.shape[1]
        for number in range(begin, end):
            s = simulation_at(address_of(e.frames) + 8 * number * width)
            out = found[number - begin]
            steps = 0
            while e.bar[number] >= 0:
                decide(e.observations[number], weights, sizes, numbers, e.actions[number])
                answer = _call_step(step_at, control, number, number + 1)
                if answer > 0:
                    return int(answer)
                out[_MARGIN_CALLS] += e.flags[number, MARGIN]
                out[_LEANING] += s.positions[0, UNITS] / e.limits[0]
                steps += 1
            start = e.kept[number, START]
            first = first_trading_bar(s)
            opened, closed = s.path[0, CLOSE, first], s.path[0, CLOSE, first + steps]
            out[_RETURN] = e.whole[number, 1] / start
            out[_SHARPE] = e.whole[number, 0]
            out[_DRAWDOWN] = e.whole[number, 2] / start
            out[_LEANING] /= max(steps, 1)
            out[_MARKET] = log(closed / opened) if opened > 0.0 and closed > 0.0 else 0.0
            out[_REWARD] = e.kept[number, RETURN]
        return 0

    return rollout
