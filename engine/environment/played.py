"""Environments that only policies play in: they need no Gymnasium."""

from __future__ import annotations

from typing import Any, Self

from engine.environment.batch import Batch
from engine.environment.normalisation import Normalisation
from engine.environment.settings import Settings

__all__ = ["PlayedEnvironments"]


class PlayedEnvironments:
    """Environments side by side, for `evolve_policy` and `judge_policies`, and for nobody else.

    What they are is what `engine.environment.make_env` makes; what they lack are the spaces and
    steps of Gymnasium, which comes with an extra.

    Parameters
    ----------
    num_envs : int
        How many.
    market : str
        As of `make_env`.
    **settings
        As of `make_env`.

    Raises
    ------
    Refusal
        If a setting is not allowed.
    """

    def __init__(self, num_envs: int, market: str, **settings: Any) -> None:
        self.batch = Batch(Settings(market, **settings), num_envs)

    @property
    def unwrapped(self) -> Self:
        """Itself: nothing is wrapped around it."""
        return self

    @property
    def normalisation(self) -> Normalisation:
        """What features are normalised by."""
        return self.batch.normalisation
