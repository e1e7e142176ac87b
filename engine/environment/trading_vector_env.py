"""Many environments side by side, as Gymnasium has them: one compiled call a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from engine.environment.batch import Batch
from engine.environment.layout import ENDED, TERMINATED, TRUNCATED
from engine.environment.normalisation import Normalisation
from engine.environment.settings import Settings
from engine.environment.trading_env import begun, feature_names, spaces_of
from engine.errors import Refusal

__all__ = ["TradingVectorEnv"]

Observations = NDArray[np.float32]
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

AUTORESET_MODES: Final = {
    "next_step": AutoresetMode.NEXT_STEP,
    "same_step": AutoresetMode.SAME_STEP,
    "disabled": AutoresetMode.DISABLED,
}


class TradingVectorEnv(VectorEnv[Observations, Any, Any]):
    """Environments of one kind; `engine.environment.make_env` documents the arguments.

    Parameters
    ----------
    num_envs : int
        How many.
    market : str
        Name of a profile or of an instrument.
    autoreset : {"next_step", "same_step", "disabled"}
        When an environment whose episode is over begins the next: in the step after, whose action
        it ignores; in the same step; or when it is told to by ``reset_mask``. Declared in
        ``metadata["autoreset_mode"]``.
    **settings
        The other settings.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as of the base
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        market: str = "mes_intraday",
        autoreset: str = "next_step",
        **settings: Any,
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise Refusal("num_envs", repr(num_envs), "a whole number >= 1")
        if isinstance(autoreset, AutoresetMode):
            autoreset = autoreset.name.lower()
        if autoreset not in AUTORESET_MODES:
            raise Refusal("autoreset", repr(autoreset), ", ".join(AUTORESET_MODES))
        self.batch = Batch(Settings(market, **settings), num_envs)
        self.num_envs = num_envs
        self.metadata = {**type(self).metadata, "autoreset_mode": AUTORESET_MODES[autoreset]}
        self.single_observation_space, self.single_action_space = spaces_of(self.batch)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mode = AUTORESET_MODES[autoreset]
        self._over: Flags = np.zeros(num_envs, dtype=bool)
        self._begun = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin no episode: a copy has arrays of its own."""
        vars(self).update(state)
        self._over, self._begun = np.zeros(self.num_envs, dtype=bool), False

    @property
    def normalisation(self) -> Normalisation:
        """What features are normalised by."""
        return self.batch.normalisation

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what is observed, in order."""
        return feature_names(self.batch)

    @property
    def bytes_per_environment(self) -> int:
        """Memory of the state of one simulation with its path, in bytes.

        The features of an episode come on top, 4 bytes each and bar, shared by all environments in
        the same episode.
        """
        return self.batch.simulations.bytes_per_environment

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin episodes.

        Parameters
        ----------
        seed : int or sequence of int, optional
            Environment i gets the path of study seed ``seed + i``, or ``seed[i]``. By default each
            goes on from its last by `num_envs`.
        options : dict, optional
            ``reset_mask``: bool of shape (num_envs,), the environments to reset.

        Returns
        -------
        observations : ndarray of float32, shape (num_envs, features)
        infos : dict
            ``seed`` and ``window`` of those that were reset.
        """
        mask = self._mask_of(options)
        if seed is None:
            seeds: list[int | None] = [None] * self.num_envs
        elif isinstance(seed, int | np.integer):
            super().reset(seed=int(seed))
            seeds = [int(seed) + number for number in range(self.num_envs)]
        else:
            seeds = list(seed)
            if len(seeds) != self.num_envs:
                raise Refusal("seed", f"{len(seeds)} seeds", f"{self.num_envs}, one of each")
        numbers = np.flatnonzero(mask)
        self.batch.reset(numbers, [seeds[number] for number in numbers])
        self._over[mask] = False
        self._begun = bool((self.batch.arrays.bar >= 0).all())
        infos: dict[str, Any] = {}
        for number in numbers:
            infos = self._add_info(infos, begun(self.batch, int(number)), int(number))
        return self.batch.arrays.observations.copy(), infos

    def step(self, actions: Any) -> tuple[Observations, Numbers, Flags, Flags, dict[str, Any]]:
        """Act in every environment, and go to the next bar.

        Parameters
        ----------
        actions : array_like, shape (num_envs,) or (num_envs, width)
            One action of each.

        Returns
        -------
        observations : ndarray of float32, shape (num_envs, features)
        rewards : ndarray of float64, shape (num_envs,)
        terminations, truncations : ndarray of bool, shape (num_envs,)
        infos : dict
            As of `TradingEnv.step`, in arrays beside masks; with autoreset in the same step
            ``final_obs`` and ``final_info`` of the episodes that are over.

        Raises
        ------
        Refusal
            If an action is not in the space, or an episode is over that nobody resets.
        """
        self._check_begun()
        arrays, infos = self.batch.arrays, dict[str, Any]()
        over = np.flatnonzero(self._over)
        if len(over) and self._mode == AutoresetMode.DISABLED:
            raise Refusal(
                "step",
                f"environment {over[0]}, whose episode is over",
                "episodes that have begun",
                hint="call `reset` with options={'reset_mask': ...}",
            )
        self._take(actions)
        arrays.rewards[over] = 0.0
        noted = self.batch.step()
        terminations, truncations = self._ended(over)
        if noted:
            self._tell(infos, np.flatnonzero(arrays.flags.any(axis=1)), over)
        if len(over):
            # Their step is the reset: what they did before is told.
            self._begin(over, infos)
        self._over = terminations | truncations
        if self._mode == AutoresetMode.SAME_STEP and self._over.any():
            rewards = arrays.rewards.copy()
            self._begin(np.flatnonzero(self._over), infos)
            self._over = np.zeros(self.num_envs, dtype=bool)
            return arrays.observations.copy(), rewards, terminations, truncations, infos
        return (
            arrays.observations.copy(),
            arrays.rewards.copy(),
            terminations,
            truncations,
            infos,
        )

    def step_batch(self, actions: Any) -> tuple[Observations, Numbers, Flags, Flags]:
        """Step without information and copies, for those who train at full speed.

        The arrays that are returned are the environments' own: the next call overwrites them.
        Environments whose episode is over stay as they are until `reset`.

        Parameters
        ----------
        actions : array_like, shape (num_envs,) or (num_envs, width)
            One action of each.

        Returns
        -------
        observations : ndarray of float32, shape (num_envs, features)
        rewards : ndarray of float64, shape (num_envs,)
        terminations, truncations : ndarray of bool, shape (num_envs,)
            Whether the episode of each is over.

        Raises
        ------
        Refusal
            If an action is not in the space, or in an environment no episode has begun.
        """
        self._check_begun()
        self._take(actions)
        self.batch.step()
        arrays = self.batch.arrays
        ended = arrays.flags[:, ENDED]
        terminations, truncations = ended == TERMINATED, ended == TRUNCATED
        self._over = terminations | truncations
        return arrays.observations, arrays.rewards, terminations, truncations

    def _check_begun(self) -> None:
        if not self._begun:
            first = int(np.argmax(self.batch.arrays.bar < 0))
            raise Refusal(
                "step",
                f"environment {first}, in which no episode has begun",
                "episodes that have begun",
                hint="call `reset`",
            )

    def _take(self, actions: Any) -> None:
        arrays = self.batch.arrays
        try:
            found = np.asarray(actions)
            # Those at rest are not looked at, so that nothing is asked of their actions.
            arrays.actions[:] = found.reshape(arrays.actions.shape)
        except (TypeError, ValueError):
            raise Refusal(
                "actions",
                f"shape {np.shape(actions)}",
                f"{self.num_envs} actions, each {self.batch.action_space_told()}",
            ) from None

    def _ended(self, over: NDArray[np.int64]) -> tuple[Flags, Flags]:
        ended = self.batch.arrays.flags[:, ENDED].copy()
        ended[over] = 0
        return ended == TERMINATED, ended == TRUNCATED

    def _tell(
        self, infos: dict[str, Any], numbers: NDArray[np.int64], over: NDArray[np.int64]
    ) -> None:
        """Add what happened in some environments; of an episode that ends here, as its last."""
        flags = self.batch.arrays.flags
        for number in np.setdiff1d(numbers, over):
            told = self.batch.told(int(number))
            if self._mode == AutoresetMode.SAME_STEP and flags[number, ENDED]:
                last = self.batch.arrays.observations[number].copy()
                told = {"final_obs": last, "final_info": told}
            self._add_info(infos, told, int(number))

    def _begin(self, numbers: NDArray[np.int64], infos: dict[str, Any]) -> None:
        self.batch.reset(numbers, [None] * len(numbers))
        for number in numbers:
            self._add_info(infos, begun(self.batch, int(number)), int(number))

    def _mask_of(self, options: dict[str, Any] | None) -> Flags:
        if options is None or "reset_mask" not in options:
            return np.ones(self.num_envs, dtype=bool)
        mask = np.asarray(options["reset_mask"])
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise Refusal(
                "reset_mask",
                f"{mask.dtype} of shape {mask.shape}",
                f"bool of shape ({self.num_envs},), one of them true",
            )
        return mask
