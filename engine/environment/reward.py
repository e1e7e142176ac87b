"""Rewards as small classes: a compiled function of a step, one of an episode, weights by name."""

from __future__ import annotations

import inspect
import math
from collections import namedtuple
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.compiler import COMPILER_ERRORS
from engine.compiled.kernel import kernel
from engine.compiled.linking import address_of_compiled
from engine.environment.layout import (
    ENDED,
    NOW,
    REMEMBERED_WIDTH,
    REWARD_RAISED,
    WHOLE,
    environments_at,
)
from engine.errors import Refusal
from engine.execution.calling import hook, users_hook
from engine.strategies.compiler_errors import explain

__all__ = ["Episode", "Reward", "Step", "reward_address", "reward_of"]


class Step(NamedTuple):
    """What a reward is told of a step; money is in account currency.

    A step goes from the close at which the agent acted to the next close. On the last bar it
    includes what closing the positions costs, where the settings close them.
    """

    pnl: float  #: change of equity, net of all costs
    gross_pnl: float  #: the same before commission and slippage of the step
    commission: float  #: commission paid in the step
    slippage: float  #: slippage paid in the step, as the order engine models it
    change: float  #: how far positions moved, as a share of their limits: |Δposition / limit|
    exposure: float  #: size of positions as a share of their limits: |position / limit|
    margin_calls: float  #: margin calls in the step
    refusals: float  #: orders that the order engine refused in the step, whatever the reason
    idle: float  #: 1 without a position at the close, else 0
    equity: float  #: at the close
    start: float  #: equity at the start of the episode
    drawdown: float  #: below the highest equity so far
    deeper: float  #: how much the largest drawdown grew in the step


class Episode(NamedTuple):
    """What a reward is told at the end of an episode; money is in account currency."""

    sharpe: float  #: annualised, of the returns from close to close; 0 where it is undefined
    net_pnl: float  #: equity at the end less that at the start
    max_drawdown: float  #: largest fall from a highest equity
    losing_streak: float  #: longest run of losing trades
    profit_factor: float  #: won over lost, at most 10; 0 without trades
    win_rate: float  #: winning trades over all, 0 without trades
    diversity: float  #: entropy of the actions taken over its largest value, from 0 to 1
    length: float  #: steps of the episode


class Reward:
    """Base class of rewards, the shipped ones and a user's.

    A subclass declares weights (numbers in its body) and one or two static methods, which are
    compiled: ``step(now, weights, memory)`` after each step and ``episode(whole, weights, memory)``
    at the end of an episode, whose value is added to that of the last step.

    `now` has the fields of `Step`, `whole` those of `Episode`. `memory` is an array of eight
    numbers, zero at the start of each episode; those that ``remembers`` names are reported in
    ``info["reward"]``.

    Parameters
    ----------
    **weights : float
        Values of declared weights; the class's own fill the gaps. They are arguments of the
        compiled code, so other weights compile nothing.

    Attributes
    ----------
    weights : dict of str to float
        Values by name.
    remembers : tuple of str
        Names of the first numbers of `memory`.

    Raises
    ------
    Refusal
        If a weight is unknown or not a finite number, or the class has no compiled method.

    Examples
    --------
    >>> from engine.environment import StepReward
    >>> StepReward(risk=0.5).weights["risk"]
    0.5
    >>> class Patient(Reward):
    ...     idle = 0.5
    ...     @staticmethod
    ...     def step(now, weights, memory):
    ...         return now.pnl - weights.idle * now.idle
    >>> Patient(idle=0.2)
    Patient(idle=0.2)
    """

    remembers: ClassVar[tuple[str, ...]] = ()
    declared: ClassVar[dict[str, float]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = {
            name: float(value)
            for name, value in vars(cls).items()
            if not name.startswith("_")
            and isinstance(value, int | float)
            and not isinstance(value, bool)
        }
        cls.declared = {**cls.declared, **own}
        for name in ("step", "episode"):
            if not isinstance(inspect.getattr_static(cls, name), staticmethod):
                raise Refusal(f"{cls.__name__}.{name}", "no static method", "a static method")
        if len(cls.remembers) > REMEMBERED_WIDTH:
            raise Refusal(
                f"{cls.__name__}.remembers",
                f"{len(cls.remembers)} names",
                f"at most {REMEMBERED_WIDTH}",
            )

    def __init__(self, **weights: float) -> None:
        kind = type(self)
        for name, value in weights.items():
            if name not in kind.declared:
                raise Refusal(
                    f"reward {kind.__name__}",
                    f"weight {name}",
                    ", ".join(kind.declared) or "no weights",
                )
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value):
                raise Refusal(f"{kind.__name__}.{name}", repr(value), "a finite number")
        self.weights = {**kind.declared, **{name: float(w) for name, w in weights.items()}}

    @staticmethod
    def step(now: Any, weights: Any, memory: Any) -> float:
        """Return the reward of a step."""
        return 0.0

    @staticmethod
    def episode(whole: Any, weights: Any, memory: Any) -> float:
        """Return what the end of an episode adds."""
        return 0.0

    def values(self) -> NDArray[np.float64]:
        """Return the weights in the order in which they are declared.

        Returns
        -------
        ndarray of float64, shape (weights,)
        """
        return np.array(list(self.weights.values()), dtype=np.float64)

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value:g}" for name, value in self.weights.items())
        return f"{type(self).__name__}({told})"


def reward_of(given: Any, known: dict[str, type[Reward]]) -> Reward:
    """Return a reward from an instance, a class or the name of a shipped one.

    Raises
    ------
    Refusal
        If it is none of these.
    """
    if isinstance(given, Reward):
        return given
    if isinstance(given, type) and issubclass(given, Reward):
        return given()
    if isinstance(given, str) and given in known:
        return known[given]()
    raise Refusal("reward", repr(given), f"{', '.join(known)}, or a Reward of your own")


@cache
def reward_address(cls: Any) -> int:
    """Compile a reward and return the address of its code, called with control block and number.

    Raises
    ------
    StrategyError
        If it cannot be compiled; names the line.
    """
    dispatcher = _reward_kernel(cls)
    _KEPT_ALIVE.append(dispatcher)
    try:
        return address_of_compiled(dispatcher, 2)
    except COMPILER_ERRORS as error:
        raise explain(error, cls) from error


_KEPT_ALIVE: Final[list[Any]] = []


def _reward_kernel(cls: type[Reward]) -> Any:
    step, episode = users_hook(cls.step), users_hook(cls.episode)
    now_of = _record("Step", NOW)
    whole_of = _record("Episode", WHOLE)
    weights_of = _record("Weights", tuple(cls.declared))

    @kernel
    def reward(control: int, number: int) -> int:
        e = environments_at(control)
        memory = e.remembered[number]
        code = 0
        try:
            weights = weights_of(e.weights)
            found = float(step(now_of(e.now[number]), weights, memory))
            if e.flags[number, ENDED] != 0:
                found += float(episode(whole_of(e.whole[number]), weights, memory))
            e.rewards[number] = found
            if not math.isfinite(found):
                code = REWARD_RAISED
        except Exception:
            code = REWARD_RAISED
        return code

    return reward


def _record(title: str, names: tuple[str, ...]) -> Any:
    """Return a compiled function that makes a named tuple of a row of numbers."""
    scope: dict[str, Any] = {title: namedtuple(title, names or ("none",))}
    items = ", ".join(f"row[{place}]" for place in range(len(names))) or "0.0"
    exec(f"def make(row): return {title}({items})", scope)
    return hook(scope["make"])
