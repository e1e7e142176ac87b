"""One environment, as Gymnasium has it."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from engine.environment.batch import Batch
from engine.environment.layout import (
    AT_REST,
    ENDED,
    EQUITY,
    LARGEST,
    ORDERS,
    TARGET,
    TERMINATED,
    TRUNCATED,
)
from engine.environment.normalisation import Normalisation
from engine.environment.settings import Settings
from engine.environment.stepping import step_kernel
from engine.errors import Refusal

__all__ = ["TradingEnv", "begun", "feature_names", "spaces_of"]

Observation = NDArray[np.float32]

_AT_HAND = ("_row", "_seen", "_rewards", "_kernel", "_control")


class TradingEnv(gymnasium.Env[Observation, Any]):
    """A market to trade in, one bar a step; `engine.environment.make_env` documents the arguments.

    Parameters
    ----------
    market : str
        Name of a profile or of an instrument.
    **settings
        The other settings.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]

    def __init__(self, market: str = "mes_intraday", **settings: Any) -> None:
        self.batch = Batch(Settings(market, **settings), 1)
        self.observation_space, self.action_space = spaces_of(self.batch)
        self._where: Any = 0 if self.action_space.shape == () else slice(None)
        self._put_at_hand()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a copy makes anew; no episode has begun in it."""
        return {name: value for name, value in vars(self).items() if name not in _AT_HAND}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._put_at_hand()

    def _put_at_hand(self) -> None:
        """Hold what a step touches: it costs a microsecond and a half."""
        arrays = self.batch.arrays
        self._row, self._seen, self._rewards = (
            arrays.actions[0],
            arrays.observations[0],
            arrays.rewards,
        )
        self._kernel, self._control = step_kernel(), self.batch.control

    @property
    def normalisation(self) -> Normalisation:
        """What features are normalised by."""
        return self.batch.normalisation

    @property
    def equity(self) -> float:
        """Equity at the close of the last bar, in account currency."""
        return float(self.batch.arrays.kept[0, EQUITY])

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what is observed, in order."""
        return feature_names(self.batch)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        seed : int, optional
            That of the path: the path of the same seed of a study. By default the seed after that
            of the episode before, at first 0; or the next of `seeds`.
        options : dict, optional
            None is known.

        Returns
        -------
        observation : ndarray of float32, shape (features,)
            At the close of the first bar.
        info : dict
            ``seed`` of the episode and its ``window``: the first bar of the path that is seen, the
            first that is traded, the last.
        """
        super().reset(seed=seed)
        self.batch.reset(np.zeros(1, dtype=np.int64), [seed])
        return self._seen.copy(), begun(self.batch, 0)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Act at the close of the current bar, and go to the next.

        Parameters
        ----------
        action : int or array_like
            One of the action space.

        Returns
        -------
        observation : ndarray of float32, shape (features,)
        reward : float
        terminated : bool
            Whether the account is ruined.
        truncated : bool
            Whether the data is at its end.
        info : dict
            ``refused``: orders that the order engine refused, by reason; ``margin_calls``; at the
            end ``episode`` and ``reward``.

        Raises
        ------
        Refusal
            If the action is not in the space, or the episode is over.
        """
        try:
            self._row[self._where] = action
        except (TypeError, ValueError):
            raise Refusal("action", repr(action), self.batch.action_space_told()) from None
        answer = self._kernel(self._control, 0, 1)
        if answer == 0:
            return self._seen.copy(), self._rewards.item(0), False, False, {}
        return self._noted(answer)

    def _noted(self, answer: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Return what a step gives in which there is something to tell."""
        if answer == AT_REST:
            raise Refusal(
                "step", "an episode that is over", "one that has begun", hint="call `reset`"
            )
        self.batch.look_at(answer)
        ended = self.batch.arrays.flags[0, ENDED]
        terminated, truncated = bool(ended == TERMINATED), bool(ended == TRUNCATED)
        info = self.batch.told(0)
        return self._seen.copy(), self._rewards.item(0), terminated, truncated, info


def begun(batch: Batch, number: int) -> dict[str, Any]:
    """Return the `info` of an episode that has begun."""
    seed = int(batch.seed_of[number])
    window = batch.episodes.window(seed)
    bars = (window.first_bar, window.first_trading_bar, window.last_bar)
    return {"seed": seed, "window": np.array(bars, dtype=np.int64)}


def feature_names(batch: Batch) -> tuple[str, ...]:
    """Return the names of what is observed: features of the market, then the account."""
    position = tuple(f"position@{name}" for name in batch.episodes.symbols)
    return (*batch.features.names, *position, "gain", "open_gain", "drawdown", "time_left")


def spaces_of(batch: Batch) -> tuple[gymnasium.Space[Any], gymnasium.Space[Any]]:
    """Return the spaces of observations and actions of one environment."""
    from gymnasium import spaces

    symbols = len(batch.limits)
    seen = spaces.Box(-LARGEST, LARGEST, (batch.arrays.observations.shape[1],), np.float32)
    if batch.kind == TARGET:
        return seen, spaces.Box(-1.0, 1.0, (symbols,), np.float32)
    if batch.kind == ORDERS:
        return seen, spaces.MultiDiscrete([7, 2, 10] * symbols)
    return seen, spaces.Discrete(3) if symbols == 1 else spaces.MultiDiscrete([3] * symbols)
